//! What extra requests cost, whoever makes them.
#![allow(clippy::disallowed_methods)] // the test's own clock

mod stores;

use crate::promise::{self, Promise};
use evenkeel::{
    Endpoint, ErrorKind, KvClient, ObjectClient, Replication,
    ops::snapshot::Snapshot,
    provider::{KvProvider, Memory, MemoryTable},
    request::{
        WriteId,
        kv::{self, Get},
    },
    stack::retry::Exception,
};
use futures_util::future::join_all;
use libtest_mimic::Trial;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use stores::{Faults, Flaky, Sized, Store};
use tokio::time::Instant;

pub(crate) fn trials() -> Vec<Trial> {
    let tries = Promise::Budget;
    vec![
        tries.paused("budget::undone_keys_of_a_batch_are_retried_within_the_budget", a_batch),
        tries.paused("budget::a_put_many_is_retried_within_the_budget", a_put_of_several),
        tries.paused("budget::a_batch_reports_keys_that_the_budget_refused", said_key_by_key),
        tries.paused(
            "budget::a_conditional_get_goes_elsewhere_within_the_budget",
            a_conditional_get,
        ),
        tries.paused("budget::a_listing_goes_elsewhere_within_the_budget", a_listing),
        tries.paused("budget::a_put_with_its_own_id_confirms_once_and_is_counted", an_own_id),
        tries.paused("budget::a_client_does_not_contend_with_itself", contention_within),
        tries.paused(
            "budget::contending_clients_count_within_their_budgets",
            contention_between,
        ),
        tries.paused("budget::a_large_answer_that_ends_early_is_no_extra", a_large_answer),
        tries.paused("budget::every_request_is_needed_or_paid_or_named", every_request),
        tries.paused(
            "budget::contending_overwrites_are_retried_within_the_budget",
            contending_overwrites,
        ),
        tries.paused(
            "budget::creates_with_lost_answers_are_retried_within_the_budget",
            lost_creates,
        ),
        tries.paused(
            "budget::every_request_for_an_object_is_needed_or_paid_or_named",
            every_request_for_an_object,
        ),
    ]
}

/// What no budget may refuse, as the client counts it.
fn named(snapshot: &Snapshot) -> u64 {
    snapshot.beyond_the_budget.iter().map(|(_, count)| count).sum()
}

fn client(tables: &[Flaky], replication: Replication, seed: u64) -> KvClient {
    let names = ["virginia", "ireland", "frankfurt"];
    let endpoints = names.iter().zip(tables);
    KvClient::builder()
        .endpoints(endpoints.map(|(name, table)| Endpoint::new(*name, table.clone())))
        .replication(replication)
        .seed(seed)
        .build()
        .unwrap()
}

fn one(faults: Faults) -> (Flaky, KvClient) {
    let table = Flaky::over(MemoryTable::new(), faults, promise::seed());
    let client = client(
        std::slice::from_ref(&table),
        Replication::provider_managed(),
        promise::seed(),
    );
    (table, client)
}

/// What the default budget allows beside `needed` requests: a tenth of the calls, one a second, and a bank of ten.
fn at_most(needed: u64, calls: u64, since: Instant) -> u64 {
    needed + calls / 10 + since.elapsed().as_secs() + 1 + 10
}

#[track_caller]
fn within(asked: u64, needed: u64, calls: u64, since: Instant) {
    let most = at_most(needed, calls, since);
    assert!(
        asked <= most,
        "{asked} requests for {calls} calls that need {needed}; at most {most}"
    );
}

async fn a_batch() {
    let (table, client) = one(Faults {
        undone: 0.5,
        ..Faults::default()
    });
    let since = Instant::now();
    for _ in 0..500 {
        let _ = client.get_many(["a", "b", "c", "d"]).await;
    }
    within(table.asked(), 500, 500, since);
}

async fn a_put_of_several() {
    let (table, client) = one(Faults {
        undone: 0.5,
        ..Faults::default()
    });
    let since = Instant::now();
    for _ in 0..500 {
        let _ = client.put_many([("a", "1"), ("b", "2"), ("c", "3")]).await;
    }
    within(table.asked(), 500, 500, since);
}

