//! What ends a drill in production: expiry, a person, too few calls that go well.

use crate::support::{profile, scenario};
use evenkeel::{
    BoxError, Endpoint, ObjectClient,
    drill::{Ended, FaultLayer, FaultService, Guard, Timeline},
    provider::{AnyObjectProvider, Memory, ObjectService, ProviderError},
    request::{
        Call, Key, OpClass, Safety,
        object::{Get, ObjectRequest, ObjectResponse, Put, PutMode},
    },
};
use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, advance, sleep, timeout};
use tower::{Layer, ServiceExt};

const SEC: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

struct GameDay {
    drill: Timeline,
    service: FaultService<ObjectService>,
    told: Arc<Mutex<Vec<Ended>>>,
}

/// One that has not begun, and lasts a minute at most.
fn game_day(fault: &str) -> GameDay {
    let told = Arc::new(Mutex::new(vec![]));
    let hear = told.clone();
    let guard = Guard::lasting(MINUTE).on_end(move |ended| hear.lock().unwrap().push(*ended));
    let drill = Timeline::guarded(scenario(&format!(r#"{{ "fault": {fault} }}"#)), 7, guard).unwrap();
    let store = ObjectService::new("primary", AnyObjectProvider::new(Memory::new()));
    GameDay {
        service: FaultLayer::new(drill.clone(), profile()).layer(store),
        drill,
        told,
    }
}

impl GameDay {
    async fn put(&self) -> Result<(), BoxError> {
        let mut put = Put::new(Key::new("k").unwrap(), vec![7; 1000]);
        put.mode = PutMode::Overwrite;
        let call = Call::with(ObjectRequest::Put(put), OpClass::Write, Safety::Idempotent);
        self.service.clone().oneshot(call).await.map(drop)
    }

    async fn get(&self) -> Result<ObjectResponse, BoxError> {
        let get = ObjectRequest::Get(Get::new(Key::new("k").unwrap()));
        let call = Call::with(get, OpClass::Read, Safety::ReadOnly);
        self.service.clone().oneshot(call).await
    }

    fn told(&self) -> Vec<Ended> {
        self.told.lock().unwrap().clone()
    }

    fn observe(&self, success: bool, times: usize) {
        for _ in 0..times {
            self.drill.observe(success);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_guarded_drill_always_expires() {
    let day = game_day(r#""refuse""#);
    for _ in 0..2 {
        // Started, also anew, it lasts a minute of its hour,
        day.drill.start_now();
        advance(59 * SEC).await;
        day.put().await.unwrap_err();
        assert_eq!(day.drill.ended(), None);
        advance(SEC).await;
        day.put().await.unwrap();
        // and stays over.
        advance(10 * MINUTE).await;
        day.put().await.unwrap();
        assert_eq!(day.drill.ended(), Some(Ended::Expired { lasted: MINUTE }));
        assert!(day.drill.now().is_none());
    }
    assert_eq!(day.told().len(), 2, "told once each time");
}

#[tokio::test(start_paused = true)]
async fn the_expiry_counts_from_the_start_of_the_drill() {
    let day = game_day(r#""refuse""#);
    let now = Instant::now();
    day.drill.start(now + 5 * MINUTE);
    day.put().await.unwrap();
    advance(5 * MINUTE + 59 * SEC).await;
    day.put().await.unwrap_err();
    advance(SEC).await;
    day.put().await.unwrap();

    let now = Instant::now();
    day.drill.start(now - 30 * MINUTE);
    day.put().await.unwrap_err();
    advance(MINUTE).await;
    day.put().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_held_call_goes_on_when_the_drill_expires() {
    let day = game_day(r#""hang""#);
    day.drill.start_now();
    advance(50 * SEC).await;
    let start = Instant::now();
    day.put().await.unwrap();
    assert_eq!(start.elapsed(), 10 * SEC);
    assert_eq!(day.told(), [Ended::Expired { lasted: MINUTE }]);
}

#[tokio::test(start_paused = true)]
async fn a_held_call_goes_on_when_the_drill_is_stopped() {
    for fault in [
        r#""hang""#,
        r#""hang_connect""#,
        r#"{ "delay": { "by": "20s" } }"#,
        r#"{ "drip": { "bytes_per_second": 10 } }"#,
    ] {
        let day = game_day(fault);
        day.put().await.unwrap();
        day.drill.start_now();
        let stop = async {
            sleep(Duration::from_millis(800)).await;
            day.drill.clone().stop();
        };
        let start = Instant::now();
        let (answer, again, ()) = futures_util::join!(day.get(), day.get(), stop);
        // They are served as if there had been nothing,
        for answer in [answer, again] {
            assert!(
                matches!(answer, Ok(ObjectResponse::Get(object)) if object.body.len() == 1000),
                "{fault}"
            );
        }
        assert_eq!(start.elapsed(), Duration::from_millis(800), "{fault}");
        // and so are all others.
        day.put().await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(800), "{fault}");
        assert_eq!(day.told(), [Ended::Stopped]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_end_of_the_drill_is_not_lost() {
    let day = game_day(r#""reset_after_request" }, { "fault": { "delay": { "by": "20s" } }"#);
    day.drill.start_now();
    let stop = async {
        sleep(SEC).await;
        day.drill.stop();
    };
    let (answer, ()) = futures_util::join!(day.put(), stop);
    answer.unwrap();
    // An error of the provider's own stays one.
    let day = game_day(r#"{ "delay": { "by": "20s" } }"#);
    day.drill.start_now();
    let stop = async {
        sleep(SEC).await;
        day.drill.stop();
    };
    let (answer, ()) = futures_util::join!(day.get(), stop);
    assert!(answer.unwrap_err().is::<ProviderError>());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_held_call_never_reaches_the_provider() {
    let day = game_day(r#""hang""#);
    day.drill.start_now();
    assert!(timeout(SEC, day.put()).await.is_err());
    day.drill.stop();
    sleep(SEC).await;
    day.get().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_drill_below_its_floor_ends_and_stays_ended() {
    let day = game_day(r#""refuse""#);
    day.drill.start_now();
    day.observe(true, 18);
    day.observe(false, 1);
    day.put().await.unwrap_err();
    day.observe(false, 1);
    day.put().await.unwrap();
    let ended = day.drill.ended().unwrap();
    assert_eq!(
        ended.to_string(),
        "90.0 % of the last 20 calls succeeded, and 95.0 % must"
    );
    // However well it goes then, and however badly,
    for _ in 0..120 {
        day.observe(true, 100);
        advance(SEC / 2).await;
        day.put().await.unwrap();
        day.observe(false, 100);
    }
    assert_eq!(day.told(), [ended]);
    // until somebody starts it again: with a clean slate.
    day.drill.start_now();
    assert_eq!(day.drill.ended(), None);
    day.observe(false, 19);
    day.put().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn too_few_calls_or_calls_outside_the_drill_do_not_end_it() {
    let day = game_day(r#""refuse""#);
    // Before the start,
    day.observe(false, 1000);
    day.drill.start(Instant::now() + SEC);
    day.observe(false, 1000);
    assert_eq!(day.drill.ended(), None);
    // too few, and again too few when those are forgotten,
    advance(SEC).await;
    day.observe(false, 19);
    advance(31 * SEC).await;
    day.observe(false, 19);
    day.put().await.unwrap_err();
    assert_eq!(day.drill.ended(), None);
    // and after the end.
    day.drill.stop();
    day.observe(false, 1000);
    assert_eq!(day.told(), [Ended::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn a_completed_drill_does_not_count_as_aborted() {
    let json =
        r#"{ "name": "short", "phases": [{ "name": "all", "duration": "10s", "rules": [{ "fault": "refuse" }] }] }"#;
    let short = evenkeel::drill::Scenario::from_json(json).unwrap();
    let guard = || Guard::lasting(MINUTE).on_end(|ended| panic!("{ended}"));
    let drill = Timeline::guarded(short, 7, guard()).unwrap();
    // Stopped after its end, and expired after its end:
    for after in [11 * SEC, 2 * MINUTE] {
        drill.start_now();
        advance(after).await;
        for _ in 0..100 {
            drill.observe(false);
        }
        assert_eq!(drill.ended(), None);
        drill.stop();
        assert_eq!(drill.ended(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_guard_counts_ended_calls_once_and_dropped_calls_never() {
    let drill = game_day(r#""hang""#).drill;
    let faults = drill.clone();
    let client = ObjectClient::builder()
        .endpoint(
            Endpoint::new("primary", Memory::new())
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint_layer(move |profile| FaultLayer::new(faults.clone(), profile.clone()))
        .on_call_end(drill.watch())
        .seed(7)
        .build()
        .unwrap();
    drill.start_now();
    // Given callers who do not wait,
    for _ in 0..100 {
        assert!(timeout(SEC / 10, client.get("k").into_future()).await.is_err());
    }
    assert_eq!(drill.ended(), None);
    // then nineteen who do are too few, however many attempts each of them makes,
    for _ in 0..19 {
        client.get("k").deadline(SEC).await.unwrap_err();
    }
    assert_eq!(drill.ended(), None);
    // what was wrong at the door does not count,
    client.get("../k").await.unwrap_err();
    assert_eq!(drill.ended(), None);
    // and the twentieth ends it: also for a listing's page.
    client.list("").deadline(SEC).collect_all().await.unwrap_err();
    assert!(matches!(drill.ended(), Some(Ended::BelowFloor { calls: 20, .. })));
    assert_eq!(client.list("").collect_all().await.unwrap().entries.len(), 0);
}

#[test]
fn concurrent_failures_end_the_drill_once() {
    let day = game_day(r#""refuse""#);
    day.drill.start_now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| day.observe(false, 100));
        }
    });
    assert!(matches!(day.told()[..], [Ended::BelowFloor { .. }]));
}
