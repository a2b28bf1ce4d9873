//! What the real AWS SDK says when no answer comes, judged. These tests pin the shapes of the SDK's errors: they are no
//! part of its interface, and *not sent* depends on them.

use crate::{
    outcome::{FAULTY, UNSENT, at, expect, key, store},
    raw::{self, Act, refusal},
    s3s_server::config,
};
use aws_credential_types::provider::{error::CredentialsError, future};
use aws_sdk_s3::{
    Client,
    config::{Credentials, IdentityCache, ProvideCredentials, timeout::TimeoutConfig},
};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use evenkeel::{
    provider::{ObjectProvider, ProviderErrorKind, S3},
    request::object::{Get, Put},
    verdict::{Outcome, Sent, Verdict},
};
use std::time::Duration;

#[tokio::test]
async fn a_refused_connection_is_unsent() {
    expect(&at(raw::nobody().await), UNSENT, "connection refused").await;
}

#[tokio::test]
async fn an_unknown_host_name_is_unsent() {
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
async fn a_host_without_an_address_is_unsent() {
    expect(&resolving(Resolver(None)), UNSENT, "dns: no address").await;
}

#[tokio::test]
async fn a_failing_resolver_is_unsent() {
    expect(&resolving(Resolver(Some("SERVFAIL"))), UNSENT, "dns: resolver failed").await;
    expect(&resolving(Resolver(Some("No such host"))), UNSENT, "dns: no such name").await;
}

#[tokio::test]
async fn connecting_to_a_black_hole_is_unsent() {
    let hole = raw::black_hole().await;
    let short = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(100))
        .build();
    let store = store(config(&format!("http://{}", hole.addr)).timeout_config(short));
    expect(&store, UNSENT, "connect timeout").await;
}

#[test]
fn connect_time_is_bounded_and_other_timeouts_are_kept() {
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
async fn the_sdk_makes_one_attempt_per_put() {
    let server = raw::serve(refusal("500 Internal Server Error", "InternalError")).await;
    let store = at(server.addr);
    store.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_failed_tls_handshake_is_unsent() {
    let server = raw::serve(Act::Blurt(b"HTTP/1.1 400 this is no TLS\r\n\r\n")).await;
    let at_a_plain_port = store(config(&format!("https://{}", server.addr)));
    expect(&at_a_plain_port, UNSENT, "no tls").await;
    let server = raw::serve(Act::Blurt(b"")).await;
    let hung_up = store(config(&format!("https://{}", server.addr)));
    expect(&hung_up, UNSENT, "tls handshake failed").await;
}

#[tokio::test]
async fn resets_are_faulty() {
    for act in [Act::Reset, Act::ReadAndReset, Act::ReadAndClose] {
        let server = raw::serve(act).await;
        expect(&at(server.addr), FAULTY, "connection reset").await;
    }
    // A reset in the middle of the answer's head.
    let server = raw::serve(Act::Answer(b"HTTP/1.1 200 O".to_vec())).await;
    expect(&at(server.addr), FAULTY, "connection reset").await;
}

#[tokio::test]
async fn timeouts_of_the_sdk_are_faulty() {
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
async fn missing_credentials_are_denied_unsent() {
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

/// No region, a bucket that is no bucket: the request cannot even be addressed.
#[tokio::test]
async fn an_unresolvable_endpoint_is_the_callers_error_unsent() {
    let unbuilt = Outcome::new(Verdict::Caller, Sent::No);
    let virginia = || evenkeel::provider::s3::preset::aws("us-east-1");
    let credentials = || Credentials::new("id", "secret", None, None, "test");
    let no_region = virginia().region(None).credentials_provider(credentials());
    let no_bucket = virginia().credentials_provider(credentials());
    for (config, bucket) in [(no_region, "bucket"), (no_bucket, "arn:aws:s3:::bucket")] {
        let store = S3::new(Client::from_conf(config.build()), bucket);
        let error = store.get(Get::new(key())).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ProviderErrorKind::Invalid, unbuilt),
            "{error:?}"
        );
    }
}
