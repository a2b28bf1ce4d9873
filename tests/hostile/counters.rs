//! Many increments of one key by one client: a table that is slow, that hangs for a while, that loses answers, and callers who
//! give up.
#![allow(clippy::disallowed_methods)] // the test's own clock

use crate::promise::{Promise, rounds, seed};
use evenkeel::{
    Endpoint, Error, ErrorKind, KvClient,
    provider::{KvProvider, MemoryTable, ProviderError, ProviderErrorKind},
    request::kv::{Delete, Get, KvResponse, Limits, Put, PutAnswer, Scan, ScanPage, Value},
    verdict::{Outcome, Sent, Verdict},
};
use futures_util::future::join_all;
use libtest_mimic::Trial;
use std::{
    collections::BTreeSet,
    future::{Future, IntoFuture, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Promise::Healthy.paused(
            "counters::a_slow_table_counts_two_hundred_concurrent_increments",
            at_a_slow_table,
        ),
        Promise::Deadline.paused(
            "counters::a_recovered_table_counts_every_increment_in_time",
            at_a_table_that_hung,
        ),
        Promise::NoSecondWrite.paused("counters::a_dropped_increment_fails_no_other", who_gives_up),
        Promise::NoSecondWrite.paused(
            "counters::increments_with_lost_answers_count_once",
            where_answers_are_lost,
        ),
        Promise::BadInput.paused("counters::an_overflowing_increment_is_refused_alone", what_does_not_fit),
        Promise::Deadline.paused("counters::a_short_deadline_is_kept_and_fails_no_other", short_deadlines),
        Promise::NoSecondWrite.paused(
            "counters::a_timed_out_increment_of_a_batch_is_maybe_applied",
            out_of_time_under_way,
        ),
        Promise::Healthy.paused(
            "counters::only_increments_with_equal_options_share_a_write",
            like_with_like,
        ),
        Promise::OwnCode.paused("counters::a_panic_at_a_key_does_not_wedge_it", a_panic),
        Promise::NoSecondWrite.paused(
            "counters::a_panic_after_the_write_repeats_no_increment",
            a_panic_on_the_way_back,
        ),
    ]
}

/// How a table is.
#[derive(Clone, Copy, Debug, Default)]
struct How {
    takes: Duration,
    /// Of a thousand: done, and the answer is lost.
    lost: u32,
    /// Whatever comes before this is never answered, and never done.
    hangs_until: Option<Instant>,
    panics: bool,
    /// A put before this fails to connect, after a while.
    puts_unsent_until: Option<Instant>,
}

#[derive(Clone)]
struct Table {
    table: MemoryTable,
    how: Arc<Mutex<How>>,
    chance: Arc<Mutex<fastrand::Rng>>,
    asked: Arc<AtomicU64>,
    /// Which of the puts that were sent were without expiry.
    puts: Arc<Mutex<Vec<bool>>>,
}

impl Table {
    fn new(how: How) -> Self {
        Self {
            table: MemoryTable::new(),
            how: Arc::new(Mutex::new(how)),
            chance: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed()))),
            asked: Arc::default(),
            puts: Arc::default(),
        }
    }

    fn client(&self) -> KvClient {
        self.client_of(seed())
    }

    /// Write ids are drawn from the seed, so that no two clients have the same.
    fn client_of(&self, seed: u64) -> KvClient {
        KvClient::builder()
            .endpoint(Endpoint::new("home", self.clone()).capacity(1e6))
            .seed(seed)
            .build()
            .unwrap()
    }

    async fn meet<T>(&self, act: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let how = *self.how.lock().unwrap();
        if how.hangs_until.is_some_and(|until| Instant::now() < until) {
            pending::<()>().await;
        }
        sleep(how.takes / 2).await;
        assert!(!how.panics, "told to");
        let done = act.await;
        sleep(how.takes / 2).await;
        if self.chance.lock().unwrap().u32(0..1000) < how.lost {
            let outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);
            return Err(ProviderError::new(ProviderErrorKind::Failed, outcome));
        }
        done
    }

    async fn value(&self) -> i64 {
        let key = evenkeel::request::kv::Key::new("k").unwrap();
        let there = self.table.get(Get::new(key)).await;
        there.map_or(0, |value| std::str::from_utf8(&value.bytes).unwrap().parse().unwrap())
    }
}

impl KvProvider for Table {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        self.meet(self.table.get(get)).await
    }
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        let unsent_until = self.how.lock().unwrap().puts_unsent_until;
        if unsent_until.is_some_and(|until| Instant::now() < until) {
            sleep(Duration::from_millis(100)).await;
            let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
            return Err(ProviderError::new(ProviderErrorKind::Failed, outcome));
        }
        self.puts.lock().unwrap().push(put.without_expiry);
        self.meet(self.table.put(put)).await
    }
    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.meet(self.table.delete(delete)).await
    }
    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        self.meet(self.table.scan(scan)).await
    }
    fn limits(&self) -> Limits {
        self.table.limits()
    }
}

