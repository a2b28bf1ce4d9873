//! A table and a store that count what they are asked.

use evenkeel::{
    endpoint::Host,
    provider::{Capabilities, KvProvider, Memory, MemoryTable, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        kv::{Delete, Get, GetMany, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value},
        object,
    },
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Chances, per request or key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A key of a batch is left undone.
    pub(super) undone: f64,
    /// It is refused, and nothing happens.
    pub(super) refused: f64,
    /// It is lost on the way: nothing happens, and nobody knows.
    pub(super) swallowed: f64,
    /// It happens, and the answer is lost.
    pub(super) lost: f64,
}

/// A store that counts what it is asked, and fails by chance.
#[derive(Clone)]
pub(super) struct Flaky<S = MemoryTable> {
    store: S,
    pub(super) faults: Arc<Mutex<Faults>>,
    chance: Arc<Mutex<fastrand::Rng>>,
    asked: Arc<AtomicU64>,
    /// Pages, which are counted apart.
    pub(super) pages: Arc<AtomicU64>,
}

impl<S> Flaky<S> {
    pub(super) fn over(store: S, faults: Faults, seed: u64) -> Self {
        Self {
            store,
            faults: Arc::new(Mutex::new(faults)),
            chance: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            asked: Arc::default(),
            pages: Arc::default(),
        }
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn draws(&self, chance: impl Fn(Faults) -> f64) -> bool {
        self.chance.lock().unwrap().f64() < chance(*self.faults.lock().unwrap())
    }

    async fn arrives(&self) -> Result<(), ProviderError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let micros = self.chance.lock().unwrap().u64(500..5_000);
        tokio::time::sleep(Duration::from_micros(micros)).await;
        if self.draws(|faults| faults.refused) {
            return Err(failed(Sent::No));
        }
        match self.draws(|faults| faults.swallowed) {
            true => Err(failed(Sent::Maybe)),
            false => Ok(()),
        }
    }

    async fn arrives_for_a_page(&self) -> Result<(), ProviderError> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.asked.fetch_sub(1, Ordering::Relaxed);
        self.arrives().await
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
            .map(|result| {
                if self.draws(|faults| faults.undone) {
                    left()
                } else {
                    result
                }
            })
            .collect()
    }
}

fn failed(sent: Sent) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Failed, Outcome::new(Verdict::Unreachable, sent))
}

impl KvProvider for Flaky {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        self.arrives().await?;
        self.leaves(self.store.get(get).await)?
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.arrives().await?;
        self.leaves(self.store.put(put).await)?
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.arrives().await?;
        self.leaves(self.store.delete(delete).await)?
    }

    async fn scan(&self, mut scan: Scan) -> Result<ScanPage, ProviderError> {
        self.arrives_for_a_page().await?;
        scan.limit = Some(scan.limit.unwrap_or(10).min(10));
        self.leaves(self.store.scan(scan).await)?
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        self.arrives().await?;
        let results = self.undone(self.store.get_many(many).await?);
        self.leaves(results)
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        self.arrives().await?;
        let results = self.undone(self.store.put_many(many).await?);
        self.leaves(results)
    }

    fn limits(&self) -> Limits {
        self.store.limits().with_batches(10, 10)
    }

    fn has_strong_replicas(&self) -> bool {
        true
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        Some(Vec::new())
    }
}

impl ObjectProvider for Flaky<Memory> {
    async fn put(&self, put: object::Put) -> Result<object::PutAnswer, ProviderError> {
        self.arrives().await?;
        self.leaves(self.store.put(put).await)?
    }

    async fn get(&self, get: object::Get) -> Result<object::Object, ProviderError> {
        self.arrives().await?;
        self.leaves(self.store.get(get).await)?
    }

    async fn head(&self, head: object::Head) -> Result<object::ObjectMeta, ProviderError> {
        self.arrives().await?;
        self.leaves(self.store.head(head).await)?
    }

    async fn delete(&self, delete: object::Delete) -> Result<(), ProviderError> {
        self.arrives().await?;
        self.leaves(self.store.delete(delete).await)?
    }

    async fn list(&self, mut list: object::List) -> Result<object::ListPage, ProviderError> {
        self.arrives_for_a_page().await?;
        list.limit = Some(10);
        self.leaves(self.store.list(list).await)?
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

/// A store that counts what it is asked, and can be unreachable.
#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) store: Memory,
    pub(super) asked: Arc<AtomicU64>,
    pub(super) dead: Arc<AtomicBool>,
    /// Listings come in pages of one.
    pub(super) short: bool,
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

/// As DynamoDB: 16 MB and no more, whatever was asked for.
#[derive(Clone)]
pub(super) struct Sized(pub(super) Flaky);

impl KvProvider for Sized {
    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        let mut left = 16_usize << 20;
        let mut full = false;
        let results = self.0.get_many(many).await?.into_iter().map(|result| match result {
            Ok(value) if !full && value.bytes.len() <= left => {
                left -= value.bytes.len();
                Ok(value)
            }
            _ => {
                full = true;
                let outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);
                Err(ProviderError::new(ProviderErrorKind::Throttled, outcome))
            }
        });
        Ok(results.collect())
    }

    fn limits(&self) -> Limits {
        self.0.limits().with_batches(100, 25)
    }

    values_through!(self.0: get put delete scan);
}
