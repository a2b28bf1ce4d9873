//! The fault layer keeps tower's contract, too. It speaks objects: a number is an object of that many bytes.

use evenkeel::{
    Endpoint,
    drill::{FaultLayer, Guard, Scenario, Timeline},
    request::{
        Call, Key,
        object::{Get, Object, ObjectMeta, ObjectRequest, ObjectResponse},
    },
    testing::contract::{self, Watchful},
};
use std::time::Duration;
use tower::{Layer, ServiceExt, layer::layer_fn};

fn number_of(answer: ObjectResponse) -> u32 {
    match answer {
        ObjectResponse::Get(object) => u32::try_from(object.body.len()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn object_of(number: u32) -> ObjectResponse {
    let body = vec![0; number as usize];
    ObjectResponse::Get(Object::new(
        ObjectMeta::new("k", body.len() as u64),
        0..body.len() as u64,
        body.into(),
    ))
}

/// `start` is called for each service that the probe makes.
async fn probe(rules: &str, start: impl Fn(&Timeline)) {
    let json =
        format!(r#"{{ "name": "probe", "phases": [{{ "name": "all", "duration": "1000h", "rules": [{rules}] }}] }}"#);
    let scenario = Scenario::from_json(&json).unwrap();
    contract::probe(|| {
        let guard = Guard::lasting(Duration::from_millis(100));
        let timeline = Timeline::guarded(scenario.clone(), 7, guard).unwrap();
        start(&timeline);
        let faults = FaultLayer::new(timeline, Endpoint::new("here", ()).profile().clone());
        layer_fn(move |inner: Watchful| {
            let objects = inner
                .map_request(|call: Call<ObjectRequest>| Call::with((), call.class(), call.safety()))
                .map_response(object_of);
            faults
                .layer(objects)
                .map_request(|call: Call<()>| {
                    let get = ObjectRequest::Get(Get::new(Key::new("k").unwrap()));
                    Call::with(get, call.class(), call.safety())
                })
                .map_response(number_of)
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_fault_layer_keeps_the_contract() {
    probe(r#"{ "fault": "hang" }"#, |_| {}).await;
}

#[tokio::test(start_paused = true)]
async fn faults_after_the_provider_keep_the_contract() {
    for fault in [
        r#"{ "delay": { "by": "50ms" } }"#,
        r#"{ "slow": { "factor": 3 } }"#,
        r#"{ "drip": { "bytes_per_second": 100 } }"#,
        r#""stale_reads""#,
    ] {
        // A stale read never reaches the provider, and the probe wants each call to: it plays before the lag.
        let start = |timeline: &Timeline| match fault.contains("stale") {
            true => {}
            false => timeline.start_now(),
        };
        probe(&format!(r#"{{ "fault": {fault} }}"#), start).await;
    }
}

/// Until the guard lets them go on, with the readiness that each had.
#[tokio::test(start_paused = true)]
async fn faults_before_the_provider_keep_the_contract() {
    for fault in [r#""hang""#, r#""hang_connect""#] {
        probe(&format!(r#"{{ "fault": {fault} }}"#), Timeline::start_now).await;
    }
}