/// Nothing is lost: what was found is there, and each key that was not asked for again says why.
async fn said_key_by_key() {
    let (table, client) = one(Faults::default());
    let values: Vec<_> = (0..10).map(|i| (format!("k{i}"), i.to_string())).collect();
    client.put_many(values.clone()).await.unwrap();
    table.faults.lock().unwrap().undone = 0.5;
    let mut refused = 0;
    for _ in 0..100 {
        let Ok(results) = client.get_many(values.iter().map(|(key, _)| key.clone())).await else {
            continue;
        };
        for ((_, value), result) in values.iter().zip(results) {
            match result {
                Ok(found) => assert_eq!(found.bytes(), value.as_bytes()),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Throttled, "{error}");
                    assert!(error.is_retryable());
                    refused += usize::from(error.to_string().contains("budget"));
                }
            }
        }
    }
    assert!(refused > 50, "{refused} keys name the budget");
}

fn objects(stores: [&Store; 2]) -> ObjectClient {
    let names = ["virginia", "ireland"].into_iter().zip(stores);
    ObjectClient::builder()
        .endpoints(names.map(|(name, store)| Endpoint::new(name, store.clone())))
        .replication(Replication::provider_managed())
        .seed(promise::seed())
        .build()
        .unwrap()
}

/// The tag's endpoint is asked first, and the others then: that is a second request, whoever makes it.
async fn a_conditional_get() {
    let (virginia, ireland) = (Store::default(), Store::default());
    let client = objects([&virginia, &ireland]);
    let tag = client.put("k", "v").await.unwrap().etag().unwrap().clone();
    virginia.dead.store(true, Ordering::Relaxed);
    let since = Instant::now();
    let before = virginia.asked.load(Ordering::Relaxed);
    let of_ireland = ireland.asked.load(Ordering::Relaxed);
    for _ in 0..300 {
        let _ = client.get("k").if_none_match(tag.clone()).await;
    }
    let at_virginia = virginia.asked.load(Ordering::Relaxed) - before;
    let at_ireland = ireland.asked.load(Ordering::Relaxed) - of_ireland;
    within(at_virginia + at_ireland, 300, 300, since);
}

/// A page is fetched where the last one came from, and elsewhere when that fails.
async fn a_listing() {
    let store = Store {
        short: true,
        ..Store::default()
    };
    let (virginia, ireland) = (
        store.clone(),
        Store {
            asked: Arc::default(),
            dead: Arc::default(),
            ..store
        },
    );
    let client = objects([&virginia, &ireland]);
    for i in 0..40 {
        client.put(format!("k{i:02}"), "v").await.unwrap();
    }
    let asked = || virginia.asked.load(Ordering::Relaxed) + ireland.asked.load(Ordering::Relaxed);
    let (before, since) = (asked(), Instant::now());
    let mut pages = 0;
    for _ in 0..20 {
        let mut listing = client.list("").stream();
        for at in 0..40 {
            // Where the last page came from is gone, whoever that was.
            virginia.dead.store(at % 2 == 1, Ordering::Relaxed);
            ireland.dead.store(at % 2 == 0, Ordering::Relaxed);
            pages += 1;
            match futures_util::StreamExt::next(&mut listing).await {
                Some(Ok(_)) => {}
                _ => break,
            }
        }
    }
    // The puts have earned their share, too.
    within(asked() - before, pages + named(&client.snapshot()), pages + 40, since);
}

/// A create that meets what is there, under an id that an earlier call may have used: it looks once at whose write that is,
/// or whoever sends his writes anew could never finish.
async fn an_own_id() {
    let (table, client) = one(Faults::default());
    for i in 0..300 {
        client
            .put_if_absent(format!("k{i}"), "v")
            .write_id(WriteId::new(format!("mine-{i}")))
            .await
            .unwrap();
    }
    let before = table.asked();
    // Whether it is his own or a foreign one, the client looks.
    for i in 0..300 {
        client
            .put_if_absent(format!("k{i}"), "v")
            .write_id(WriteId::new(format!("mine-{i}")))
            .await
            .unwrap();
        let other = WriteId::new(format!("other-{i}"));
        let refused = client
            .put_if_absent(format!("k{i}"), "v")
            .write_id(other)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists, "{refused}");
    }
    let beyond = client.snapshot().beyond_the_budget;
    assert!(beyond.contains(&(Exception::Recognition, 600)), "{beyond:?}");
    assert_eq!(table.asked() - before, 600 + 600);
    assert!(
        client
            .snapshot()
            .to_string()
            .contains("beyond the budget: 600 recognitions")
    );
}

