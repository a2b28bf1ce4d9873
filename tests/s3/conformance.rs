use crate::{s3s_server as server, tried};
use aws_sdk_s3::{Client, config::RequestChecksumCalculation};
use evenkeel::{
    provider::{Memory, ObjectProvider, ProviderErrorKind, S3},
    request::{
        Key,
        object::{Head, List, Put, PutMode},
    },
    testing::objects::{self, Claim, Claims},
    verdict::{Sent, Verdict},
};
use std::time::Duration;

/// What our own S3 server does: everything that S3 does.
fn s3_claims() -> Claims {
    Claims::all().content_etags()
}

#[test]
fn every_row_of_providers_md_is_compared() {
    tried::every_column_is_checked();
}

#[tokio::test]
async fn memory_passes_the_suite() {
    let report = objects::run("memory", &Memory::new(), &Claims::all()).await;
    assert_eq!(report.passed.len() + 1, objects::CHECKS.len());
    tried::objects("`Memory`", "itself", &report);
}

#[tokio::test]
async fn memory_with_content_etags_passes_the_suite() {
    let claims = Claims::all().content_etags();
    let report = objects::run("memory, content tags", &Memory::with_content_etags(), &claims).await;
    assert_eq!(report.passed.len() + 1, objects::CHECKS.len());
}

/// With a service time, racing operations interleave.
#[tokio::test(start_paused = true)]
async fn memory_with_latency_passes_the_suite() {
    let store = Memory::new().with_latency(Duration::from_millis(1)..Duration::from_millis(50), 7);
    objects::run("memory with latency", &store, &Claims::all()).await;
}

#[tokio::test]
async fn s3_on_our_server_passes_the_suite() {
    let server = server::start(&["orders"]).await;
    let store = S3::new(Client::from_conf(server.config().build()), "orders");
    store.warm_up().await.unwrap();
    let report = objects::run("s3 on our server", &store, &s3_claims()).await;
    tried::objects("`S3`", "our own server", &report);
    let skipped: Vec<_> = report.skipped.iter().map(|skip| skip.claim).collect();
    assert_eq!(skipped, [Claim::UniqueEtags]);
}

#[tokio::test]
async fn s3_on_our_server_passes_the_suite_with_checksums_when_required() {
    let server = server::start(&["orders"]).await;
    let config = server
        .config()
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    let store = S3::new(Client::from_conf(config.build()), "orders");
    objects::run("s3 on our server, checksums when required", &store, &s3_claims()).await;
}

#[tokio::test]
async fn a_wrong_bucket_is_the_callers_error() {
    let server = server::start(&["orders"]).await;
    let store = S3::new(Client::from_conf(server.config().build()), "no-such-bucket");
    let put = Put::new(Key::new("k").unwrap(), "x");
    let refused = [
        store.list(List::default()).await.unwrap_err(),
        store.put(put).await.unwrap_err(),
        // The answer to a HEAD has no body. The adapter asks again, for one that has.
        store.head(Head::new(Key::new("k").unwrap())).await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.kind(), ProviderErrorKind::Invalid);
        assert_eq!(refused.outcome().verdict, Verdict::Caller);
        assert_eq!(refused.to_string(), "no such bucket (NoSuchBucket)");
    }
    assert_eq!(store.warm_up().await.unwrap_err().outcome().verdict, Verdict::Caller);
}

#[tokio::test]
async fn a_wrong_secret_names_the_credential() {
    let server = server::start(&["orders"]).await;
    let wrong = aws_sdk_s3::config::Credentials::new(server::ACCESS_KEY, "wrong", None, None, "test");
    let config = server.config().credentials_provider(wrong);
    let store = S3::new(Client::from_conf(config.build()), "orders");
    let refused = store.list(List::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ProviderErrorKind::Denied);
    assert!(refused.outcome().credential);
    assert_eq!(
        refused.to_string(),
        "the signature does not match (SignatureDoesNotMatch)"
    );
}

/// A store that would overwrite silently is not even asked.
#[tokio::test]
async fn without_conditional_put_a_create_is_refused_unsent() {
    let server = server::start(&["orders"]).await;
    let store = S3::new(Client::from_conf(server.config().build()), "orders").without_conditional_put();
    let key = Key::new("k").unwrap();
    let refused = store.put(Put::new(key.clone(), "x")).await.unwrap_err();
    assert_eq!(refused.kind(), ProviderErrorKind::Unsupported);
    assert_eq!(refused.outcome().sent, Sent::No);
    let mut put = Put::new(key.clone(), "x");
    put.mode = PutMode::Overwrite;
    store.put(put).await.unwrap();
    assert_eq!(store.head(Head::new(key)).await.unwrap().size, 1);
}
