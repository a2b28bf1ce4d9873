//! Callers who drop their calls at any point: nothing leaks, nothing is wedged, and whoever stays is served.
#![allow(clippy::disallowed_methods)] // the test's own clock

use crate::promise::{Promise, rounds, seed};
use evenkeel::{
    Endpoint, Failover, KvClient, ObjectClient, Replication,
    provider::{
        Capabilities, Capability, KvProvider, Memory, MemoryTable, ObjectProvider, ProviderError, ProviderErrorKind,
    },
    request::{
        kv,
        object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer},
    },
    verdict::{Classify, Outcome, Sent, Verdict},
};
use libtest_mimic::Trial;
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = [
        ("home", Replication::provider_managed()),
        ("once", Replication::write_once()),
    ]
    .into_iter()
    .map(|(name, replication)| {
        let name = format!("cancellation::dropped_calls_of_an_object_client_leak_nothing_{name}");
        Promise::Healthy.paused(&name, move || of_objects(replication))
    })
    .collect();
    trials.push(Promise::Healthy.paused("cancellation::dropped_calls_of_a_table_leak_nothing", of_a_table));
    trials.push(Promise::Healthy.paused("cancellation::dropped_calls_of_a_failover_leak_nothing", of_a_failover));
    #[cfg(feature = "s3")]
    trials.push(Promise::Healthy.trial(
        "cancellation::dropped_calls_over_sockets_leak_nothing",
        sockets::of_objects,
    ));
    trials
}

/// A store that takes a while, fails, loses answers, hangs. It counts who is inside.
#[derive(Clone)]
struct Shaky<S> {
    inner: S,
    chance: Arc<Mutex<fastrand::Rng>>,
    inside: Arc<AtomicI64>,
    well: Arc<AtomicBool>,
    unknown: bool,
}

struct Inside(Arc<AtomicI64>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<S> Shaky<S> {
    fn over(inner: S, seed: u64) -> Self {
        Self {
            inner,
            chance: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
            inside: Arc::default(),
            well: Arc::default(),
            unknown: true,
        }
    }

    async fn meet<T>(&self, act: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let _inside = Inside(self.inside.clone());
        let failed = |sent| {
            let outcome = Outcome::new(Verdict::Faulty, sent);
            ProviderError::new(ProviderErrorKind::Failed, outcome)
        };
        let (there, back, what) = {
            let mut rng = self.chance.lock().unwrap();
            (rng.u64(0..40), rng.u64(0..40), rng.u32(0..100))
        };
        let well = self.well.load(Ordering::SeqCst);
        sleep(Duration::from_millis(there)).await;
        match what {
            0..3 if !well => return Err(failed(Sent::No)),
            3..5 if !well => pending().await,
            _ => {}
        }
        let done = act.await;
        sleep(Duration::from_millis(back)).await;
        match what {
            5..10 if !well => Err(failed(Sent::Maybe)),
            _ => done,
        }
    }
}

impl<S: ObjectProvider> ObjectProvider for Shaky<S> {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.meet(self.inner.put(put)).await
    }
    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.meet(self.inner.get(get)).await
    }
    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.meet(self.inner.head(head)).await
    }
    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.meet(self.inner.delete(delete)).await
    }
    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.meet(self.inner.list(list)).await
    }
    fn capabilities(&self) -> Capabilities {
        match self.unknown {
            true => Capabilities::all(Capability::Unknown),
            false => self.inner.capabilities(),
        }
    }
}

impl<S: KvProvider> KvProvider for Shaky<S> {
    async fn get(&self, get: kv::Get) -> Result<kv::Value, ProviderError> {
        self.meet(self.inner.get(get)).await
    }
    async fn put(&self, put: kv::Put) -> Result<kv::PutAnswer, ProviderError> {
        self.meet(self.inner.put(put)).await
    }
    async fn delete(&self, delete: kv::Delete) -> Result<(), ProviderError> {
        self.meet(self.inner.delete(delete)).await
    }
    async fn scan(&self, scan: kv::Scan) -> Result<kv::ScanPage, ProviderError> {
        self.meet(self.inner.scan(scan)).await
    }
    async fn get_many(&self, many: kv::GetMany) -> Result<Vec<Result<kv::Value, ProviderError>>, ProviderError> {
        self.meet(self.inner.get_many(many)).await
    }
    async fn put_many(&self, many: kv::PutMany) -> Result<Vec<Result<kv::PutAnswer, ProviderError>>, ProviderError> {
        self.meet(self.inner.put_many(many)).await
    }
    fn limits(&self) -> kv::Limits {
        self.inner.limits()
    }
}

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