type Counting = Pin<Box<dyn Future<Output = Result<i64, Error>> + Send>>;

fn at_once(client: &KvClient, count: usize) -> Vec<Counting> {
    (0..count).map(|_| client.increment("k", 1).into_future()).collect()
}

#[track_caller]
fn each_once(sums: Vec<Result<i64, Error>>) {
    let count = sums.len() as i64;
    let sums: BTreeSet<i64> = sums.into_iter().map(|sum| sum.unwrap()).collect();
    assert_eq!(sums, (1..=count).collect());
}

async fn at_a_slow_table() {
    let table = Table::new(How {
        takes: Duration::from_millis(200),
        ..How::default()
    });
    let client = table.client();
    let start = Instant::now();
    each_once(join_all(at_once(&client, 200)).await);
    assert_eq!(table.value().await, 200);
    let (took, asked) = (start.elapsed(), table.asked.load(Ordering::Relaxed));
    assert!(
        took < Duration::from_secs(2) && asked <= 8,
        "{took:?}, {asked} requests"
    );
}

async fn at_a_table_that_hung() {
    let start = Instant::now();
    let table = Table::new(How {
        takes: Duration::from_millis(20),
        hangs_until: Some(start + Duration::from_secs(3)),
        ..How::default()
    });
    let client = table.client();
    each_once(join_all(at_once(&client, 100)).await);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(table.value().await, 100);
}

/// Dropped at any point. Who stays is counted, and counted once; of those who went nobody knows.
async fn who_gives_up() {
    let table = Table::new(How {
        takes: Duration::from_millis(40),
        lost: 100,
        ..How::default()
    });
    let client = table.client();
    let mut rng = fastrand::Rng::with_seed(seed());
    let (mut counted, mut unknown) = (0, 0);
    let mut sums = BTreeSet::new();
    for _ in 0..rounds(100) {
        let calls = at_once(&client, 20).into_iter().map(|call| {
            let (after, patience) = (rng.u64(0..150), rng.bool().then(|| rng.u64(0..200)));
            async move {
                sleep(Duration::from_millis(after)).await;
                match patience {
                    Some(millis) => timeout(Duration::from_millis(millis), call).await.ok(),
                    None => Some(call.await),
                }
            }
        });
        let calls: Vec<_> = calls.collect();
        for ended in join_all(calls).await {
            Promise::NoSecondWrite.tried();
            match ended {
                None => unknown += 1,
                Some(Ok(sum)) => {
                    counted += 1;
                    assert!(sums.insert(sum), "{sum} twice");
                }
                Some(Err(error)) if error.may_have_been_applied() => unknown += 1,
                Some(Err(error)) => assert!(error.is_retryable(), "{error}"),
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
    let value = table.value().await;
    assert!(
        (counted..=counted + unknown).contains(&value),
        "{value}: {counted}, {unknown}"
    );
    table.how.lock().unwrap().lost = 0;
    assert_eq!(client.increment("k", 1).await.unwrap(), value + 1);
    let endpoint = &client.snapshot().endpoints[0];
    assert_eq!(endpoint.in_flight, 0);
}

async fn where_answers_are_lost() {
    let table = Table::new(How {
        takes: Duration::from_millis(10),
        lost: 200,
        ..How::default()
    });
    let (ours, theirs) = (table.client(), table.client_of(seed() + 1));
    let (mut counted, mut unknown) = (0, 0);
    let mut sums = BTreeSet::new();
    for _ in 0..rounds(50) {
        let mut calls = at_once(&ours, 10);
        calls.extend(at_once(&theirs, 3));
        for ended in join_all(calls).await {
            Promise::NoSecondWrite.tried();
            match ended {
                Ok(sum) => {
                    counted += 1;
                    assert!(sums.insert(sum), "{sum} twice");
                }
                Err(error) if error.may_have_been_applied() => {
                    assert!(!error.is_retryable(), "{error}");
                    unknown += 1;
                }
                Err(_) => {}
            }
        }
        sleep(Duration::from_secs(5)).await;
    }
    let value = table.value().await;
    assert!(
        (counted..=counted + unknown).contains(&value),
        "{value}: {counted}, {unknown}"
    );
}

async fn what_does_not_fit() {
    let table = Table::new(How {
        takes: Duration::from_millis(10),
        ..How::default()
    });
    let client = table.client();
    client.increment("k", i64::MAX - 1).await.unwrap();
    let by = |by: i64| client.increment("k", by).into_future();
    // The first goes ahead; the others wait for it.
    let ended = join_all([by(-5), by(3), by(i64::MAX), by(2), by(i64::MIN), by(1)]).await;
    let ended: Vec<_> = ended.into_iter().map(|sum| sum.map_err(|error| error.kind())).collect();
    let end = i64::MAX - 1;
    let rejected = Err(ErrorKind::Rejected);
    assert_eq!(
        ended,
        [
            Ok(end - 5),
            Ok(end - 2),
            rejected,
            Ok(end),
            Ok(end.wrapping_add(i64::MIN)),
            Ok(-1)
        ]
    );
    assert_eq!(table.value().await, -1);
}

async fn short_deadlines() {
    let start = Instant::now();
    let table = Table::new(How {
        takes: Duration::from_millis(100),
        hangs_until: Some(start + Duration::from_secs(2)),
        ..How::default()
    });
    let client = table.client();
    let calls = (0..60).map(|i| {
        let short = i % 3 == 0;
        let deadline = Duration::from_millis(if short { 700 } else { 10_000 });
        let call = client.increment("k", 1).deadline(deadline).into_future();
        async move { (short, call.await, start.elapsed()) }
    });
    let mut long = 0;
    let mut maybe = 0;
    for (short, ended, took) in join_all(calls).await {
        match ended {
            Ok(_) if !short => long += 1,
            Err(error) if short => {
                assert!(took < Duration::from_millis(750), "{took:?}");
                maybe += i64::from(error.may_have_been_applied());
            }
            ended => panic!("{short}: {ended:?} after {took:?}"),
        }
    }
    assert_eq!((long, maybe), (40, 0));
    assert_eq!(table.value().await, 40);
}

/// What they add together is not sent yet when one of them has no time left, and is sent then.
async fn out_of_time_under_way() {
    let mut told = 0;
    for millis in 0..rounds(50) as u64 {
        Promise::NoSecondWrite.tried();
        let table = Table::new(How {
            takes: Duration::from_millis(10),
            ..How::default()
        });
        let client = table.client();
        let how = table.how.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(25)).await;
            how.lock().unwrap().puts_unsent_until = Some(Instant::now() + Duration::from_millis(110));
        });
        let by = |deadline| {
            let call = client.increment("k", 1).deadline(Duration::from_millis(deadline));
            call.into_future()
        };
        // The first has its turn alone.
        let ended = join_all([by(10_000), by(10_000), by(110 + millis), by(10_000)]).await;
        let counted = ended.iter().filter(|sum| sum.is_ok()).count() as i64;
        let maybe = |sum: &&Result<i64, Error>| sum.as_ref().is_err_and(|error| error.may_have_been_applied());
        let unknown = ended.iter().filter(maybe).count() as i64;
        let value = table.value().await;
        assert!(
            (counted..=counted + unknown).contains(&value),
            "{millis}: {value} {ended:?}"
        );
        told += unknown;
    }
    assert!(told > 0);
}

