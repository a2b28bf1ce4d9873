mod passed_over;
mod verifier;

pub(crate) use passed_over::Why;

use super::{Door, Fences, Mode, Protocol, StoreStack, settings::Settings};
use crate::{
    BoxError,
    call::Dependencies,
    endpoint::{Constraints, Profile, Roster, Violation},
    model::clock,
    operator::Operator,
    probe::Prober,
    request::{Call, WriteId, bit},
    retry::{self, Purse},
    route::Vitals,
    snapshot::Snapshot,
    stack::{self, Composed},
    telemetry::CallMetrics,
};
use futures_util::FutureExt;
use passed_over::PassedOver;
use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tower::util::Either;
use verifier::Verifier;

/// What was found to fit together.
pub(super) struct Parts<P: Protocol> {
    pub(super) roster: Roster,
    /// Those of endpoints that may be used.
    pub(super) providers: Vec<Option<P::Provider>>,
    pub(super) constraints: Constraints,
    pub(super) mode: Mode,
    pub(super) settings: Settings,
    pub(super) require_verified: bool,
    pub(super) fenced: bool,
}

/// What all calls of one client share.
pub(crate) struct Core<P: Protocol> {
    pub(crate) roster: Roster,
    /// Those of endpoints that may be used; the others' are not kept, so that nothing can reach them.
    providers: Vec<Option<P::Provider>>,
    pub(crate) door: Door<P>,
    /// By endpoint: which of the client's constraints it breaks.
    pub(crate) violations: Arc<[Option<Violation>]>,
    pub(crate) mode: Mode,
    pub(crate) deadline: Duration,
    /// What its calls are called that are not named themselves.
    pub(crate) name: Option<&'static str>,
    pub(crate) rng: Mutex<fastrand::Rng>,
    pub(crate) purse: Purse,
    pub(crate) vitals: Arc<[Vitals]>,
    pub(crate) operator: Operator,
    pub(crate) prober: Prober,
    pub(crate) metrics: CallMetrics,
    pub(crate) closed: AtomicBool,
    pub(crate) passed_over: PassedOver,
    /// Every put and delete is to be fenced.
    pub(crate) fenced: bool,
    pub(crate) fences: Fences<P::Tag>,
    pub(crate) retry: retry::Settings,
    pub(crate) verifier: Verifier,
}

impl<P: Protocol> Core<P> {
    /// A client on its stack.
    pub(super) fn new<S, K>(parts: Parts<P>, door: Door<P>, composed: Composed<S, K>, prober: Prober) -> Self {
        let Parts {
            roster,
            providers,
            mode,
            settings,
            fenced,
            require_verified,
            ..
        } = parts;
        let operator = Operator::of(&roster, &composed, mode.takes_writes(&roster));
        let stack::Settings {
            deadline,
            retry,
            seed,
            listener,
            ..
        } = settings.stack;
        let names = roster.iter().map(|profile| profile.shared_name().clone());
        let verifier = Verifier::new(names, listener, require_verified);
        Self {
            violations: composed.violations,
            roster,
            providers,
            door,
            mode,
            deadline,
            name: settings.name,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            purse: composed.purse,
            vitals: composed.vitals,
            operator,
            prober,
            metrics: CallMetrics::telling(settings.call_listener),
            closed: AtomicBool::new(false),
            passed_over: PassedOver::default(),
            fenced,
            fences: Fences::default(),
            retry,
            verifier,
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
            Either::Right(layered) => layered.send(call).right_future(),
        }
    }

    /// What is behind the door, its type forgotten.
    pub(crate) fn stack(&self) -> StoreStack<P> {
        match &self.door {
            Either::Left(stack) => StoreStack::<P>::new(stack.clone()),
            Either::Right(layered) => StoreStack::<P>::new(layered.clone()),
        }
    }

    /// The adapter of an endpoint, if it may be used. Whatever is sent past the router begins here.
    pub(crate) fn provider(&self, endpoint: usize) -> Option<&P::Provider> {
        self.providers.get(endpoint)?.as_ref()
    }

    /// Every adapter that may be used, with its endpoint.
    pub(crate) fn providers(&self) -> impl Iterator<Item = (&Profile, &P::Provider)> {
        let all = self.roster.iter().zip(&self.providers);
        all.filter_map(|(profile, provider)| Some((profile, provider.as_ref()?)))
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

    pub(crate) fn snapshot(&self) -> Snapshot {
        crate::ops::snapshot(
            self.roster.iter(),
            &self.violations,
            &self.vitals,
            &self.purse,
            &self.operator,
            &self.prober,
            clock::now(),
        )
    }

    pub(crate) fn dependencies(&self) -> Dependencies {
        Dependencies::of(self.providers().map(|(profile, _)| profile))
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.prober.stop();
        self.verifier.stop();
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.roster.iter().map(Profile::name).collect();
        f.debug_struct(name)
            .field("endpoints", &names)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
