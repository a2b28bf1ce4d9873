//! Conditions, and races that they decide.

use crate::{BUCKET, bytes, pair, refusal, says};
use aws_sdk_s3::primitives::DateTime;
use std::time::{Duration, SystemTime};

const FAILED: &str = "PreconditionFailed";

#[tokio::test]
async fn a_create_never_overwrites() {
    let pair = pair().await;
    let create = |body| {
        pair.client
            .put_object()
            .bucket(BUCKET)
            .key("a")
            .if_none_match("*")
            .body(bytes(body))
    };
    create("1").send().await.unwrap();
    assert_eq!(refusal(create("2").send().await), says(412, FAILED));
    assert_eq!(pair.stored("a").as_deref(), Some("1"));
    pair.client
        .delete_object()
        .bucket(BUCKET)
        .key("a")
        .send()
        .await
        .unwrap();
    create("3").send().await.unwrap();
    // S3 knows no other condition of this name on a put.
    let tag = pair
        .client
        .put_object()
        .bucket(BUCKET)
        .key("b")
        .if_none_match("\"a\"")
        .body(bytes("x"));
    assert_eq!(refusal(tag.send().await), says(501, "NotImplemented"));
}

#[tokio::test]
async fn if_match_on_a_put() {
    let pair = pair().await;
    let put = |tag: &str, body| {
        pair.client
            .put_object()
            .bucket(BUCKET)
            .key("a")
            .if_match(tag)
            .body(bytes(body))
    };
    let absent = put("\"5d41402abc4b2a76b9719d911017c592\"", "1").send().await;
    assert_eq!(refusal(absent), says(404, "NoSuchKey"));
    let first = pair.put("a", "1").await;
    put(&first, "2").send().await.unwrap();
    assert_eq!(refusal(put(&first, "3").send().await), says(412, FAILED));
    assert_eq!(pair.stored("a").as_deref(), Some("2"));
}

#[tokio::test]
async fn if_match_on_a_delete() {
    let pair = pair().await;
    let delete = |tag: &str| pair.client.delete_object().bucket(BUCKET).key("a").if_match(tag).send();
    let first = pair.put("a", "1").await;
    let second = pair.put("a", "2").await;
    assert_eq!(refusal(delete(&first).await), says(412, FAILED));
    assert_eq!(pair.stored("a").as_deref(), Some("2"));
    delete(&second).await.unwrap();
    assert_eq!(pair.stored("a"), None);
    delete(&second).await.unwrap();
    assert_eq!(refusal(delete("*").await), says(412, FAILED));
}

#[tokio::test]
async fn reads_by_tag() {
    let pair = pair().await;
    let tag = pair.put("a", "1").await;
    let get = || pair.client.get_object().bucket(BUCKET).key("a");
    let head = || pair.client.head_object().bucket(BUCKET).key("a");
    get().if_match(&tag).send().await.unwrap();
    head().if_match(&tag).send().await.unwrap();
    assert_eq!(refusal(get().if_match("\"b\"").send().await), says(412, FAILED));
    assert_eq!(refusal(head().if_match("\"b\"").send().await).0, 412);
    get().if_none_match("\"b\"").send().await.unwrap();
    assert_eq!(refusal(get().if_none_match(&tag).send().await).0, 304);
    let unchanged = head().if_none_match(&tag).send().await.unwrap_err();
    let response = unchanged.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 304);
    assert_eq!(response.headers().get("etag"), Some(tag.as_str()));
    assert!(response.headers().get("last-modified").is_some());
    let absent = pair.client.get_object().bucket(BUCKET).key("b").if_none_match("*");
    assert_eq!(refusal(absent.send().await), says(404, "NoSuchKey"));
}

#[tokio::test]
async fn reads_by_time() {
    let pair = pair().await;
    let tag = pair.put("a", "1").await;
    let modified = pair.server.store().object(BUCKET, "a").unwrap().modified;
    let at = |time: SystemTime| DateTime::from(time);
    let (before, after) = (modified - Duration::from_secs(9), modified + Duration::from_secs(9));
    let get = || pair.client.get_object().bucket(BUCKET).key("a");
    get().if_modified_since(at(before)).send().await.unwrap();
    assert_eq!(refusal(get().if_modified_since(at(modified)).send().await).0, 304);
    assert_eq!(refusal(get().if_modified_since(at(after)).send().await).0, 304);
    get().if_unmodified_since(at(modified)).send().await.unwrap();
    assert_eq!(
        refusal(get().if_unmodified_since(at(before)).send().await),
        says(412, FAILED)
    );
    // A tag goes before a time.
    get()
        .if_match(&tag)
        .if_unmodified_since(at(before))
        .send()
        .await
        .unwrap();
    get()
        .if_none_match("\"b\"")
        .if_modified_since(at(after))
        .send()
        .await
        .unwrap();
    assert_eq!(
        refusal(get().if_none_match(&tag).if_modified_since(at(before)).send().await).0,
        304
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_creates_have_one_winner() {
    let pair = pair().await;
    for round in 0..20 {
        let key = format!("round-{round}");
        let mut racing = tokio::task::JoinSet::new();
        for writer in 0..24 {
            let create = pair.client.put_object().bucket(BUCKET).key(&key).if_none_match("*");
            let create = create.body(bytes(&format!("writer-{writer}")));
            racing.spawn(async move { (writer, create.send().await) });
        }
        let mut winners = Vec::new();
        while let Some(done) = racing.join_next().await {
            match done.unwrap() {
                (writer, Ok(_)) => winners.push(writer),
                (_, Err(error)) => assert_eq!(refusal(Err::<(), _>(error)), says(412, FAILED)),
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(pair.stored(&key), Some(format!("writer-{}", winners[0])));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_overwrites_lose_no_update() {
    let pair = pair().await;
    pair.put("a", "0").await;
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = pair.client.clone();
        racing.spawn(async move {
            let mut done = 0;
            while done < 10 {
                let got = client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
                let tag = got.e_tag.unwrap();
                let body = got.body.collect().await.unwrap().to_vec();
                let count: u32 = String::from_utf8(body).unwrap().parse().unwrap();
                let put = client.put_object().bucket(BUCKET).key("a").if_match(tag);
                done += u32::from(put.body(bytes(&(count + 1).to_string())).send().await.is_ok());
            }
        });
    }
    while let Some(done) = racing.join_next().await {
        done.unwrap();
    }
    assert_eq!(pair.stored("a").as_deref(), Some("80"));
}
