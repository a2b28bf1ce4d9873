//! Each fault.

use crate::{
    BUCKET, Pair, bytes,
    multipart::{begin, complete, part},
    pair, refusal, says,
};
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use evenkeel_s3_server::{Fault, Operation, Rule};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(300);

async fn create(pair: &Pair, body: &str) -> Result<(), (u16, String)> {
    let put = pair
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .if_none_match("*")
        .body(bytes(body));
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(refusal(Err::<(), _>(error))),
    }
}

/// The connection broke: there is no status.
const RESET: (u16, String) = (0, String::new());

fn statuses(pair: &Pair) -> Vec<(Option<u16>, bool)> {
    let log = pair.server.log();
    log.iter().map(|logged| (logged.status, logged.is_late)).collect()
}

#[expect(clippy::disallowed_methods, reason = "the server's clock is the real one")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn delay() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::Delay(SOON)).times(1));
    let began = now();
    let (put, ()) = tokio::join!(create(&pair, "1"), async {
        tokio::time::sleep(SOON / 3).await;
        assert_eq!(pair.stored("a"), None);
    });
    put.unwrap();
    assert!(began.elapsed() >= SOON);
}

#[tokio::test]
async fn answered_late() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::DoThenDelay(SOON)));
    let began = now();
    let (put, ()) = tokio::join!(create(&pair, "1"), async {
        tokio::time::sleep(SOON / 2).await;
        assert_eq!(pair.stored("a").as_deref(), Some("1"));
    });
    put.unwrap();
    assert!(began.elapsed() >= SOON);
}

#[tokio::test]
async fn dropped() {
    let pair = pair().await;
    let hits = pair
        .server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::Drop).times(1));
    assert_eq!(create(&pair, "1").await, Err(RESET));
    assert_eq!((pair.stored("a"), hits.count()), (None, 1));
    create(&pair, "2").await.unwrap();
    assert_eq!(statuses(&pair), [(None, false), (Some(200), false)]);
}

#[tokio::test]
async fn the_answer_is_dropped() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::DropAnswer).times(1));
    assert_eq!(create(&pair, "1").await, Err(RESET));
    assert_eq!(pair.stored("a").as_deref(), Some("1"));
    assert_eq!(create(&pair, "2").await, Err(says(412, "PreconditionFailed")));
}

#[tokio::test]
async fn applied_late() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::ApplyLate(SOON)).times(1));
    let first = pair
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(bytes("late"))
        .send()
        .await;
    assert_eq!(refusal(first), RESET);
    pair.put("a", "newer").await;
    pair.server.settled().await;
    assert_eq!(pair.stored("a").as_deref(), Some("late"));
    assert_eq!(statuses(&pair), [(Some(200), false), (Some(200), true)]);
}

#[tokio::test]
async fn applied_twice() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::Duplicate(SOON)).times(1));
    pair.put("a", "first").await;
    pair.put("a", "newer").await;
    assert_eq!(pair.stored("a").as_deref(), Some("newer"));
    pair.server.settled().await;
    assert_eq!(pair.stored("a").as_deref(), Some("first"));
    // A condition fails the second time.
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::Duplicate(Duration::ZERO)).nth(1));
    pair.client
        .delete_object()
        .bucket(BUCKET)
        .key("a")
        .send()
        .await
        .unwrap();
    create(&pair, "1").await.unwrap();
    pair.server.settled().await;
    assert_eq!(statuses(&pair).last(), Some(&(Some(412), true)));
}

/// A client that does not wait for its answer changes nothing of what it began.
#[tokio::test]
async fn what_was_begun_is_ended() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::on(Operation::PutObject, Fault::Delay(SOON)));
    assert!(tokio::time::timeout(SOON / 3, create(&pair, "1")).await.is_err());
    assert_eq!(pair.stored("a"), None);
    pair.server.settled().await;
    assert_eq!(pair.stored("a").as_deref(), Some("1"));
}

#[tokio::test]
async fn statuses_by_order() {
    let pair = pair().await;
    let faults = pair.server.faults();
    faults.add(Rule::on(Operation::PutObject, Fault::Status(503, "SlowDown")).nth(1));
    faults.add(Rule::on(Operation::PutObject, Fault::Status(409, "ConditionalRequestConflict")).nth(2));
    faults.add(Rule::on(Operation::PutObject, Fault::DoThenStatus(500, "InternalError")).nth(3));
    assert_eq!(create(&pair, "1").await, Err(says(503, "SlowDown")));
    assert_eq!(create(&pair, "2").await, Err(says(409, "ConditionalRequestConflict")));
    assert_eq!(pair.stored("a"), None);
    assert_eq!(create(&pair, "3").await, Err(says(500, "InternalError")));
    assert_eq!(pair.stored("a").as_deref(), Some("3"));
    faults.clear();
    pair.put("a", "4").await;
}

