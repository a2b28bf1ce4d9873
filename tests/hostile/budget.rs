//! What extra requests cost, whoever makes them.

use crate::promise::{self, Promise};
use evenkeel::{
    Endpoint, ErrorKind, KvClient, ObjectClient, Replication,
    endpoint::Host,
    provider::{KvProvider, Memory, MemoryTable, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        WriteId,
        kv::{self, Delete, Get, GetMany, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value},
        object,
    },
    verdict::{Outcome, Sent, Verdict},
};
use futures_util::future::join_all;
use libtest_mimic::Trial;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

pub(crate) fn trials() -> Vec<Trial> {
    let tries = Promise::Budget;
    vec![
        tries.paused("budget::a_batch_that_leaves_keys_undone_asks_again_within_the_budget", a_batch),
        tries.paused("budget::a_put_of_several_asks_again_within_the_budget", a_put_of_several),
        tries.paused("budget::what_the_budget_refused_is_said_key_by_key", said_key_by_key),
        tries.paused("budget::a_conditional_get_goes_elsewhere_within_the_budget", a_conditional_get),
        tries.paused("budget::a_listing_goes_elsewhere_within_the_budget", a_listing),
        tries.paused("budget::a_put_with_an_id_of_its_own_looks_within_the_budget", an_own_id),
        tries.paused("budget::a_client_does_not_contend_with_itself", contention_within),
        tries.paused("budget::contending_clients_count_within_their_budgets", contention_between),
    ]
}

/// Chances, per request or key.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    /// A key of a batch is left undone.
    undone: f64,
    /// It is refused, and nothing happens.
    refused: f64,
    /// It happens, and the answer is lost.
    lost: f64,
}

/// A table that counts what it is asked, and fails by chance.
#[derive(Clone)]
struct Flaky {
    table: MemoryTable,
    faults: Arc<Mutex<Faults>>,
    chance: Arc<Mutex<fastrand::Rng>>,
    asked: Arc<AtomicU64>,
}

impl Flaky {
    fn over(table: MemoryTable, faults: Faults, seed: u64) -> Self {
        Self {
            table,
            faults: Arc::new(Mutex::new(faults)),
            chance: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn draws(&self, chance: impl Fn(Faults) -> f64) -> bool {
        self.chance.lock().unwrap().f64() < chance(*self.faults.lock().unwrap())
    }

    async fn arrives(&self) -> Result<(), ProviderError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let micros = self.chance.lock().unwrap().u64(500..5_000);
        tokio::time::sleep(Duration::from_micros(micros)).await;
        match self.draws(|faults| faults.refused) {
            true => Err(failed(Sent::No)),
            false => Ok(()),
        }
    }

    fn leaves<T>(&self, answer: T) -> Result<T, ProviderError> {
        match self.draws(|faults| faults.lost) {
            true => Err(failed(Sent::Maybe)),
            false => Ok(answer),
        }
    }

    fn undone<T>(&self, results: Vec<Result<T, ProviderError>>) -> Vec<Result<T, ProviderError>> {
        let outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);
        let left = || Err(ProviderError::new(ProviderErrorKind::Throttled, outcome));
        let results = results.into_iter();
        results
            .map(|result| if self.draws(|faults| faults.undone) { left() } else { result })
            .collect()
    }
}

fn failed(sent: Sent) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Failed, Outcome::new(Verdict::Unreachable, sent))
}

impl KvProvider for Flaky {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        self.arrives().await?;
        self.leaves(self.table.get(get).await)?
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.arrives().await?;
        self.leaves(self.table.put(put).await)?
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.arrives().await?;
        self.leaves(self.table.delete(delete).await)?
    }

    async fn scan(&self, mut scan: Scan) -> Result<ScanPage, ProviderError> {
        self.arrives().await?;
        scan.limit = Some(scan.limit.unwrap_or(10).min(10));
        self.leaves(self.table.scan(scan).await)?
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        self.arrives().await?;
        let results = self.undone(self.table.get_many(many).await?);
        self.leaves(results)
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        self.arrives().await?;
        let results = self.undone(self.table.put_many(many).await?);
        self.leaves(results)
    }

    fn limits(&self) -> Limits {
        self.table.limits().with_batches(10, 10)
    }

    fn has_strong_replicas(&self) -> bool {
        true
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        Some(Vec::new())
    }
}

