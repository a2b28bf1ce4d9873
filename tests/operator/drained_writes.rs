//! Writes drained, while reads go on: at every door.

use crate::store::{Store, Table, Trouble};
use evenkeel::{
    Endpoint, ErrorKind, Failover, KvClient, ObjectClient, Replication,
    ops::operator::{Action, Operator, Refused, Selector},
    provider::{MemoryTable, ObjectProvider},
    request::{
        Key, OpClass,
        object::{Get, Put, PutMode},
    },
    verdict::AnyError,
};
use std::{
    sync::Arc,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn drain(operator: &Operator, endpoint: &str) -> u64 {
    let proposal = operator.drain_writes(Selector::endpoint(endpoint), "it fills up", HOUR);
    assert_eq!(proposal.affected(), [endpoint]);
    proposal.apply().unwrap()
}

fn over<S: Clone>(stores: &[S; 2]) -> Vec<Endpoint<S>> {
    let named = ["virginia", "ireland"].into_iter().zip(stores);
    named.map(|(name, store)| Endpoint::new(name, store.clone())).collect()
}

fn objects(replication: Replication) -> (ObjectClient, [Store; 2]) {
    let stores = [(); 2].map(|()| Store::new());
    let builder = ObjectClient::builder().endpoints(over(&stores));
    (builder.replication(replication).seed(1).build().unwrap(), stores)
}

#[tokio::test(start_paused = true)]
async fn an_object_client_writes_elsewhere_and_keeps_reading() {
    let (client, [virginia, _]) = objects(Replication::write_once());
    client.put("old", "v").await.unwrap();
    let order = drain(&client.operator(), "virginia");
    virginia.forget();
    assert_eq!(client.put("new", "v").await.unwrap().endpoint(), "ireland");
    assert_eq!(client.get("old").await.unwrap().endpoint(), "virginia");
    assert_eq!(client.get("new").await.unwrap().body().as_ref(), b"v");
    assert_eq!(client.list("").collect_all().await.unwrap().entries.len(), 2);
    let pinned = client.put("pinned", "v").pin("virginia").await.unwrap_err();
    assert!(
        pinned
            .to_string()
            .contains("virginia was not used because the operator has drained its writes"),
        "{pinned}"
    );
    // A delete is done when all have confirmed it.
    let delete = client.delete("old").await.unwrap_err();
    assert!(
        delete
            .to_string()
            .contains("virginia was not asked because the operator has drained its writes"),
        "{delete}"
    );
    assert!(!virginia.log().iter().any(|what| matches!(*what, "put" | "delete")));
    client.operator().lift(order);
    client.delete("old").await.unwrap();
    assert_eq!(client.put("back", "v").await.unwrap().endpoint(), "virginia");
}

#[tokio::test(start_paused = true)]
async fn drained_writes_stay_away_even_with_every_other_endpoint_down() {
    let (client, [virginia, ireland]) = objects(Replication::write_once());
    drain(&client.operator(), "virginia");
    ireland.writes_meet(Trouble::Refused);
    client.put("k", "v").await.unwrap_err();
    assert!(!virginia.log().contains(&"put"));
    tokio::time::sleep(HOUR).await;
    assert_eq!(client.put("k", "v").await.unwrap().endpoint(), "virginia");
}

#[tokio::test(start_paused = true)]
async fn draining_the_home_leaves_no_endpoint_for_writes() {
    let (client, [virginia, ireland]) = objects(Replication::provider_managed());
    client.put("k", "v").await.unwrap();
    let drain = || {
        client
            .operator()
            .drain_writes(Selector::endpoint("virginia"), "migration", HOUR)
    };
    assert!(drain().leaves().is_empty());
    assert_eq!(
        drain().apply().unwrap_err().to_string(),
        "the order to drain writes virginia was refused: no endpoint would be left to serve writes; ireland cannot, \
         because it takes no writes"
    );
    drain().apply_regardless().unwrap();
    let refused = client.put("k2", "v").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::HomeUnavailable);
    assert_eq!(client.get("k").await.unwrap().endpoint(), "virginia");
    assert_eq!((virginia.log(), ireland.asked()), (vec!["put", "get"], 0));
}