/// Eight tasks of one client on one counter: nobody loses a race, so nothing is asked twice.
async fn contention_within() {
    let (table, client) = one(Faults::default());
    let count = |client: KvClient| async move {
        for _ in 0..50 {
            client.increment("n", 1).await.unwrap();
        }
    };
    join_all((0..8).map(|_| count(client.clone()))).await;
    let asked = table.asked();
    assert_eq!(client.increment("n", 0).await.unwrap(), 400);
    assert!(asked <= 2 * 400, "{asked} requests for 400 increments");
}

/// Four clients on one counter: what they lose to each other they ask again within their budgets, or say so.
async fn contention_between() {
    let shared = MemoryTable::new();
    let tables: Vec<_> = (0..4)
        .map(|i| Flaky::over(shared.clone(), Faults::default(), promise::seed() + i))
        .collect();
    let since = Instant::now();
    let count = |(table, seed): (&Flaky, u64)| {
        let client = client(std::slice::from_ref(table), Replication::provider_managed(), seed);
        async move {
            let (mut added, mut unknown) = (0, 0);
            for _ in 0..50 {
                match client.increment("n", 1).deadline(Duration::from_secs(1)).await {
                    Ok(_) => added += 1,
                    // The deadline found it on its way.
                    Err(error) if error.may_have_been_applied() => unknown += 1,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
                        assert!(error.is_retryable());
                    }
                }
            }
            (added, unknown)
        }
    };
    let counts: Vec<(i64, i64)> = join_all(tables.iter().zip(promise::seed()..).map(count)).await;
    let added: i64 = counts.iter().map(|(added, _)| added).sum();
    let unknown: i64 = counts.iter().map(|(_, unknown)| unknown).sum();
    for table in &tables {
        within(table.asked(), 100, 50, since);
    }
    let there = shared.get(Get::new(kv::Key::new("n").unwrap())).await.unwrap();
    let there: i64 = std::str::from_utf8(&there.bytes).unwrap().parse().unwrap();
    assert!(
        (added..=added + unknown).contains(&there),
        "{there}: {added}, {unknown}"
    );
}

async fn a_large_answer() {
    let table = Flaky::over(MemoryTable::new(), Faults::default(), promise::seed());
    let client = KvClient::builder()
        .endpoint(Endpoint::new("here", Sized(table.clone())))
        .seed(promise::seed())
        .build()
        .unwrap();
    let large = bytes::Bytes::from(vec![7; 400 << 10]);
    let keys: Vec<_> = (0..100).map(|i| format!("k{i}")).collect();
    for key in &keys {
        client.put(key.clone(), large.clone()).await.unwrap();
    }
    for _ in 0..30 {
        let before = table.asked();
        let found = client.get_many(keys.clone()).await.unwrap();
        assert!(found.iter().all(Result::is_ok));
        // 40 values fit into one answer.
        assert_eq!(table.asked() - before, 3);
    }
}

/// What one call needs, at a client whose batches are of ten.
fn needed(operation: usize, keys: usize, endpoints: usize, replication: &str) -> u64 {
    let requests = match operation {
        4 => 2,
        5 | 6 => keys.div_ceil(10),
        7 if replication == "write_once" => endpoints,
        _ => 1,
    };
    requests as u64
}

fn drawn(chance: &mut fastrand::Rng) -> Faults {
    Faults {
        undone: chance.f64() * 0.5,
        refused: chance.f64() * chance.f64(),
        swallowed: chance.f64() * chance.f64() * 0.5,
        lost: chance.f64() * chance.f64() * 0.5,
    }
}

