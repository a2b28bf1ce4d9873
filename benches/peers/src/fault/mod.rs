//! During a fault: every peer meets the same endpoints, the same fault and the same calls, in virtual time.
//!
//! A peer is set up as its docs advise for this, and where they leave room, in its favour: every attempt of every peer is limited
//! to 250 ms (the floor of evenkeel's own limit), breakers try again after 1 s instead of the usual 10–60, retries wait
//! milliseconds instead of the usual 100–1000. A library that knows one endpoint gets the fallback that its users write by hand.

mod aws;
mod breakers;
mod object_store;
mod opendal;
mod resilience;
mod tower;

use crate::{
    figures::{Row, median_row},
    load::{Client, play},
    ours::evenkeel,
    world::{FAULTS, Fault, Setting, Store},
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// How long one attempt of a peer may take.
const ATTEMPT: Duration = Duration::from_millis(250);

/// How long a caller waits for a peer that has no limit for the whole call: evenkeel's own deadline.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Its configuration.
    pub(crate) setup: &'static str,
    play: fn(Setting, u64) -> Row,
}

pub(crate) const PEERS: [Peer; 14] = [
    Peer {
        name: "evenkeel",
        setup: "defaults",
        play: |setting, seed| play(setting, seed, evenkeel),
    },
    Peer {
        name: "tower p2c",
        setup: "`Balance` over two `PeakEwma` (start 30 ms, decay 10 s) with `Timeout` 250 ms, under `Retry` (2 more, `TpsBudget` default)",
        play: |setting, seed| play(setting, seed, patient(tower::balanced)),
    },
    Peer {
        name: "tower p2c, outlier",
        setup: "the same, each endpoint with tower-resilience's `OutlierDetection` (5 errors, 1 s)",
        play: |setting, seed| play(setting, seed, patient(tower::balanced_ejecting)),
    },
    Peer {
        name: "tower retry",
        setup: "`Retry` (2 more, at once, the request moved to the other endpoint) over `Timeout` 250 ms",
        play: |setting, seed| play(setting, seed, patient(tower::retrying)),
    },
    Peer {
        name: "tower retry, budget",
        setup: "the same with `TpsBudget` default: 20 % and 10 a second",
        play: |setting, seed| play(setting, seed, patient(tower::budgeted)),
    },
    Peer {
        name: "tower hedge",
        setup: "`Hedge` at p99 (of 10 s, from 10 calls), to the standby, under the same `Retry` and over the same `Timeout`",
        play: |setting, seed| play(setting, seed, patient(tower::hedging)),
    },
    Peer {
        name: "tower-resilience",
        setup: "`Fallback` to the standby over `Retry` (1 more after 10 ms, not for an open circuit or a timeout), `CircuitBreaker::fast_fail` (25 % of at least 20 in 1 s; open 1 s; or half slower than 50 ms), `TimeLimiter` 250 ms",
        play: |setting, seed| play(setting, seed, patient(resilience::falling_back)),
    },
    Peer {
        name: "tower-resilience, hedge",
        setup: "`Hedge` (50 ms, 2 attempts) over `Retry` (2 more, at once) over a router by hand to the first endpoint not tried and not refused; each with `OutlierDetection` (5 errors, 1 s) and the same breaker and limit",
        play: |setting, seed| play(setting, seed, patient(resilience::hedging)),
    },
    Peer {
        name: "failsafe",
        setup: "breaker (5 faults in a row, or success under 80 % of at least 10 in 1 s; open 1 s) over a limit of 250 ms, fallback by hand",
        play: |setting, seed| play(setting, seed, patient(breakers::failsafe)),
    },
    Peer {
        name: "OpenDAL",
        setup: "`TimeoutLayer` 250 ms, `RetryLayer` (1 more after 10 ms), fallback by hand",
        play: |setting, seed| play(setting, seed, patient(opendal::falling_back)),
    },
    Peer {
        name: "object_store",
        setup: "`AmazonS3` with `RetryConfig` (1 more after 10 ms), limit 250 ms, fallback by hand",
        play: |setting, seed| play(setting, seed, patient(object_store::falling_back)),
    },
    Peer {
        name: "aws-sdk-s3",
        setup: "defaults (3 attempts, retry quota), the primary only",
        play: |setting, seed| play(setting, seed, patient(aws::plain)),
    },
    Peer {
        name: "aws-sdk-s3, fallback",
        setup: "2 attempts, first wait up to 10 ms, attempt limit 250 ms, fallback by hand",
        play: |setting, seed| play(setting, seed, patient(aws::falling_back)),
    },
    Peer {
        name: "no library",
        setup: "a limit of 250 ms, fallback by hand",
        play: |setting, seed| play(setting, seed, patient(breakers::by_hand)),
    },
];

/// One row of the table: a peer in one fault.
pub(crate) struct Outcome {
    pub(crate) peer: &'static Peer,
    pub(crate) fault: Fault,
    pub(crate) row: Row,
}

/// Medians of `seeds`, by fault and then by peer. The simulations are spread over the cores.
pub(crate) fn outcomes(seeds: u64, wanted: impl Fn(&Peer) -> bool, faults: impl Fn(Fault) -> bool) -> Vec<Outcome> {
    let settings = FAULTS.into_iter().filter(|&fault| faults(fault));
    let cells: Vec<(Fault, &'static Peer)> = settings
        .flat_map(|fault| PEERS.iter().map(move |peer| (fault, peer)))
        .filter(|(_, peer)| wanted(peer))
        .collect();
    let done = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                crate::clock::follow(|| {
                    while let Some((cell, &(fault, peer))) = {
                        let cell = next.fetch_add(1, Relaxed);
                        cells.get(cell).map(|found| (cell, found))
                    } {
                        let rows: Vec<Row> = (1..=seeds)
                            .map(|seed| (peer.play)(Setting::of(fault, 500.0), seed))
                            .collect();
                        let row = median_row(&rows);
                        eprintln!("{}: {}", fault.name(), peer.name); // it takes minutes
                        done.lock().unwrap().push((cell, Outcome { peer, fault, row }));
                    }
                });
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(cell, _)| *cell);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// A client whose caller gives up.
#[derive(Clone)]
struct Patient<C>(C);

impl<C: Client + Sync> Client for Patient<C> {
    async fn read(&self) -> bool {
        tokio::time::timeout(PATIENCE, self.0.read()).await.unwrap_or(false)
    }
}

fn patient<C>(make: impl FnOnce(Store, Store, u64) -> C) -> impl FnOnce(Store, Store, u64) -> Patient<C> {
    move |primary, standby, seed| Patient(make(primary, standby, seed))
}

/// Any tower service as a client. Each call is made by a clone that was made ready.
struct Tower<S, R> {
    service: S,
    request: fn() -> R,
}

impl<S: Clone, R> Clone for Tower<S, R> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            request: self.request,
        }
    }
}

impl<S, R> Client for Tower<S, R>
where
    S: ::tower::Service<R> + Clone + Send + Sync + 'static,
    S::Future: Send,
    R: Send + 'static,
{
    async fn read(&self) -> bool {
        ::tower::ServiceExt::oneshot(self.service.clone(), (self.request)())
            .await
            .is_ok()
    }
}
