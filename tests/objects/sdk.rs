//! What the real AWS SDK makes of real misbehaviour over loopback, judged. These pin the shapes of the SDK's errors: they
//! are no part of its interface, and *not sent* depends on them.

use crate::{
    raw::{self, Act, http, refusal},
    s3s_server::config,
};
use aws_credential_types::provider::{error::CredentialsError, future};
use aws_sdk_s3::{
    Client,
    config::{Builder, Credentials, IdentityCache, ProvideCredentials, timeout::TimeoutConfig},
    primitives::ByteStream,
};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use evenkeel::{
    provider::{ObjectProvider, ProviderError, ProviderErrorKind, S3},
    request::{
        Key,
        object::{Delete, ETag, Get, Head, List, Put, PutMode},
    },
    verdict::{AwsVerdicts, Classify, Outcome, Sent, Verdict},
};
use std::time::Duration;

const UNSENT: Outcome = Outcome::new(Verdict::Unreachable, Sent::No);
const FAULTY: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);

fn key() -> Key {
    Key::new("secret-key").unwrap()
}

fn store(config: Builder) -> S3 {
    S3::new(Client::from_conf(config.build()), "bucket")
}

fn at(addr: std::net::SocketAddr) -> S3 {
    store(config(&format!("http://{addr}")))
}

/// The outcome of a create, through the adapter; of the same put and of a get, through the bare SDK: all must be this one.
async fn expect(store: &S3, outcome: Outcome, code: &str) {
    let judged = judge(store, outcome, code);
    tokio::time::timeout(Duration::from_secs(20), judged)
        .await
        .expect("no end within 20 s");
}

async fn judge(store: &S3, outcome: Outcome, code: &str) {
    let error = store.put(Put::new(key(), "body")).await.unwrap_err();
    assert_eq!(error.outcome(), outcome, "put: {error} {:?}", error);
    assert_eq!(error.detail().code.as_deref(), Some(code), "{error:?}");
    shows_nothing(&error);

    let put = store
        .client()
        .put_object()
        .bucket("bucket")
        .key("secret-key")
        .if_none_match("*");
    let put = put.body(ByteStream::from_static(b"body")).send().await;
    assert_eq!(AwsVerdicts.classify(put.as_ref()), outcome, "bare put: {put:?}");
    assert_eq!(AwsVerdicts.detail(put.as_ref()).code.as_deref(), Some(code));

    let get = store
        .client()
        .get_object()
        .bucket("bucket")
        .key("secret-key")
        .send()
        .await;
    assert_eq!(AwsVerdicts.classify(get.as_ref()), outcome, "bare get: {get:?}");
}

/// Neither the key nor a credential, in any form.
fn shows_nothing(error: &ProviderError) {
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        shown += &format!(" {error} {error:?}");
        source = error.source();
    }
    for secret in ["secret-key", "test-access-key", "test-secret-key", "Signature="] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
}

#[tokio::test]
async fn refused() {
    expect(&at(raw::nobody().await), UNSENT, "connection refused").await;
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    // No label may have more than 63 characters, so the system's resolver says no without asking anybody.
    let name = "x".repeat(64);
    let store = store(config(&format!("http://{name}.invalid")));
    let error = store.get(Get::new(key())).await.unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
    assert!(error.detail().code.as_deref().unwrap().starts_with("dns"), "{error:?}");
}

/// A resolver that answers with nothing, or not at all.
#[derive(Clone, Debug)]
struct Resolver(Option<&'static str>);

impl ResolveDns for Resolver {
    fn resolve_dns<'a>(&'a self, _name: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(match self.0 {
            None => Ok(Vec::new()),
            Some(says) => Err(ResolveDnsError::new(says)),
        })
    }
}

fn resolving(resolver: Resolver) -> S3 {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_with_resolver(resolver);
    store(config("http://s3.example.test").http_client(http))
}

#[tokio::test]
async fn a_name_without_address() {
    expect(&resolving(Resolver(None)), UNSENT, "dns: no address").await;
}

#[tokio::test]
async fn a_resolver_that_fails() {
    expect(&resolving(Resolver(Some("SERVFAIL"))), UNSENT, "dns: resolver failed").await;
    expect(&resolving(Resolver(Some("No such host"))), UNSENT, "dns: no such name").await;
}

