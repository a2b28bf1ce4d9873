//! Answers, honest and otherwise, as the real AWS SDK presents them, judged.

use crate::{
    outcome::{FAULTY, at, expect, key, shows_nothing},
    raw::{self, Act, http, refusal},
};
use evenkeel::{
    provider::{ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Delete, ETag, Get, Head, List, Put, PutMode},
    verdict::{Outcome, Sent, Verdict},
};
use std::time::Duration;

#[tokio::test]
async fn s3_codes_have_their_verdicts() {
    use Verdict::*;
    let naming = Outcome::new(Denied, Sent::Maybe).naming_the_credential();
    for (status, code, verdict) in [
        ("503 Slow Down", "SlowDown", Throttled),
        ("503 Service Unavailable", "ServiceUnavailable", Faulty),
        ("500 Internal Server Error", "InternalError", Faulty),
        ("403 Forbidden", "AccessDenied", Denied),
        ("404 Not Found", "NoSuchBucket", Caller),
        ("409 Conflict", "ConditionalRequestConflict", Throttled),
        ("409 Conflict", "OperationAborted", Throttled),
        ("400 Bad Request", "RequestTimeout", Faulty),
        ("400 Bad Request", "InvalidArgument", Caller),
        ("301 Moved Permanently", "PermanentRedirect", Caller),
        ("501 Not Implemented", "NotImplemented", Caller),
        ("429 Too Many Requests", "TooManyRequests", Throttled),
    ] {
        let server = raw::serve(refusal(status, code)).await;
        expect(&at(server.addr), Outcome::new(verdict, Sent::Maybe), code).await;
    }
    for code in ["InvalidAccessKeyId", "ExpiredToken", "SignatureDoesNotMatch"] {
        let server = raw::serve(refusal("403 Forbidden", code)).await;
        expect(&at(server.addr), naming, code).await;
    }
    // The clock is not the credential.
    let server = raw::serve(refusal("403 Forbidden", "RequestTimeTooSkewed")).await;
    let skewed = Outcome::new(Verdict::Denied, Sent::No);
    expect(&at(server.addr), skewed, "RequestTimeTooSkewed").await;
}

/// No XML, no code: a gateway speaks, not the store.
#[tokio::test]
async fn gateway_responses_are_judged_by_status() {
    for (status, outcome) in [
        ("503 Service Unavailable", FAULTY),
        ("502 Bad Gateway", FAULTY),
        ("504 Gateway Timeout", FAULTY),
        ("403 Forbidden", Outcome::new(Verdict::Denied, Sent::Maybe)),
        ("429 Too Many Requests", Outcome::new(Verdict::Throttled, Sent::Maybe)),
        ("302 Found", Outcome::new(Verdict::Caller, Sent::Maybe)),
    ] {
        let server = raw::serve(http(status, &[("content-type", "text/html")], "<html>no</html>")).await;
        let code = format!("HTTP {}", &status[..3]);
        expect(&at(server.addr), outcome, &code).await;
    }
}

/// "No such object" is believed only of the store.
#[tokio::test]
async fn a_gateways_404_is_no_absence() {
    let server = raw::serve(http(
        "404 Not Found",
        &[("content-type", "text/html")],
        "<html>no</html>",
    ))
    .await;
    expect(&at(server.addr), FAULTY, "nonsense").await;
    let error = at(server.addr).get(Get::new(key())).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Failed);
}

#[tokio::test]
async fn retry_after_and_request_id_are_read() {
    let answer = http(
        "503 Slow Down",
        &[("retry-after", "7")],
        "<Error><Code>SlowDown</Code></Error>",
    );
    let server = raw::serve(answer).await;
    let error = at(server.addr).get(Get::new(key())).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Throttled);
    assert_eq!(error.outcome().retry_after, Some(Duration::from_secs(7)));
    assert_eq!(error.detail().request_id.as_deref(), Some("REQ42"));
    assert_eq!(error.to_string(), "the provider asks to slow down (SlowDown)");
}

