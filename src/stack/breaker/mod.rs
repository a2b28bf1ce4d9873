//! A circuit breaker per endpoint and class of operation.
//!
//! A *closed* breaker lets traffic flow, an *open* one does not. A breaker opens on a few faults in a row, on a share
//! of faults in a true sliding window, or on attempts so late that their hedges overtook them. An open breaker refuses
//! attempts at once. After a jittered open time it lets **one** probe pass at a time. After three good probes in a
//! row, traffic returns on a ramp. (An endpoint that keeps relapsing needs more good probes, over a longer time.) The
//! numbers are in [`BreakerSettings`].
//!
//! ```
//! use evenkeel::stack::breaker::{Breaker, BreakerLayer, Open};
//! use evenkeel::request::Call;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let breaker = Breaker::default();
//! let service = BreakerLayer::new(breaker)
//!     .layer(service_fn(|_: Call<()>| async { Err::<(), evenkeel::BoxError>("down".into()) }));
//! for _ in 0..3 {
//!     service.clone().oneshot(Call::read(())).await.unwrap_err();
//! }
//! let refused = service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(refused.is::<Open>());
//! # }
//! ```
//!
//! **Place in the stack**: outermost around an endpoint. The breaker reads the verdict that [`health`](crate::stack::health)
//! wrote into the call's record. Used alone, it counts every error as a fault.
//!
//! **Cancel safety**: a dropped probe frees its slot. The age of a dropped attempt decides whether it counts, see
//! [`health`](crate::stack::health).
//!
//! Throttling, the caller's own mistakes and local refusals never open a breaker. Connections that break together are
//! one fault.
//!
//! Inside the client, writes of a megabyte and more have a breaker of their own: a device on the path may refuse or
//! lose large writes and pass small ones. When that breaker opens, large writes go elsewhere and small writes stay.

mod attendant;
mod policy;
mod rate;
mod registry;
mod service;
mod settings;
mod state;

#[cfg(all(test, evenkeel_loom))]
mod loom_tests;

pub use super::refusal::Open;
pub use crate::model::Cause;
pub(crate) use attendant::Attendant;
pub(crate) use policy::Gate;
pub(crate) use policy::{Admission, Policy, Transition};
pub use registry::Registry;
pub use service::BreakerLayer;
pub(crate) use service::Guarded;
pub use settings::BreakerSettings;
pub use state::State;

use crate::{
    endpoint::Profile,
    model::{
        clock::{self, Instant},
        evidence::Lesson,
    },
    request::OpClass,
    stack::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    telemetry::{Event, Reporter},
    verdict::Observed,
};
use registry::Domain;
use std::{
    sync::{Arc, OnceLock, PoisonError, Weak},
    time::Duration,
};

/// The breakers of one endpoint, one per class of operation. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    classes: [Mutex<Class>; 3],
    /// True while the class' breaker is closed and off its ramp: the healthy path then skips the lock.
    untroubled: [AtomicBool; 3],
    /// True while the class' breaker is closed.
    closed: [AtomicBool; 3],
    /// The breakers of the client's other endpoints.
    company: OnceLock<Vec<Weak<Shared>>>,
    reporter: Reporter,
    /// The registry to tell when this breaker opens, and this endpoint's domain in it.
    neighbourhood: Option<(Domain, Registry)>,
    /// The breaker of large writes. `None` in that breaker itself, and in a breaker that is used alone.
    large: Option<Breaker>,
    /// This is the breaker of large writes.
    of_large: bool,
    /// The prober in the background.
    attendant: OnceLock<Arc<Attendant>>,
}

#[derive(Debug)]
struct Class {
    policy: Policy,
    rng: fastrand::Rng,
    /// When a proof of absence was last let past while the breaker was not closed.
    last_proof: Option<Instant>,
    /// The last fault was a late attempt, so the next call may wait in vain.
    late: bool,
}

