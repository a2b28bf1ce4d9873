use crate::{
    model::{Action, Capabilities, Capability, Cause, Selector},
    request::OpClass,
};
use std::{fmt, sync::Arc, time::Duration};

/// A decision that a person may want to know: what, where, and why. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An endpoint gets no more traffic of this class, except probes.
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
    /// Writes of a megabyte and more fail at an endpoint. They go elsewhere where they may; smaller writes are judged
    /// apart.
    LargeWritesOut {
        /// Which.
        endpoint: Arc<str>,
        /// Until the next large write may try.
        duration: Duration,
    },
    /// Writes of a megabyte and more succeed again at an endpoint.
    LargeWritesBack {
        /// Which.
        endpoint: Arc<str>,
        /// For how long large writes did not succeed.
        outage: Duration,
    },
    /// An endpoint has said that it is full, or that it supports no creates. Writes that other endpoints can take pass
    /// this endpoint over. Reported when this begins.
    PassedOver {
        /// Which.
        endpoint: Arc<str>,
        /// What the endpoint said.
        because: &'static str,
        /// For how long, unless the endpoint says so again.
        duration: Duration,
    },
    /// Every endpoint looks bad: the least bad stays in use, and this host's own network, DNS or credentials are
    /// suspected.
    AllBad {
        /// For which class.
        class: OpClass,
    },
    /// Some endpoint looks good again.
    NoLongerAllBad {
        /// For which class.
        class: OpClass,
    },
    /// A background probe found an ill endpoint that seemed well and that no call had asked for a while. More probes
    /// follow at once; the breaker's events tell their result.
    IdleProbeFailed {
        /// Which.
        endpoint: Arc<str>,
        /// For which class.
        class: OpClass,
    },
    /// The operator has given an order.
    OrderGiven {
        /// What the order does.
        action: Action,
        /// Which endpoints the order is about.
        selector: Selector,
        /// Why, in the operator's words.
        reason: Arc<str>,
        /// For how long at most.
        lasts: Duration,
    },
    /// The operator has lifted an order before it expired.
    OrderLifted {
        /// What the order did.
        action: Action,
        /// Which endpoints the order was about.
        selector: Selector,
        /// Why the order had been given.
        reason: Arc<str>,
    },
    /// Reported when a client is built: endpoints of different providers need the same host, so they fail together.
    /// See [`dependencies`](crate::client::Dependencies).
    SharedDependency {
        /// Which host.
        host: Arc<str>,
        /// Which endpoints.
        endpoints: Vec<Arc<str>>,
    },
    /// The background asked an endpoint what it does with conditions, because a conditional write was about to go
    /// there and nobody knew. See [`verify`](crate::ObjectClient::verify).
    ConditionsVerified {
        /// Which.
        endpoint: Arc<str>,
        /// What is known of the endpoint now.
        found: Capabilities,
        /// How many conditional writes may have gone there before, as if the endpoint kept to them.
        unverified: u64,
    },
    /// New credentials could not be fetched; the current ones are valid and stay in use.
    CredentialsKept {
        /// The name of the credentials' keeper.
        credentials: Arc<str>,
        /// For how long the credentials are valid; `None`: without end.
        valid_for: Option<Duration>,
        /// Why there are no new credentials.
        cause: &'static str,
    },
    /// There are no valid credentials: nothing can be signed, and calls go elsewhere, unsent.
    CredentialsLost {
        /// The name of the credentials' keeper.
        credentials: Arc<str>,
        /// Why there are no new credentials.
        cause: &'static str,
    },
    /// Credentials that were kept or lost have been fetched anew.
    CredentialsRenewed {
        /// The name of the credentials' keeper.
        credentials: Arc<str>,
        /// For how long the credentials could not be fetched.
        after: Duration,
    },
    /// A retry or a hedge was wanted, and the budget was used up. Reported at most once a second.
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
            Self::LargeWritesOut { endpoint, duration } => write!(
                f,
                "{endpoint} gets no more writes of a megabyte and more for {duration:.1?}: they fail there; smaller ones are judged apart"
            ),
            Self::LargeWritesBack { endpoint, outage } => {
                write!(
                    f,
                    "{endpoint} is back for writes of a megabyte and more after {outage:.1?}"
                )
            }
            Self::PassedOver {
                endpoint,
                because,
                duration,
            } => write!(f, "creates pass {endpoint} over for {duration:?}, as {because}"),
            Self::AllBad { class } => write!(
                f,
                "every endpoint looks bad for {class}s: using the least bad; this host's own network, DNS or credentials are suspected"
            ),
            Self::NoLongerAllBad { class } => write!(f, "some endpoint looks good again for {class}s"),
            Self::IdleProbeFailed { endpoint, class } => {
                write!(f, "{endpoint}, idle, failed a probe with a {class}")
            }
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
            Self::SharedDependency { host, endpoints } => write!(
                f,
                "{} are of different providers and all need {host}: they fail together",
                endpoints.join(", ")
            ),
            Self::ConditionsVerified {
                endpoint,
                found,
                unverified,
            } => {
                let said = match (found.create, found.if_match) {
                    (Capability::Kept, Capability::Kept) => "keeps to creates and to If-Match",
                    (Capability::Kept, _) => "keeps to creates, and is not known to keep to If-Match",
                    (Capability::Lacking, Capability::Kept) => {
                        "does not keep to creates, which are no longer sent there"
                    }
                    (Capability::Lacking, _) => "does not keep to conditions, and gets no conditional write any more",
                    (Capability::Unknown, _) => "could not be asked whether it keeps to creates",
                };
                write!(
                    f,
                    "{endpoint} {said}; {unverified} conditional writes may have gone there before"
                )
            }
            Self::CredentialsKept {
                credentials,
                valid_for,
                cause,
            } => {
                write!(
                    f,
                    "no new credentials `{credentials}` ({cause}): those in hand stay in use"
                )?;
                match valid_for {
                    Some(left) => write!(f, ", for {} s at most", left.as_secs()),
                    None => Ok(()),
                }
            }
            Self::CredentialsLost { credentials, cause } => {
                write!(
                    f,
                    "no valid credentials `{credentials}` ({cause}): nothing can be signed with them"
                )
            }
            Self::CredentialsRenewed { credentials, after } => {
                write!(f, "new credentials `{credentials}`, after {after:.1?} without")
            }
            Self::BudgetExhausted { class } => write!(f, "the budget for retries and hedges of {class}s is used up"),
        }
    }
}
