//! Presigned URLs, used without the SDK.

use crate::{outcome::key, s3s_server::config};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
use aws_sdk_s3::Client;
use bytes::Bytes;
use evenkeel::{
    provider::{ObjectProvider, ProviderErrorKind, S3},
    request::{
        Key,
        object::{Encryption, Presign, PresignMethod, PresignedUrl, Put, Terms},
    },
    verdict::Sent,
};
use evenkeel_s3_server::{Server, Settings};
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

async fn bucket() -> (S3, Server) {
    let server = Server::start(Settings::new(&["orders"])).await.unwrap();
    let store = S3::new(Client::from_conf(config(&server.url()).build()), "orders");
    (store, server)
}

fn presign(name: &str, method: PresignMethod) -> Presign {
    Presign::new(Key::new(name).unwrap(), method, Duration::from_secs(60))
}

/// A request as any program would send it.
async fn send(method: &str, url: &PresignedUrl, body: &'static str) -> (u16, Bytes) {
    let uri: http::Uri = url.as_str().parse().unwrap();
    let authority = uri.authority().unwrap().to_string();
    let socket = TcpStream::connect(&authority).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let path = uri.path_and_query().unwrap().as_str();
    let mut request = Request::builder().method(method).uri(path).header("host", authority);
    for (name, value) in &url.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_presigned_url_fetches_and_stores() {
    let (store, server) = bucket().await;
    for name in ["a", "a b+c%2F/ü?x=y&z#"] {
        let put = store.presign(presign(name, PresignMethod::Put)).await.unwrap();
        assert_eq!(send("PUT", &put, "hello").await.0, 200, "{name}");
        assert_eq!(server.store().object("orders", name).unwrap().body, "hello");
        let get = store.presign(presign(name, PresignMethod::Get)).await.unwrap();
        assert!(get.headers.is_empty(), "a browser sends none");
        assert!(put.headers.is_empty());
        assert_eq!(send("GET", &get, "").await, (200, "hello".into()));
        // It is good for nothing else.
        assert_eq!(send("PUT", &get, "other").await.0, 403);
        let other = PresignedUrl::new(get.as_str().replacen("/orders/a", "/orders/b", 1));
        assert_eq!(send("GET", &other, "").await.0, 403);
        let shown = format!("{get:?} {put:?}");
        assert_eq!(shown, "PresignedUrl(…) PresignedUrl(…)");
    }
}

/// What a bucket's policy demands of each put travels in headers that are part of the signature.
#[tokio::test]
async fn a_presigned_put_carries_the_defaults_of_puts() {
    let (store, server) = bucket().await;
    let defaults = Terms::new()
        .storage_class("STANDARD_IA")
        .encryption(Encryption::Store)
        .tag("team", "a b");
    let store = store.with_put_defaults(defaults);
    let put = store.presign(presign("a", PresignMethod::Put)).await.unwrap();
    assert!(
        put.headers.iter().all(|(name, _)| name.starts_with("x-amz-")),
        "{:?}",
        put.headers
    );
    assert_eq!(send("PUT", &put, "hello").await.0, 200);
    let stored = server.store().object("orders", "a").unwrap();
    let tags = [("team".to_owned(), "a b".to_owned())];
    assert_eq!(
        (stored.storage_class.as_deref(), stored.tags.as_slice()),
        (Some("STANDARD_IA"), &tags[..])
    );
    let bare = PresignedUrl::new(put.url.clone());
    assert_eq!(send("PUT", &bare, "hello").await.0, 403);
}

#[tokio::test]
async fn a_presigned_url_is_valid_for_a_second_to_a_week() {
    let (store, server) = bucket().await;
    store.put(Put::new(key(), "hello")).await.unwrap();
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    for (expires_in, is_valid) in [
        (Duration::ZERO, false),
        (Duration::from_millis(999), false),
        (Duration::from_secs(1), true),
        (week, true),
        (week + Duration::from_millis(1), false),
        (Duration::MAX, false),
    ] {
        for method in [PresignMethod::Get, PresignMethod::Put] {
            match store.presign(Presign::new(key(), method, expires_in)).await {
                Ok(url) => {
                    let seconds = format!("X-Amz-Expires={}", expires_in.as_secs());
                    assert!(is_valid && url.as_str().contains(&seconds));
                }
                Err(error) => {
                    let met = (error.kind(), error.outcome().sent);
                    assert_eq!(met, (ProviderErrorKind::Invalid, Sent::No), "{error}");
                    assert!(!is_valid, "{expires_in:?}: {error}");
                }
            }
        }
    }
    assert_eq!(server.log().len(), 1, "nothing is sent for a URL");
}

#[tokio::test]
async fn without_credentials_there_is_no_url() {
    let (store, _server) = bucket().await;
    let failing = Fails;
    let config = store.client().config().to_builder().credentials_provider(failing);
    let store = S3::new(Client::from_conf(config.build()), "orders");
    let error = store
        .presign(presign("secret-key", PresignMethod::Get))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().sent),
        (ProviderErrorKind::Denied, Sent::No),
        "{error:?}"
    );
    crate::outcome::shows_nothing(&error);
}

#[derive(Debug)]
struct Fails;

impl ProvideCredentials for Fails {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error("secret-key")))
    }
}
