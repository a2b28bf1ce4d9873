//! No request reaches an endpoint that a constraint forbids, through whatever door it comes.

mod counted;
mod random;

use crate::promise::Promise;
use counted::{Counted, Manner};
use evenkeel::{
    BoxError, Endpoint, ErrorKind, Failover, KvClient, ObjectClient, Replication,
    client::{ObjectStack, failover::Op},
    ops::operator::Selector,
    provider::{Memory, MemoryTable},
    request::{Call, CallRecord, Key, OpClass, Safety, WriteId, kv, object},
};
use libtest_mimic::Trial;
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::ServiceExt;

pub(crate) fn trials() -> Vec<Trial> {
    let promise = Promise::Constraint;
    let mut trials = vec![
        promise.paused(
            "constraints::a_put_through_the_service_keeps_the_constraint",
            a_put_through_the_service_stays_where_it_may,
        ),
        promise.paused(
            "constraints::a_value_through_the_service_keeps_the_constraint",
            || async {
                a_value_through_the_service_stays_where_it_may().await;
            },
        ),
        promise.paused(
            "constraints::a_closure_through_the_service_keeps_the_constraint",
            || async {
                a_closure_through_the_service_stays_where_it_may().await;
            },
        ),
        promise.paused(
            "constraints::a_pin_at_a_barred_endpoint_is_refused_with_a_clear_error",
            || async {
                a_pin_at_a_barred_endpoint_is_refused_in_clear_words().await;
            },
        ),
        promise.paused(
            "constraints::no_order_of_an_operator_opens_a_barred_endpoint",
            || async {
                no_order_of_an_operator_opens_a_barred_endpoint().await;
            },
        ),
        promise.paused(
            "constraints::a_layer_around_a_barred_endpoint_reaches_nothing",
            || async {
                a_layer_around_a_barred_endpoint_reaches_nothing().await;
            },
        ),
    ];
    trials.extend(random::trials());
    trials
}

/// One in the US, preferred, and one in Germany; clients below are limited to Germany.
fn both<S: Clone>(store: impl Fn() -> S) -> ([Endpoint<Counted<S>>; 2], [Counted<S>; 2]) {
    let stores = [store(), store()].map(|store| Counted::new(store, Manner::Well));
    let [us, de] = stores.clone();
    let endpoints = [
        Endpoint::new("virginia", us).provider("one").location("US"),
        Endpoint::new("frankfurt", de).provider("one").location("DE"),
    ];
    (endpoints, stores)
}

fn objects() -> (ObjectClient, [Counted<Memory>; 2]) {
    let (endpoints, stores) = both(Memory::new);
    let client = ObjectClient::builder()
        .endpoints(endpoints)
        .replication(Replication::write_once())
        .only_locations(["DE"])
        .seed(1)
        .build()
        .unwrap();
    (client, stores)
}

fn put(key: &str) -> object::ObjectRequest {
    object::ObjectRequest::Put(object::Put::new(Key::new(key).unwrap(), "body"))
}

fn counts<S>(stores: &[Counted<S>; 2]) -> [usize; 2] {
    [stores[0].requests(), stores[1].requests()]
}

async fn a_put_through_the_service_stays_where_it_may() {
    let (client, stores) = objects();
    client.service().oneshot(Call::new(put("a"))).await.unwrap();
    // Nor with a record of one's own that bars the wrong one.
    let record = CallRecord::new(OpClass::Write, Safety::Idempotent).barring(0b10);
    let refused = client.service().oneshot(Call::on_record(put("b"), record)).await;
    assert!(refused.is_err(), "there is no endpoint for it");
    assert_eq!(counts(&stores), [0, 1]);
}

async fn a_value_through_the_service_stays_where_it_may() {
    let (endpoints, tables) = both(MemoryTable::new);
    let client = KvClient::builder()
        .endpoints(endpoints)
        .replication(Replication::provider_managed())
        .only_locations(["DE"])
        .seed(1)
        .build()
        .unwrap();
    let put = kv::Put::new(kv::Key::new("a").unwrap(), "value", WriteId::new("1"));
    let call = Call::new(kv::KvRequest::Put(put));
    client.service().oneshot(call).await.unwrap();
    assert_eq!(counts(&tables), [0, 1]);
}

