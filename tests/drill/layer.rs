//! Each fault in the layer, in paused time, over a store of ten lines.

use crate::support::{profile, struck, timeline};
use bytes::Bytes;
use evenkeel::{
    BoxError,
    drill::{FaultLayer, FaultService, Scenario, Timeline},
    provider::{ProviderError, ProviderErrorKind},
    request::{
        Call, Key, OpClass, Safety,
        object::{Delete, Get, List, ListPage, Object, ObjectMeta, ObjectRequest, ObjectResponse, Put, PutAnswer},
    },
    verdict::{Sent, Verdict},
};
use futures_util::future::BoxFuture;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tower::{Layer, Service, ServiceExt};

/// Answers after 10 ms and counts what it was asked.
#[derive(Clone, Default)]
struct Store {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    calls: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    ready: bool,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Service<Call<ObjectRequest>> for Store {
    type Response = ObjectResponse;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<ObjectResponse, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<ObjectRequest>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        self.calls.fetch_add(1, SeqCst);
        self.running.fetch_add(1, SeqCst);
        let running = Running(self.running.clone());
        let objects = self.objects.clone();
        Box::pin(async move {
            let _running = running;
            tokio::time::sleep(Duration::from_millis(10)).await;
            let mut objects = objects.lock().unwrap();
            Ok(match call.into_request() {
                ObjectRequest::Put(put) => {
                    objects.insert(put.key.as_str().into(), put.body);
                    ObjectResponse::Put(PutAnswer::default())
                }
                ObjectRequest::Get(get) => {
                    let body = objects
                        .get(get.key.as_str())
                        .ok_or_else(ProviderError::not_found)?
                        .clone();
                    let meta = ObjectMeta::new(get.key.as_str(), body.len() as u64);
                    ObjectResponse::Get(Object::new(meta, 0..body.len() as u64, body))
                }
                ObjectRequest::Delete(delete) => {
                    objects.remove(delete.key.as_str());
                    ObjectResponse::Delete
                }
                ObjectRequest::List(_) => ObjectResponse::List(ListPage::default()),
                other => panic!("no {}", other.name()),
            })
        })
    }
}

struct Drill {
    store: Store,
    timeline: Timeline,
    service: FaultService<Store>,
}

/// A drill with these rules that has not started.
fn drill(rules: &str) -> Drill {
    let store = Store::default();
    store
        .objects
        .lock()
        .unwrap()
        .insert("a".into(), Bytes::from(vec![7; 1000]));
    let timeline = timeline(rules);
    let service = FaultLayer::new(timeline.clone(), profile()).layer(store.clone());
    Drill {
        store,
        timeline,
        service,
    }
}

/// A drill with these rules that has.
fn started(rules: &str) -> Drill {
    let drill = drill(rules);
    drill.timeline.start_now();
    drill
}

fn key(key: &str) -> Key {
    Key::new(key).unwrap()
}

fn get(name: &str) -> ObjectRequest {
    ObjectRequest::Get(Get::new(key(name)))
}

fn put(name: &str, body: &'static str) -> ObjectRequest {
    ObjectRequest::Put(Put::new(key(name), body))
}

impl Drill {
    async fn send(&mut self, request: ObjectRequest) -> Result<ObjectResponse, BoxError> {
        let class = request.class();
        self.service
            .ready()
            .await?
            .call(Call::with(request, class, Safety::Once))
            .await
    }

    /// Sends a get that must fail: the error, and how long it took.
    async fn fail(&mut self) -> (ProviderError, Duration) {
        let start = Instant::now();
        let error = self.send(get("a")).await.unwrap_err();
        (*error.downcast().unwrap(), start.elapsed())
    }

    async fn body(&mut self, name: &str) -> Option<Bytes> {
        match self.send(get(name)).await {
            Ok(ObjectResponse::Get(object)) => Some(object.body),
            Err(error) if error.downcast_ref::<ProviderError>().unwrap().kind() == ProviderErrorKind::NotFound => None,
            other => panic!("{other:?}"),
        }
    }

