//! The adapter `S3` before a server that decides creates atomically, which s3s-fs does not.

use crate::{
    faults::{key, overwrite},
    process,
    raw::{self, refusal},
    s3s_server::config,
    tried,
};
use aws_sdk_s3::Client;
use evenkeel::{
    provider::{
        ObjectProvider, ProviderErrorKind, S3,
        s3::{Encryption, PutDefaults},
    },
    request::object::{ETag, Put, PutMode},
    testing::objects,
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
    let report = objects::run("s3 on moto", &store, &process::moto_claims()).await;
    tried::objects("`S3`", "moto 5.2", &report);
    what_every_put_says(store).await;
}

/// Class, encryption and tags are what the server then says of the object.
async fn what_every_put_says(store: S3) {
    let defaults = PutDefaults::new()
        .storage_class("STANDARD_IA")
        .encryption(Encryption::Kms {
            key: Some("alias/orders".into()),
        })
        .tag("team", "a=b / c+d")
        .tag("tier", "2");
    let store = store.with_put_defaults(defaults);
    store.put(overwrite("x")).await.unwrap();
    let (client, key) = (store.client(), key());
    let (bucket, key) = (store.bucket(), key.as_str());
    let known = client.head_object().bucket(bucket).key(key).send().await.unwrap();
    assert_eq!(known.storage_class().unwrap().as_str(), "STANDARD_IA");
    assert_eq!(known.server_side_encryption().unwrap().as_str(), "aws:kms");
    assert!(known.ssekms_key_id().unwrap().ends_with("alias/orders"), "{known:?}");
    let tags = client
        .get_object_tagging()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .unwrap();
    let mut tags: Vec<_> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    tags.sort_unstable();
    assert_eq!(tags, [("team", "a=b / c+d"), ("tier", "2")]);
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
