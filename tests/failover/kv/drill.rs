//! The drill's faults at tables: the layer plays at keys as it does at objects.

use crate::scripted::secs;
use evenkeel::{
    Endpoint, ErrorKind, KvClient, Replication,
    drill::{FaultLayer, Scenario, Timeline},
    provider::MemoryTable,
    request::LegKind,
};
use std::time::Duration;
use tokio::time::Instant;

/// A client over virginia and ireland, with this fault at virginia from 10 s on.
fn drilled(fault: &str, tables: [MemoryTable; 2]) -> (KvClient, Timeline) {
    let scenario = format!(
        r#"{{ "name": "tables", "phases": [
            {{ "name": "fine", "duration": "10s", "rules": [] }},
            {{ "name": "trouble", "duration": "60s",
               "rules": [{{ "target": {{ "region": "us-east-1" }}, "fault": {fault} }}] }}
        ] }}"#
    );
    let timeline = Timeline::new(Scenario::from_json(&scenario).unwrap(), 7).unwrap();
    let played = timeline.clone();
    let [virginia, ireland] = tables;
    let client = KvClient::builder()
        .endpoint(Endpoint::new("virginia", virginia).provider("aws").region("us-east-1"))
        .endpoint(Endpoint::new("ireland", ireland).provider("aws").region("eu-west-1"))
        .replication(Replication::provider_managed())
        .endpoint_layer(move |profile| FaultLayer::new(played.clone(), profile.clone()))
        .seed(7)
        .build()
        .unwrap();
    timeline.start_now();
    (client, timeline)
}

/// Two handles of one table: a copy that never lags.
fn one_table() -> [MemoryTable; 2] {
    let table = MemoryTable::new();
    [table.clone(), table]
}

#[tokio::test(start_paused = true)]
async fn lost_answers_cause_no_false_conflict() {
    let (client, _timeline) = drilled(r#""reset_after_request""#, one_table());
    client.put("k", "v0").await.unwrap();
    tokio::time::sleep(secs(10)).await;
    // Every answer of the home is lost: what was done is not known, and is said so; never a conflict.
    let error = client.put_if_absent("new", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    let confirmed = error
        .attempts()
        .iter()
        .filter(|attempt| attempt.why() == LegKind::Confirm);
    assert_eq!(
        confirmed.count(),
        0,
        "nothing came back that would have to be confirmed"
    );
    let id = error.write_id().unwrap().clone();
    tokio::time::sleep(secs(61)).await;
    // Once it is over, the same write recognises itself.
    client.put_if_absent("new", "v").write_id(id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reads_leave_a_hanging_home_and_no_call_waits_for_the_home() {
    let (client, _timeline) = drilled(r#""hang""#, one_table());
    client.put("k", "v").await.unwrap();
    tokio::time::sleep(secs(10)).await;
    let start = Instant::now();
    let value = client.get("k").await.unwrap();
    assert_eq!((value.endpoint(), value.is_possibly_stale()), ("ireland", true));
    assert!(start.elapsed() < secs(2), "{:?}", start.elapsed());
    let error = client
        .compare_and_set("k", value.version().clone(), "w")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "the copy's version: {error}");
    let error = client.put("k", "w").deadline(secs(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    assert!(start.elapsed() < secs(8), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lagging_copy_shows_old_values() {
    let (client, _timeline) = drilled(r#""stale_reads""#, one_table());
    client.put("k", "old").await.unwrap();
    assert_eq!(client.get("k").await.unwrap().bytes(), "old");
    assert_eq!(client.scan("").collect_all().await.unwrap().entries.len(), 1);
    tokio::time::sleep(secs(10)).await;
    client.put("k", "new").await.unwrap();
    client.put("k2", "new").await.unwrap();
    assert_eq!(client.get("k").pin("virginia").await.unwrap().bytes(), "old");
    assert_eq!(
        client
            .scan("")
            .pin("virginia")
            .collect_all()
            .await
            .unwrap()
            .entries
            .len(),
        1
    );
    assert_eq!(client.get("k").pin("ireland").await.unwrap().bytes(), "new");
}

#[tokio::test(start_paused = true)]
async fn tables_play_drips_and_latency() {
    let (client, _timeline) = drilled(r#"{ "delay": { "by": "300ms" } }"#, one_table());
    client.put("k", "v").await.unwrap();
    tokio::time::sleep(secs(10)).await;
    let start = Instant::now();
    client.put("k", "w").await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
}