fn a_call_of_objects(client: &ObjectClient, rng: &mut fastrand::Rng, once: bool) -> Call {
    let client = client.clone();
    let key = format!("k{}", rng.u32(0..if once { 100_000 } else { 8 }));
    let what = rng.u32(0..7);
    Box::pin(async move {
        match what {
            0 => drop(client.get(key).await),
            1 => drop(client.head(key).await),
            2 if !once => drop(client.put(key, "v").overwrite().fenced().await),
            3 if !once => drop(client.put(key, "v").overwrite().await),
            2..4 => drop(client.put(key, "v").await),
            4 => drop(client.put(key, "v").explained().await),
            5 => drop(client.delete(key).await),
            _ => drop(client.list("k").collect_all().await),
        }
    })
}

/// What became of the increments of `n`. Of those that were dropped nobody knows.
#[derive(Default)]
struct Increments {
    begun: AtomicI64,
    counted: AtomicI64,
    refused: AtomicI64,
}

impl Increments {
    async fn one_more(&self, client: &KvClient) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        match client.increment("n", 1).await {
            Ok(_) => self.counted.fetch_add(1, Ordering::SeqCst),
            Err(error) if error.may_have_been_applied() => 0,
            Err(_) => self.refused.fetch_add(1, Ordering::SeqCst),
        };
    }
}

fn a_call_of_a_table(client: &KvClient, increments: &Arc<Increments>, rng: &mut fastrand::Rng) -> Call {
    let (client, increments) = (client.clone(), increments.clone());
    let key = format!("k{}", rng.u32(0..8));
    let what = rng.u32(0..9);
    Box::pin(async move {
        match what {
            0 => drop(client.get(key).await),
            1 => drop(client.put(key, "1").await),
            2 => drop(client.put(key, "1").fenced().await),
            3 => drop(client.delete(key).fenced().await),
            4 => drop(client.scan("k").collect_all().await),
            5 => drop(client.get_many(["k0", "k1", "k2"]).await),
            6 => drop(client.put_many([("k0", "1"), ("k1", "1")]).await),
            _ => increments.one_more(&client).await,
        }
    })
}

/// Runs them, each dropped after a while of its own, some hundred at a time.
async fn dropping(count: usize, most: u64, mut draw: impl FnMut(&mut fastrand::Rng) -> Call) {
    let mut rng = fastrand::Rng::with_seed(seed());
    let mut calls = JoinSet::new();
    for _ in 0..count {
        Promise::Healthy.tried();
        let call = draw(&mut rng);
        let patience = Duration::from_micros(rng.u64(0..most * 1000));
        calls.spawn(async move { drop(timeout(patience, call).await) });
        if calls.len() >= 100 {
            calls.join_next().await.unwrap().unwrap();
        }
    }
    calls.join_all().await;
}

fn alive() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

async fn of_objects(replication: Replication) {
    let once = matches!(format!("{replication:?}"), plan if plan.contains("WriteOnce"));
    let stores: Vec<_> = (0..2).map(|i| Shaky::over(Memory::new(), seed() + i)).collect();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("a", stores[0].clone()).capacity(1e5))
        .endpoint(Endpoint::new("b", stores[1].clone()).capacity(1e5))
        .replication(replication)
        .seed(seed())
        .build()
        .unwrap();
    dropping(rounds(4000), 150, |rng| a_call_of_objects(&client, rng, once)).await;
    let snapshot = client.snapshot();
    for endpoint in &snapshot.endpoints {
        assert_eq!(endpoint.in_flight, 0, "{snapshot}");
    }
    stores.iter().for_each(|store| store.well.store(true, Ordering::SeqCst));
    // What was asked in the background goes on, or can be begun anew.
    sleep(Duration::from_secs(120)).await;
    assert_eq!(inside(&stores), 0);
    let before_that = client.snapshot().budget;
    for i in 0..20 {
        client.put(format!("new{i}"), "v").await.unwrap();
        client.get(format!("new{i}")).await.unwrap();
    }
    assert!(client.snapshot().budget >= before_that.min(10), "{}", client.snapshot());
    let _ = client.verify().await;
    assert!(
        client
            .snapshot()
            .endpoints
            .iter()
            .all(|endpoint| endpoint.in_flight == 0)
    );
    client.close();
    drop(client);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((alive(), inside(&stores)), (0, 0));
}

fn inside<S>(stores: &[Shaky<S>]) -> i64 {
    stores.iter().map(|store| store.inside.load(Ordering::SeqCst)).sum()
}