/// Whatever is called, by whomever, through whatever faults.
async fn every_request() {
    for round in 0..promise::rounds(12) {
        Promise::Budget.tried();
        let seed = promise::seed().wrapping_add(round as u64);
        let faults = drawn(&mut fastrand::Rng::with_seed(seed));
        let (name, replication) = match round % 3 {
            0 => ("provider_managed", Replication::provider_managed()),
            1 => ("write_once", Replication::write_once()),
            _ => ("strong", Replication::strong()),
        };
        let shared = MemoryTable::new();
        let tables: Vec<_> = (0..2 + round % 2)
            .map(|i| match name {
                "strong" => Flaky::over(shared.clone(), faults, seed + i as u64),
                _ => Flaky::over(MemoryTable::new(), faults, seed + i as u64),
            })
            .collect();
        let client = client(&tables, replication, seed);
        let since = Instant::now();
        let needs = AtomicU64::new(0);
        let worker = |seed: u64| {
            let (client, needs, tables) = (client.clone(), &needs, tables.len());
            async move {
                let mut chance = fastrand::Rng::with_seed(seed);
                for _ in 0..100 {
                    let (operation, key) = (chance.usize(..9), format!("k{}", chance.usize(..20)));
                    let keys: Vec<_> = (0..chance.usize(1..25)).map(|i| format!("k{i}")).collect();
                    needs.fetch_add(needed(operation, keys.len(), tables, name), Ordering::Relaxed);
                    match operation {
                        0 => drop(client.get(key).await),
                        1 => drop(client.put(key, "1").await),
                        2 => drop(client.put_if_absent(key, "1").write_id(WriteId::new("mine")).await),
                        3 => {
                            needs.fetch_add(1, Ordering::Relaxed);
                            if let Ok(there) = client.get(key.clone()).await {
                                drop(client.compare_and_set(key, there.version().clone(), "2").await);
                            }
                        }
                        4 => drop(client.increment("n", 1).await),
                        5 => drop(client.get_many(keys).await),
                        6 => drop(client.put_many(keys.into_iter().map(|key| (key, "3"))).await),
                        7 => drop(client.delete(key).await),
                        _ => {
                            needs.fetch_sub(1, Ordering::Relaxed);
                            drop(client.scan("").collect_all().await);
                        }
                    }
                }
            }
        };
        join_all((0..4).map(|i| worker(seed ^ (i << 32)))).await;
        let asked: u64 = tables.iter().map(Flaky::asked).sum();
        let pages: u64 = tables.iter().map(|table| table.pages.load(Ordering::Relaxed)).sum();
        let (needed, beyond) = (needs.load(Ordering::Relaxed), client.snapshot());
        let most = at_most(needed + named(&beyond), 4 * 200 + pages, since);
        assert!(
            asked <= most,
            "seed {seed}, {name}, {faults:?}: {asked} requests, {needed} needed, at most {most}; {beyond}"
        );
    }
}

/// So it is for objects, with two clients that change each other's, and with calls that are fenced.
async fn every_request_for_an_object() {
    for round in 0..promise::rounds(12) {
        Promise::Budget.tried();
        let seed = promise::seed().wrapping_add(round as u64);
        let faults = drawn(&mut fastrand::Rng::with_seed(seed));
        let write_once = round % 2 == 1;
        let shared = [Memory::new(), Memory::new()];
        let since = Instant::now();
        let clients = (0..2).map(|i| one_of_the_clients(&shared, faults, write_once, seed ^ (i << 32), since));
        join_all(clients).await;
    }
}

fn flaky(
    shared: &[Memory; 2],
    faults: Faults,
    replication: Replication,
    seed: u64,
) -> ([Flaky<Memory>; 2], ObjectClient) {
    let stores = [0, 1].map(|i| Flaky::over(shared[i].clone(), faults, seed + i as u64));
    let names = ["virginia", "ireland"].into_iter().zip(&stores);
    let client = ObjectClient::builder()
        .endpoints(names.map(|(name, store)| Endpoint::new(name, store.clone()).capacity(1e6)))
        .replication(replication)
        .seed(seed)
        .build()
        .unwrap();
    (stores, client)
}