#[tokio::test(start_paused = true)]
async fn a_table_writes_at_another_replica_and_keeps_reading() {
    let one = MemoryTable::new();
    let tables = [(); 2].map(|()| Table::on(one.clone()));
    let builder = KvClient::builder().endpoints(over(&tables));
    let client = builder.replication(Replication::strong()).seed(1).build().unwrap();
    client.put("k", "1").await.unwrap();
    let [virginia, ireland] = tables;
    drain(&client.operator(), "virginia");
    virginia.forget();
    assert_eq!(client.put("k", "2").await.unwrap().endpoint(), "ireland");
    assert_eq!(client.increment("k", 1).await.unwrap(), 3);
    assert!(client.put_many([("k2", "v")]).await.unwrap()[0].is_ok());
    client.delete("k2").await.unwrap();
    assert_eq!(client.get("k").await.unwrap().endpoint(), "virginia");
    assert!(client.get_many(["k"]).await.unwrap()[0].is_ok());
    assert_eq!(client.scan("").collect_all().await.unwrap().entries.len(), 1);
    assert!(
        !virginia
            .log()
            .iter()
            .any(|what| matches!(*what, "put" | "put_many" | "delete"))
    );
    assert!(ireland.log().contains(&"put"));
}

#[tokio::test(start_paused = true)]
async fn a_failover_writes_elsewhere_and_keeps_reading() {
    let clients = [(); 2].map(|()| Store::new());
    let client = Failover::builder().endpoints(over(&clients)).seed(1).build().unwrap();
    let put = |store: Store| async move {
        let mut put = Put::new(Key::new("k").unwrap(), "v");
        put.mode = PutMode::Overwrite;
        ObjectProvider::put(&store, put).await.map_err(AnyError::new)
    };
    let get = |store: Store| async move {
        let get = Get::new(Key::new("k").unwrap());
        ObjectProvider::get(&store, get).await.map_err(AnyError::new)
    };
    client.write(put).await.unwrap();
    let [virginia, ireland] = clients;
    drain(&client.operator(), "virginia");
    virginia.forget();
    client.write(put).await.unwrap();
    client.idempotent_write(put).pin("virginia").await.unwrap_err();
    client.read(get).await.unwrap();
    assert_eq!((virginia.log(), ireland.log()), (vec!["get"], vec!["put"]));
    let (_, explanation) = client
        .idempotent_write(put)
        .explained()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        explanation.considered()[0].not_used(),
        Some("the operator has drained its writes")
    );
}

#[tokio::test(start_paused = true)]
async fn drained_writes_are_reported_and_count_for_the_guard() {
    let calls = Arc::new(AtomicU32::new(0));
    let heard = calls.clone();
    let client = Failover::builder()
        .endpoint(Endpoint::new("virginia", 1_u8))
        .endpoint(Endpoint::new("ireland", 2))
        .endpoint(Endpoint::new("archive", 3).read_only())
        .on_event(move |event| {
            let told =
                event.to_string() == "the operator ordered: drain writes virginia for at most 3600s (it fills up)";
            heard.fetch_add(u32::from(told), Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let operator = client.operator();
    let order = drain(&operator, "virginia");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    let snapshot = client.snapshot();
    let [seen] = &*snapshot.orders else {
        panic!("{snapshot}")
    };
    assert_eq!(
        (seen.number, seen.action, &*seen.endpoints, &*seen.reason),
        (order, Action::DrainWrites, &["virginia".to_owned()][..], "it fills up")
    );
    assert!(snapshot.to_string().contains("drain writes"), "{snapshot}");
    let viable = |class| {
        let names = snapshot
            .viable(class)
            .map(|endpoint| endpoint.profile.name().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(viable(OpClass::Read), ["virginia", "ireland", "archive"]);
    assert_eq!(viable(OpClass::Write), ["ireland"]);
    // What is left takes writes alone: neither its writes nor all of it can be drained, nor may all calls go where none is taken.
    let last = |proposal: evenkeel::ops::operator::Proposal| {
        let refused = proposal.apply().unwrap_err();
        assert!(
            matches!(refused, Refused::LeavesNothing { calls: "writes", .. }),
            "{refused}"
        );
    };
    last(operator.drain_writes(Selector::endpoint("ireland"), "too", HOUR));
    last(operator.drain(Selector::endpoint("ireland"), "too", HOUR));
    last(operator.force(Selector::endpoint("virginia"), "all there", HOUR));
    operator.lift(order);
    // Without it whoever is on call knows what a drain does.
    operator
        .force(Selector::endpoint("virginia"), "all there", HOUR)
        .apply()
        .unwrap();
}
