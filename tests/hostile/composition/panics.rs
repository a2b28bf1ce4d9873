//! Code of the caller's own that panics, wherever it is called.

use super::now;
use crate::promise::Promise;
use evenkeel::{
    Endpoint, Failover,
    credentials::{Keeper, Lease},
    ops::snapshot::Snapshot,
    request::Safety,
    telemetry::Event,
    verdict::{Classify, Outcome, Standard},
};
use futures_util::FutureExt;
use libtest_mimic::Trial;
use std::{
    future::{Future, ready},
    io,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::OwnCode.paused("composition::a_panicking_listener_wedges_no_endpoint", || async {
            for safety in [Safety::ReadOnly, Safety::Idempotent] {
                a_listener_that_panics_wedges_no_endpoint(safety).await;
            }
        }),
        Promise::OwnCode.paused(
            "composition::a_panicking_listener_harms_no_call",
            a_listener_that_panics_harms_no_call,
        ),
        Promise::OwnCode.paused(
            "composition::a_panicking_call_listener_harms_its_own_call_only",
            a_call_listener_that_panics_harms_its_own_call_only,
        ),
        Promise::OwnCode.paused(
            "composition::a_panicking_classify_harms_its_own_call_only",
            a_classify_that_panics_harms_its_own_call_only,
        ),
        Promise::OwnCode.paused(
            "composition::a_panicking_closure_harms_its_own_call_only",
            a_closure_that_panics_harms_its_own_call_only,
        ),
        Promise::OwnCode.paused(
            "composition::a_panicking_rule_harms_its_own_call_only",
            a_rule_that_panics_harms_its_own_call_only,
        ),
        Promise::OwnCode.paused(
            "composition::a_panicking_probe_is_followed_by_another",
            a_probe_that_panics_is_followed_by_another,
        ),
        Promise::Credentials.paused(
            "composition::a_panicking_credential_source_costs_one_fetch",
            a_source_of_credentials_that_panics_costs_one_fetch,
        ),
    ]
}

/// Unlike `panic!`, this prints nothing.
fn panic() -> ! {
    resume_unwind(Box::new("the test's own"))
}

/// Whether the call came to an end of its own.
async fn ends<T>(call: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(call).catch_unwind().await.ok()
}

/// A server that fails when told to.
#[derive(Clone, Debug, Default)]
struct Server {
    down: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn ask(self) -> io::Result<()> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(1)).await;
        match self.down.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

fn servers() -> ([Server; 2], [Endpoint<Server>; 2]) {
    let servers = [Server::default(), Server::default()];
    let [first, second] = servers.clone();
    (
        servers,
        [Endpoint::new("first", first), Endpoint::new("second", second)],
    )
}

/// Calls for so many seconds, ten a second, whatever becomes of them. How many were served, and how many of them by the first.
async fn served<K>(
    failover: &Failover<Server, K>,
    servers: &[Server; 2],
    safety: Safety,
    seconds: usize,
) -> (usize, usize)
where
    K: Classify<(), io::Error> + Clone + Send + Sync + 'static,
{
    let before = servers[0].asked.load(Ordering::Relaxed);
    let mut went_well = 0;
    for _ in 0..seconds * 10 {
        let call = match safety {
            Safety::ReadOnly => failover.read(Server::ask).into_future(),
            _ => failover.idempotent_write(Server::ask).into_future(),
        };
        went_well += usize::from(matches!(ends(call).await, Some(Ok(()))));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (went_well, servers[0].asked.load(Ordering::Relaxed) - before)
}

async fn a_rule_that_panics_harms_its_own_call_only() {
    let (servers, endpoints) = servers();
    let failover = Failover::builder().endpoints(endpoints).seed(1).build().unwrap();
    servers[0].down.store(true, Ordering::Relaxed);
    let harmed = failover.read(Server::ask).retry_when(|_| panic());
    assert!(ends(harmed.into_future()).await.is_none());
    assert!(failover.read(Server::ask).await.is_ok());
    nothing_is_left(failover.snapshot());
}

async fn a_listener_that_panics_wedges_no_endpoint(safety: Safety) {
    let (servers, endpoints) = servers();
    let failover = Failover::builder()
        .endpoints(endpoints)
        .hedging(false)
        .seed(1)
        .on_event(|event| {
            if matches!(event, Event::BreakerHalfOpened { .. }) {
                panic();
            }
        })
        .build()
        .unwrap();
    servers[0].down.store(true, Ordering::Relaxed);
    served(&failover, &servers, safety, 20).await;
    servers[0].down.store(false, Ordering::Relaxed);
    served(&failover, &servers, safety, 120).await;
    let (_, by_first) = served(&failover, &servers, safety, 10).await;
    assert!(
        by_first >= 90,
        "the first endpoint is well again, and was asked {by_first} times of 100"
    );
}

/// What happens to a client is told on whoever's call it happens: of credentials or domains that are shared, another client's.
async fn a_listener_that_panics_harms_no_call() {
    let (servers, endpoints) = servers();
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let failover = Failover::builder()
        .endpoints(endpoints)
        .seed(1)
        .on_event(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            panic();
        })
        .build()
        .unwrap();
    servers[0].down.store(true, Ordering::Relaxed);
    let (went_well, _) = served(&failover, &servers, Safety::ReadOnly, 20).await;
    assert_eq!(went_well, 200);
    assert!(heard.load(Ordering::Relaxed) > 0);
}

