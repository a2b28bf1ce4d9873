//! Which protocol a request speaks, and which class of work it is.

use crate::request::OpClass;
use http::{Method, Request, Uri};

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// S3's protocol, and any other that uses method and path.
    S3 {
        /// Whether this is a HEAD, whose answer has no body.
        is_head: bool,
    },
    /// DynamoDB's protocol: the method is always POST, and a header names the operation.
    DynamoDb,
}

/// The protocol of a request, and its class of work.
pub(super) fn asked<B>(request: &Request<B>) -> (Dialect, OpClass) {
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    match target.and_then(|target| target.strip_prefix("DynamoDB_")?.split_once('.')) {
        Some((_, operation)) => (Dialect::DynamoDb, of_dynamodb(operation)),
        None => {
            let is_head = request.method() == Method::HEAD;
            (Dialect::S3 { is_head }, of_s3(request.method(), request.uri()))
        }
    }
}

fn of_dynamodb(operation: &str) -> OpClass {
    match operation {
        "GetItem" | "BatchGetItem" | "TransactGetItems" => OpClass::Read,
        "Query" | "Scan" => OpClass::List,
        other if other.starts_with("Describe") || other.starts_with("List") => OpClass::List,
        _ => OpClass::Write,
    }
}

/// The class of an S3 request: a GET of a bucket, or with a listing's parameter, is a listing.
fn of_s3(method: &Method, uri: &Uri) -> OpClass {
    if *method == Method::HEAD {
        return OpClass::Read;
    }
    if *method != Method::GET {
        return OpClass::Write;
    }
    let has_key = uri
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .is_some_and(|(_, key)| !key.is_empty());
    let mut parameters = uri.query().unwrap_or_default().split('&');
    let lists = parameters.any(|p| {
        matches!(
            p.split('=').next(),
            Some("list-type" | "prefix" | "delimiter" | "uploads")
        )
    });
    if lists || !has_key {
        OpClass::List
    } else {
        OpClass::Read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_path_and_query_decide_the_class() {
        for (method, uri, class) in [
            (Method::GET, "/bucket/a/b?x-id=GetObject", OpClass::Read),
            (Method::HEAD, "/bucket/a", OpClass::Read),
            (Method::HEAD, "/bucket", OpClass::Read),
            (Method::GET, "/bucket?list-type=2&prefix=a%2F", OpClass::List),
            (Method::GET, "/bucket/?list-type=2", OpClass::List),
            (Method::GET, "/bucket/", OpClass::List),
            (Method::GET, "/", OpClass::List),
            (Method::PUT, "/bucket/a", OpClass::Write),
            (Method::POST, "/bucket?delete", OpClass::Write),
            (Method::DELETE, "/bucket/a", OpClass::Write),
        ] {
            let is_head = method == Method::HEAD;
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            assert_eq!(asked(&request), (Dialect::S3 { is_head }, class), "{uri}");
        }
    }

    #[test]
    fn the_target_header_decides_the_class_at_dynamodb() {
        for (operation, class) in [
            ("GetItem", OpClass::Read),
            ("BatchGetItem", OpClass::Read),
            ("Query", OpClass::List),
            ("PutItem", OpClass::Write),
            ("TransactWriteItems", OpClass::Write),
        ] {
            let request = Request::post("/").header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
            assert_eq!(
                asked(&request.body(()).unwrap()),
                (Dialect::DynamoDb, class),
                "{operation}"
            );
        }
    }
}
