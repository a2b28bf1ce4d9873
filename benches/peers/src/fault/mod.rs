//! During a fault: every peer meets the same endpoints, the same fault and the same calls, in virtual time.
//!
//! A peer is set up as its docs advise for this, and where they leave room, in its favour: every attempt of every peer is limited
//! to 250 ms (the floor of evenkeel's own limit; where something healthy takes longer, a quarter more than that), breakers try again after 1 s instead of the usual 10–60, retries wait
//! milliseconds instead of the usual 100–1000. A library that knows one endpoint gets the fallback that its users write by hand.

mod aws;
mod breakers;
mod object_store;
mod opendal;
mod resilience;
mod seatbelt;
mod tower;

use crate::{
    case::Case,
    cases,
    figures::{Figures, figures, median},
    load::{Client, Failed},
    ours::evenkeel,
    store::{Ask, Store},
    world::{self, FAULTS, Setting},
};
use std::{
    cell::Cell,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

thread_local! {
    /// Of the scene that this thread plays.
    static LIMITS: Cell<Limits> = const { Cell::new(Limits::USUAL) };
}

/// What a user who knows the endpoints and the objects sets by hand.
#[derive(Clone, Copy, Debug)]
struct Limits {
    attempt: Duration,
    late: Duration,
}

impl Limits {
    const USUAL: Self = Self {
        attempt: Duration::from_millis(250),
        late: Duration::from_millis(50),
    };

    /// A quarter more than the slowest healthy answer, where that is longer.
    fn of(case: &Case) -> Self {
        let (fastest, slowest) = case.healthy_range();
        let enough = slowest.mul_f64(1.25);
        Self {
            attempt: enough.max(Self::USUAL.attempt),
            late: if fastest > Self::USUAL.late {
                enough
            } else {
                Self::USUAL.late
            },
        }
    }
}

/// How long one attempt of a peer may take.
fn attempt_limit() -> Duration {
    LIMITS.get().attempt
}

/// When a peer that asks twice asks again, and what a breaker calls slow.
fn late() -> Duration {
    LIMITS.get().late
}

/// How long a caller waits for a peer that has no limit for the whole call: evenkeel's own deadline.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Its configuration.
    pub(crate) setup: &'static str,
    play: fn(&Scene, u64) -> Figures,
}

pub(crate) const PEERS: [Peer; 15] = [
    Peer {
        name: "evenkeel",
        setup: "defaults",
        play: |scene, seed| scene.play(seed, evenkeel),
    },
    Peer {
        name: "tower p2c",
        setup: "`Balance` over two `PeakEwma` (start 30 ms, decay 10 s) with `Timeout` 250 ms, under `Retry` (2 more, `TpsBudget` default)",
        play: |scene, seed| scene.play(seed, patient(tower::balanced)),
    },
    Peer {
        name: "tower p2c, outlier",
        setup: "the same, each endpoint with tower-resilience's `OutlierDetection` (5 errors, 1 s)",
        play: |scene, seed| scene.play(seed, patient(tower::balanced_ejecting)),
    },
    Peer {
        name: "tower retry",
        setup: "`Retry` (2 more, at once, the request moved to the other endpoint) over `Timeout` 250 ms",
        play: |scene, seed| scene.play(seed, patient(tower::retrying)),
    },
    Peer {
        name: "tower retry, budget",
        setup: "the same with `TpsBudget` default: 20 % and 10 a second",
        play: |scene, seed| scene.play(seed, patient(tower::budgeted)),
    },
    Peer {
        name: "tower hedge",
        setup: "`Hedge` at p99 (of 10 s, from 10 calls), to the standby, under the same `Retry` and over the same `Timeout`",
        play: |scene, seed| scene.play(seed, patient(tower::hedging)),
    },
    Peer {
        name: "tower-resilience",
        setup: "`Fallback` to the standby over `Retry` (1 more after 10 ms, not for an open circuit or a timeout), `CircuitBreaker::fast_fail` (25 % of at least 20 in 1 s; open 1 s; or half slower than 50 ms), `TimeLimiter` 250 ms",
        play: |scene, seed| scene.play(seed, patient(resilience::falling_back)),
    },
    Peer {
        name: "tower-resilience, hedge",
        setup: "`Hedge` (50 ms, 2 attempts) over `Retry` (2 more, at once) over a router by hand to the first endpoint not tried and not refused; each with `OutlierDetection` (5 errors, 1 s) and the same breaker and limit",
        play: |scene, seed| scene.play(seed, patient(resilience::hedging)),
    },
    Peer {
        name: "seatbelt, hedge",
        setup: "`Hedging` (after 50 ms, 1 more, and at once when an attempt fails; to the standby) over `Breaker` by endpoint (half of at least 20 in 1 s; open 1 s) and `Timeout` 250 ms",
        play: |scene, seed| scene.play(seed, patient(seatbelt::hedging)),
    },
    Peer {
        name: "failsafe",
        setup: "breaker (5 faults in a row, or success under 80 % of at least 10 in 1 s; open 1 s) over a limit of 250 ms, fallback by hand",
        play: |scene, seed| scene.play(seed, patient(breakers::failsafe)),
    },
    Peer {
        name: "OpenDAL",
        setup: "`TimeoutLayer` 250 ms, `RetryLayer` (1 more after 10 ms), fallback by hand",
        play: |scene, seed| scene.play(seed, patient(opendal::falling_back)),
    },
    Peer {
        name: "object_store",
        setup: "`AmazonS3` with `RetryConfig` (1 more after 10 ms), limit 250 ms, fallback by hand",
        play: |scene, seed| scene.play(seed, patient(object_store::falling_back)),
    },
    Peer {
        name: "aws-sdk-s3",
        setup: "defaults (3 attempts, retry quota), the primary only",
        play: |scene, seed| scene.play(seed, patient(aws::plain)),
    },
    Peer {
        name: "aws-sdk-s3, fallback",
        setup: "2 attempts, first wait up to 10 ms, attempt limit 250 ms, fallback by hand",
        play: |scene, seed| scene.play(seed, patient(aws::falling_back)),
    },
    Peer {
        name: "no library",
        setup: "a limit of 250 ms, fallback by hand",
        play: |scene, seed| scene.play(seed, patient(breakers::by_hand)),
    },
];

