//! DynamoDB's own words, and those of servers that are none, as the real SDK presents them, judged one by one.

use crate::{
    raw::{self, Act, http},
    table::{FAULTY, flat, key, put, shows_nothing, sorted},
};
use evenkeel::{
    provider::{KvProvider, ProviderErrorKind as Kind},
    request::kv::{Condition, Delete, Get, GetMany, PutMany, Scan, Version},
    verdict::{Outcome, Sent, Verdict},
};

/// As DynamoDB refuses. Its message quotes, as real ones do.
fn refusal(status: &str, code: &str) -> Act {
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"about secret-key and secret-value"}}"#
    );
    http(
        status,
        &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amzn-requestid", "REQ42"),
        ],
        &body,
    )
}

fn answer(body: &str) -> Act {
    http(
        "200 OK",
        &[
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amzn-requestid", "REQ42"),
        ],
        body,
    )
}

#[tokio::test]
async fn dynamodb_verdicts_match_the_documented_table() {
    use Verdict::*;
    let bad = "400 Bad Request";
    for (status, code, verdict, kind) in [
        (
            bad,
            "ProvisionedThroughputExceededException",
            Throttled,
            Kind::Throttled,
        ),
        (bad, "RequestLimitExceeded", Throttled, Kind::Throttled),
        (bad, "ThrottlingException", Throttled, Kind::Throttled),
        (bad, "TransactionConflictException", Throttled, Kind::Throttled),
        (bad, "ReplicatedWriteConflictException", Throttled, Kind::Throttled),
        (bad, "ResourceNotFoundException", Caller, Kind::Invalid),
        (bad, "ValidationException", Caller, Kind::Invalid),
        (bad, "ItemCollectionSizeLimitExceededException", Caller, Kind::Invalid),
        (bad, "SomethingNew", Caller, Kind::Invalid),
        (bad, "AccessDeniedException", Denied, Kind::Denied),
        ("500 Internal Server Error", "InternalServerError", Faulty, Kind::Failed),
        ("503 Service Unavailable", "ServiceUnavailable", Faulty, Kind::Failed),
        ("502 Bad Gateway", "SomethingNew", Faulty, Kind::Failed),
    ] {
        let server = raw::serve(refusal(status, code)).await;
        let table = flat(server.addr);
        for error in [
            table.put(put("secret-key", "secret-value")).await.unwrap_err(),
            table.get(Get::new(key("secret-key"))).await.unwrap_err(),
            table
                .put_many(PutMany::new([put("secret-key", "secret-value")]))
                .await
                .unwrap_err(),
            table.get_many(GetMany::new([key("secret-key")])).await.unwrap_err(),
            sorted(server.addr, "p").scan(Scan::default()).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind(), error.outcome()),
                (kind, Outcome::new(verdict, Sent::Maybe)),
                "{code}: {error:?}"
            );
            assert_eq!(error.detail().code.as_deref(), Some(code));
            assert_eq!(error.detail().request_id.as_deref(), Some("REQ42"));
            shows_nothing(&error);
        }
    }
    let naming = Outcome::new(Denied, Sent::Maybe).naming_the_credential();
    for code in [
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredTokenException",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
    ] {
        let server = raw::serve(refusal(bad, code)).await;
        let error = flat(server.addr)
            .put(put("secret-key", "secret-value"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (Kind::Denied, naming),
            "{code}: {error:?}"
        );
        shows_nothing(&error);
    }
}

#[tokio::test]
async fn a_failed_condition_is_an_answer() {
    let server = raw::serve(refusal("400 Bad Request", "ConditionalCheckFailedException")).await;
    let table = flat(server.addr);
    let mut create = put("secret-key", "secret-value");
    create.condition = Condition::Absent;
    let mut swap = put("secret-key", "secret-value");
    swap.condition = Condition::Version(Version::new("v", ""));
    let mut delete = Delete::new(key("secret-key"), create.write_id.clone());
    delete.if_version = Some(Version::new("v", ""));
    for (error, kind) in [
        (table.put(create).await.unwrap_err(), Kind::AlreadyExists),
        (table.put(swap).await.unwrap_err(), Kind::PreconditionFailed),
        (table.delete(delete).await.unwrap_err(), Kind::PreconditionFailed),
    ] {
        assert_eq!((error.kind(), error.outcome().verdict), (kind, Verdict::Answer));
        shows_nothing(&error);
    }
    // Nothing was asked to hold.
    let odd = table.put(put("secret-key", "secret-value")).await.unwrap_err();
    assert_eq!((odd.kind(), odd.outcome()), (Kind::Failed, FAULTY));
}

