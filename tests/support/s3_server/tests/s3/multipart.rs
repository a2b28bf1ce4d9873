//! Uploads in parts.

use crate::{BUCKET, Pair, bytes, pair, pair_with, plain_client, refusal, says};
use aws_sdk_s3::{
    error::ProvideErrorMetadata,
    operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder,
    types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, EncodingType},
};
use evenkeel_s3_server::Settings;

pub(crate) async fn begin(pair: &Pair, key: &str) -> String {
    let begun = pair.client.create_multipart_upload().bucket(BUCKET).key(key);
    begun.send().await.unwrap().upload_id.unwrap()
}

/// The part as a completion names it, with its checksums.
pub(crate) async fn part(pair: &Pair, key: &str, id: &str, number: i32, body: &str) -> CompletedPart {
    let part = pair
        .client
        .upload_part()
        .bucket(BUCKET)
        .key(key)
        .upload_id(id)
        .part_number(number);
    let part = part.body(bytes(body)).send().await.unwrap();
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(part.e_tag)
        .set_checksum_crc32(part.checksum_crc32)
        .set_checksum_crc32_c(part.checksum_crc32_c)
        .set_checksum_crc64_nvme(part.checksum_crc64_nvme)
        .set_checksum_sha256(part.checksum_sha256)
        .build()
}

pub(crate) fn complete(
    pair: &Pair,
    key: &str,
    id: &str,
    parts: &[&CompletedPart],
) -> CompleteMultipartUploadFluentBuilder {
    let parts = parts.iter().map(|part| (*part).clone()).collect();
    let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = pair
        .client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .upload_id(id);
    complete.multipart_upload(upload)
}

#[tokio::test]
async fn an_upload_becomes_an_object() {
    let pair = pair().await;
    let begun = pair.client.create_multipart_upload().bucket(BUCKET).key("a");
    let begun = begun
        .content_type("text/plain")
        .metadata("number", "42")
        .tagging("team=billing")
        .send()
        .await;
    let id = begun.unwrap().upload_id.unwrap();
    let second = part(&pair, "a", &id, 7, "world").await;
    let first = part(&pair, "a", &id, 2, "hello").await;
    assert_eq!(pair.stored("a"), None);
    let open = pair.server.store().uploads(BUCKET);
    assert_eq!((open.len(), open[0].key.as_str(), &open[0].id), (1, "a", &id));
    assert_eq!(open[0].parts, [(2, 5), (7, 5)]);
    let done = complete(&pair, "a", &id, &[&first, &second]).send().await.unwrap();
    // The MD5 of the two MD5s, in binary.
    assert_eq!(done.e_tag(), Some("\"065947336a2f2a95ba8899f3675c3be6-2\""));
    assert_eq!(pair.get("a").await, "helloworld");
    let stored = pair.server.store().object(BUCKET, "a").unwrap();
    assert_eq!(
        (stored.content_type.as_deref(), stored.parts),
        (Some("text/plain"), Some(2))
    );
    assert_eq!((stored.metadata["number"].as_str(), stored.tags.len()), ("42", 1));
    assert!(pair.server.store().uploads(BUCKET).is_empty());
    let second = pair
        .client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .part_number(2)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (second.parts_count(), second.content_range()),
        (Some(2), Some("bytes 5-9/10"))
    );
    assert_eq!(second.body.collect().await.unwrap().to_vec(), b"world");
    let across = pair
        .client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .range("bytes=3-6")
        .send()
        .await
        .unwrap();
    assert_eq!(across.body.collect().await.unwrap().to_vec(), b"lowo");
    let third = pair
        .client
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .part_number(3)
        .send()
        .await;
    assert_eq!(refusal(third), says(416, "InvalidPartNumber"));
}

#[tokio::test]
async fn a_part_that_comes_again_replaces_the_first() {
    let pair = pair().await;
    let id = begin(&pair, "a").await;
    let old = part(&pair, "a", &id, 1, "hello").await;
    let new = part(&pair, "a", &id, 1, "HELLO").await;
    assert_eq!(
        refusal(complete(&pair, "a", &id, &[&old]).send().await),
        says(400, "InvalidPart")
    );
    complete(&pair, "a", &id, &[&new]).send().await.unwrap();
    assert_eq!(pair.stored("a").as_deref(), Some("HELLO"));
}