async fn of_a_table() {
    let table = Shaky::over(MemoryTable::new(), seed());
    let client = KvClient::builder()
        .endpoint(Endpoint::new("a", table.clone()).capacity(1e5))
        .seed(seed())
        .build()
        .unwrap();
    let increments = Arc::new(Increments::default());
    dropping(rounds(6000), 200, |rng| a_call_of_a_table(&client, &increments, rng)).await;
    let snapshot = client.snapshot();
    assert_eq!(snapshot.endpoints[0].in_flight, 0, "{snapshot}");
    table.well.store(true, Ordering::SeqCst);
    sleep(Duration::from_secs(60)).await;
    let start = Instant::now();
    let first = client.increment("n", 1).await.unwrap();
    let [begun, counted, refused] =
        [&increments.begun, &increments.counted, &increments.refused].map(|count| count.load(Ordering::SeqCst));
    assert!(
        counted > 100 && (counted..=begun - refused).contains(&(first - 1)),
        "{first}: {counted}"
    );
    assert_eq!(client.increment("n", 1).await.unwrap(), first + 1);
    assert!(start.elapsed() < Duration::from_secs(1));
    client.close();
    drop(client);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((alive(), inside(&[table])), (0, 0));
}

/// An error carries its outcome.
#[derive(Clone, Copy, Debug)]
struct AsItSays;

impl<T> Classify<T, ProviderError> for AsItSays {
    fn classify(&self, result: Result<&T, &ProviderError>) -> Outcome {
        result.map_or_else(|error| error.outcome(), |_| Outcome::SUCCESS)
    }
}

async fn of_a_failover() {
    let clouds: Vec<_> = (0..2).map(|i| Shaky::over((), seed() + i)).collect();
    let failover = Failover::builder()
        .endpoint(Endpoint::new("a", clouds[0].clone()).capacity(1e5))
        .endpoint(Endpoint::new("b", clouds[1].clone()).capacity(1e5))
        .classify(AsItSays)
        .seed(seed())
        .build()
        .unwrap();
    let ask = |cloud: Shaky<()>| async move { cloud.meet(async { Ok(()) }).await };
    dropping(rounds(4000), 150, |rng| {
        let (failover, what) = (failover.clone(), rng.u32(0..3));
        Box::pin(async move {
            match what {
                0 => drop(failover.read(ask).await),
                1 => drop(failover.write(ask).await),
                _ => drop(failover.idempotent_write(ask).await),
            }
        })
    })
    .await;
    let snapshot = failover.snapshot();
    assert!(
        snapshot.endpoints.iter().all(|endpoint| endpoint.in_flight == 0),
        "{snapshot}"
    );
    clouds.iter().for_each(|cloud| cloud.well.store(true, Ordering::SeqCst));
    sleep(Duration::from_secs(60)).await;
    for _ in 0..20 {
        failover.read(ask).await.unwrap();
        failover.write(ask).await.unwrap();
    }
    drop(failover);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((alive(), inside(&clouds)), (0, 0));
}

#[cfg(feature = "s3")]
mod sockets {
    use super::{a_call_of_objects, alive, dropping};
    use crate::{
        promise::rounds,
        script::{answer, s3_refusal, serve},
    };
    use aws_sdk_s3::{
        Client,
        config::{Credentials, RequestChecksumCalculation::WhenRequired},
    };
    use evenkeel::{
        Endpoint, ObjectClient,
        provider::s3::{
            S3,
            preset::{self, Addressing},
        },
    };
    use std::time::Duration;
    use tokio::time::sleep;

    pub(super) async fn of_objects() {
        let server = serve(|asked| async move {
            sleep(Duration::from_millis(5)).await;
            let marked = ("x-amz-request-id", "REQ42");
            match asked.method.as_str() {
                "DELETE" => answer(204, &[marked], ""),
                "GET" if asked.path().trim_end_matches('/') == "/bucket" => {
                    let page =
                        "<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>";
                    answer(200, &[marked], page)
                }
                "GET" if asked.path().ends_with("k1") => s3_refusal(404, "NoSuchKey"),
                _ => answer(
                    200,
                    &[("etag", "\"e\""), marked],
                    if asked.method == "PUT" { "" } else { "body" },
                ),
            }
        })
        .await;
        let config = preset::generic(server.url(), "us-east-1", Addressing::Path, WhenRequired)
            .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
        let store = S3::new(Client::from_conf(config.build()), "bucket");
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", store).capacity(1e5))
            .build()
            .unwrap();
        dropping(rounds(1500), 25, |rng| a_call_of_objects(&client, rng, false)).await;
        sleep(Duration::from_secs(2)).await;
        let snapshot = client.snapshot();
        assert_eq!(snapshot.endpoints[0].in_flight, 0, "{snapshot}");
        client.put("k", "v").overwrite().await.unwrap();
        client.close();
        drop((client, server));
        sleep(Duration::from_millis(500)).await;
        assert!(alive() < 10, "{} tasks", alive());
    }
}
