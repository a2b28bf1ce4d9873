//! Listings.

use crate::{BUCKET, Pair, pair, refusal, says};
use aws_sdk_s3::types::{EncodingType, ObjectStorageClass};

/// Every page, as keys and common prefixes in the order in which they came.
async fn list(pair: &Pair, prefix: &str, delimiter: Option<&str>, after: Option<&str>, most: i32) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let list = pair
            .client
            .list_objects_v2()
            .bucket(BUCKET)
            .prefix(prefix)
            .max_keys(most);
        let list = list
            .set_delimiter(delimiter.map(str::to_owned))
            .set_start_after(after.map(str::to_owned));
        let page = list.set_continuation_token(token).send().await.unwrap();
        let keys = page.contents().iter().map(|object| object.key().unwrap().to_owned());
        let folded = page
            .common_prefixes()
            .iter()
            .map(|prefix| prefix.prefix().unwrap().to_owned());
        let mut all: Vec<_> = keys.chain(folded).collect();
        assert_eq!(page.key_count(), Some(all.len() as i32));
        all.sort();
        pages.push(all);
        assert_eq!(page.is_truncated().unwrap(), page.next_continuation_token().is_some());
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages() {
    let pair = pair().await;
    for key in ["a", "b/1", "b/2", "b/3", "b-", "c/1", "d", "ü/1"] {
        pair.put(key, key).await;
    }
    let all = ["a", "b-", "b/1", "b/2", "b/3", "c/1", "d", "ü/1"];
    assert_eq!(list(&pair, "", None, None, 1_000).await, [all]);
    for most in 1..8 {
        let pages = list(&pair, "", None, None, most).await;
        assert!(pages.iter().all(|page| page.len() <= most as usize && !page.is_empty()));
        assert_eq!(pages.concat(), all, "{most}");
        let folded = list(&pair, "", Some("/"), None, most).await;
        assert_eq!(folded.concat(), ["a", "b-", "b/", "c/", "d", "ü/"], "{most}");
    }
    assert_eq!(list(&pair, "b/", Some("/"), None, 9).await, [["b/1", "b/2", "b/3"]]);
    assert_eq!(list(&pair, "b", None, Some("b/1"), 9).await, [["b/2", "b/3"]]);
    assert_eq!(
        list(&pair, "", Some("/"), Some("b/"), 9).await,
        [["b/", "c/", "d", "ü/"]]
    );
    assert_eq!(list(&pair, "b/", None, Some("a"), 9).await, [["b/1", "b/2", "b/3"]]);
    assert_eq!(
        list(&pair, "b", Some("-"), None, 9).await,
        [["b-", "b/1", "b/2", "b/3"]]
    );
    assert_eq!(list(&pair, "x", None, None, 9).await, [[""; 0]]);
    assert_eq!(list(&pair, "", None, None, 0).await, [[""; 0]]);
}

#[tokio::test]
async fn what_a_listing_says() {
    let pair = pair().await;
    let tag = pair.put("a b", "hello").await;
    let page = pair
        .client
        .list_objects_v2()
        .bucket(BUCKET)
        .encoding_type(EncodingType::Url);
    let page = page.send().await.unwrap();
    let [object] = page.contents() else { panic!("{page:?}") };
    assert_eq!(object.key(), Some("a%20b"));
    assert_eq!(object.size(), Some(5));
    assert_eq!(object.e_tag(), Some(tag.as_str()));
    assert_eq!(object.storage_class(), Some(&ObjectStorageClass::Standard));
    let modified = object.last_modified().unwrap();
    assert_eq!(modified.subsec_nanos(), 0);
    let wrong = pair
        .client
        .list_objects_v2()
        .bucket(BUCKET)
        .continuation_token("a b")
        .send()
        .await;
    assert_eq!(refusal(wrong), says(400, "InvalidArgument"));
    let nowhere = pair.client.list_objects_v2().bucket("nowhere").send().await;
    assert_eq!(refusal(nowhere), says(404, "NoSuchBucket"));
}
