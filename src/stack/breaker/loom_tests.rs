//! The real breaker, behind its real layer, in every interleaving of a few callers.

use super::*;
use crate::{
    BoxError,
    request::Call,
    stack::sync::{
        atomic::{AtomicBool as Flag, AtomicUsize},
        explore,
    },
    telemetry::Audience,
};
use futures_util::future::{BoxFuture, pending, ready};
use loom::thread;
use std::task::{Context, Poll, Waker};
use tower::{Layer, Service, service_fn, util::BoxCloneSyncService};

/// What an attempt meets at the endpoint.
#[derive(Clone, Copy)]
enum Does {
    Well,
    Badly,
    Nothing,
}

/// One endpoint behind its breaker.
#[derive(Clone)]
struct Endpoint {
    breaker: Breaker,
    told: Arc<std::sync::Mutex<Vec<Event>>>,
    /// Attempts at the endpoint, and how many of them were under way at once.
    under_way: Arc<AtomicUsize>,
    crowded: Arc<Flag>,
}

type Attempt = BoxFuture<'static, Result<(), BoxError>>;

impl Endpoint {
    fn new(settings: BreakerSettings) -> Self {
        Self::of(&Profile::new("virginia"), settings, &Registry::new())
    }

    fn of(profile: &Profile, settings: BreakerSettings, registry: &Registry) -> Self {
        let told = Arc::new(std::sync::Mutex::new(vec![]));
        let hear = told.clone();
        let mut audience = Audience::default();
        audience.add(move |record| hear.lock().unwrap().push(record.event.clone()));
        let reporter = Reporter::new(profile.shared_name().clone(), audience);
        Self {
            breaker: Breaker::of_endpoint(settings, 7, reporter, profile, registry),
            told,
            under_way: Arc::new(AtomicUsize::new(0)),
            crowded: Arc::new(Flag::new(false)),
        }
    }

    fn call(&self, does: Does) -> Attempt {
        let endpoint = self.clone();
        let inner = service_fn(move |_: Call<()>| {
            let here = Here::at(&endpoint);
            async move {
                let _here = here;
                match does {
                    Does::Well => ready(Ok(())).await,
                    Does::Badly => Err(BoxError::from("down")),
                    Does::Nothing => pending().await,
                }
            }
        });
        let mut service = BoxCloneSyncService::new(BreakerLayer::new(self.breaker.clone()).layer(inner));
        Box::pin(service.call(Call::read(())))
    }