async fn a_call_listener_that_panics_harms_its_own_call_only() {
    let (servers, endpoints) = servers();
    let panics = Arc::new(AtomicBool::new(true));
    let now_and_then = panics.clone();
    let failover = Failover::builder()
        .endpoints(endpoints)
        .seed(1)
        .on_call_end(move |_| {
            if now_and_then.swap(false, Ordering::Relaxed) {
                panic();
            }
        })
        .build()
        .unwrap();
    assert!(
        ends(failover.read(Server::ask).into_future()).await.is_none(),
        "it is its own"
    );
    assert_eq!(served(&failover, &servers, Safety::ReadOnly, 5).await, (50, 50));
    nothing_is_left(failover.snapshot());
}

#[track_caller]
fn nothing_is_left(snapshot: Snapshot) {
    assert!(snapshot.endpoints.iter().all(|endpoint| endpoint.in_flight == 0));
}

/// Panics while it is told to.
#[derive(Clone, Debug, Default)]
struct Moody(Arc<AtomicBool>);

impl Classify<(), io::Error> for Moody {
    fn classify(&self, result: Result<&(), &io::Error>) -> Outcome {
        if self.0.load(Ordering::Relaxed) {
            panic();
        }
        Standard.classify(result)
    }
}

async fn a_classify_that_panics_harms_its_own_call_only() {
    let (servers, endpoints) = servers();
    let moody = Moody::default();
    let failover = Failover::builder()
        .endpoints(endpoints)
        .classify(moody.clone())
        .hedging(false)
        .seed(1)
        .build()
        .unwrap();
    // While its breaker is open, so that a probe is judged by what panics.
    servers[0].down.store(true, Ordering::Relaxed);
    served(&failover, &servers, Safety::ReadOnly, 5).await;
    moody.0.store(true, Ordering::Relaxed);
    assert_eq!(served(&failover, &servers, Safety::ReadOnly, 20).await.0, 0);
    moody.0.store(false, Ordering::Relaxed);
    servers[0].down.store(false, Ordering::Relaxed);
    served(&failover, &servers, Safety::ReadOnly, 120).await;
    let (went_well, by_first) = served(&failover, &servers, Safety::ReadOnly, 10).await;
    assert!(
        went_well == 100 && by_first >= 90,
        "{went_well} of 100 went well, {by_first} at the first"
    );
    nothing_is_left(failover.snapshot());
}

/// In its call, in its future, and in its future's end.
async fn a_closure_that_panics_harms_its_own_call_only() {
    struct Falls;
    impl Drop for Falls {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic();
            }
        }
    }
    let (servers, endpoints) = servers();
    let failover = Failover::builder()
        .endpoints(endpoints)
        .hedging(false)
        .seed(1)
        .build()
        .unwrap();
    // Open, so that some of these are its probes.
    servers[0].down.store(true, Ordering::Relaxed);
    served(&failover, &servers, Safety::ReadOnly, 5).await;
    for _ in 0..30 {
        let in_the_call = failover
            .read(|_| -> std::future::Ready<io::Result<()>> { panic() })
            .into_future();
        assert!(ends(in_the_call).await.is_none());
        let in_the_future = failover.read(|_| async { panic() as io::Result<()> });
        assert!(ends(in_the_future.into_future()).await.is_none());
        let in_the_end = failover.read(|_| async {
            let _falls = Falls;
            ready(Ok::<_, io::Error>(())).await
        });
        assert!(ends(in_the_end.into_future()).await.is_none());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    servers[0].down.store(false, Ordering::Relaxed);
    served(&failover, &servers, Safety::ReadOnly, 120).await;
    assert_eq!(served(&failover, &servers, Safety::ReadOnly, 10).await, (100, 100));
    nothing_is_left(failover.snapshot());
}

async fn a_probe_that_panics_is_followed_by_another() {
    let (servers, endpoints) = servers();
    let probed = Arc::new(AtomicUsize::new(0));
    let count = probed.clone();
    let failover = Failover::builder()
        .endpoints(endpoints)
        .probe(move |_: Server| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match number % 2 {
                    0 => panic(),
                    _ => Ok::<_, io::Error>(()),
                }
            }
        })
        .on_event(|_| panic())
        .seed(1)
        .build()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(probed.load(Ordering::Relaxed) > 40, "{probed:?}");
    assert_eq!(served(&failover, &servers, Safety::ReadOnly, 1).await.0, 10);
}

async fn a_source_of_credentials_that_panics_costs_one_fetch() {
    // In its future, and before there is one.
    for at_once in [false, true] {
        let (fetches, panics) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let (count, told) = (fetches.clone(), panics.clone());
        let keeper = Keeper::new("token", move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let panics = told.load(Ordering::Relaxed);
            if at_once && panics {
                panic();
            }
            async move {
                match panics {
                    true => panic(),
                    false => Ok::<_, io::Error>(Lease::lasting(number, Duration::from_secs(3_600))),
                }
            }
        });
        let started = now();
        let error = ends(keeper.current())
            .await
            .expect("the panic is the source's")
            .unwrap_err();
        assert_eq!(error.to_string(), "no valid credentials `token`: the source panicked");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        panics.store(false, Ordering::Relaxed);
        // The next fetch follows as after any other failure: within a second.
        tokio::time::sleep(Duration::from_millis(1_001)).await;
        assert_eq!(keeper.current().await.unwrap(), 1);
        assert_eq!(fetches.load(Ordering::Relaxed), 2);
    }
}