/// After a conflict all is uploaded again.
#[tokio::test]
async fn a_conflict_of_completions() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::on(Operation::CompleteMultipartUpload, Fault::Conflict).times(1));
    let id = begin(&pair, "a").await;
    let first = part(&pair, "a", &id, 1, "hello").await;
    let done = complete(&pair, "a", &id, &[&first]).send().await;
    assert_eq!(refusal(done), says(409, "ConditionalRequestConflict"));
    let again = complete(&pair, "a", &id, &[&first]).send().await;
    assert_eq!(refusal(again), says(404, "NoSuchUpload"));
    assert_eq!(pair.stored("a"), None);
}

#[tokio::test]
async fn a_rule_is_for_a_key_and_a_part() {
    let pair = pair().await;
    let rule = Rule::on(Operation::UploadPart, Fault::Status(500, "InternalError"));
    pair.server.faults().add(rule.key("a").part(2));
    let (a, b) = (begin(&pair, "a").await, begin(&pair, "b").await);
    part(&pair, "a", &a, 1, "hello").await;
    part(&pair, "b", &b, 2, "hello").await;
    let second = pair
        .client
        .upload_part()
        .bucket(BUCKET)
        .key("a")
        .upload_id(&a)
        .part_number(2);
    assert_eq!(
        refusal(second.body(bytes("world")).send().await),
        says(500, "InternalError")
    );
    let parts: Vec<_> = pair
        .server
        .log()
        .iter()
        .map(|logged| (logged.part, logged.status))
        .collect();
    assert_eq!(
        parts[2..],
        [(Some(1), Some(200)), (Some(2), Some(200)), (Some(2), Some(500))]
    );
    assert_eq!(pair.server.count(Operation::UploadPart), 3);
}

/// A body of 100,000 bytes, and how much of it comes before what goes wrong.
async fn read(pair: &Pair, fault: Fault) -> (Vec<u8>, bool) {
    let body: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    pair.client
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(body.into())
        .send()
        .await
        .unwrap();
    pair.server.faults().add(Rule::on(Operation::GetObject, fault).key("a"));
    let mut got = pair.client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(got.content_length(), Some(100_000));
    let mut read = Vec::new();
    loop {
        match tokio::time::timeout(SOON, got.body.next()).await {
            Ok(Some(Ok(piece))) => read.extend_from_slice(&piece),
            Ok(None) => return (read, true),
            Ok(Some(Err(_))) | Err(_) => return (read, false),
        }
    }
}

#[tokio::test]
async fn a_body_is_cut() {
    let pair = pair().await;
    for after in [0, 1, 70_000] {
        let (read, is_whole) = read(&pair, Fault::CutBody(after)).await;
        assert_eq!((read.len(), is_whole), (after, false));
        pair.server.faults().clear();
    }
}

#[tokio::test]
async fn a_body_stalls() {
    let pair = pair().await;
    let (stalled, is_whole) = read(&pair, Fault::StallBody(70_000, None)).await;
    assert_eq!((stalled.len(), is_whole), (70_000, false));
    pair.server.faults().clear();
    let (all, is_whole) = read(&pair, Fault::StallBody(70_000, Some(SOON / 3))).await;
    assert_eq!((all.len(), is_whole), (100_000, true));
}

#[tokio::test]
async fn a_body_is_slow() {
    let pair = pair().await;
    let began = now();
    let (all, is_whole) = read(&pair, Fault::SlowBody(400_000)).await;
    assert_eq!((all.len(), is_whole), (100_000, true));
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_is_wrong() {
    let pair = pair().await;
    pair.put("a", "hello").await;
    pair.server
        .faults()
        .add(Rule::on(Operation::GetObject, Fault::Wrong(1)));
    let got = pair.client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    // The SDK asks for checksums, and compares.
    let error = got.body.collect().await.unwrap_err();
    assert!(
        format!("{}", DisplayErrorContext(&error)).contains("hecksum"),
        "{error:?}"
    );
}

#[tokio::test]
async fn every_operation_can_fail() {
    let pair = pair().await;
    pair.server
        .faults()
        .add(Rule::always(Fault::Status(500, "InternalError")));
    assert_eq!(
        refusal(pair.client.list_buckets().send().await),
        says(500, "InternalError")
    );
    assert_eq!(
        refusal(pair.client.head_object().bucket(BUCKET).key("a").send().await).0,
        500
    );
    let list = pair.client.list_objects_v2().bucket(BUCKET).send().await;
    assert!(matches!(list, Err(SdkError::ServiceError(_))), "{list:?}");
}