async fn a_closure_through_the_service_stays_where_it_may() {
    let (endpoints, clients) = both(|| ());
    let failover = Failover::builder()
        .endpoints(endpoints)
        .only_locations(["DE"])
        .seed(1)
        .build()
        .unwrap();
    let ask = Op::new(|client: Counted<()>| async move { client.ask().await });
    failover.service().oneshot(Call::new(ask)).await.unwrap();
    assert_eq!(counts(&clients), [0, 1]);
}

async fn a_pin_at_a_barred_endpoint_is_refused_in_clear_words() {
    let (client, stores) = objects();
    let error = client.get("a").pin("virginia").await.unwrap_err();
    let words = "the call is pinned to virginia, which may not be used because it lies in US, \
                 which is not among the permitted locations";
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(words), "{error}");
    // Through the service there is no door that could look; the router does.
    let record = CallRecord::new(OpClass::Write, Safety::Idempotent).pinned(Some(0));
    let error = client
        .service()
        .oneshot(Call::on_record(put("a"), record))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), words);
    // An SDK's calls as well.
    let (endpoints, clients) = both(|| ());
    let failover = Failover::builder()
        .endpoints(endpoints)
        .only_locations(["DE"])
        .build()
        .unwrap();
    let ask = |client: Counted<()>| async move { client.ask().await };
    let error = failover.read(ask).pin("virginia").await.unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    let record = CallRecord::new(OpClass::Read, Safety::ReadOnly).pinned(Some(0));
    let call = Call::on_record(Op::new(ask), record);
    let error: BoxError = failover.service().oneshot(call).await.unwrap_err();
    assert_eq!(error.to_string(), words);
    assert!(!error.is::<io::Error>());
    assert_eq!([counts(&stores), counts(&clients)], [[0, 0]; 2]);
}

async fn no_order_of_an_operator_opens_a_barred_endpoint() {
    let hour = Duration::from_secs(3_600);
    let us = || Selector::endpoint("virginia");
    // To force calls there leaves nothing, and is refused; given all the same, calls fail.
    let (client, stores) = objects();
    let operator = client.operator();
    assert!(operator.force(us(), "a mistake", hour).apply().is_err());
    operator.force(us(), "a mistake", hour).apply_regardless().unwrap();
    client.service().oneshot(Call::new(put("a"))).await.unwrap_err();
    client.put("a", "body").await.unwrap_err();
    assert_eq!(counts(&stores), [0, 0]);
    // In shadow the most preferred one takes every call: of those that may.
    let (client, stores) = objects();
    client
        .operator()
        .shadow(Selector::provider("one"), "to compare", hour)
        .apply()
        .unwrap();
    client.service().oneshot(Call::new(put("a"))).await.unwrap();
    client.put("b", "body").await.unwrap();
    assert_eq!(counts(&stores), [0, 2]);
}

/// A layer is given each endpoint's service, and may call it when it likes.
async fn a_layer_around_a_barred_endpoint_reaches_nothing() {
    let (endpoints, stores) = both(Memory::new);
    let within: Arc<Mutex<Vec<ObjectStack>>> = Arc::default();
    let keep = within.clone();
    let _client = ObjectClient::builder()
        .endpoints(endpoints)
        .replication(Replication::write_once())
        .only_locations(["DE"])
        .endpoint_layer(move |_| {
            let keep = keep.clone();
            tower::layer::layer_fn(move |inner: ObjectStack| {
                keep.lock().unwrap().push(inner.clone());
                inner
            })
        })
        .build()
        .unwrap();
    let services = within.lock().unwrap().clone();
    for service in services {
        let _ = service.oneshot(Call::new(put("a"))).await;
    }
    assert_eq!(counts(&stores), [0, 1]);
}
