//! A create under write-once whose answer was lost.

use super::wire::{Fate, Wire};
use crate::promise::{Promise, rounds, seed};
use evenkeel::{
    Endpoint, ErrorKind, KvClient, ObjectClient, Replication,
    provider::{Memory, MemoryTable, ObjectProvider},
    request::{
        Key,
        object::{Get, Put},
    },
};
use libtest_mimic::Trial;
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn client(wires: &[Wire<Memory>]) -> ObjectClient {
    let names = ["virginia", "ireland", "stackit"];
    let endpoints = names
        .iter()
        .zip(wires)
        .map(|(name, wire)| Endpoint::new(*name, wire.clone()));
    let builder = ObjectClient::builder().endpoints(endpoints);
    builder.replication(Replication::write_once()).seed(1).build().unwrap()
}

fn key() -> Key {
    Key::new("k").unwrap()
}

async fn body(wire: &Wire<Memory>) -> Option<bytes::Bytes> {
    Some(wire.inner.get(Get::new(key())).await.ok()?.body)
}

pub(super) fn trials() -> Vec<Trial> {
    let twice = Promise::NoSecondWrite;
    vec![
        twice.paused("writes::a_create_whose_conflict_was_lost_exists_already", || async {
            let wires = [Wire::to(Memory::new()), Wire::to(Memory::new())];
            wires[0].inner.put(Put::new(key(), "theirs")).await.unwrap();
            wires[0].then([Fate::lost()]);
            let error = client(&wires).put("k", "ours").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            assert_eq!(body(&wires[1]).await, None, "a second body");
            assert_eq!(wires[0].log(), ["put", "head"]);
        }),
        twice.paused(
            "writes::a_create_of_a_table_whose_conflict_was_lost_exists_already",
            || async {
                let tables = [Wire::to(MemoryTable::new()), Wire::to(MemoryTable::new())];
                let plain = KvClient::builder().endpoint(Endpoint::new("virginia", tables[0].inner.clone()));
                plain.build().unwrap().put("k", "theirs").await.unwrap();
                tables[0].then([Fate::lost()]);
                let names = ["virginia", "ireland"];
                let endpoints = names
                    .iter()
                    .zip(&tables)
                    .map(|(name, table)| Endpoint::new(*name, table.clone()));
                let builder = KvClient::builder()
                    .endpoints(endpoints)
                    .replication(Replication::write_once());
                let error = builder.seed(1).build().unwrap().put("k", "ours").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
                assert_eq!(tables[1].log(), [""; 0], "a second value");
            },
        ),
        twice.paused("writes::a_stored_create_with_a_lost_answer_is_stored_once", || async {
            let wires = [Wire::to(Memory::new()), Wire::to(Memory::new())];
            wires[0].then([Fate::lost()]);
            let stored = client(&wires).put("k", "ours").await.unwrap();
            assert_eq!(
                (stored.endpoint(), stored.earlier_attempt_unresolved()),
                ("virginia", false)
            );
            assert_eq!(body(&wires[1]).await, None, "a second body");
        }),
        twice.paused(
            "writes::a_lost_create_that_fails_over_is_reported_unresolved",
            || async {
                let wires = [Wire::to(Memory::new()), Wire::to(Memory::new())];
                wires[0].then([Fate::lost_and_late(30)]);
                let stored = client(&wires).put("k", "ours").await.unwrap();
                assert_eq!(
                    (stored.endpoint(), stored.earlier_attempt_unresolved()),
                    ("ireland", true)
                );
                sleep(Duration::from_secs(60)).await;
                assert_eq!(body(&wires[0]).await, body(&wires[1]).await, "two bodies, of one write");
            },
        ),
        twice.paused("writes::an_endpoint_that_hangs_does_not_hold_a_create", || async {
            let hang = |_, _| Fate::late(86_400);
            let wires = [Wire::to(Memory::new()).drawing(hang), Wire::to(Memory::new())];
            let client = client(&wires);
            let stored = timeout(Duration::from_millis(2_500), async { client.put("k", "ours").await });
            let stored = stored.await.unwrap().unwrap();
            assert_eq!(
                (stored.endpoint(), stored.earlier_attempt_unresolved()),
                ("ireland", true)
            );
        }),
        twice.paused("writes::a_single_endpoint_is_retried_after_a_confirmation", || async {
            let wires = [Wire::to(Memory::new())];
            wires[0].then([Fate::lost_and_late(30)]);
            let stored = client(&wires).put("k", "ours").await.unwrap();
            assert!(stored.earlier_attempt_unresolved());
            assert_eq!(wires[0].log(), ["put", "head", "put"]);
        }),
        twice.paused("writes::no_create_stores_two_objects_unreported", move || async move {
            let mut stored_elsewhere = 0;
            for round in 0..rounds(300) {
                twice.tried();
                let mut rng = fastrand::Rng::with_seed(seed() ^ round as u64);
                let wires: Vec<Wire<Memory>> = (0..rng.usize(2..=3))
                    .map(|_| {
                        let mut rng = rng.fork();
                        Wire::to(Memory::new()).drawing(move |name, _| match rng.u8(0..10) {
                            0..3 if name == "put" => Fate::lost(),
                            3..5 if name == "put" => Fate::lost_and_late(rng.u64(1..600)),
                            5 => Fate::late(rng.u64(3..600)),
                            6 => Fate {
                                back: Duration::from_secs(600),
                                ..Fate::default()
                            },
                            _ => Fate::default(),
                        })
                    })
                    .collect();
                let theirs = rng.bool().then(|| rng.usize(0..wires.len()));
                if let Some(at) = theirs {
                    wires[at].inner.put(Put::new(key(), "theirs")).await.unwrap();
                }
                let created = client(&wires).put("k", "ours").await;
                let Ok(stored) = created else { continue };
                let at = ["virginia", "ireland", "stackit"]
                    .iter()
                    .position(|name| *name == stored.endpoint());
                assert_eq!(
                    body(&wires[at.unwrap()]).await.as_deref(),
                    Some(&b"ours"[..]),
                    "round {round}"
                );
                sleep(Duration::from_secs(1_200)).await;
                let mut bodies = Vec::new();
                for wire in &wires {
                    bodies.extend(body(wire).await);
                }
                if bodies.len() > 1 && !stored.earlier_attempt_unresolved() {
                    // Whoever was not asked cannot say no: write-once never asked everybody before a create.
                    let asked = theirs.is_some_and(|at| wires[at].log().contains(&"put"));
                    assert!(!asked, "round {round}: {bodies:?}");
                }
                stored_elsewhere += usize::from(stored.endpoint() != "virginia");
            }
            assert!(stored_elsewhere > 10, "creates do fail over: {stored_elsewhere}");
        }),
    ]
}