/// How often an open breaker lets a proof of absence past, where the endpoint answers or refuses quickly. That
/// endpoint may be the only one that holds the key. An open time of half a minute suits only traffic that can go
/// elsewhere.
const PROOF_EVERY: Duration = Duration::from_secs(1);

impl Default for Breaker {
    fn default() -> Self {
        Self::new(BreakerSettings::default(), 0)
    }
}

impl Breaker {
    /// Closed breakers with these settings. `seed` is for the jitter.
    pub fn new(settings: BreakerSettings, seed: u64) -> Self {
        Self::in_neighbourhood(settings, seed, Reporter::silent(), None, None)
    }

    /// Breakers that report their changes, and that tell the other breakers of their endpoint's domain of trouble.
    pub(crate) fn of_endpoint(
        settings: BreakerSettings,
        seed: u64,
        reporter: Reporter,
        profile: &Profile,
        registry: &Registry,
    ) -> Self {
        let domain = Domain::of(profile);
        let neighbourhood = domain.clone().map(|domain| (domain, registry.clone()));
        // Nobody probes for it in the background: a probe is small.
        let large = Self(Arc::new(Shared {
            of_large: true,
            ..Self::shared(settings.clone(), seed, reporter.clone())
        }));
        let breaker = Self::in_neighbourhood(settings, seed, reporter, neighbourhood, Some(large));
        if let Some(domain) = domain {
            registry.enter(domain, profile, &breaker, clock::now());
        }
        breaker
    }

    fn in_neighbourhood(
        settings: BreakerSettings,
        seed: u64,
        reporter: Reporter,
        neighbourhood: Option<(Domain, Registry)>,
        large: Option<Self>,
    ) -> Self {
        Self(Arc::new(Shared {
            neighbourhood,
            large,
            ..Self::shared(settings, seed, reporter)
        }))
    }

    fn shared(settings: BreakerSettings, seed: u64, reporter: Reporter) -> Shared {
        Shared {
            classes: OpClass::ALL.map(|class| {
                Mutex::new(Class {
                    policy: Policy::new(settings.clone()),
                    rng: fastrand::Rng::with_seed(seed.wrapping_add(class.index() as u64)),
                    last_proof: None,
                    late: false,
                })
            }),
            untroubled: OpClass::ALL.map(|_| AtomicBool::new(true)),
            closed: OpClass::ALL.map(|_| AtomicBool::new(true)),
            company: OnceLock::new(),
            reporter,
            neighbourhood: None,
            large: None,
            of_large: false,
            attendant: OnceLock::new(),
        }
    }

    /// The breaker for writes of this size.
    #[inline]
    pub(crate) fn of(&self, large: bool) -> &Self {
        match &self.0.large {
            Some(its) if large => its,
            _ => self,
        }
    }

    /// Makes these breakers, of one client's endpoints, known to each other.
    pub(crate) fn in_company(all: &[&Self]) {
        for breaker in all {
            let others = all.iter().filter(|other| !Arc::ptr_eq(&other.0, &breaker.0));
            // A breaker that two clients share is in the company that it was in first.
            let _ = breaker
                .0
                .company
                .set(others.map(|other| Arc::downgrade(&other.0)).collect());
        }
    }

    /// Whether both breakers belong to endpoints of one client.
    fn is_in_company_of(&self, other: &Self) -> bool {
        let is_other = |mate: &Weak<Shared>| std::ptr::eq(mate.as_ptr(), Arc::as_ptr(&other.0));
        self.0.company.get().is_some_and(|mates| mates.iter().any(is_other))
    }

    /// Whether every other endpoint of the client is out. Never true of a breaker that is used alone: its user wants
    /// it to open.
    fn is_alone(&self, class: OpClass) -> bool {
        let company = self.0.company.get();
        company.is_some_and(|others| {
            let others = others.iter().filter_map(Weak::upgrade);
            !others
                .into_iter()
                .any(|other| other.closed[class.index()].load(Ordering::Acquire))
        })
    }

