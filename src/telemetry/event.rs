use crate::{
    model::{Action, Capabilities, Capability, Cause, Selector},
    request::OpClass,
    verdict::Observed,
};
use std::{fmt, sync::Arc, time::Duration};

/// A decision that a person may want to know: what, where, and why. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An endpoint gets no more traffic of this class, except probes.
    BreakerOpened {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The class of calls.
        class: OpClass,
        /// Why the breaker opened.
        cause: Cause,
        /// What the attempt met whose end opened the breaker. `None`: this client made no such attempt.
        observed: Option<Observed>,
        /// The time until the next probe may pass.
        duration: Duration,
    },
    /// A probe is on its way to an endpoint that was out.
    BreakerHalfOpened {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The class of calls.
        class: OpClass,
    },
    /// An endpoint is back; its traffic returns on a ramp.
    BreakerClosed {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The class of calls.
        class: OpClass,
        /// How long the endpoint was out.
        outage: Duration,
    },
    /// Writes of a megabyte and more fail at an endpoint. They go elsewhere where they may; smaller writes are judged
    /// apart.
    LargeWritesOut {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The time until the next large write may go to the endpoint.
        duration: Duration,
    },
    /// Writes of a megabyte and more succeed again at an endpoint.
    LargeWritesBack {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// How long large writes did not succeed.
        outage: Duration,
    },
    /// An endpoint said that it is full, or that it supports no creates. Creates that other endpoints can take pass
    /// this endpoint over. The event is reported when the passing over begins.
    PassedOver {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// What the endpoint said.
        because: &'static str,
        /// How long creates pass the endpoint over, unless the endpoint says so again.
        duration: Duration,
    },
    /// Every endpoint looks bad: the least bad stays in use, and this host's own network, DNS or credentials are
    /// suspected.
    AllBad {
        /// The class of calls.
        class: OpClass,
    },
    /// Some endpoint looks good again.
    NoLongerAllBad {
        /// The class of calls.
        class: OpClass,
    },
    /// A background probe found an ill endpoint that seemed well and that no call had asked for a while. More probes
    /// follow at once; the breaker's events tell their result.
    IdleProbeFailed {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The class of calls.
        class: OpClass,
    },
    /// A download goes on at another endpoint, from the same byte.
    DownloadResumed {
        /// The name of the endpoint at which it goes on.
        endpoint: Arc<str>,
        /// The name of the endpoint that served the download before, if known.
        left: Option<Arc<str>>,
        /// Where the part begins that moved first. `Download::served` has the exact bytes of each endpoint.
        at: u64,
    },
    /// An endpoint gave an object whose bytes do not have the checksum of their write. If nothing was delivered yet,
    /// another endpoint is asked.
    WrongChecksum {
        /// The endpoint's name. Of a stream, the endpoint that gave the last bytes.
        endpoint: Arc<str>,
    },
    /// An upload that lost its endpoint is made again, from its first byte.
    UploadRestarted {
        /// The name of the endpoint at which it begins again.
        endpoint: Arc<str>,
        /// The name of the endpoint that had it before.
        left: Arc<str>,
    },
    /// The operator has given an order.
    OrderGiven {
        /// What the order does.
        action: Action,
        /// The endpoints that the order is about.
        selector: Selector,
        /// The names of these endpoints.
        endpoints: Vec<Arc<str>>,
        /// Why the operator gave the order, in the operator's words.
        reason: Arc<str>,
        /// Who gave the order, if the author was [said](crate::ops::operator::Operator::by).
        by: Option<Arc<str>>,
        /// How long the order lasts at most.
        lasts: Duration,
        /// The order's number, which lifts it.
        number: u64,
    },
    /// The operator wanted to give an order, and the guard refused it. Nothing has changed.
    OrderRefused {
        /// What the order would have done.
        action: Action,
        /// The endpoints that the order would have been about.
        selector: Selector,
        /// Why the operator wanted to give the order, in the operator's words. Empty if the operator gave no reason.
        reason: Arc<str>,
        /// Who wanted to give the order, if the author was said.
        by: Option<Arc<str>>,
        /// Why the order was refused: the text of [`Refused`](crate::ops::operator::Refused).
        because: Arc<str>,
    },
    /// The operator has lifted an order before it expired.
    OrderLifted {
        /// What the order did.
        action: Action,
        /// The endpoints that the order was about.
        selector: Selector,
        /// The names of these endpoints.
        endpoints: Vec<Arc<str>>,
        /// Why the order had been given.
        reason: Arc<str>,
        /// Who has lifted the order, if the author was said. Another person may have given it.
        by: Option<Arc<str>>,
        /// The order's number.
        number: u64,
    },
    /// An order has expired. Reported by the next call, snapshot or look at the orders.
    OrderExpired {
        /// What the order did.
        action: Action,
        /// The endpoints that the order was about.
        selector: Selector,
        /// The names of these endpoints.
        endpoints: Vec<Arc<str>>,
        /// Why the order had been given.
        reason: Arc<str>,
        /// Who had given the order, if the author was said.
        by: Option<Arc<str>>,
        /// The order's number.
        number: u64,
    },
    /// Endpoints of different providers need the same host, so they fail together. Reported when a client is built. See
    /// [`dependencies`](crate::client::Dependencies).
    SharedDependency {
        /// The host that the endpoints share.
        host: Arc<str>,
        /// The names of the endpoints.
        endpoints: Vec<Arc<str>>,
    },
    /// A loss that the client was to [survive](crate::client::StoreBuilder::survives) ends its writes or its fresh
    /// reads, or may. Reported when a client is built that is only to warn.
    NotSurvived {
        /// What is lost.
        loss: Arc<str>,
        /// What ends, and why.
        because: Arc<str>,
    },
    /// The background asked an endpoint what it does with conditions, because a conditional write was about to go
    /// there and nobody knew. See [`verify`](crate::ObjectClient::verify).
    ConditionsVerified {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// What is known of the endpoint now.
        found: Capabilities,
        /// How many conditional writes may have gone to the endpoint before the answer.
        unverified: u64,
    },
    /// New credentials could not be fetched; the current ones are valid and stay in use.
    CredentialsKept {
        /// The name of the credentials' keeper.
        credentials: Arc<str>,
        /// How long the credentials stay valid; `None`: without end.
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
        /// How long the credentials could not be fetched.
        after: Duration,
    },
    /// A call wanted a retry or a hedge, and the budget was used up. Reported at most once a second.
    BudgetExhausted {
        /// The class of calls.
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
                observed,
                duration,
            } => {
                let cause = cause.as_str();
                write!(f, "{endpoint} gets no more {class}s for {duration:.1?}: {cause}")?;
                match observed {
                    Some(observed) => write!(f, ", the last one: {observed}"),
                    None => Ok(()),
                }
            }
            Self::BreakerHalfOpened { endpoint, class } => write!(f, "{endpoint} is probed with a {class}"),
            Self::BreakerClosed {
                endpoint,
                class,
                outage,
            } => write!(f, "{endpoint} is back for {class}s after {outage:.1?}"),
            Self::LargeWritesOut { endpoint, duration } => write!(
                f,
                "{endpoint} gets no more writes of a megabyte and more for {duration:.1?}: such writes fail there; smaller writes are judged apart"
            ),
            Self::LargeWritesBack { endpoint, outage } => {
                write!(
                    f,
                    "{endpoint} is back for writes of a megabyte and more after {outage:.1?}"
                )
            }
            Self::DownloadResumed { endpoint, left, at } => {
                let left = left.as_deref().unwrap_or("an unknown endpoint");
                write!(f, "a download goes on at {endpoint} from byte {at}, in place of {left}")
            }
            Self::WrongChecksum { endpoint } => {
                write!(f, "{endpoint} gave other bytes than were written, by their checksum")
            }
            Self::UploadRestarted { endpoint, left } => {
                write!(f, "an upload begins again at {endpoint}, after {left} failed it")
            }
            Self::PassedOver {
                endpoint,
                because,
                duration,
            } => write!(f, "creates pass {endpoint} over for {duration:?} because {because}"),
            Self::AllBad { class } => write!(
                f,
                "every endpoint looks bad for {class}s: the client uses the least bad; suspect this host's own network, DNS or credentials"
            ),
            Self::NoLongerAllBad { class } => write!(f, "some endpoint looks good again for {class}s"),
            Self::IdleProbeFailed { endpoint, class } => {
                write!(f, "{endpoint} was idle and failed a probe with a {class}")
            }
            Self::OrderGiven {
                action,
                selector,
                reason,
                by,
                lasts,
                ..
            } => write!(
                f,
                "{} ordered: {} {selector} for at most {lasts:?} ({reason})",
                who(by),
                action.as_str()
            ),
            Self::OrderRefused { by, because, .. } => write!(f, "{} gave no order: {because}", who(by)),
            Self::OrderLifted {
                action,
                selector,
                reason,
                by,
                ..
            } => write!(
                f,
                "{} lifted the order: {} {selector} ({reason})",
                who(by),
                action.as_str()
            ),
            Self::OrderExpired {
                action,
                selector,
                reason,
                by,
                ..
            } => write!(
                f,
                "{}'s order has expired: {} {selector} ({reason})",
                who(by),
                action.as_str()
            ),
            Self::SharedDependency { host, endpoints } => write!(
                f,
                "{} are of different providers and all need {host}: they fail together",
                endpoints.join(", ")
            ),
            Self::NotSurvived { loss, because } => {
                write!(f, "the client does not survive the loss of {loss}: {because}")
            }
            Self::ConditionsVerified {
                endpoint,
                found,
                unverified,
            } => {
                let said = match (found.create, found.if_match) {
                    (Capability::Kept, Capability::Kept) => "can be trusted with creates and If-Match",
                    (Capability::Kept, _) => "can be trusted with creates, but is not known to be with If-Match",
                    (Capability::Lacking, Capability::Kept) => {
                        "cannot be trusted with creates and gets no more creates"
                    }
                    (Capability::Lacking, _) => "cannot be trusted with conditions and gets no more conditional writes",
                    (Capability::Unknown, _) => "could not be asked whether it can be trusted with creates",
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
                    "no new credentials `{credentials}` ({cause}): the current credentials stay in use"
                )?;
                match valid_for {
                    Some(left) => write!(f, ", for {} s at most", left.as_secs()),
                    None => Ok(()),
                }
            }
            Self::CredentialsLost { credentials, cause } => {
                write!(
                    f,
                    "no valid credentials `{credentials}` ({cause}): no request can be signed with them"
                )
            }
            Self::CredentialsRenewed { credentials, after } => {
                write!(
                    f,
                    "new credentials `{credentials}`, after {after:.1?} of failed fetches"
                )
            }
            Self::BudgetExhausted { class } => write!(f, "the budget for retries and hedges of {class}s is used up"),
        }
    }
}

/// The author of an order.
fn who(by: &Option<Arc<str>>) -> &str {
    by.as_deref().unwrap_or("the operator")
}
