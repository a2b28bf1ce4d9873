//! Answers that the proxy makes itself, in the form of S3, DynamoDB or a CDN.

use super::{
    body::{self, Body},
    dialect::Dialect,
};
use crate::drill::plan::Answer;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

/// The answer with an error document if there is an S3 code, else without a document.
pub(super) fn respond(answer: &Answer, dialect: Dialect) -> Response<Body> {
    let code = answer.s3_code.as_deref();
    let (status, kind, text) = match (code, dialect) {
        (Some(code), Dialect::S3 { .. }) => (
            answer.status,
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>The drill says \
                 so.</Message><RequestId>drill</RequestId></Error>"
            ),
        ),
        (Some(code), Dialect::DynamoDb) => {
            let (status, code) = in_dynamodb(answer.status, code);
            let text = format!(
                "{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{code}\",\"message\":\"The drill says so.\"}}"
            );
            (status, "application/x-amz-json-1.0", text)
        }
        (None, _) => (answer.status, "text/plain", "The drill says so.\n".to_owned()),
    };
    // An answer to HEAD has no body, which is why S3's clients then know nothing but the status.
    let is_head = matches!(dialect, Dialect::S3 { is_head: true });
    let mut response = Response::new(body::full(if is_head { String::new() } else { text }));
    // The scenario was checked: a status that is none cannot get here, and would be an internal error if it did.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        HeaderName::from_static(match dialect {
            Dialect::S3 { .. } => "x-amz-request-id",
            Dialect::DynamoDb => "x-amzn-requestid",
        }),
        HeaderValue::from_static("drill"),
    );
    if let Some(after) = answer.retry_after {
        // Whole seconds, rounded up: a client that comes back early is what the header is to prevent.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// DynamoDB's status and code where S3 would send these. Without an equivalent in DynamoDB, the same status and code.
fn in_dynamodb(status: u16, code: &str) -> (u16, &str) {
    match code {
        "SlowDown" => (400, "ThrottlingException"),
        "InvalidAccessKeyId" => (400, "UnrecognizedClientException"),
        "ExpiredToken" => (400, "ExpiredTokenException"),
        "SignatureDoesNotMatch" => (400, "InvalidSignatureException"),
        "AccessDenied" => (400, "AccessDeniedException"),
        "InternalError" => (500, "InternalServerError"),
        _ => (status, code),
    }
}