#[tokio::test]
async fn completions_that_are_refused() {
    let pair = pair().await;
    let id = begin(&pair, "a").await;
    let first = part(&pair, "a", &id, 1, "hello").await;
    let short = part(&pair, "a", &id, 2, "w").await;
    let third = part(&pair, "a", &id, 3, "world").await;
    let unknown = CompletedPart::builder().part_number(4).set_e_tag(third.e_tag.clone());
    let unknown = unknown.set_checksum_crc32(third.checksum_crc32.clone()).build();
    let refused = async |parts: &[&CompletedPart]| refusal(complete(&pair, "a", &id, parts).send().await);
    assert_eq!(refused(&[]).await, says(400, "MalformedXML"));
    assert_eq!(refused(&[&third, &first]).await, says(400, "InvalidPartOrder"));
    assert_eq!(refused(&[&first, &first]).await, says(400, "InvalidPartOrder"));
    assert_eq!(refused(&[&first, &unknown]).await, says(400, "InvalidPart"));
    assert_eq!(refused(&[&first, &short, &third]).await, says(400, "EntityTooSmall"));
    let size = complete(&pair, "a", &id, &[&first, &third])
        .mpu_object_size(11)
        .send()
        .await;
    assert_eq!(refusal(size), says(400, "InvalidRequest"));
    let other_key = complete(&pair, "b", &id, &[&first]).send().await;
    assert_eq!(refusal(other_key), says(404, "NoSuchUpload"));
    let number = pair
        .client
        .upload_part()
        .bucket(BUCKET)
        .key("a")
        .upload_id(&id)
        .part_number(10_001);
    assert_eq!(
        refusal(number.body(bytes("x")).send().await),
        says(400, "InvalidArgument")
    );
    assert_eq!(pair.stored("a"), None);
    // None of them ended the upload. The last part may be small.
    complete(&pair, "a", &id, &[&first, &short]).send().await.unwrap();
    assert_eq!(pair.stored("a").as_deref(), Some("hellow"));
}

/// S3's own limit, unless a test says another.
#[tokio::test]
async fn small_parts() {
    let pair = pair_with(Settings::new(&[BUCKET])).await;
    let id = begin(&pair, "a").await;
    let (first, second) = (
        part(&pair, "a", &id, 1, "hello").await,
        part(&pair, "a", &id, 2, "world").await,
    );
    let refused = complete(&pair, "a", &id, &[&first, &second]).send().await;
    assert_eq!(refusal(refused), says(400, "EntityTooSmall"));
}

#[tokio::test]
async fn a_completion_that_comes_again() {
    let pair = pair().await;
    let id = begin(&pair, "a").await;
    let first = part(&pair, "a", &id, 1, "hello").await;
    let done = complete(&pair, "a", &id, &[&first]).send().await.unwrap();
    let again = complete(&pair, "a", &id, &[&first]).send().await.unwrap();
    assert_eq!(done.e_tag(), again.e_tag());
    pair.put("a", "newer").await;
    let again = complete(&pair, "a", &id, &[&first]).send().await.unwrap();
    assert_eq!(done.e_tag(), again.e_tag());
    assert_eq!(pair.stored("a").as_deref(), Some("newer"));
    let create = complete(&pair, "a", &id, &[&first]).if_none_match("*").send().await;
    assert_eq!(refusal(create), says(412, "PreconditionFailed"));
    let late = pair
        .client
        .upload_part()
        .bucket(BUCKET)
        .key("a")
        .upload_id(&id)
        .part_number(2);
    assert_eq!(refusal(late.body(bytes("x")).send().await), says(404, "NoSuchUpload"));

    let pair = pair_with(Settings::new(&[BUCKET]).forgets_completions()).await;
    let id = begin(&pair, "a").await;
    let first = part(&pair, "a", &id, 1, "hello").await;
    complete(&pair, "a", &id, &[&first]).send().await.unwrap();
    let again = complete(&pair, "a", &id, &[&first]).send().await;
    assert_eq!(refusal(again), says(404, "NoSuchUpload"));
}

