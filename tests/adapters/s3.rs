//! The adapter `S3` before a server that decides creates atomically, which s3s-fs does not.

use crate::{
    faults::{key, overwrite},
    process,
    raw::{self, refusal},
    s3s_server::config,
};
use aws_sdk_s3::Client;
use evenkeel::{
    provider::{ObjectProvider, ProviderErrorKind, S3},
    request::object::{ETag, Put, PutMode},
    testing::objects::{self, Claims},
    verdict::Sent,
};

#[tokio::test]
async fn s3_on_moto() {
    let Some(moto) = process::moto("the adapter S3, the conformance suite") else {
        return;
    };
    let client = Client::from_conf(config(&format!("http://{}", moto.addr)).build());
    client.create_bucket().bucket("orders").send().await.unwrap();
    let store = S3::new(client, "orders");
    store.warm_up().await.unwrap();
    objects::run("s3 on moto", &store, &Claims::all().content_etags()).await;
}

/// Alibaba's create: its header in place of S3's, on creates alone.
#[tokio::test]
async fn a_create_header_of_the_stores_own() {
    let server = raw::serve(refusal("409 Conflict", "FileAlreadyExists")).await;
    let client = Client::from_conf(config(&format!("http://{}", server.addr)).build());
    let store = S3::new(client, "orders").with_create_header("x-oss-forbid-overwrite");
    let error = store.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::AlreadyExists);
    store.put(overwrite("x")).await.unwrap_err();
    let asked = server.heads();
    assert!(asked[0].contains("x-oss-forbid-overwrite: true"), "{}", asked[0]);
    assert!(!asked[0].contains("if-none-match"), "{}", asked[0]);
    assert!(!asked[1].contains("x-oss-forbid-overwrite"), "{}", asked[1]);
    let signed = asked[0]
        .lines()
        .find(|line| line.starts_with("authorization:"))
        .unwrap();
    assert!(signed.contains("x-oss-forbid-overwrite"), "{signed}");

    let mut put = Put::new(key(), "x");
    put.mode = PutMode::IfMatch(ETag::new("\"a\"", ""));
    let error = store.put(put).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().sent),
        (ProviderErrorKind::Unsupported, Sent::No)
    );
}
