//! A game day in production: rehearse an outage, and hurt nobody.

use crate::scripted::{ms, secs};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    drill::{Ended, FaultLayer, Guard, Scenario, Timeline},
    provider::Memory,
};
use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// A user's call: when it began and ended, and whether it was served.
#[derive(Clone, Copy, Debug)]
struct Served {
    began: Duration,
    ended: Duration,
    well: bool,
}

struct Rehearsal {
    drill: Timeline,
    client: ObjectClient,
    why: Arc<Mutex<Vec<String>>>,
}

/// A service on two endpoints, with a rehearsal of an hour built in that has not begun.
fn rehearsal(rule: &str) -> Rehearsal {
    let why = Arc::new(Mutex::new(vec![]));
    let hear = why.clone();
    let guard = Guard::lasting(secs(15 * 60)).on_end(move |ended| hear.lock().unwrap().push(ended.to_string()));
    let scenario =
        format!(r#"{{ "name": "game day", "phases": [{{ "name": "dark", "duration": "1h", "rules": [{rule}] }}] }}"#);
    let drill = Timeline::guarded(Scenario::from_json(&scenario).unwrap(), 7, guard).unwrap();
    let faults = drill.clone();
    let client = ObjectClient::builder()
        .endpoint(
            Endpoint::new("virginia", Memory::new())
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("ireland", Memory::new())
                .provider("aws")
                .region("eu-west-1"),
        )
        .replication(Replication::write_once())
        .endpoint_layer(move |profile| FaultLayer::new(faults.clone(), profile.clone()))
        .on_call_end(drill.watch())
        .seed(7)
        .build()
        .unwrap();
    Rehearsal { drill, client, why }
}

impl Rehearsal {
    /// Ten users a second put something for so long; the drill begins at `begins`.
    async fn live(&self, lasts: Duration, begins: Duration) -> Vec<Served> {
        let start = Instant::now();
        let mut calls = JoinSet::new();
        let mut at = Duration::ZERO;
        while at < lasts {
            sleep_until(start + at).await;
            if at == begins {
                self.drill.start_now();
            }
            let put = self.client.put(format!("{}", at.as_millis()), "{}").into_future();
            let began = at;
            calls.spawn(async move {
                let well = put.await.is_ok();
                let ended = start.elapsed();
                Served { began, ended, well }
            });
            at += ms(100);
        }
        calls.join_all().await
    }
}

fn failed(calls: &[Served]) -> usize {
    calls.iter().filter(|call| !call.well).count()
}

#[tokio::test(start_paused = true)]
async fn a_well_targeted_game_day_fails_no_call_and_expires() {
    let day = rehearsal(r#"{ "target": { "region": "us-east-1" }, "fault": "refuse" }"#);
    let calls = day.live(secs(30 * 60), secs(60)).await;
    assert_eq!(failed(&calls), 0);
    assert_eq!(
        *day.why.lock().unwrap(),
        ["the drill had lasted 900s, the most that its guard allows"]
    );
    // The endpoint is in use again.
    assert_eq!(day.client.put("after", "{}").await.unwrap().endpoint(), "virginia");
}

#[tokio::test(start_paused = true)]
async fn an_untargeted_game_day_is_aborted_and_calls_succeed_again() {
    // Given somebody who forgot the target,
    let day = rehearsal(r#"{ "fault": "refuse" }"#);
    // when the game day begins after a minute,
    let calls = day.live(secs(20 * 60), secs(60)).await;
    // then it ends when it has cost the twenty calls that prove something,
    let why = day.why.lock().unwrap().join(";");
    assert!(why.ends_with("succeeded, and 95.0 % must"), "{why}");
    assert!((20..=22).contains(&failed(&calls)), "{}", failed(&calls));
    // within seconds the users are served again, and stay so to the end of the hour it was to last.
    let last = calls.iter().filter(|call| !call.well).map(|call| call.ended).max();
    assert!(last.unwrap() < secs(60 + 6), "{last:?}");
    assert!(matches!(day.drill.ended(), Some(Ended::BelowFloor { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_game_day_is_aborted_and_held_calls_succeed() {
    let day = rehearsal(r#"{ "fault": "hang" }"#);
    let calls = day.live(secs(10 * 60), secs(60)).await;
    // The first calls fail within seconds, as their limits are known; that is when the guard sees it.
    let aborted = calls
        .iter()
        .filter(|call| !call.well)
        .map(|call| call.ended)
        .max()
        .unwrap();
    assert!(aborted < secs(60 + 14), "{aborted:?}");
    // Who was waiting then, seconds' worth of users, was served at that moment.
    let waiting = calls
        .iter()
        .filter(|call| call.began < aborted && call.ended >= aborted && call.well);
    let waiting: Vec<_> = waiting.collect();
    assert!(waiting.len() >= 20, "{}", waiting.len());
    assert!(waiting.iter().all(|call| call.ended < aborted + ms(100)), "{waiting:?}");
    assert!(matches!(day.drill.ended(), Some(Ended::BelowFloor { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_operator_can_end_a_game_day_at_once() {
    let day = rehearsal(r#"{ "fault": "hang" }"#);
    day.drill.start_now();
    let held = day.client.put("k", "{}").into_future();
    let stop = async {
        tokio::time::sleep(ms(40)).await;
        day.drill.stop();
    };
    let start = Instant::now();
    let (stored, ()) = futures_util::join!(held, stop);
    stored.unwrap();
    assert_eq!(start.elapsed(), ms(40));
    assert_eq!(day.client.get("absent").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(*day.why.lock().unwrap(), ["somebody stopped the drill"]);
}
