//! Copies on the server's side.

use crate::{
    BUCKET, bytes,
    multipart::{begin, complete, part},
    pair, refusal, says,
};
use aws_sdk_s3::types::{CompletedPart, MetadataDirective, StorageClass, TaggingDirective};

#[tokio::test]
async fn a_copy_has_what_its_source_had() {
    let pair = pair().await;
    let put = pair.client.put_object().bucket(BUCKET).key("a b").body(bytes("hello"));
    let put = put
        .content_type("text/plain")
        .metadata("number", "42")
        .tagging("team=billing");
    let tag = put.storage_class(StorageClass::StandardIa).send().await.unwrap().e_tag;
    let copy = || {
        pair.client
            .copy_object()
            .bucket(BUCKET)
            .key("b")
            .copy_source("orders/a%20b")
    };
    let copied = copy().send().await.unwrap().copy_object_result.unwrap();
    assert_eq!(copied.e_tag, tag);
    let stored = pair.server.store().object(BUCKET, "b").unwrap();
    assert_eq!(stored.content_type.as_deref(), Some("text/plain"));
    assert_eq!((stored.metadata.len(), stored.tags.len()), (1, 1));
    // The class is the copy's own affair.
    assert_eq!(stored.storage_class, None);

    let copy = copy()
        .metadata_directive(MetadataDirective::Replace)
        .metadata("name", "b");
    let copy = copy.tagging_directive(TaggingDirective::Replace).tagging("tier=2");
    copy.send().await.unwrap();
    let stored = pair.server.store().object(BUCKET, "b").unwrap();
    assert_eq!(stored.content_type.as_deref(), Some("binary/octet-stream"));
    assert_eq!(stored.metadata.keys().collect::<Vec<_>>(), ["name"]);
    assert_eq!(stored.tags, [("tier".to_owned(), "2".to_owned())]);
    assert_eq!(&stored.body[..], b"hello");

    let absent = pair
        .client
        .copy_object()
        .bucket(BUCKET)
        .key("b")
        .copy_source("orders/c")
        .send()
        .await;
    assert_eq!(refusal(absent), says(404, "NoSuchKey"));
}

#[tokio::test]
async fn a_copy_onto_itself_changes_something() {
    let pair = pair().await;
    let tag = pair.put("a", "hello").await;
    let copy = || {
        pair.client
            .copy_object()
            .bucket(BUCKET)
            .key("a")
            .copy_source("orders/a")
    };
    assert_eq!(refusal(copy().send().await), says(400, "InvalidRequest"));
    let replace = || {
        copy()
            .metadata_directive(MetadataDirective::Replace)
            .metadata("stamp", "2")
    };
    let other = replace().copy_source_if_match("\"b\"").send().await;
    assert_eq!(refusal(other), says(412, "PreconditionFailed"));
    replace().copy_source_if_match(&tag).send().await.unwrap();
    let stored = pair.server.store().object(BUCKET, "a").unwrap();
    assert_eq!(
        (stored.metadata["stamp"].as_str(), &stored.body[..]),
        ("2", &b"hello"[..])
    );
    copy().storage_class(StorageClass::StandardIa).send().await.unwrap();
}

#[tokio::test]
async fn conditions_of_a_copy() {
    let pair = pair().await;
    let tag = pair.put("a", "hello").await;
    let copy = || {
        pair.client
            .copy_object()
            .bucket(BUCKET)
            .key("b")
            .copy_source("orders/a")
    };
    let same = copy().copy_source_if_none_match(&tag).send().await;
    assert_eq!(refusal(same), says(412, "PreconditionFailed"));
    copy().if_none_match("*").send().await.unwrap();
    let second = copy().if_none_match("*").send().await;
    assert_eq!(refusal(second), says(412, "PreconditionFailed"));
    let other = copy().if_match("\"b\"").send().await;
    assert_eq!(refusal(other), says(412, "PreconditionFailed"));
    copy().if_match(&tag).send().await.unwrap();
}

/// The copy of an upload is in one piece, and its ETag is the content's.
#[tokio::test]
async fn a_copy_of_an_upload() {
    let pair = pair().await;
    let id = begin(&pair, "a").await;
    let (first, second) = (
        part(&pair, "a", &id, 1, "hello").await,
        part(&pair, "a", &id, 2, "world").await,
    );
    complete(&pair, "a", &id, &[&first, &second]).send().await.unwrap();
    let copy = pair
        .client
        .copy_object()
        .bucket(BUCKET)
        .key("b")
        .copy_source("orders/a")
        .send()
        .await
        .unwrap();
    let tag = copy.copy_object_result.unwrap().e_tag.unwrap();
    assert_eq!(tag, pair.put("c", "helloworld").await);
    assert_eq!(pair.server.store().object(BUCKET, "b").unwrap().parts, None);
}

#[tokio::test]
async fn parts_that_are_copied() {
    let pair = pair().await;
    let tag = pair.put("a", "0123456789").await;
    let id = begin(&pair, "b").await;
    let copy = |number| {
        let copy = pair
            .client
            .upload_part_copy()
            .bucket(BUCKET)
            .key("b")
            .upload_id(&id)
            .part_number(number);
        copy.copy_source("orders/a")
    };
    let wrong = copy(1).copy_source_range("bytes=5-10").send().await;
    assert_eq!(refusal(wrong), says(400, "InvalidArgument"));
    let other = copy(1).copy_source_if_match("\"b\"").send().await;
    assert_eq!(refusal(other), says(412, "PreconditionFailed"));
    let mut parts = Vec::new();
    for (number, range) in [(1, Some("bytes=5-9")), (2, None)] {
        let copied = copy(number)
            .set_copy_source_range(range.map(str::to_owned))
            .copy_source_if_match(&tag);
        let copied = copied.send().await.unwrap().copy_part_result.unwrap();
        let named = CompletedPart::builder().part_number(number).set_e_tag(copied.e_tag);
        parts.push(named.set_checksum_crc32(copied.checksum_crc32).build());
    }
    complete(&pair, "b", &id, &[&parts[0], &parts[1]]).send().await.unwrap();
    assert_eq!(pair.stored("b").as_deref(), Some("567890123456789"));
}
