//! One attempt of a call.

use super::Flow;
use crate::{
    model::{clock::Instant, evidence::Lesson},
    verdict::{Detail, Outcome},
};
use std::{sync::Arc, time::Duration};

/// The number of an attempt within its call, counted from 0. The layer that starts an attempt (retry, hedge) draws the
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Leg(pub(crate) u16);

impl Leg {
    /// Its index among the attempts after the first; `None` for the first.
    #[inline]
    pub(crate) const fn is_first(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(super) fn further(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

/// Why an attempt was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum LegKind {
    /// The call's first attempt. The budget never refuses it.
    #[default]
    First,
    /// An attempt after a failed one, or for what an answer left undone.
    Retry,
    /// An attempt beside a late one.
    Hedge,
    /// An attempt that proves absence. The budget never refuses it.
    Proof,
    /// A look at the endpoint that lost a write's answer, or that refused a write which an earlier call may have made.
    /// The look finds out whose write is there. The budget never refuses it.
    Confirm,
    /// A probe from the background, which belongs to no call. It finds out whether the endpoint is well. See
    /// [`probe`](crate::ops::probe).
    Probe,
}

impl LegKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::First,
        Self::Retry,
        Self::Hedge,
        Self::Proof,
        Self::Confirm,
        Self::Probe,
    ];

    /// The word used in explanations, spans and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
            Self::Proof => "proof",
            Self::Confirm => "confirm",
            Self::Probe => "probe",
        }
    }
}

/// Why there is traffic, as a report of shares tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Traffic {
    /// What calls need: first attempts, retries, proofs and confirmations.
    Foreground,
    /// Attempts beside late ones.
    Hedge,
    /// Probes from the background.
    Probe,
}

impl Traffic {
    /// All three, in index order.
    pub const ALL: [Self; 3] = [Self::Foreground, Self::Hedge, Self::Probe];

    /// The word used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreground => "foreground",
            Self::Hedge => "hedge",
            Self::Probe => "probe",
        }
    }
}

impl LegKind {
    /// The traffic that an attempt of this kind belongs to.
    pub const fn traffic(self) -> Traffic {
        match self {
            Self::First | Self::Retry | Self::Proof | Self::Confirm => Traffic::Foreground,
            Self::Hedge => Traffic::Hedge,
            Self::Probe => Traffic::Probe,
        }
    }
}

/// The bytes of bodies that one attempt moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// To the endpoint.
    pub(crate) up: u64,
    /// From the endpoint.
    pub(crate) down: u64,
}

/// The record of one attempt.
#[derive(Clone, Debug, Default)]
pub struct LegRecord {
    /// Why the attempt was started.
    pub kind: LegKind,
    /// The endpoint's index in the client's list. `None` until the router has picked an endpoint.
    pub endpoint: Option<usize>,
    /// When the attempt was dispatched to the endpoint.
    pub started: Option<Instant>,
    /// How long the attempt took, once it has ended.
    pub elapsed: Option<Duration>,
    /// How the attempt ended. `None` while the attempt runs, and for an attempt that never left this process.
    pub ended: Option<Ended>,
    /// What the provider said about a failure.
    pub detail: Option<Box<Detail>>,
    /// The attempt whose result stands for this one: its hedge, if the hedge won.
    pub(crate) stands_in: Option<Leg>,
    /// What the attempt's end taught.
    pub(crate) lesson: Option<Lesson>,
    /// The length of the request's body and of the answer's, if the bridge knows them.
    pub(crate) bodies: Option<Moved>,
    /// The reports of the attempt's bytes, if somebody asked for a handle to report them.
    pub(crate) flow: Option<Arc<Flow>>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The attempt came back and was judged.
    Judged(Outcome),
    /// The attempt was dropped before it came back.
    Abandoned(Abandoned),
}

/// How a dropped attempt is judged: by its age. What its end teaches: [`evidence`](crate::guide::evidence).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// The attempt was younger than what is late at its endpoint.
    Young,
    /// The attempt was older than that.
    Late,
}

impl Abandoned {
    /// The word used in explanations and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Young => "abandoned",
            Self::Late => "abandoned late",
        }
    }
}
