//! Puts, reads, deletes, and what a writer says beside the content.

use crate::{BUCKET, bytes, pair, refusal, says};
use aws_sdk_s3::{
    primitives::{DateTime, DateTimeFormat},
    types::{Delete, ObjectIdentifier, ServerSideEncryption, StorageClass, Tag, Tagging},
};

#[tokio::test]
async fn what_was_put_is_read() {
    let pair = pair().await;
    assert_eq!(pair.put("a", "hello").await, "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(pair.get("a").await, "hello");
    assert_eq!(pair.put("a", "").await, "\"d41d8cd98f00b204e9800998ecf8427e\"");
    assert_eq!(pair.get("a").await, "");
    assert_eq!(pair.stored("a").as_deref(), Some(""));
    let head = pair.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.content_length(), Some(0));
    assert_eq!(head.last_modified().unwrap().subsec_nanos(), 0);
    let absent = pair.client.get_object().bucket(BUCKET).key("b").send().await;
    assert_eq!(refusal(absent), says(404, "NoSuchKey"));
    let absent = pair.client.head_object().bucket(BUCKET).key("b").send().await;
    assert_eq!(refusal(absent).0, 404);
    let nowhere = pair
        .client
        .put_object()
        .bucket("nowhere")
        .key("a")
        .body(bytes("x"))
        .send()
        .await;
    assert_eq!(refusal(nowhere), says(404, "NoSuchBucket"));
}

#[tokio::test]
async fn a_large_body_is_kept() {
    let pair = pair().await;
    let body: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    let put = pair
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(body.clone().into());
    put.send().await.unwrap();
    let got = pair.client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert!(got.body.collect().await.unwrap().to_vec() == body);
}

#[tokio::test]
async fn odd_keys_are_kept_apart() {
    let pair = pair().await;
    let keys = [
        "a", "/a", "a/", "a//b", "a%2Fb", "a b", "a+b", "a&b=c", "ü", "a?b#c", "./a", "a/../b",
    ];
    for key in keys {
        pair.put(key, key).await;
    }
    for key in keys {
        assert_eq!(pair.get(key).await, key);
    }
    let mut sorted = keys.map(str::to_owned);
    sorted.sort();
    assert_eq!(pair.server.store().keys(BUCKET), sorted);
    let logged: Vec<_> = pair.server.log().into_iter().map(|logged| logged.key).collect();
    assert_eq!(logged, [keys, keys].concat());
}

#[tokio::test]
async fn ranges() {
    let pair = pair().await;
    pair.put("a", "0123456789").await;
    pair.put("empty", "").await;
    let range = async |key: &str, range: &str| {
        let got = pair
            .client
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .range(range)
            .send()
            .await;
        got.map(|got| (got.content_range.unwrap(), got.content_length.unwrap(), got.body))
    };
    for (asked, shown, body) in [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=2-5", "bytes 2-5/10", "2345"),
        ("bytes=7-", "bytes 7-9/10", "789"),
        ("bytes=7-99", "bytes 7-9/10", "789"),
        ("bytes=-3", "bytes 7-9/10", "789"),
        ("bytes=-99", "bytes 0-9/10", "0123456789"),
    ] {
        let (range, length, got) = range("a", asked).await.unwrap();
        assert_eq!((range.as_str(), length), (shown, body.len() as i64), "{asked}");
        assert_eq!(got.collect().await.unwrap().to_vec(), body.as_bytes(), "{asked}");
    }
    for (key, asked) in [
        ("a", "bytes=10-"),
        ("a", "bytes=-0"),
        ("empty", "bytes=0-"),
        ("empty", "bytes=-1"),
    ] {
        assert_eq!(
            refusal(range(key, asked).await),
            says(416, "InvalidRange"),
            "{key} {asked}"
        );
    }
    let head = pair
        .client
        .head_object()
        .bucket(BUCKET)
        .key("a")
        .range("bytes=2-5")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(4));
}

#[tokio::test]
async fn attributes_come_back_as_they_were() {
    let pair = pair().await;
    let put = pair.client.put_object().bucket(BUCKET).key("a").body(bytes("x"));
    let expires = DateTime::from_str("Wed, 21 Oct 2026 07:28:00 GMT", DateTimeFormat::HttpDate).unwrap();
    put.cache_control("max-age=60, private")
        .content_disposition("attachment; filename=\"a b.txt\"")
        .content_encoding("gzip")
        .content_language("de, en")
        .content_type("text/plain;charset=UTF-8")
        .expires(expires)
        .metadata("number", "  42")
        .metadata("name", "a=b; c")
        .storage_class(StorageClass::StandardIa)
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id("alias/orders")
        .tagging("team=a%3Db%20c&tier=2")
        .send()
        .await
        .unwrap();
    let head = pair.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.cache_control(), Some("max-age=60, private"));
    assert_eq!(head.content_disposition(), Some("attachment; filename=\"a b.txt\""));
    assert_eq!(head.content_encoding(), Some("gzip"));
    assert_eq!(head.content_language(), Some("de, en"));
    assert_eq!(head.content_type(), Some("text/plain;charset=UTF-8"));
    assert_eq!(head.expires_string(), Some("Wed, 21 Oct 2026 07:28:00 GMT"));
    assert_eq!(head.metadata().unwrap()["number"], "42");
    assert_eq!(head.metadata().unwrap()["name"], "a=b; c");
    assert_eq!(head.storage_class(), Some(&StorageClass::StandardIa));
    assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::AwsKms));
    assert_eq!(head.ssekms_key_id(), Some("alias/orders"));
    let got = pair.client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(got.content_type(), Some("text/plain;charset=UTF-8"));
    assert_eq!(got.tag_count(), Some(2));
    let stored = pair.server.store().object(BUCKET, "a").unwrap();
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(stored.tags, [tag("team", "a=b c"), tag("tier", "2")]);
    assert_eq!(stored.metadata["name"], "a=b; c");
    assert_eq!(stored.content_encoding.as_deref(), Some("gzip"));
    // S3's defaults; another put has nothing of the one before.
    pair.put("a", "y").await;
    let head = pair.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.content_type(), Some("application/octet-stream")); // the SDK's own
    assert_eq!((head.content_encoding(), head.storage_class()), (None, None));
    assert!(head.metadata().unwrap().is_empty());
}