    /// The background probes this endpoint, and this attendant hears of the breaker's changes. The first attendant set
    /// wins.
    pub(crate) fn attended_by(&self, attendant: Arc<Attendant>) {
        // One client, one attendant: there is no second.
        let _ = self.0.attendant.set(attendant);
    }

    /// What a probe from the background meets.
    pub(crate) fn gate(&self, class: OpClass, now: Instant) -> Gate {
        self.with(class, |c| c.policy.gate(now))
    }

    /// Whether a call should lend its first attempt as a probe, if a probe may pass. No call lends an attempt while
    /// the background probes an endpoint that shows no life.
    pub(crate) fn borrows(&self, class: OpClass, now: Instant) -> bool {
        let attendant = self.0.attendant.get().filter(|attendant| attendant.stands_in());
        let Some(attendant) = attendant else { return true };
        let looked_at = if attendant.probes(class) { class } else { OpClass::Read };
        !self.with(looked_at, |c| c.policy.is_lifeless(now))
    }

    /// Whether an attempt could pass now.
    pub(crate) fn peek(&self, class: OpClass, now: Instant) -> Admission {
        if self.untroubled(class) {
            return Admission::Pass;
        }
        self.with(class, |c| c.policy.peek(now))
    }

    /// The share of its normal traffic that the endpoint may carry: 0 unless closed, 0.1–1 on the ramp, else 1.
    pub(crate) fn share(&self, class: OpClass, now: Instant) -> f64 {
        if self.untroubled(class) {
            return 1.0;
        }
        self.with(class, |c| c.policy.share(now))
    }

    /// Whether a proof of absence may pass by force now. The next one may pass a second later.
    pub(crate) fn lets_proof(&self, class: OpClass, now: Instant) -> bool {
        if self.untroubled(class) {
            return false;
        }
        self.with(class, |c| {
            let young = |at| now.saturating_duration_since(at) < PROOF_EVERY;
            let due = !c.late && !c.last_proof.is_some_and(young);
            if due {
                c.last_proof = Some(now);
            }
            due
        })
    }

    /// Since when the breaker has not been closed; `None` where the last fault was late, as a call could then wait in
    /// vain.
    pub(crate) fn fails_quickly_since(&self, class: OpClass) -> Option<Instant> {
        self.with(class, |c| c.policy.out_since().filter(|_| !c.late))
    }

    /// The state of this class' breaker.
    pub fn state(&self, class: OpClass) -> State {
        self.with(class, |c| c.policy.state())
    }

    /// The share of faults in this class' window, 0–1.
    #[cfg(evenkeel_loom)]
    pub(crate) fn fault_share(&self, class: OpClass, now: Instant) -> f64 {
        self.with(class, |c| c.policy.fault_share(now))
    }

    /// Whether the breaker is closed and off its ramp, so that every attempt passes. Costs one load.
    #[inline]
    pub(crate) fn untroubled(&self, class: OpClass) -> bool {
        self.0.untroubled[class.index()].load(Ordering::Acquire)
    }

    #[inline]
    fn admit(&self, class: OpClass, now: impl FnOnce() -> Instant, forced: bool) -> Result<Passage, Instant> {
        if self.untroubled(class) {
            return Ok(Passage::Ordinary);
        }
        let now = now();
        let (admission, transition) = self.with(class, |c| c.policy.admit(now));
        self.report(class, transition, || None);
        match admission {
            Admission::Pass => Ok(Passage::Ordinary),
            Admission::Probe => Ok(Passage::Probe),
            Admission::Refuse { .. } if forced => Ok(Passage::Forced),
            Admission::Refuse { until } => Err(until),
        }
    }

