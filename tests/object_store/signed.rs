//! URLs for those who have no credentials.

use crate::{s3s_server, store::Store};
use evenkeel::{Endpoint, ObjectClient, Replication, provider::S3};
use object_store::{
    Error,
    path::Path,
    signer::{Method, SignedUrlOptions, Signer},
};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_url_is_signed_by_an_endpoint_that_can_and_nothing_is_left_out() {
    let server = s3s_server::start(&["orders"]).await;
    let s3 = || S3::new(aws_sdk_s3::Client::from_conf(server.config().build()), "orders");
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("s3", s3()))
        .build()
        .unwrap();
    let path = Path::parse("a b/ü").unwrap();
    for method in [Method::GET, Method::PUT] {
        let url = client.signed_url(method, &path, MINUTE).await.unwrap();
        assert!(
            url.as_str().starts_with(&server.inner.url()) && url.path().ends_with("/a%20b/%C3%BC"),
            "{url}"
        );
        assert!(url.query().unwrap().contains("X-Amz-Signature"));
    }
    let urls = client
        .signed_urls(Method::GET, &[path.clone(), Path::from("c")], MINUTE)
        .await
        .unwrap();
    assert!(urls[1].path().ends_with("/c"));
    let none = SignedUrlOptions::new();
    client.signed_url_opts(Method::GET, &path, MINUTE, &none).await.unwrap();
    let more = SignedUrlOptions::new().with_query([("partNumber", "1")]);
    for error in [
        client.signed_url(Method::HEAD, &path, MINUTE).await.unwrap_err(),
        client
            .signed_url_opts(Method::GET, &path, MINUTE, &more)
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotSupported { .. }), "{error}");
    }
    let once = ObjectClient::builder()
        .endpoint(Endpoint::new("s3", s3()))
        .endpoint(Endpoint::new("other", Store::new()))
        .replication(Replication::write_once())
        .build()
        .unwrap();
    // Only whoever has the object can be pointed at.
    let error = once.signed_url(Method::GET, &path, MINUTE).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    once.put("a b/ü", "1").await.unwrap();
    once.signed_url(Method::GET, &path, MINUTE).await.unwrap();
    let error = once.signed_url(Method::PUT, &path, MINUTE).await.unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error}");
}

#[tokio::test]
async fn no_error_shows_a_credential() {
    let server = s3s_server::start(&["orders"]).await;
    let config = server
        .config()
        .credentials_provider(aws_sdk_s3::config::Credentials::new(
            "a-key-id",
            "a-secret",
            Some("a-session".into()),
            None,
            "test",
        ));
    let s3 = S3::new(aws_sdk_s3::Client::from_conf(config.build()), "orders");
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("s3", s3))
        .build()
        .unwrap();
    let path = Path::from("a");
    for error in [
        object_store::ObjectStoreExt::get(&client, &path).await.unwrap_err(),
        object_store::ObjectStoreExt::put(&client, &path, "1".into())
            .await
            .unwrap_err(),
    ] {
        let shown = format!("{error} {error:?}");
        assert!(
            matches!(error, Error::Unauthenticated { .. } | Error::PermissionDenied { .. }),
            "{error}"
        );
        assert!(
            !["a-key-id", "a-secret", "a-session"]
                .iter()
                .any(|secret| shown.contains(secret)),
            "{shown}"
        );
    }
}