    /// Makes a call that is over when this returns. A call that would wait is dropped after its first poll.
    fn attempt(&self, does: Does) -> Option<Result<(), BoxError>> {
        let mut call = self.call(does);
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    fn peek(&self) -> Admission {
        self.breaker.peek(OpClass::Read, clock::now())
    }

    fn told(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.told.lock().unwrap().iter().filter(|event| which(event)).count()
    }

    fn opened(&self) -> usize {
        self.told(|event| matches!(event, Event::BreakerOpened { .. }))
    }
}

/// An attempt that is at the endpoint.
struct Here(Endpoint);

impl Here {
    fn at(endpoint: &Endpoint) -> Self {
        if endpoint.under_way.fetch_add(1, Ordering::AcqRel) > 0 {
            endpoint.crowded.store(true, Ordering::Release);
        }
        Self(endpoint.clone())
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Settings that open after `faults` in a row. As time stands still in a model, the next probe is due at once.
fn brief(faults: u32) -> BreakerSettings {
    BreakerSettings {
        consecutive: faults,
        faults_at_low_rate: faults,
        open_min: Duration::ZERO,
        open_max: Duration::ZERO,
        ..BreakerSettings::default()
    }
}

/// An endpoint whose breaker has opened and is due for a probe.
fn due_for_a_probe(settings: BreakerSettings) -> Endpoint {
    let endpoint = Endpoint::new(settings);
    endpoint.attempt(Does::Badly);
    assert_eq!((endpoint.opened(), endpoint.peek()), (1, Admission::Probe));
    endpoint.crowded.store(false, Ordering::Release);
    endpoint
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Runs `act` in a thread of its own.
fn beside(endpoint: &Endpoint, act: impl FnOnce(&Endpoint) + Send + 'static) -> thread::JoinHandle<()> {
    let endpoint = endpoint.clone();
    thread::spawn(move || act(&endpoint))
}

#[test]
fn at_most_one_probe_is_in_flight() {
    explore(|| {
        let endpoint = due_for_a_probe(BreakerSettings {
            successes: 9,
            ..brief(1)
        });
        let knock = |endpoint: &Endpoint| {
            endpoint.attempt(Does::Well);
        };
        let others = [beside(&endpoint, knock), beside(&endpoint, knock)];
        knock(&endpoint);
        join(others);
        assert!(!endpoint.crowded.load(Ordering::Acquire), "two probes at once");
        assert_eq!(endpoint.peek(), Admission::Probe, "the next may pass");
    });
}

#[test]
fn a_dropped_probe_frees_its_slot() {
    explore(|| {
        let endpoint = due_for_a_probe(brief(1));
        let others = [
            // Dropped before its first poll, while it waits, and by its owner while another asks.
            beside(&endpoint, |endpoint| drop(endpoint.call(Does::Nothing))),
            beside(&endpoint, |endpoint| {
                assert!(endpoint.attempt(Does::Nothing).is_none_or(|r| r.is_err()))
            }),
        ];
        endpoint.attempt(Does::Nothing);
        join(others);
        assert!(!endpoint.crowded.load(Ordering::Acquire), "two probes at once");
        assert_eq!(endpoint.under_way.load(Ordering::Acquire), 0);
        assert_eq!(endpoint.peek(), Admission::Probe, "stuck in half-open");
    });
}

#[test]
fn concurrent_faults_open_the_breaker_once() {
    explore(|| {
        let endpoint = Endpoint::new(BreakerSettings {
            faults_at_low_rate: 3,
            ..BreakerSettings::default()
        });
        let fail = |endpoint: &Endpoint| {
            endpoint.attempt(Does::Badly);
        };
        let others = [beside(&endpoint, fail), beside(&endpoint, fail)];
        fail(&endpoint);
        join(others);
        assert_eq!(endpoint.opened(), 1);
        assert_eq!(endpoint.breaker.share(OpClass::Read, clock::now()), 0.0);
        assert!(endpoint.attempt(Does::Well).unwrap().unwrap_err().is::<Open>());
    });
}

#[test]
fn a_racing_success_does_not_hide_an_opening() {
    explore(|| {
        let endpoint = Endpoint::new(BreakerSettings {
            open_min: Duration::from_secs(1),
            open_max: Duration::from_secs(1),
            ..brief(1)
        });
        // Given two attempts that passed while it was closed,
        let mut earlier = [endpoint.call(Does::Well), endpoint.call(Does::Well)].into_iter();
        let mut end = || {
            let mut call = earlier.next().unwrap();
            move |_: &Endpoint| drop(call.as_mut().poll(&mut Context::from_waker(Waker::noop())))
        };
        // when they end well beside the fault that opens it,
        let others = [beside(&endpoint, end()), beside(&endpoint, end())];
        endpoint.attempt(Does::Badly);
        join(others);
        // then it is open, for the path without the lock, too.
        assert_eq!(endpoint.opened(), 1);
        assert!(matches!(endpoint.peek(), Admission::Refuse { .. }));
        assert!(!endpoint.breaker.untroubled(OpClass::Read));
    });
}

#[test]
fn the_last_good_probe_closes_the_breaker_despite_a_late_fault() {
    explore(|| {
        let endpoint = Endpoint::new(BreakerSettings {
            successes: 1,
            ..brief(1)
        });
        // Given an attempt from before it opened, which will end badly,
        let mut old = endpoint.call(Does::Badly);
        endpoint.attempt(Does::Badly);
        // when it ends while a probe goes well and a third asks,
        let others = [
            beside(&endpoint, move |_| {
                drop(old.as_mut().poll(&mut Context::from_waker(Waker::noop())))
            }),
            beside(&endpoint, |endpoint| drop(endpoint.attempt(Does::Nothing))),
        ];
        let probe = endpoint.attempt(Does::Well);
        join(others);
        // then a probe that passed has closed it, once. (Where the old news comes later it is a new fault, and opens it.)
        let closed = endpoint.told(|event| matches!(event, Event::BreakerClosed { .. }));
        match probe {
            Some(Ok(())) => assert_eq!(closed, 1),
            _ => assert_eq!(closed, 0),
        }
        match endpoint.opened() - closed {
            0 => assert_eq!(
                (endpoint.breaker.state(OpClass::Read).as_str(), endpoint.peek()),
                ("closed", Admission::Pass)
            ),
            _ => assert_eq!(endpoint.peek(), Admission::Probe, "stuck in half-open"),
        }
    });
}

#[test]
fn no_outcome_is_lost_or_counted_twice() {
    explore(|| {
        // Given a breaker that has seen a good attempt, so that the next ones are counted without the lock,
        let endpoint = Endpoint::new(brief(9));
        endpoint.attempt(Does::Well);
        let twice = |does| {
            move |endpoint: &Endpoint| {
                endpoint.attempt(does);
                endpoint.attempt(does);
            }
        };
        // when good ones and faults end at once,
        let others = [
            beside(&endpoint, twice(Does::Well)),
            beside(&endpoint, twice(Does::Badly)),
        ];
        endpoint.attempt(Does::Well);
        join(others);
        // then each is counted.
        assert_eq!(endpoint.breaker.fault_share(OpClass::Read, clock::now()), 2.0 / 6.0);
    });
}

#[test]
fn neighbours_that_open_together_do_not_deadlock() {
    explore(|| {
        let registry = Registry::new();
        let [s3, dynamodb] = ["s3", "dynamodb"].map(|name| {
            let endpoint = crate::Endpoint::new(name, ()).provider("aws").region("us-east-1");
            Endpoint::of(endpoint.profile(), brief(1), &registry)
        });
        let other = beside(&dynamodb, |endpoint| drop(endpoint.attempt(Does::Badly)));
        s3.attempt(Does::Badly);
        join([other]);
        assert_eq!((s3.opened(), dynamodb.opened()), (1, 1));
    });
}