/// What no DynamoDB says: a gateway does, or something that is broken. Never *absent*, never *stored*.
#[tokio::test]
async fn malformed_responses_are_faulty() {
    let page = "<html>welcome to this hotel</html>";
    let html = [("content-type", "text/html")];
    let bare = |status: &str, body: &str| {
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Act::Answer(head.into_bytes())
    };
    for (what, act) in [
        ("a page", http("200 OK", &html, page)),
        ("an empty success", bare("200 OK", "")),
        ("a success without DynamoDB's id", bare("200 OK", "{}")),
        ("half a document", answer(r#"{"Item":{"key":"#)),
        ("another document", answer(r#"[1, 2]"#)),
        ("nothing found", bare("404 Not Found", "")),
        ("a page, nothing found", http("404 Not Found", &html, page)),
        ("a conflict", bare("409 Conflict", "")),
        ("a precondition", bare("412 Precondition Failed", "")),
        ("not modified", bare("304 Not Modified", "")),
        ("no HTTP", Act::Answer(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())),
        ("half a head", Act::Answer(b"HTTP/1.1 200 O".to_vec())),
        ("a reset", Act::Reset),
        ("an end", Act::ReadAndClose),
    ] {
        let server = raw::serve(act).await;
        let table = flat(server.addr);
        let mut create = put("secret-key", "secret-value");
        create.condition = Condition::Absent;
        for error in [
            table.get(Get::new(key("secret-key"))).await.map(drop),
            table.put(put("secret-key", "secret-value")).await.map(drop),
            table.put(create.clone()).await.map(drop),
            table.delete(Delete::new(key("secret-key"), create.write_id)).await,
            table.get_many(GetMany::new([key("secret-key")])).await.map(drop),
            table
                .put_many(PutMany::new([put("secret-key", "secret-value")]))
                .await
                .map(drop),
            sorted(server.addr, "p").scan(Scan::default()).await.map(drop),
        ] {
            let Err(error) = error else {
                panic!("{what} was believed")
            };
            assert_eq!(
                (error.kind(), error.outcome().verdict, error.outcome().sent),
                (Kind::Failed, FAULTY.verdict, FAULTY.sent),
                "{what}: {error:?}"
            );
            shows_nothing(&error);
        }
    }
}

/// Some of a batch were done; DynamoDB throttled the others.
#[tokio::test]
async fn unprocessed_keys_of_a_batch_are_throttled() {
    let item = r#"{"key":{"S":"a"},"value":{"B":"dg=="},"write_id":{"S":"w"}}"#;
    let keys = r#"{"flat":{"Keys":[{"key":{"S":"b"}}]}}"#;
    let server = raw::serve(answer(&format!(
        r#"{{"Responses":{{"flat":[{item}]}},"UnprocessedKeys":{keys}}}"#
    )))
    .await;
    let got = flat(server.addr)
        .get_many(GetMany::new([key("b"), key("a"), key("c")]))
        .await
        .unwrap();
    assert_eq!(got[0].as_ref().unwrap_err().kind(), Kind::Throttled);
    assert_eq!(got[1].as_ref().unwrap().bytes, "v");
    assert_eq!(got[2].as_ref().unwrap_err().kind(), Kind::NotFound);
    // Whether to ask again is the client's to say.
    assert_eq!(server.connections(), 1);

    let left = r#"{"UnprocessedItems":{"flat":[{"PutRequest":{"Item":{"key":{"S":"b"}}}}]}}"#;
    let server = raw::serve(answer(left)).await;
    let stored = flat(server.addr)
        .put_many(PutMany::new([put("a", "1"), put("b", "2")]))
        .await
        .unwrap();
    assert!(stored[0].is_ok());
    let left = stored[1].as_ref().unwrap_err();
    assert_eq!(
        (left.kind(), left.outcome().may_have_been_applied()),
        (Kind::Throttled, false)
    );
}
