//! A backfill from one real S3 server to another, with the real SDK.

use crate::s3s_server::{self as server, Server};
use evenkeel::{
    Endpoint,
    backfill::{Backfill, CheckpointFile, Report, Verify},
    provider::{ObjectProvider, S3},
    request::{
        Key,
        object::{Attributes, Get, Object, Put, PutMode},
    },
};
use std::{sync::Arc, time::Duration};

const OBJECTS: usize = 40;

fn store(server: &Server) -> S3 {
    // Our server keeps to conditions: see the conformance suite.
    S3::new(aws_sdk_s3::Client::from_conf(server.config().build()), "orders").trusting_conditions()
}

async fn write(store: &S3, number: usize, body: &str) {
    let mut attributes = Attributes::default();
    // Some leave the content type to the store.
    attributes.content_type = number.is_multiple_of(2).then(|| "application/json".into());
    attributes.metadata.insert("number".into(), number.to_string());
    let mut put = Put::new(key(number), body.to_owned());
    put.mode = PutMode::Overwrite;
    put.attributes = Arc::new(attributes);
    store.put(put).await.unwrap();
}

fn key(number: usize) -> Key {
    Key::new(format!("2026/{number:04}.json")).unwrap()
}

async fn read(store: &S3, number: usize) -> Object {
    store.get(Get::new(key(number))).await.unwrap()
}

async fn two() -> ([Server; 2], S3, S3) {
    let servers = [server::start(&["orders"]).await, server::start(&["orders"]).await];
    let (from, to) = (store(&servers[0]), store(&servers[1]));
    for number in 0..OBJECTS {
        write(&from, number, &format!(r#"{{"total": {number}}}"#)).await;
    }
    (servers, from, to)
}

fn between(from: &S3, to: &S3) -> Backfill {
    Backfill::objects(
        Endpoint::new("virginia", from.clone()),
        Endpoint::new("ireland", to.clone()),
    )
    .prefix("2026/")
}

async fn assert_copied(from: &S3, to: &S3, but: Option<usize>) {
    for number in (0..OBJECTS).filter(|number| Some(*number) != but) {
        let (one, other) = (read(from, number).await, read(to, number).await);
        assert_eq!(
            (one.body, one.meta.attributes),
            (other.body, other.meta.attributes),
            "{number}"
        );
    }
}

#[tokio::test]
async fn a_backfill_copies_between_buckets() {
    for verify in [Verify::ReadBack, Verify::Length] {
        let (_servers, from, to) = two().await;
        write(&to, 7, "somebody else's").await;
        let backfill = || between(&from, &to).verify(verify);
        let estimate = backfill().estimate().await.unwrap();
        let dry = backfill().dry_run().await.unwrap();
        let report = backfill().run().await.unwrap();
        assert_eq!(estimate.keys, OBJECTS as u64);
        assert_eq!(dry.counts, report.counts);
        assert_eq!(
            (report.counts.copied, report.counts.conflicts),
            (OBJECTS as u64 - 1, 1),
            "{}",
            report.counts
        );
        // A conflict ends with the comparison.
        assert_eq!(report.source_requests, estimate.source_requests - 1);
        assert_eq!(report.target_requests, estimate.target_requests);
        assert_eq!(read(&to, 7).await.body, "somebody else's");
        assert_copied(&from, &to, Some(7)).await;

        let again = backfill().run().await.unwrap();
        assert_eq!(
            (again.counts.copied, again.counts.skipped, again.counts.conflicts),
            (0, OBJECTS as u64 - 1, 1)
        );
    }
}

#[tokio::test]
async fn a_killed_backfill_resumes() {
    let (_servers, from, to) = two().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoint");
    let run = || {
        between(&from, &to)
            .concurrency(4)
            .checkpoint(CheckpointFile::new(&path))
            .run()
    };
    let mut kills = 0;
    let report: Report = loop {
        let patience = Duration::from_millis(20 + 40 * kills);
        match tokio::time::timeout(patience, run()).await {
            Ok(ended) => break ended.unwrap(),
            Err(_) => kills += 1,
        }
        // A save that was under way ends by itself.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let done = std::fs::read_to_string(&path).unwrap_or_default();
        if !done.contains(key(OBJECTS - 1).as_str()) {
            // Its copy is not there, or outdated from here on.
            write(&from, OBJECTS - 1, &format!(r#"{{"total": "after kill {kills}"}}"#)).await;
        }
    };
    assert!(kills > 0);
    assert!(report.is_clean(), "{}", report.counts);
    assert_eq!(report.counts.keys(), OBJECTS as u64);
    assert_copied(&from, &to, None).await;
}