#[tokio::test]
async fn completions_with_conditions() {
    let pair = pair().await;
    let id = begin(&pair, "a").await;
    let first = part(&pair, "a", &id, 1, "hello").await;
    let upload = || complete(&pair, "a", &id, &[&first]);
    assert_eq!(refusal(upload().if_match("\"b\"").send().await), says(404, "NoSuchKey"));
    let tag = pair.put("a", "before").await;
    assert_eq!(
        refusal(upload().if_none_match("*").send().await),
        says(412, "PreconditionFailed")
    );
    assert_eq!(
        refusal(upload().if_match("\"b\"").send().await),
        says(412, "PreconditionFailed")
    );
    assert_eq!(pair.stored("a").as_deref(), Some("before"));
    upload().if_match(tag).send().await.unwrap();
    assert_eq!(pair.stored("a").as_deref(), Some("hello"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_completions_have_one_winner() {
    let pair = pair().await;
    let mut racing = tokio::task::JoinSet::new();
    for writer in 0..24 {
        let id = begin(&pair, "a").await;
        let first = part(&pair, "a", &id, 1, &format!("writer-{writer}")).await;
        let upload = complete(&pair, "a", &id, &[&first]).if_none_match("*");
        racing.spawn(async move { (writer, upload.send().await.is_ok()) });
    }
    let done = racing.join_all().await;
    let winners: Vec<_> = done.iter().filter(|(_, won)| *won).map(|(writer, _)| writer).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(pair.stored("a"), Some(format!("writer-{}", winners[0])));
    assert_eq!(pair.server.store().uploads(BUCKET).len(), 23);
}

#[tokio::test]
async fn aborts() {
    let pair = pair().await;
    let id = begin(&pair, "a").await;
    let first = part(&pair, "a", &id, 1, "hello").await;
    let abort = || {
        pair.client
            .abort_multipart_upload()
            .bucket(BUCKET)
            .key("a")
            .upload_id(&id)
            .send()
    };
    abort().await.unwrap();
    assert_eq!(refusal(abort().await), says(404, "NoSuchUpload"));
    let late = complete(&pair, "a", &id, &[&first]).send().await;
    assert_eq!(refusal(late), says(404, "NoSuchUpload"));
    assert!(pair.server.store().uploads(BUCKET).is_empty());
}

#[tokio::test]
async fn uploads_and_parts_are_listed() {
    let pair = pair().await;
    let mut ids = Vec::new();
    for key in ["b", "a", "b", "c/1"] {
        ids.push((key, begin(&pair, key).await));
    }
    ids.sort();
    let (mut found, mut marker) = (Vec::new(), (None, None));
    loop {
        let page = pair.client.list_multipart_uploads().bucket(BUCKET).max_uploads(1);
        let page = page
            .set_key_marker(marker.0)
            .set_upload_id_marker(marker.1)
            .send()
            .await
            .unwrap();
        for upload in page.uploads() {
            found.push((upload.key().unwrap().to_owned(), upload.upload_id().unwrap().to_owned()));
        }
        if page.is_truncated() != Some(true) {
            break;
        }
        marker = (page.next_key_marker, page.next_upload_id_marker);
    }
    assert!(
        found
            .iter()
            .map(|(key, id)| (key.as_str(), id))
            .eq(ids.iter().map(|(key, id)| (*key, id)))
    );
    let page = pair
        .client
        .list_multipart_uploads()
        .bucket(BUCKET)
        .prefix("c/")
        .send()
        .await
        .unwrap();
    assert_eq!(page.uploads().len(), 1);
    begin(&pair, "d +").await;
    begin(&pair, "d \u{e4}").await;
    let page = pair.client.list_multipart_uploads().bucket(BUCKET).prefix("d ");
    let page = page
        .encoding_type(EncodingType::Url)
        .max_uploads(1)
        .send()
        .await
        .unwrap();
    assert_eq!(page.encoding_type(), Some(&EncodingType::Url));
    assert_eq!(
        (page.uploads()[0].key(), page.next_key_marker()),
        (Some("d%20%2B"), Some("d%20%2B"))
    );

    let id = &ids[0].1;
    for number in [5, 1, 3] {
        part(&pair, "a", id, number, "hello").await;
    }
    let page = pair
        .client
        .list_parts()
        .bucket(BUCKET)
        .key("a")
        .upload_id(id)
        .max_parts(2)
        .send()
        .await
        .unwrap();
    let numbers: Vec<_> = page.parts().iter().map(|part| part.part_number().unwrap()).collect();
    assert_eq!((numbers, page.is_truncated()), (vec![1, 3], Some(true)));
    assert_eq!(page.parts()[0].size(), Some(5));
    assert_eq!(page.parts()[0].e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let page = pair.client.list_parts().bucket(BUCKET).key("a").upload_id(id);
    let page = page.part_number_marker("3").send().await.unwrap();
    assert_eq!((page.parts().len(), page.is_truncated()), (1, Some(false)));
}

#[tokio::test]
async fn checksums_of_uploads() {
    let pair = pair().await;
    for (algorithm, kind, sum) in [
        // Over the parts' checksums, and over the whole: worked out apart from this server.
        (ChecksumAlgorithm::Crc32, ChecksumType::Composite, None),
        (ChecksumAlgorithm::Sha256, ChecksumType::Composite, None),
        (ChecksumAlgorithm::Crc32, ChecksumType::FullObject, Some("+esgrQ==")),
        (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject, None),
    ] {
        let begun = pair.client.create_multipart_upload().bucket(BUCKET).key("a");
        let begun = begun
            .checksum_algorithm(algorithm.clone())
            .checksum_type(kind.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(begun.checksum_type(), Some(&kind));
        let id = begun.upload_id.unwrap();
        let mut parts = Vec::new();
        for (number, body) in [(1, "hello"), (2, "world")] {
            let part = pair
                .client
                .upload_part()
                .bucket(BUCKET)
                .key("a")
                .upload_id(&id)
                .part_number(number);
            let part = part
                .body(bytes(body))
                .checksum_algorithm(algorithm.clone())
                .send()
                .await
                .unwrap();
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(part.e_tag)
                    .set_checksum_crc32(part.checksum_crc32)
                    .set_checksum_sha256(part.checksum_sha256)
                    .set_checksum_crc64_nvme(part.checksum_crc64_nvme)
                    .build(),
            );
        }
        if kind == ChecksumType::Composite {
            let bare = CompletedPart::builder()
                .part_number(1)
                .set_e_tag(parts[0].e_tag.clone())
                .build();
            let refused = complete(&pair, "a", &id, &[&bare]).send().await;
            assert_eq!(refusal(refused), says(400, "InvalidRequest"));
        }
        let wrong = complete(&pair, "a", &id, &[&parts[0], &parts[1]])
            .checksum_crc32("AAAAAA==")
            .send()
            .await;
        match algorithm {
            ChecksumAlgorithm::Crc32 => assert_eq!(refusal(wrong), says(400, "BadDigest")),
            _ => drop(wrong),
        }
        let done = complete(&pair, "a", &id, &[&parts[0], &parts[1]]).send().await.unwrap();
        assert_eq!(done.checksum_type(), Some(&kind));
        let head = pair
            .client
            .head_object()
            .bucket(BUCKET)
            .key("a")
            .checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        let all = [
            head.checksum_crc32(),
            head.checksum_sha256(),
            head.checksum_crc64_nvme(),
        ];
        let [kept] = all.into_iter().flatten().collect::<Vec<_>>()[..] else {
            panic!("{all:?}")
        };
        assert_eq!(kept.ends_with("-2"), kind == ChecksumType::Composite, "{kept}");
        assert_eq!(sum.unwrap_or(kept), kept);
        let got = pair
            .client
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .checksum_mode(ChecksumMode::Enabled);
        assert_eq!(
            got.send().await.unwrap().body.collect().await.unwrap().to_vec(),
            b"helloworld"
        );
    }
    let begun = pair.client.create_multipart_upload().bucket(BUCKET).key("a");
    let begun = begun
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .checksum_type(ChecksumType::FullObject);
    assert_eq!(refusal(begun.send().await), says(400, "InvalidRequest"));
}

/// What a part is sent with must be what its upload was begun with.
#[tokio::test]
async fn a_part_with_another_checksum() {
    let pair = pair().await;
    let begun = pair.client.create_multipart_upload().bucket(BUCKET).key("a");
    let id = begun
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap()
        .upload_id
        .unwrap();
    let part = || {
        pair.client
            .upload_part()
            .bucket(BUCKET)
            .key("a")
            .upload_id(&id)
            .part_number(1)
            .body(bytes("x"))
    };
    let other = part().checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
    assert_eq!(refusal(other), says(400, "InvalidRequest"));
    let wrong = part()
        .checksum_sha256("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")
        .send()
        .await;
    assert_eq!(refusal(wrong), says(400, "BadDigest"));
    let plain = plain_client(&pair.server);
    let none = plain
        .upload_part()
        .bucket(BUCKET)
        .key("a")
        .upload_id(&id)
        .part_number(1)
        .body(bytes("x"));
    let none = none.send().await.unwrap_err();
    assert_eq!(none.code(), Some("InvalidRequest"));
}