/// What all of them meet.
#[derive(Clone, Debug)]
pub(crate) enum Scene {
    Fault(Setting),
    Gray(Case),
}

impl Scene {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Fault(setting) => setting.fault.name(),
            Self::Gray(case) => case.name,
        }
    }

    /// As its own bench writes it.
    pub(crate) fn row(&self, figures: Figures) -> serde_json::Value {
        let mut row = serde_json::to_value(figures).expect("numbers");
        let (what, rate) = match self {
            Self::Fault(setting) => ("fault", setting.rate),
            Self::Gray(case) => ("case", case.rate),
        };
        row[what] = self.name().into();
        row["rate"] = rate.into();
        row
    }

    /// `client` is made of the primary, the standby and a seed.
    fn play<C: Client>(&self, seed: u64, client: impl FnOnce(Store, Store, u64) -> C) -> Figures {
        match self {
            Self::Fault(setting) => {
                LIMITS.set(Limits::USUAL);
                world::play(*setting, seed, client).figures
            }
            Self::Gray(case) => {
                LIMITS.set(Limits::of(case));
                let mut calls = case.play(seed, |stores, _, rng| {
                    let [primary, standby] = stores.try_into().unwrap_or_else(|_| panic!("two endpoints"));
                    client(primary, standby, rng.u64(..))
                });
                calls.retain(|call| case.is_counted(call.kind));
                figures(calls, case.schedule)
            }
        }
    }
}

pub(crate) fn faults() -> Vec<Scene> {
    let settings = FAULTS.into_iter().map(|fault| Setting::of(fault, 500.0));
    settings.map(Scene::Fault).collect()
}

/// Those at many calls a second; few calls say little in one run. Not those of writes that must not happen twice: the peers do
/// not know such, and would repeat them.
pub(crate) fn gray() -> Vec<Scene> {
    let cases = cases::all().into_iter();
    let cases = cases.filter(|case| case.rate >= cases::MANY && !case.writes);
    cases.map(Scene::Gray).collect()
}

/// Each case has six times the calls of a fault.
pub(crate) const GRAY_SEEDS: u64 = 1;

/// A peer in one scene.
pub(crate) struct Outcome {
    pub(crate) peer: &'static Peer,
    pub(crate) scene: Scene,
    pub(crate) figures: Figures,
}

/// Medians of `seeds`, by scene and then by peer. The simulations are spread over the cores.
pub(crate) fn outcomes(scenes: Vec<Scene>, seeds: u64, wanted: impl Fn(&str) -> bool) -> Vec<Outcome> {
    let cells: Vec<(&Scene, &'static Peer)> = scenes
        .iter()
        .flat_map(|scene| PEERS.iter().map(move |peer| (scene, peer)))
        .filter(|(_, peer)| wanted(peer.name))
        .collect();
    let done = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                crate::clock::follow(|| {
                    while let Some((cell, &(scene, peer))) = {
                        let cell = next.fetch_add(1, Relaxed);
                        cells.get(cell).map(|found| (cell, found))
                    } {
                        let runs: Vec<Figures> = (1..=seeds).map(|seed| (peer.play)(scene, seed)).collect();
                        let outcome = Outcome {
                            peer,
                            scene: scene.clone(),
                            figures: median(&runs.iter().collect::<Vec<_>>()),
                        };
                        eprintln!("{}: {}", scene.name(), peer.name); // it takes minutes
                        done.lock().unwrap().push((cell, outcome));
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
        self.call(Ask::default()).await.is_ok()
    }

    async fn call(&self, ask: Ask) -> Result<(), Failed> {
        let patience = ask.deadline.unwrap_or(PATIENCE);
        let result = tokio::time::timeout(patience, self.0.call(ask)).await;
        result.unwrap_or(Err(Failed::Otherwise))
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