#[tokio::test]
async fn attributes_that_are_refused() {
    let pair = pair().await;
    let put = || pair.client.put_object().bucket(BUCKET).key("a").body(bytes("x"));
    let class = put().storage_class("NO_SUCH_CLASS".into()).send().await;
    assert_eq!(refusal(class), says(400, "InvalidStorageClass"));
    let long = put().metadata("long", "x".repeat(2_100)).send().await;
    assert_eq!(refusal(long), says(400, "MetadataTooLarge"));
    let many: Vec<_> = (0..11).map(|number| format!("n{number}=")).collect();
    assert_eq!(
        refusal(put().tagging(many.join("&")).send().await),
        says(400, "BadRequest")
    );
    assert_eq!(refusal(put().tagging("a=1&a=2").send().await), says(400, "InvalidTag"));
    assert_eq!(pair.stored("a"), None);
}

#[tokio::test]
async fn tags() {
    let pair = pair().await;
    pair.put("a", "x").await;
    let tag = Tag::builder().key("team").value("billing").build().unwrap();
    let tagging = Tagging::builder().tag_set(tag.clone()).build().unwrap();
    let put = pair
        .client
        .put_object_tagging()
        .bucket(BUCKET)
        .key("a")
        .tagging(tagging);
    put.send().await.unwrap();
    let tags = || pair.client.get_object_tagging().bucket(BUCKET).key("a").send();
    assert_eq!(tags().await.unwrap().tag_set(), [tag]);
    let delete = pair.client.delete_object_tagging().bucket(BUCKET).key("a");
    delete.send().await.unwrap();
    assert_eq!(tags().await.unwrap().tag_set(), []);
    assert_eq!(pair.get("a").await, "x");
}

#[tokio::test]
async fn deletes() {
    let pair = pair().await;
    pair.put("a", "x").await;
    for _ in 0..2 {
        pair.client
            .delete_object()
            .bucket(BUCKET)
            .key("a")
            .send()
            .await
            .unwrap();
    }
    assert!(pair.server.store().keys(BUCKET).is_empty());
    let (first, second) = (pair.put("a", "1").await, pair.put("b", "2").await);
    let one = |key: &str, tag: &str| ObjectIdentifier::builder().key(key).e_tag(tag).build().unwrap();
    let absent = ObjectIdentifier::builder().key("c").build().unwrap();
    let delete = Delete::builder()
        .objects(one("a", &first))
        .objects(one("b", &first))
        .objects(absent);
    let done = pair
        .client
        .delete_objects()
        .bucket(BUCKET)
        .delete(delete.build().unwrap());
    let done = done.send().await.unwrap();
    let deleted: Vec<_> = done.deleted().iter().map(|one| one.key().unwrap()).collect();
    assert_eq!(deleted, ["a", "c"]);
    let [error] = done.errors() else { panic!("{done:?}") };
    assert_eq!((error.key(), error.code()), (Some("b"), Some("PreconditionFailed")));
    assert_eq!(pair.server.store().object(BUCKET, "b").unwrap().etag, second);
    assert_eq!(pair.server.store().keys(BUCKET), ["b"]);
}

#[tokio::test]
async fn buckets() {
    let pair = pair().await;
    let client = &pair.client;
    client.create_bucket().bucket("more").send().await.unwrap();
    let again = client.create_bucket().bucket("more").send().await;
    assert_eq!(refusal(again), says(409, "BucketAlreadyOwnedByYou"));
    client.head_bucket().bucket("more").send().await.unwrap();
    assert_eq!(refusal(client.head_bucket().bucket("nowhere").send().await).0, 404);
    let all = client.list_buckets().send().await.unwrap();
    let names: Vec<_> = all.buckets().iter().map(|bucket| bucket.name().unwrap()).collect();
    assert_eq!(names, ["more", BUCKET]);
    client.get_bucket_location().bucket("more").send().await.unwrap();
    pair.put("a", "x").await;
    let full = client.delete_bucket().bucket(BUCKET).send().await;
    assert_eq!(refusal(full), says(409, "BucketNotEmpty"));
    client.delete_bucket().bucket("more").send().await.unwrap();
    assert_eq!(refusal(client.head_bucket().bucket("more").send().await).0, 404);
}