async fn like_with_like() {
    let table = Table::new(How {
        takes: Duration::from_millis(10),
        ..How::default()
    });
    let client = table.client();
    client.increment("k", 1).await.unwrap();
    table.puts.lock().unwrap().clear();
    let calls = (0..31).map(|i| {
        let call = client.increment("k", 1);
        match i % 3 {
            0 => call,
            1 => call.without_expiry(),
            _ => call.pin("home"),
        }
    });
    let calls: Vec<_> = calls.map(IntoFuture::into_future).collect();
    for sum in join_all(calls).await {
        sum.unwrap();
    }
    assert_eq!(table.value().await, 32);
    // The first alone, then each kind together.
    assert_eq!(*table.puts.lock().unwrap(), [false, true, false, false]);
}

/// Under a layer that panics on the way back all have been counted, and nobody is told to count again.
async fn a_panic_on_the_way_back() {
    let table = Table::new(How {
        takes: Duration::from_millis(10),
        ..How::default()
    });
    let falls = Arc::new(AtomicBool::new(false));
    let told = falls.clone();
    let client = KvClient::builder()
        .endpoint(Endpoint::new("home", table.clone()).capacity(1e6))
        .layer(tower::util::MapResponseLayer::new(move |answer: KvResponse| {
            let is_put = matches!(answer, KvResponse::Put(_));
            assert!(!is_put || !told.load(Ordering::Relaxed), "told to");
            answer
        }))
        .seed(seed())
        .build()
        .unwrap();
    falls.store(true, Ordering::Relaxed);
    let calls = at_once(&client, 5).into_iter().map(tokio::spawn);
    for error in join_all(calls).await.into_iter().flatten().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
        assert!(!error.is_retryable());
    }
    assert_eq!(table.value().await, 5);
}

async fn a_panic() {
    let table = Table::new(How {
        takes: Duration::from_millis(10),
        ..How::default()
    });
    let client = table.client();
    table.how.lock().unwrap().panics = true;
    let calls = at_once(&client, 5).into_iter().map(tokio::spawn);
    // The first alone, then the others together: a panic goes to one of each.
    let ended = join_all(calls).await;
    assert_eq!(ended.iter().filter(|ended| ended.is_err()).count(), 2);
    for error in ended.into_iter().flatten().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    table.how.lock().unwrap().panics = false;
    assert_eq!(client.increment("k", 1).await.unwrap(), 1);
    assert_eq!(client.snapshot().endpoints[0].in_flight, 0);
}
