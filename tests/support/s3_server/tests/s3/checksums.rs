//! Checksums: verified, kept, given back.

use crate::{BUCKET, bytes, pair, plain_client, refusal, says};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType};

const HELLO_CRC32: &str = "NhCmhg==";
const HELLO_CRC32C: &str = "mnG7TA==";
const HELLO_SHA1: &str = "qvTGHdzF6KLavt4PO0gs2a6pQ00=";
const HELLO_SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
const HELLO_MD5: &str = "XUFAKrxLKna5cZ2REBfFkg==";

#[tokio::test]
async fn a_checksum_that_is_right_is_kept() {
    let pair = pair().await;
    let put = || pair.client.put_object().bucket(BUCKET).key("a").body(bytes("hello"));
    for put in [
        put().checksum_crc32(HELLO_CRC32),
        put().checksum_crc32_c(HELLO_CRC32C),
        put().checksum_sha1(HELLO_SHA1),
        put().checksum_sha256(HELLO_SHA256),
        put().checksum_algorithm(ChecksumAlgorithm::Crc64Nvme),
        put().checksum_algorithm(ChecksumAlgorithm::Sha256), // the SDK's own, in a trailer
        put(),
    ] {
        let put = put.send().await.unwrap();
        let head = pair.client.head_object().bucket(BUCKET).key("a");
        let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        let said = (
            put.checksum_crc32(),
            put.checksum_crc32_c(),
            put.checksum_sha1(),
            put.checksum_sha256(),
        );
        let kept = (
            head.checksum_crc32(),
            head.checksum_crc32_c(),
            head.checksum_sha1(),
            head.checksum_sha256(),
        );
        assert_eq!((said, put.checksum_crc64_nvme()), (kept, head.checksum_crc64_nvme()));
        let all = [said.0, said.1, said.2, said.3, put.checksum_crc64_nvme()];
        assert_eq!(all.iter().flatten().count(), 1, "{all:?}");
        assert_eq!(head.checksum_type(), Some(&ChecksumType::FullObject));
        // The SDK verifies it.
        let got = pair
            .client
            .get_object()
            .bucket(BUCKET)
            .key("a")
            .checksum_mode(ChecksumMode::Enabled);
        assert_eq!(
            got.send().await.unwrap().body.collect().await.unwrap().to_vec(),
            b"hello"
        );
    }
    let head = pair.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.checksum_crc32(), None);
    let part = pair.client.get_object().bucket(BUCKET).key("a").range("bytes=0-1");
    let part = part.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(part.checksum_crc32(), None);
}

#[tokio::test]
async fn a_checksum_that_is_wrong_stores_nothing() {
    let pair = pair().await;
    let plain = plain_client(&pair.server);
    for client in [&pair.client, &plain] {
        let put = || client.put_object().bucket(BUCKET).key("a").body(bytes("hallo"));
        for put in [
            put().checksum_crc32(HELLO_CRC32),
            put().checksum_crc32_c(HELLO_CRC32C),
            put().checksum_sha1(HELLO_SHA1),
            put().checksum_sha256(HELLO_SHA256),
            put().content_md5(HELLO_MD5),
        ] {
            assert_eq!(refusal(put.send().await), says(400, "BadDigest"));
        }
        let put = put().content_md5("nonsense");
        assert_eq!(refusal(put.send().await), says(400, "InvalidDigest"));
        let put = client
            .put_object()
            .bucket(BUCKET)
            .key("a")
            .body(bytes("x"))
            .checksum_crc32("nonsense");
        assert_eq!(refusal(put.send().await), says(400, "InvalidRequest"));
    }
    assert_eq!(pair.stored("a"), None);
}

/// Without any checksum S3 works out its own.
#[tokio::test]
async fn without_a_checksum() {
    let pair = pair().await;
    let plain = plain_client(&pair.server);
    let put = plain
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(bytes("hello"))
        .content_md5(HELLO_MD5);
    let put = put.send().await.unwrap();
    assert_eq!(put.checksum_crc32(), None);
    let head = plain
        .head_object()
        .bucket(BUCKET)
        .key("a")
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert!(head.checksum_crc64_nvme().is_some());
    assert_eq!(head.checksum_crc64_nvme(), put.checksum_crc64_nvme());
}
