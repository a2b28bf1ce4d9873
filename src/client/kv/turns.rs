//! The turns at a key. Increments of one key by one client take turns, so that they lose no race against each other;
//! each lost race would cost two more requests. Increments that come while another has its turn have the next turn
//! together.

use super::Keys;
use crate::{
    call::{Answer, Context, Error},
    endpoint::Constraints,
    model::clock::Instant,
    request::{Told, kv::Key},
};
use futures_util::future::Shared;
use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// The keys that increments are at, or wait for.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Key, AtKey>>);

#[derive(Default)]
struct AtKey {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The members of all batches. When the last member goes, the entry goes.
    members: usize,
    /// The batches that others may still join, one for each set of terms. Each batch has members.
    open: Vec<(Arc<Batch>, Shared<Work>)>,
}

/// The future that all members of a batch wait for. Any member that is polled drives it. The work ends when no member
/// waits any more.
pub(super) type Work = Pin<Box<dyn Future<Output = Arc<Done>> + Send>>;

/// How the increments of a batch ended.
pub(super) enum Done {
    /// By number. `None`: the sum would not fit, so the increment was left out.
    Counted(BTreeMap<u64, Option<i64>>, Answer),
    Failed(Error),
    /// The first member that takes the panic resumes it.
    Panicked(Mutex<Option<Box<dyn Any + Send>>>),
}

/// The options that increments must share to form one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) pin: Option<usize>,
    pub(super) barred: u64,
    pub(super) without_expiry: bool,
    pub(super) told: Told,
    /// A waiting member drives the others' call, on the timers of the runtime in which the call began. The timers end
    /// with that runtime.
    pub(super) runtime: Option<tokio::runtime::Id>,
}

/// Increments of one key that share a turn.
pub(super) struct Batch {
    turns: Arc<Turns>,
    pub(super) key: Key,
    pub(super) terms: Terms,
    pub(super) constraints: Constraints,
    turn: Arc<tokio::sync::Mutex<()>>,
    members: Mutex<Members>,
    /// The call that the members make together, once they have their turn.
    pub(super) cx: OnceLock<Context<Keys>>,
}

struct Members {
    /// What each member adds, by number, in order of arrival. A member that gave up is removed.
    by: BTreeMap<u64, i64>,
    next: u64,
    /// When the member with the latest deadline began, and that deadline.
    lasts: (Instant, Instant),
    put: Counting,
}

/// Whether a put counts the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// No put counts them, nor ever did.
    NotYet,
    /// A put that counts them is being sent, or is of unknown fate.
    UnderWay,
    /// A put counted them.
    Done,
}

/// One member of a batch; gives up when dropped.
pub(super) struct Member {
    pub(super) number: u64,
    pub(super) batch: Arc<Batch>,
    pub(super) work: Shared<Work>,
}

