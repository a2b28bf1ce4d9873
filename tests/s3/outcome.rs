//! A store at a misbehaving server, and what is made of it.

use crate::s3s_server::config;
use aws_sdk_s3::{Client, config::Builder, primitives::ByteStream};
use evenkeel::{
    provider::AwsVerdicts,
    provider::{ObjectProvider, ProviderError, S3},
    request::{Key, object::Put},
    verdict::{Classify, Outcome, Sent, Verdict},
};
use std::time::Duration;

pub(crate) const UNSENT: Outcome = Outcome::new(Verdict::Unreachable, Sent::No);
pub(crate) const FAULTY: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);

/// The same value, changed: requests have no struct expressions outside of the crate.
pub(crate) fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}

pub(crate) fn key() -> Key {
    Key::new("secret-key").unwrap()
}

pub(crate) fn store(config: Builder) -> S3 {
    S3::new(Client::from_conf(config.build()), "bucket")
}

pub(crate) fn at(addr: std::net::SocketAddr) -> S3 {
    store(config(&format!("http://{addr}")))
}

/// The outcome of a create, through the adapter; of the same put and of a get, through the bare SDK: all must be this one.
pub(crate) async fn expect(store: &S3, outcome: Outcome, code: &str) {
    let judged = judge(store, outcome, code);
    tokio::time::timeout(Duration::from_secs(20), judged)
        .await
        .expect("no end within 20 s");
}

async fn judge(store: &S3, outcome: Outcome, code: &str) {
    // Whether a connection broke is asked elsewhere.
    let met = |met: Outcome| Outcome {
        broken: outcome.broken,
        ..met
    };
    let error = store.put(Put::new(key(), "body")).await.unwrap_err();
    assert_eq!(met(error.outcome()), outcome, "put: {error} {:?}", error);
    assert_eq!(error.detail().code.as_deref(), Some(code), "{error:?}");
    shows_nothing(&error);

    let put = store
        .client()
        .put_object()
        .bucket("bucket")
        .key("secret-key")
        .if_none_match("*");
    let put = put.body(ByteStream::from_static(b"body")).send().await;
    assert_eq!(met(AwsVerdicts.classify(put.as_ref())), outcome, "bare put: {put:?}");
    assert_eq!(AwsVerdicts.detail(put.as_ref()).code.as_deref(), Some(code));

    let get = store
        .client()
        .get_object()
        .bucket("bucket")
        .key("secret-key")
        .send()
        .await;
    assert_eq!(met(AwsVerdicts.classify(get.as_ref())), outcome, "bare get: {get:?}");
}

/// Neither the key nor a credential, in any form.
pub(crate) fn shows_nothing(error: &ProviderError) {
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
