use crate::{
    breaker::Cause,
    clock::{self, Instant},
    request::OpClass,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Something was decided that a person may want to know: what, where, and why. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An endpoint gets no more traffic of this class, but probes.
    BreakerOpened {
        /// Which.
        endpoint: Arc<str>,
        /// For which class.
        class: OpClass,
        /// Why.
        cause: Cause,
        /// Until the next probe may pass.
        duration: Duration,
    },
    /// A probe is on its way to an endpoint that was out.
    BreakerHalfOpened {
        /// Which.
        endpoint: Arc<str>,
        /// For which class.
        class: OpClass,
    },
    /// An endpoint is back; its traffic returns on a ramp.
    BreakerClosed {
        /// Which.
        endpoint: Arc<str>,
        /// For which class.
        class: OpClass,
        /// How long it was out.
        outage: Duration,
    },
    /// Every endpoint looks bad: the least bad stays in use, and this host's own network, DNS or credentials are suspected.
    AllBad {
        /// For which class.
        class: OpClass,
    },
    /// Some endpoint looks good again.
    NoLongerAllBad {
        /// For which class.
        class: OpClass,
    },
    /// A retry or a hedge was wanted and the budget had none left. Told at most once a second for each class; the metric
    /// counts them all.
    BudgetExhausted {
        /// For which class.
        class: OpClass,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreakerOpened {
                endpoint,
                class,
                cause,
                duration,
            } => write!(
                f,
                "{endpoint} gets no more {class}s for {duration:.1?}: {}",
                cause.as_str()
            ),
            Self::BreakerHalfOpened { endpoint, class } => write!(f, "{endpoint} is probed with a {class}"),
            Self::BreakerClosed {
                endpoint,
                class,
                outage,
            } => write!(f, "{endpoint} is back for {class}s after {outage:.1?}"),
            Self::AllBad { class } => write!(
                f,
                "every endpoint looks bad for {class}s: using the least bad; this host's own network, DNS or credentials are suspected"
            ),
            Self::NoLongerAllBad { class } => write!(f, "some endpoint looks good again for {class}s"),
            Self::BudgetExhausted { class } => write!(f, "the budget for retries and hedges of {class}s is used up"),
        }
    }
}

/// Who wants to hear of events.
pub(crate) type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Tells events in the name of one endpoint, or of the whole client.
#[derive(Clone)]
pub(crate) struct Reporter {
    endpoint: Arc<str>,
    listener: Option<Listener>,
    audible: bool,
    /// By class: when an exhausted budget was last told, by any clone. It happens once per call, at the very time when
    /// a listener and a log have enough to do.
    exhausted: Arc<Mutex<[Option<Instant>; 3]>>,
}

/// How long an exhausted budget is not told again.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

impl Reporter {
    /// Tells nobody: for layers used alone.
    pub(crate) fn silent() -> Self {
        Self {
            endpoint: "".into(),
            listener: None,
            audible: false,
            exhausted: Arc::default(),
        }
    }

    pub(crate) fn new(endpoint: Arc<str>, listener: Option<Listener>) -> Self {
        Self {
            endpoint,
            listener,
            audible: true,
            exhausted: Arc::default(),
        }
    }

    pub(crate) fn endpoint(&self) -> Arc<str> {
        self.endpoint.clone()
    }

    /// Tells; never called under a lock.
    pub(crate) fn report(&self, event: Event) {
        if !self.audible {
            return;
        }
        super::metrics::count(&event);
        if self.was_just_told(&event) {
            return;
        }
        match &event {
            Event::BreakerOpened { .. } | Event::AllBad { .. } => tracing::warn!(target: "evenkeel", "{event}"),
            Event::BudgetExhausted { .. } => tracing::debug!(target: "evenkeel", "{event}"),
            _ => tracing::info!(target: "evenkeel", "{event}"),
        }
        if let Some(listener) = &self.listener {
            listener(&event);
        }
    }

    fn was_just_told(&self, event: &Event) -> bool {
        let Event::BudgetExhausted { class } = event else {
            return false;
        };
        let now = clock::now();
        let mut exhausted = self.exhausted.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &mut exhausted[class.index()];
        if last.is_some_and(|at| now.saturating_duration_since(at) < AT_MOST_EVERY) {
            return true;
        }
        *last = Some(now);
        false
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