#[tokio::test]
async fn a_black_hole() {
    let hole = raw::black_hole().await;
    let short = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(100))
        .build();
    let store = store(config(&format!("http://{}", hole.addr)).timeout_config(short));
    expect(&store, UNSENT, "connect timeout").await;
}

#[test]
fn connecting_is_bounded_and_the_rest_is_kept() {
    let client = |timeouts| Client::from_conf(config("http://127.0.0.1:1").timeout_config(timeouts).build());
    let given = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(7))
        .build();
    let store = S3::new(client(given), "bucket");
    let config = store.client().config();
    let timeouts = config.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(S3::CONNECT_TIMEOUT));
    assert_eq!(timeouts.read_timeout(), Some(Duration::from_secs(7)));
    assert_eq!(config.retry_config().unwrap().max_attempts(), 1);
    assert_eq!(config.region().unwrap().as_ref(), "us-east-1");
}

/// The SDK alone would try three times.
#[tokio::test]
async fn one_put_is_one_attempt() {
    let server = raw::serve(refusal("500 Internal Server Error", "InternalError")).await;
    let store = at(server.addr);
    store.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_tls_handshake_that_fails() {
    let server = raw::serve(Act::Blurt(b"HTTP/1.1 400 this is no TLS\r\n\r\n")).await;
    let store = store(config(&format!("https://{}", server.addr)));
    expect(&store, UNSENT, "tls handshake failed").await;
}

#[tokio::test]
async fn resets() {
    for act in [Act::Reset, Act::ReadAndReset, Act::ReadAndClose] {
        let server = raw::serve(act).await;
        expect(&at(server.addr), FAULTY, "connection reset").await;
    }
    // A reset in the middle of the answer's head.
    let server = raw::serve(Act::Answer(b"HTTP/1.1 200 O".to_vec())).await;
    expect(&at(server.addr), FAULTY, "connection reset").await;
}

#[tokio::test]
async fn time_limits_of_the_client() {
    let server = raw::serve(Act::Hang).await;
    let short = Duration::from_millis(100);
    for limits in [
        TimeoutConfig::builder().operation_timeout(short),
        TimeoutConfig::builder().operation_attempt_timeout(short),
        TimeoutConfig::builder().read_timeout(short),
    ] {
        let store = store(config(&format!("http://{}", server.addr)).timeout_config(limits.build()));
        expect(&store, FAULTY, "attempt timeout").await;
    }
}

#[tokio::test]
async fn what_a_server_says() {
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
    for code in [
        "InvalidAccessKeyId",
        "ExpiredToken",
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
    ] {
        let server = raw::serve(refusal("403 Forbidden", code)).await;
        expect(&at(server.addr), naming, code).await;
    }
}

/// No XML, no code: a gateway speaks, not the store.
#[tokio::test]
async fn what_a_gateway_says() {
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

#[tokio::test]
async fn retry_after_and_request_id() {
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
async fn what_the_kind_says_to_the_caller() {
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

    let store = answered(http("404 Not Found", &[], "")).await;
    assert_eq!(store.0.head(Head::new(key())).await.unwrap_err().kind(), NotFound);
    store.0.delete(Delete::new(key())).await.unwrap();
}

#[tokio::test]
async fn successes_that_are_none() {
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

#[derive(Debug)]
enum Provider {
    Fails,
    Hangs,
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self {
            Self::Fails => future::ProvideCredentials::ready(Err(CredentialsError::provider_error("secret-key"))),
            Self::Hangs => future::ProvideCredentials::new(std::future::pending::<Result<Credentials, _>>()),
        }
    }
}

#[tokio::test]
async fn credentials_that_do_not_load() {
    let unloaded = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
    let server = raw::serve(Act::Hang).await;
    let url = format!("http://{}", server.addr);
    let impatient = IdentityCache::lazy().load_timeout(Duration::from_millis(100)).build();
    for config in [
        config(&url).credentials_provider(Provider::Fails),
        config(&url)
            .credentials_provider(Provider::Hangs)
            .identity_cache(impatient),
    ] {
        expect(&store(config), unloaded, "credentials not loaded").await;
    }
    assert_eq!(server.connections(), 0, "not sent means not sent");
}