fn client(tables: &[Flaky], replication: Replication) -> KvClient {
    let names = ["virginia", "ireland", "frankfurt"];
    let endpoints = names.iter().zip(tables);
    KvClient::builder()
        .endpoints(endpoints.map(|(name, table)| Endpoint::new(*name, table.clone())))
        .replication(replication)
        .seed(promise::seed())
        .build()
        .unwrap()
}

fn one(faults: Faults) -> (Flaky, KvClient) {
    let table = Flaky::over(MemoryTable::new(), faults, promise::seed());
    let client = client(&[table.clone()], Replication::provider_managed());
    (table, client)
}

/// What the default budget allows beside `needed` requests: a tenth of the calls, one a second, and a bank of ten.
fn at_most(needed: u64, calls: u64, since: Instant) -> u64 {
    needed + calls / 10 + since.elapsed().as_secs() + 1 + 10
}

#[track_caller]
fn within(asked: u64, needed: u64, calls: u64, since: Instant) {
    let most = at_most(needed, calls, since);
    assert!(asked <= most, "{asked} requests for {calls} calls that need {needed}; at most {most}");
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

/// A store that counts what it is asked, and can be unreachable.
#[derive(Clone, Default)]
struct Store {
    store: Memory,
    asked: Arc<AtomicU64>,
    dead: Arc<AtomicBool>,
    /// Listings come in pages of one.
    short: bool,
}

impl Store {
    fn arrives(&self) -> Result<(), ProviderError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.dead.load(Ordering::Relaxed) {
            true => Err(failed(Sent::No)),
            false => Ok(()),
        }
    }
}

impl ObjectProvider for Store {
    async fn put(&self, put: object::Put) -> Result<object::PutAnswer, ProviderError> {
        self.arrives()?;
        self.store.put(put).await
    }

    async fn get(&self, get: object::Get) -> Result<object::Object, ProviderError> {
        self.arrives()?;
        self.store.get(get).await
    }

    async fn head(&self, head: object::Head) -> Result<object::ObjectMeta, ProviderError> {
        self.arrives()?;
        self.store.head(head).await
    }

    async fn delete(&self, delete: object::Delete) -> Result<(), ProviderError> {
        self.arrives()?;
        self.store.delete(delete).await
    }

    async fn list(&self, mut list: object::List) -> Result<object::ListPage, ProviderError> {
        self.arrives()?;
        if self.short {
            list.limit = Some(1);
        }
        self.store.list(list).await
    }
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
    let (virginia, ireland) = (store.clone(), Store { asked: Arc::default(), dead: Arc::default(), ..store });
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
    within(asked() - before, pages, pages, since);
}

/// A create that meets what is there, under an id that an earlier call may have used: the look at whose it is is one more.
async fn an_own_id() {
    let (table, client) = one(Faults::default());
    client.put("k", "v").await.unwrap();
    let (since, before) = (Instant::now(), table.asked());
    for i in 0..300 {
        let id = WriteId::new(format!("mine-{i}"));
        let refused = client.put_if_absent("k", "w").write_id(id).await.unwrap_err();
        // Refused by the budget it is unknown, and never "not mine".
        assert!(
            matches!(refused.kind(), ErrorKind::AlreadyExists | ErrorKind::MaybeApplied),
            "{refused}"
        );
        assert_eq!(refused.kind() == ErrorKind::MaybeApplied, refused.to_string().contains("budget"), "{refused}");
    }
    within(table.asked() - before, 300, 300, since);
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
    let count = |table: &Flaky| {
        let client = client(std::slice::from_ref(table), Replication::provider_managed());
        async move {
            let mut added = 0;
            for _ in 0..50 {
                match client.increment("n", 1).deadline(Duration::from_secs(1)).await {
                    Ok(_) => added += 1,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
                        assert!(error.is_retryable());
                    }
                }
            }
            added
        }
    };
    let added: i64 = join_all(tables.iter().map(count)).await.into_iter().sum();
    for table in &tables {
        within(table.asked(), 100, 50, since);
    }
    let there = shared.get(Get::new(kv::Key::new("n").unwrap())).await.unwrap();
    assert_eq!(there.bytes, added.to_string());
}