#[tokio::test]
async fn refusals_have_the_expected_kind() {
    use ProviderErrorKind::*;
    let answered = async |act| {
        let server = raw::serve(act).await;
        (at(server.addr), server)
    };
    let (precondition, conflict) = ("412 Precondition Failed", "409 Conflict");

    let store = answered(refusal(precondition, "PreconditionFailed")).await;
    assert_eq!(
        store.0.put(Put::new(key(), "x")).await.unwrap_err().kind(),
        AlreadyExists
    );
    let mut put = Put::new(key(), "x");
    put.mode = PutMode::IfMatch(ETag::new("\"a\"", ""));
    assert_eq!(store.0.put(put).await.unwrap_err().kind(), PreconditionFailed);

    let store = answered(refusal(conflict, "FileAlreadyExists")).await;
    assert_eq!(
        store.0.put(Put::new(key(), "x")).await.unwrap_err().kind(),
        AlreadyExists
    );

    let store = answered(http("304 Not Modified", &[], "")).await;
    let error = store.0.get(Get::new(key())).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome().verdict), (NotModified, Verdict::Answer));

    for act in [
        refusal("416 Range", "InvalidRange"),
        refusal("400 Bad Request", "InvalidRange"),
    ] {
        let store = answered(act).await;
        let error = store.0.get(Get::new(key())).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome().verdict),
            (RangeNotSatisfiable, Verdict::Answer)
        );
    }

    // Its code is in the body; a HEAD, which has none, is confirmed by it.
    let store = answered(refusal("404 Not Found", "NoSuchKey")).await;
    assert_eq!(store.0.head(Head::new(key())).await.unwrap_err().kind(), NotFound);
    store.0.delete(Delete::new(key())).await.unwrap();
    // The store's mark alone is no word about the key.
    let store = answered(http("404 Not Found", &[], "")).await;
    assert_eq!(store.0.head(Head::new(key())).await.unwrap_err().kind(), Failed);
    assert_eq!(store.0.delete(Delete::new(key())).await.unwrap_err().kind(), Failed);
}

#[tokio::test]
async fn malformed_successes_are_faulty() {
    let error_document = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>";
    let tag = ("etag", "\"a\"");
    for (what, act, code) in [
        (
            "an error document",
            http("200 OK", &[], error_document),
            "error in a success",
        ),
        (
            "a short body",
            http("200 OK", &[tag, ("content-length", "100")], "ten bytes!"),
            "wrong length",
        ),
        (
            "a wrong checksum",
            http("200 OK", &[tag, ("x-amz-checksum-crc32", "AAAAAA==")], "ten bytes!"),
            "wrong checksum",
        ),
        (
            "another range",
            http("206 Partial", &[tag, ("content-range", "bytes 3-4/9")], "xy"),
            "nonsense",
        ),
    ] {
        let server = raw::serve(act).await;
        let error = at(server.addr).get(Get::new(key())).await.unwrap_err();
        assert_eq!(error.outcome(), FAULTY, "{what}: {error:?}");
        assert_eq!(error.detail().code.as_deref(), Some(code), "{what}: {error:?}");
        shows_nothing(&error);
    }
    // No HTTP at all.
    let server = raw::serve(Act::Answer(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())).await;
    expect(&at(server.addr), FAULTY, "nonsense").await;
    // A put that nobody confirmed.
    let server = raw::serve(http("200 OK", &[], error_document)).await;
    let error = at(server.addr).put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(error.outcome(), FAULTY);
    assert!(error.outcome().may_have_been_applied());
    // Listings that are none.
    for body in [
        error_document,
        "<html>welcome to this hotel</html>",
        "",
        "<ListBucketResult><Contents>",
    ] {
        let server = raw::serve(http("200 OK", &[], body)).await;
        let error = at(server.addr).list(List::default()).await.map(drop);
        assert_eq!(
            error.as_ref().map_err(ProviderError::outcome),
            Err(FAULTY),
            "{body:?}: {error:?}"
        );
    }
}
