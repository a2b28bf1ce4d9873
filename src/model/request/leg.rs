//! One attempt of a call.

use super::Flow;
use crate::{
    evidence::Lesson,
    model::clock::Instant,
    verdict::{Detail, Outcome},
};
use std::{sync::Arc, time::Duration};

/// Which attempt of a call this is, counted from 0. The layer that starts an attempt (retry, hedge) draws the number.
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
    /// The call's first attempt. Never refused by the budget.
    #[default]
    First,
    /// After a failed one, or for what an answer left undone.
    Retry,
    /// Beside a late one.
    Hedge,
    /// An ask that proves absence. Never refused by the budget.
    Proof,
    /// Asks the endpoint that lost a write's answer, or refused one that an earlier call may have made, whose write is there.
    /// Never refused by the budget.
    Confirm,
    /// Nobody's call: looks from the background whether the endpoint is well. See [`probe`](crate::probe).
    Probe,
}

impl LegKind {
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

/// One attempt.
#[derive(Clone, Debug, Default)]
pub struct LegRecord {
    /// Why it was started.
    pub kind: LegKind,
    /// The endpoint's index in the client's list; `None` before the router picked one.
    pub endpoint: Option<usize>,
    /// When it was dispatched to the endpoint.
    pub started: Option<Instant>,
    /// How long it took, once it ended.
    pub elapsed: Option<Duration>,
    /// How it ended; `None` while it runs, and for an attempt that never left this process.
    pub ended: Option<Ended>,
    /// What the provider said, for failures.
    pub detail: Option<Box<Detail>>,
    /// The attempt whose result stands for this one: its hedge, if that won.
    pub(crate) stands_in: Option<Leg>,
    /// What its end taught.
    pub(crate) lesson: Option<Lesson>,
    /// What is told of its bytes, where somebody asked for a handle to tell of them.
    pub(crate) flow: Option<Arc<Flow>>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It came back and was judged.
    Judged(Outcome),
    /// It was dropped before it came back.
    Abandoned(Abandoned),
}

/// How an attempt that was dropped is judged: by its age. What that teaches: [`evidence`](crate::evidence).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// Younger than what is late at its endpoint.
    Young,
    /// Older.
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
