use super::{Door, Protocol, StoreStack, builder::Parts};
use crate::{
    BoxError,
    client::{
        Dependencies,
        settings::Settings,
        stack::{self, Composed},
    },
    clock,
    endpoint::{Profile, Roster, Violation},
    operator::Operator,
    probe::Prober,
    replicate::Mode,
    request::{Call, WriteId, bit},
    retry::Purse,
    route::Vitals,
    telemetry::{CallMetrics, Snapshot},
};
use futures_util::FutureExt;
use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tower::{ServiceExt, util::Either};

/// What all calls of one client share.
pub(crate) struct Core<P: Protocol> {
    pub(crate) roster: Roster,
    pub(crate) providers: Vec<P::Provider>,
    pub(crate) door: Door<P>,
    /// By endpoint: which of the client's constraints it breaks.
    pub(crate) violations: Vec<Option<Violation>>,
    pub(crate) mode: Mode,
    pub(crate) deadline: Duration,
    pub(crate) rng: Mutex<fastrand::Rng>,
    pub(crate) purse: Purse,
    pub(crate) vitals: Arc<[Vitals]>,
    pub(crate) operator: Operator,
    pub(crate) prober: Prober,
    pub(crate) metrics: CallMetrics,
    pub(crate) closed: AtomicBool,
    /// Endpoints that were found not to keep to conditions.
    unfit: AtomicU64,
}

impl<P: Protocol> Core<P> {
    /// A client on its stack.
    pub(super) fn new<S, K>(parts: Parts<P>, door: Door<P>, composed: Composed<S, K>, prober: Prober) -> Self {
        let Parts {
            roster,
            providers,
            constraints,
            mode,
            settings,
        } = parts;
        let Settings {
            deadline,
            seed,
            call_listener,
            ..
        } = settings;
        Self {
            violations: roster.iter().map(|profile| constraints.check(profile).err()).collect(),
            roster,
            providers,
            door,
            mode,
            deadline,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            purse: composed.purse,
            vitals: composed.vitals,
            operator: composed.operator,
            prober,
            metrics: CallMetrics::telling(call_listener),
            closed: AtomicBool::new(false),
            unfit: AtomicU64::new(0),
        }
    }
}

impl<P: Protocol> Core<P> {
    /// Through the door.
    pub(crate) fn send(
        &self,
        call: Call<P::Request>,
    ) -> impl Future<Output = Result<P::Response, BoxError>> + Send + use<P> {
        match &self.door {
            Either::Left(stack) => stack.send(call).left_future(),
            Either::Right(layered) => layered.clone().oneshot(call).right_future(),
        }
    }

    /// What is behind the door, its type forgotten.
    pub(in crate::client) fn stack(&self) -> StoreStack<P> {
        match &self.door {
            Either::Left(stack) => StoreStack::<P>::new(stack.clone()),
            Either::Right(layered) => layered.clone(),
        }
    }

    pub(crate) fn permitted(&self) -> u64 {
        self.roster.set_of(|index, _| self.violations[index].is_none())
    }

    /// Permitted, and not read-only.
    pub(crate) fn writable(&self) -> u64 {
        let violations = &self.violations;
        self.roster
            .set_of(|index, profile| violations[index].is_none() && !profile.is_read_only())
    }

    /// The endpoints that are not to be trusted with a condition, because they were seen to break one.
    pub(crate) fn unfit(&self) -> u64 {
        self.unfit.load(Ordering::Acquire)
    }

    /// What was found of an endpoint, in place of what was found before.
    pub(crate) fn found_fit(&self, endpoint: usize, fit: bool) {
        if fit {
            self.unfit.fetch_and(!bit(endpoint), Ordering::AcqRel);
        } else {
            self.unfit.fetch_or(bit(endpoint), Ordering::AcqRel);
        }
    }

    /// Whether what this endpoint shows may lag behind what was acknowledged.
    pub(crate) fn may_lag(&self, endpoint: Option<usize>) -> bool {
        match self.mode {
            Mode::ProviderManaged { home } => home.is_none() || home != endpoint,
            Mode::Strong => endpoint.is_none_or(|endpoint| self.writable() & bit(endpoint) == 0),
            // What is written once cannot be outdated.
            Mode::WriteOnce => false,
        }
    }

    pub(crate) fn draw_write_id(&self) -> WriteId {
        WriteId::generate(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(in crate::client) fn snapshot(&self) -> Snapshot {
        let barred = self.violations.iter().map(|v| v.as_ref().map(ToString::to_string));
        stack::snapshot(
            self.roster.iter().zip(barred),
            &self.vitals,
            &self.purse,
            &self.operator,
            &self.prober,
            clock::now(),
        )
    }

    pub(in crate::client) fn dependencies(&self) -> Dependencies {
        let endpoints = self.roster.iter().zip(&self.providers).zip(&self.violations);
        let permitted = endpoints.filter(|(_, violation)| violation.is_none());
        Dependencies::of(permitted.map(|((profile, provider), _)| (profile, P::hosts(provider))))
    }

    pub(in crate::client) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.prober.stop();
    }

    pub(in crate::client) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.roster.iter().map(Profile::name).collect();
        f.debug_struct(name)
            .field("endpoints", &names)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