    /// Whether traffic returns with this result. `in_vain`: since when a call waited for this endpoint, where no other
    /// would do and the wait was long.
    fn settle(
        &self,
        class: OpClass,
        passage: Passage,
        now: Instant,
        lesson: Option<Lesson>,
        in_vain: Option<Instant>,
        observed: impl FnOnce() -> Option<Observed>,
    ) -> bool {
        let well = matches!(lesson, Some(Lesson::Good | Lesson::Alive));
        let alone = !well && self.is_alone(class);
        let transition = self.with(class, |c| {
            if let Some(Lesson::Fault | Lesson::Late) = lesson {
                c.late = lesson == Some(Lesson::Late);
            }
            let transition = match (passage, lesson) {
                (Passage::Ordinary, Some(lesson)) => c.policy.ended(now, lesson, alone, &mut c.rng),
                (Passage::Watch, Some(lesson)) => c.policy.watched(now, lesson, alone, &mut c.rng),
                (Passage::Probe, Some(lesson)) => c.policy.probed(now, lesson, &mut c.rng),
                (Passage::Forced, Some(lesson)) => c.policy.forced(now, lesson, &mut c.rng),
                (Passage::Probe, None) => {
                    c.policy.probe_dropped();
                    None
                }
                (_, None) => None,
            };
            transition.or_else(|| c.policy.waited_in_vain(now, in_vain?, alone, &mut c.rng))
        });
        self.report(class, transition, observed);
        matches!(transition, Some(Transition::Closed { .. }))
    }

    /// Reports a change, after the lock is released. `observed`: what the attempt met that made the change.
    fn report(&self, class: OpClass, transition: Option<Transition>, observed: impl FnOnce() -> Option<Observed>) {
        let Some(transition) = transition else { return };
        if let Some(attendant) = self.0.attendant.get() {
            attendant.wake();
        }
        // What was heard is not told on.
        let own = matches!(
            transition,
            Transition::Opened {
                cause: Cause::Consecutive | Cause::Ratio,
                ..
            }
        );
        if let Some((domain, registry)) = self.0.neighbourhood.as_ref().filter(|_| own) {
            registry.trouble(domain, self, class, clock::now());
        }
        let endpoint = self.0.reporter.endpoint();
        self.0.reporter.report(match transition {
            Transition::Opened { duration, .. } if self.0.of_large => Event::LargeWritesOut { endpoint, duration },
            Transition::HalfOpened if self.0.of_large => return,
            Transition::Closed { outage } if self.0.of_large => Event::LargeWritesBack { endpoint, outage },
            Transition::Opened { cause, duration } => Event::BreakerOpened {
                endpoint,
                class,
                cause,
                observed: observed(),
                duration,
            },
            Transition::HalfOpened => Event::BreakerHalfOpened { endpoint, class },
            Transition::Closed { outage } => Event::BreakerClosed {
                endpoint,
                class,
                outage,
            },
        });
    }

    fn is_closed(&self, class: OpClass) -> bool {
        self.0.closed[class.index()].load(Ordering::Acquire)
    }

    /// Another client has left this very endpoint.
    fn follow(&self, class: OpClass, now: Instant) {
        if self.is_alone(class) {
            return;
        }
        let transition = self.with(class, |c| c.policy.is_out_for_another(now, &mut c.rng));
        self.report(class, transition, || None);
    }

    fn be_wary(&self, until: Instant) {
        for class in OpClass::ALL {
            self.with(class, |c| c.policy.be_wary(until));
        }
        if let Some(attendant) = self.0.attendant.get() {
            attendant.wake();
        }
    }

    fn with<T>(&self, class: OpClass, act: impl FnOnce(&mut Class) -> T) -> T {
        let mut guard = self.0.classes[class.index()]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut guard);
        // Under the lock, so that no older view of the state can overwrite a newer one.
        self.0.untroubled[class.index()].store(guard.policy.is_untroubled(), Ordering::Release);
        self.0.closed[class.index()].store(guard.policy.is_closed(), Ordering::Release);
        result
    }
}

/// How an attempt got past the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    Ordinary,
    /// A probe from the background, while the breaker is closed.
    Watch,
    Probe,
    Forced,
}