/// Three clients write one object, each behind a fence, so that nearly every write finds the state of another's.
async fn contending_overwrites() {
    let shared = [Memory::new(), Memory::new()];
    let since = Instant::now();
    let writers = (0..3).map(|i| {
        let (stores, client) = flaky(
            &shared,
            Faults::default(),
            Replication::provider_managed(),
            promise::seed() + i,
        );
        async move {
            for _ in 0..200 {
                client.put("k", "v").overwrite().fenced().await.unwrap();
            }
            let asked = stores.iter().map(Flaky::asked).sum();
            // The first pays a HEAD for the tag.
            within(asked, 200 + 1 + named(&client.snapshot()), 200, since);
        }
    });
    join_all(writers).await;
}

/// A fifth of the requests are lost on their way: a look finds nothing, so that the create is sent again.
async fn lost_creates() {
    let faults = Faults {
        swallowed: 0.2,
        ..Faults::default()
    };
    let shared = [Memory::new(), Memory::new()];
    let (stores, client) = flaky(&shared, faults, Replication::write_once(), promise::seed());
    let since = Instant::now();
    let calls = (0..500).map(|i| {
        let client = client.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(i)).await;
            let _ = client.put(format!("k{i}"), "v").await;
        }
    });
    join_all(calls).await;
    let asked = stores.iter().map(Flaky::asked).sum();
    within(asked, 500 + named(&client.snapshot()), 500, since);
}

async fn one_of_the_clients(shared: &[Memory; 2], faults: Faults, write_once: bool, seed: u64, since: Instant) {
    let replication = match write_once {
        true => Replication::write_once(),
        false => Replication::provider_managed(),
    };
    let (stores, client) = flaky(shared, faults, replication, seed);
    let (needs, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    let worker = |seed: u64| {
        let (client, needs, calls) = (client.clone(), &needs, &calls);
        async move {
            let mut chance = fastrand::Rng::with_seed(seed);
            for _ in 0..100 {
                let key = format!("k{}", chance.usize(..10));
                let need = |requests: u64| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    needs.fetch_add(requests, Ordering::Relaxed);
                };
                let everywhere = if write_once { 2 } else { 1 };
                match chance.usize(..11) {
                    0 => {
                        need(1);
                        drop(client.get(key).await);
                    }
                    1 => {
                        need(1);
                        drop(client.put(key, "1").overwrite().await);
                    }
                    2 => {
                        // A HEAD for the tag.
                        need(if write_once { 1 } else { 2 });
                        drop(client.put(key, "2").overwrite().fenced().await);
                    }
                    3 => {
                        need(1);
                        drop(client.put(key, "3").await);
                    }
                    4 => {
                        need(1);
                        drop(client.put(key, "4").write_id(WriteId::new("mine")).await);
                    }
                    operation @ 5..=7 => {
                        need(1);
                        let there = client.head(key.clone()).await;
                        let Some(tag) = there.ok().and_then(|there| there.etag().cloned()) else {
                            continue;
                        };
                        need(1);
                        match operation {
                            5 => drop(client.put(key, "5").if_match(tag).await),
                            6 => drop(client.delete(key).if_match(tag).await),
                            _ => drop(client.get(key).if_none_match(tag).await),
                        }
                    }
                    8 => {
                        need(everywhere);
                        drop(client.delete(key).await);
                    }
                    9 => {
                        need(2);
                        drop(client.delete(key).fenced().await);
                    }
                    _ => {
                        need(0);
                        drop(client.list("").collect_all().await);
                    }
                }
            }
        }
    };
    join_all((0..4).map(|i| worker(seed ^ (i << 40)))).await;
    let asked: u64 = stores.iter().map(Flaky::asked).sum();
    let pages: u64 = stores.iter().map(|store| store.pages.load(Ordering::Relaxed)).sum();
    let (needed, beyond) = (needs.into_inner(), client.snapshot());
    let most = at_most(needed + named(&beyond), calls.into_inner() + pages, since);
    assert!(
        asked <= most,
        "seed {seed}, write once {write_once}, {faults:?}: {asked} requests, {needed} needed, at most {most}; {beyond}"
    );
}