    fn calls(&self) -> usize {
        self.store.calls.load(SeqCst)
    }
}

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn the_layer_plays_nothing_before_start_and_after_stop() {
    let mut drill = drill(r#"{ "fault": "refuse" }"#);
    assert!(drill.body("a").await.is_some());
    drill.timeline.start_now();
    drill.fail().await;
    drill.timeline.stop();
    assert!(drill.body("a").await.is_some());
    drill.timeline.start_now();
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(drill.body("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_connect_is_unsent() {
    for (fault, takes) in [("refuse", 0), ("dns_empty", 0), ("hang_connect", 900)] {
        let mut drill = started(&format!(r#"{{ "fault": "{fault}" }}"#));
        let (error, took) = drill.fail().await;
        assert_eq!(error.outcome().verdict, Verdict::Unreachable, "{fault}");
        assert_eq!(error.outcome().sent, Sent::No, "{fault}");
        assert_eq!(took, takes * MS, "{fault}");
        assert_eq!(drill.calls(), 0, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hang_never_ends() {
    let mut drill = started(r#"{ "fault": "hang" }"#);
    assert!(timeout(Duration::from_secs(1800), drill.send(get("a"))).await.is_err());
    assert_eq!(drill.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reset_before_the_request_never_reaches_the_store() {
    let mut drill = started(r#"{ "fault": "reset_before_request" }"#);
    let (error, _) = drill.fail().await;
    assert_eq!(
        (error.outcome().verdict, error.outcome().sent),
        (Verdict::Faulty, Sent::Maybe)
    );
    assert_eq!(drill.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reset_after_the_request_loses_the_answer_of_a_done_write() {
    let mut drill = started(r#"{ "fault": "reset_after_request" }"#);
    let error = drill.send(put("b", "written")).await.unwrap_err();
    let outcome = error.downcast_ref::<ProviderError>().unwrap().outcome();
    assert!(outcome.may_have_been_applied());
    drill.timeline.stop();
    assert_eq!(drill.body("b").await.unwrap(), "written");
}

#[tokio::test(start_paused = true)]
async fn a_status_comes_with_its_code_and_its_retry_after() {
    let rule = r#"{ "fault": { "status": { "code": 503, "s3_code": "SlowDown", "retry_after": "3s" } } }"#;
    let (error, took) = started(rule).fail().await;
    assert_eq!(error.kind(), ProviderErrorKind::Throttled);
    assert_eq!(error.outcome().verdict, Verdict::Throttled);
    assert_eq!(error.outcome().retry_after, Some(Duration::from_secs(3)));
    assert_eq!(error.to_string(), "HTTP 503, as the drill says (SlowDown)");
    assert_eq!(took, Duration::ZERO);

    let (error, _) = started(r#"{ "fault": { "status": { "code": 503 } } }"#).fail().await;
    assert_eq!(error.outcome().verdict, Verdict::Faulty);
}

#[tokio::test(start_paused = true)]
async fn an_authentication_failure_names_the_credential() {
    let (error, _) = started(r#"{ "fault": { "authentication": {} } }"#).fail().await;
    assert_eq!(error.detail().code.as_deref(), Some("InvalidAccessKeyId"));
    let outcome = error.outcome();
    assert_eq!(
        (outcome.verdict, outcome.sent, outcome.credential),
        (Verdict::Denied, Sent::Maybe, true)
    );
}

#[tokio::test(start_paused = true)]
async fn slowness_multiplies_the_stores_time_and_a_delay_is_added() {
    for (rules, takes) in [
        (r#"{ "fault": { "slow": { "factor": 20 } } }"#, 200),
        (r#"{ "fault": { "delay": { "by": "3s" } } }"#, 3010),
        (
            r#"{ "fault": { "slow": { "factor": 2 } } }, { "fault": { "delay": { "by": "1s" } } }"#,
            1020,
        ),
        (r#"{ "fault": { "drip": { "bytes_per_second": 100 } } }"#, 10_010),
    ] {
        let mut drill = started(rules);
        let start = Instant::now();
        assert_eq!(drill.body("a").await.unwrap().len(), 1000);
        assert_eq!(start.elapsed(), takes * MS, "{rules}");
    }
    let (error, took) =
        started(r#"{ "fault": { "delay": { "by": "3s" } } }, { "fault": { "status": { "code": 500 } } }"#)
            .fail()
            .await;
    assert_eq!((error.outcome().verdict, took), (Verdict::Faulty, 3000 * MS));
}

#[tokio::test(start_paused = true)]
async fn a_truncated_body_is_a_fault() {
    let (error, _) = started(r#"{ "fault": { "truncate": { "share": 0.25 } } }"#)
        .fail()
        .await;
    assert_eq!(
        error.to_string(),
        "the body ended after 250 of 1000 bytes, as the drill says"
    );
    assert_eq!(error.outcome().verdict, Verdict::Faulty);
    let mut long_enough = started(r#"{ "fault": { "truncate": { "after_bytes": 1000 } } }"#);
    assert!(long_enough.body("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_endpoint_serves_its_capacity() {
    let mut drill = started(r#"{ "fault": { "throttle": { "calls_per_second": 10 } } }"#);
    let mut served = 0;
    // 50 calls at 12.5 a second for 4 s: served + refused / 2 = 10 a second, so 7.5 a second are served.
    for _ in 0..50 {
        let asked = Instant::now();
        served += usize::from(drill.send(get("a")).await.is_ok());
        tokio::time::sleep_until(asked + 80 * MS).await;
    }
    assert!((28..=34).contains(&served), "{served}");
}

#[tokio::test(start_paused = true)]
async fn stale_reads_show_the_state_before_the_drill() {
    let mut drill = drill(r#"{ "fault": "stale_reads" }"#);
    // Given a read before the trouble, and a write after that read.
    assert_eq!(drill.body("a").await.unwrap().len(), 1000);
    drill.send(put("a", "before")).await.unwrap();
    drill.timeline.start_now();
    // When keys are written while the copy lags,
    assert_eq!(drill.body("a").await.unwrap(), "before");
    assert_eq!(drill.body("new").await, None);
    drill.send(put("a", "during")).await.unwrap();
    drill.send(put("new", "during")).await.unwrap();
    drill.send(ObjectRequest::Delete(Delete::new(key("a")))).await.unwrap();
    // then reads do not show it
    assert_eq!(drill.body("a").await.unwrap(), "before");
    assert_eq!(drill.body("new").await, None);
    // until the copy has caught up.
    drill.timeline.stop();
    assert_eq!(drill.body("a").await, None);
    assert_eq!(drill.body("new").await.unwrap(), "during");
    // The next lag has a view of its own.
    drill.timeline.start_now();
    assert_eq!(drill.body("new").await.unwrap(), "during");
}

/// Ten objects of 8 MiB are more than the layer keeps.
#[tokio::test(start_paused = true)]
async fn stale_reads_keep_64_mib_of_answers_and_show_the_rest_fresh() {
    let mut drill = drill(r#"{ "fault": "stale_reads" }"#);
    let large = Bytes::from(vec![7; 8 << 20]);
    for n in 0..10 {
        drill
            .store
            .objects
            .lock()
            .unwrap()
            .insert(format!("{n}"), large.clone());
    }
    let mut kept = Vec::new();
    for _ in 0..2 {
        for n in 0..10 {
            assert_eq!(drill.body(&format!("{n}")).await.unwrap().len(), 8 << 20);
        }
        drill.timeline.start_now();
        // Behind the layer's back.
        for n in 0..10 {
            drill.store.objects.lock().unwrap().insert(format!("{n}"), "new".into());
        }
        let mut stale = 0;
        for n in 0..10 {
            stale += u32::from(drill.body(&format!("{n}")).await.unwrap().len() == 8 << 20);
        }
        kept.push(stale);
        drill.timeline.stop();
        for n in 0..10 {
            drill
                .store
                .objects
                .lock()
                .unwrap()
                .insert(format!("{n}"), large.clone());
        }
        let _ = drill.body("absent").await;
    }
    assert_eq!(kept, [8, 8], "the next lag has the room again");
}

#[tokio::test(start_paused = true)]
async fn a_rule_strikes_only_its_classes_and_its_share() {
    let mut drill = started(r#"{ "fault": "refuse", "classes": ["write"] }"#);
    assert!(drill.body("a").await.is_some());
    assert!(drill.send(ObjectRequest::List(List::default())).await.is_ok());
    assert!(drill.send(put("b", "x")).await.is_err());

    let timeline = timeline(r#"{ "fault": "refuse" }"#);
    timeline.start_now();
    let count = || {
        let layer = FaultLayer::new(timeline.clone(), profile()).share(0.3);
        let mut service = layer.layer(Store::default());
        async move {
            let mut refused = vec![];
            for _ in 0..1000 {
                let call = Call::with(put("b", "x"), OpClass::Write, Safety::Once);
                refused.push(service.ready().await.unwrap().call(call).await.is_err());
            }
            refused
        }
    };
    let (first, again) = (count().await, count().await);
    assert_eq!(first, again, "the same seed gives the same drill");
    let refused = first.iter().filter(|refused| **refused).count();
    // Four standard deviations (14.5 each) around 300.
    assert!((242..=358).contains(&refused), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn other_endpoints_are_not_struck() {
    let timeline = timeline(r#"{ "target": { "region": "eu-west-1" }, "fault": "refuse" }"#);
    timeline.start_now();
    let service = FaultLayer::new(timeline, profile()).layer(Store::default());
    let call = Call::with(put("b", "x"), OpClass::Write, Safety::Once);
    assert!(service.oneshot(call).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaks_nothing() {
    let rules = r#"{ "fault": { "slow": { "factor": 10 } } }, { "fault": { "drip": { "bytes_per_second": 100 } } }"#;
    let mut drill = started(rules);
    // While the store works, while slowness is slept off, while the body drips.
    for after in [5, 50, 500] {
        assert!(timeout(after * MS, drill.send(get("a"))).await.is_err());
        assert_eq!(drill.store.running.load(SeqCst), 0);
    }
    drill.timeline.stop();
    assert!(drill.body("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn every_builtin_plays_at_true_length_and_repeatably() {
    async fn play(incident: &Scenario) -> Vec<&'static str> {
        let timeline = Timeline::new(incident.clone(), 7).unwrap();
        let store = Store::default();
        store.objects.lock().unwrap().insert("b".into(), Bytes::new());
        let mut service = FaultLayer::new(timeline.clone(), struck(incident)).layer(store);
        timeline.start_now();
        let mut met = vec![];
        let rules = || incident.phases.iter().flat_map(|phase| &phase.rules);
        let writes_fail = rules().any(|rule| rule.classes.contains(&OpClass::Write));
        // A write every two minutes, or where only reads are struck a read, each given 20 s.
        while timeline.now().is_some() {
            let call = if writes_fail {
                Call::with(put("b", "x"), OpClass::Write, Safety::Once)
            } else {
                Call::with(get("b"), OpClass::Read, Safety::ReadOnly)
            };
            let attempt = service.ready().await.unwrap().call(call);
            met.push(match timeout(Duration::from_secs(20), attempt).await {
                Ok(Ok(_)) => "success",
                Ok(Err(error)) => error
                    .downcast_ref::<ProviderError>()
                    .unwrap()
                    .outcome()
                    .verdict
                    .as_str(),
                Err(_) => "hung",
            });
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
        met
    }
    for incident in Scenario::builtins() {
        let met = play(&incident).await;
        let failed = met.iter().filter(|met| **met != "success").count();
        assert!(
            // Every one ends, but for the fire.
            failed > 10 && (failed < met.len() || incident.name == "ovh-fire-2021"),
            "{}: {failed} of {}",
            incident.name,
            met.len()
        );
        assert_eq!(met, play(&incident).await, "{}", incident.name);
    }
}