impl Turns {
    /// Joins the increments of these terms that wait for their turn at the key. If none wait, `begin` says what the new
    /// batch does.
    pub(super) fn join(
        self: &Arc<Self>,
        key: &Key,
        (terms, by): (Terms, i64),
        cx: &Context<Keys>,
        begin: impl FnOnce(Arc<Batch>) -> Shared<Work>,
    ) -> Member {
        let mut keys = self.keys();
        let at = keys.entry(key.clone()).or_default();
        let alike = at.open.iter().find(|(batch, _)| batch.terms == terms).cloned();
        let (batch, work) = alike.unwrap_or_else(|| {
            let batch = Arc::new(Batch {
                turns: self.clone(),
                key: key.clone(),
                terms,
                constraints: cx.constraints.clone(),
                turn: at.turn.clone(),
                members: Mutex::new(Members {
                    by: BTreeMap::new(),
                    next: 0,
                    lasts: (cx.started, cx.deadline),
                    put: Counting::NotYet,
                }),
                cx: OnceLock::new(),
            });
            let begun = (batch.clone(), begin(batch));
            at.open.push(begun.clone());
            begun
        });
        at.members += 1;
        let number = batch.members().come(by, (cx.started, cx.deadline));
        drop(keys);
        Member { number, batch, work }
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Key, AtKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AtKey {
    fn close(&mut self, batch: &Arc<Batch>) {
        self.open.retain(|(open, _)| !Arc::ptr_eq(open, batch));
    }
}

impl Members {
    fn come(&mut self, by: i64, lasts: (Instant, Instant)) -> u64 {
        let number = self.next;
        self.next += 1;
        self.by.insert(number, by);
        if lasts.1 > self.lasts.1 {
            self.lasts = lasts;
        }
        number
    }
}

impl Batch {
    /// Waits for the batch's turn, in order of arrival. The turn lasts as long as the returned guard. Nobody can join
    /// the batch any more, so the latest deadline of its members is the batch's deadline; the second value holds when
    /// that member began, and the deadline.
    pub(super) async fn come(self: &Arc<Self>) -> (impl Drop + Send + use<>, (Instant, Instant)) {
        let turn = self.turn.clone().lock_owned().await;
        let mut keys = self.turns.keys();
        if let Some(at) = keys.get_mut(&self.key) {
            at.close(self);
        }
        drop(keys);
        let lasts = self.members().lasts;
        (turn, lasts)
    }

    /// What each waiting member adds, in order of arrival: for a put that goes out now.
    pub(super) fn draw(&self) -> Vec<(u64, i64)> {
        let mut members = self.members();
        members.put = Counting::UnderWay;
        members.by.iter().map(|(&number, &by)| (number, by)).collect()
    }

    /// Notes the end of a put: it was applied, or it was not and never will be.
    pub(super) fn ended(&self, counted: bool) {
        self.members().put = match counted {
            true => Counting::Done,
            false => Counting::NotYet,
        };
    }

    /// Whether a put of this batch counts, or may count, the members that it was drawn for.
    pub(super) fn counting(&self) -> Counting {
        self.members().put
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Excludes this member from later puts. Returns whether a put counts the member already, and whether other members
    /// go on.
    pub(super) fn give_up(&self) -> (Counting, bool) {
        let mut members = self.batch.members();
        members.by.remove(&self.number);
        (members.put, !members.by.is_empty())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.give_up();
        // Nothing of a batch ends under the lock: this member still holds it.
        let mut keys = self.batch.turns.keys();
        let Some(at) = keys.get_mut(&self.batch.key) else {
            return;
        };
        if self.batch.members().by.is_empty() {
            at.close(&self.batch);
        }
        at.members -= 1;
        if at.members == 0 {
            keys.remove(&self.batch.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Endpoint, KvClient,
        provider::{KvProvider, MemoryTable, ProviderError},
        request::kv::{Delete, Get, Limits, Put, PutAnswer, Scan, ScanPage, Value},
    };
    use futures_util::future::join_all;
    use std::{
        future::{Future, IntoFuture, poll_fn},
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    fn client() -> KvClient {
        let endpoint = Endpoint::new("home", MemoryTable::new());
        KvClient::builder().endpoint(endpoint).build().unwrap()
    }

    #[tokio::test]
    async fn finished_increments_leave_no_turn_behind() {
        let client = client();
        let calls = (0..30).map(|i| client.increment(format!("{}", i % 3), 1).into_future());
        join_all(calls).await.into_iter().for_each(|sum| assert!(sum.is_ok()));
        assert!(client.turns.keys().is_empty());
    }

    /// Of different batches of one key, at the same time.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn immediately_dropped_increments_leave_no_turn_behind() {
        let client = client();
        for round in 0..500 {
            let calls = (0..6).map(|i| {
                let call = client.increment("k", 1);
                let mut call = Box::pin(if i % 2 == 0 { call } else { call.without_expiry() }.into_future());
                tokio::spawn(async move {
                    let polled = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
                    if !polled && (round + i) % 3 == 0 {
                        call.await.unwrap();
                    }
                })
            });
            for call in join_all(calls.collect::<Vec<_>>()).await {
                call.unwrap();
            }
            assert!(client.turns.keys().is_empty());
        }
    }

    /// Polled once, with its turn or without, and then dropped in any order.
    #[tokio::test]
    async fn dropped_increments_leave_no_turn_behind() {
        for seed in 0..200 {
            let client = client();
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut calls: Vec<_> = (0..12)
                .map(|i| {
                    let call = client.increment(format!("{}", i % 2), 1);
                    let call = if rng.bool() { call.without_expiry() } else { call };
                    Some(call.into_future())
                })
                .collect();
            for _ in 0..40 {
                let at = rng.usize(0..calls.len());
                if rng.u8(0..4) == 0 {
                    calls[at] = None;
                } else if let Some(call) = &mut calls[at]
                    && pin!(call).poll(&mut Context::from_waker(Waker::noop())).is_ready()
                {
                    calls[at] = None;
                }
            }
            let left: Vec<_> = calls.into_iter().flatten().collect();
            let count = left.len();
            let ended = join_all(left).await;
            assert_eq!(ended.iter().filter(|sum| sum.is_ok()).count(), count);
            assert!(client.turns.keys().is_empty());
        }
    }

    /// A get that is answered after 200 ms of the runtime's own clock.
    #[derive(Clone)]
    struct Slow(MemoryTable);

    impl KvProvider for Slow {
        async fn get(&self, get: Get) -> Result<Value, ProviderError> {
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.0.get(get).await
        }
        async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
            self.0.put(put).await
        }
        async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
            self.0.delete(delete).await
        }
        async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
            self.0.scan(scan).await
        }
        fn limits(&self) -> Limits {
            self.0.limits()
        }
    }

    /// Timers end with the runtime in which they were first polled, so that no batch has members of two.
    #[test]
    fn an_ended_runtime_fails_no_increment_of_another() {
        let endpoint = Endpoint::new("home", Slow(MemoryTable::new()));
        let client = KvClient::builder().endpoint(endpoint).build().unwrap();
        let second = tokio::runtime::Runtime::new().unwrap();
        for _ in 0..5 {
            let first = tokio::runtime::Runtime::new().unwrap();
            // One has its turn, so that the others wait for theirs, nearly all of them in the runtime that ends.
            first.spawn(client.increment("k", 1).into_future());
            std::thread::sleep(Duration::from_millis(50));
            for _ in 0..8 {
                first.spawn(client.increment("k", 1).into_future());
            }
            std::thread::sleep(Duration::from_millis(50));
            let ours = second.spawn(client.increment("k", 1).into_future());
            std::thread::sleep(Duration::from_millis(200));
            first.shutdown_background();
            let ended = second.block_on(ours);
            assert!(ended.is_ok_and(|sum| sum.is_ok()));
        }
        assert!(client.turns.keys().is_empty());
    }
}
