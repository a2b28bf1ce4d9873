use crate::{
    breaker::Cause,
    operator::{Action, Selector},
    request::OpClass,
};
use std::{fmt, sync::Arc, time::Duration};

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
    /// The operator has given an order.
    OrderGiven {
        /// What it does.
        action: Action,
        /// To whom.
        selector: Selector,
        /// Why, in the operator's words.
        reason: Arc<str>,
        /// For how long at most.
        lasts: Duration,
    },
    /// The operator has lifted an order before it expired.
    OrderLifted {
        /// What it did.
        action: Action,
        /// To whom.
        selector: Selector,
        /// Why it had been given.
        reason: Arc<str>,
    },
    /// A retry or a hedge was wanted and the budget had none left. Told at most once a second.
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
            Self::OrderGiven {
                action,
                selector,
                reason,
                lasts,
            } => write!(
                f,
                "ordered: {} {selector} for at most {lasts:?} ({reason})",
                action.as_str()
            ),
            Self::OrderLifted {
                action,
                selector,
                reason,
            } => write!(f, "order lifted: {} {selector} ({reason})", action.as_str()),
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
}

impl Reporter {
    /// Tells nobody: for layers used alone.
    pub(crate) fn silent() -> Self {
        Self {
            endpoint: "".into(),
            listener: None,
            audible: false,
        }
    }

    pub(crate) fn new(endpoint: Arc<str>, listener: Option<Listener>) -> Self {
        Self {
            endpoint,
            listener,
            audible: true,
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
        match &event {
            Event::BreakerOpened { .. } | Event::AllBad { .. } | Event::OrderGiven { .. } => {
                tracing::warn!(target: "evenkeel", "{event}")
            }
            Event::BudgetExhausted { .. } => tracing::debug!(target: "evenkeel", "{event}"),
            _ => tracing::info!(target: "evenkeel", "{event}"),
        }
        if let Some(listener) = &self.listener {
            listener(&event);
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
