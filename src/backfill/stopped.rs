use super::{Counts, InvalidCheckpoint, KeyName};
use crate::{endpoint::Violation, provider::ProviderError};
use std::{fmt, io, sync::Arc, time::Duration};

/// How a backfill ended, or how far it came.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The results of the keys. The runs before a resume are included.
    pub counts: Counts,
    /// How often, in this run, a source was overwritten during its copy and copied again.
    pub source_changes: u64,
    /// Items of the source that are not in the form that this crate stores, in this run. Another program wrote them.
    /// They are not keys of the backfill, and none of them is copied. (An object has no form. An object with a name
    /// that is not a valid key counts as [not copyable](super::Fate::NotCopyable).)
    pub foreign: u64,
    /// Requests to the source in this run, including listings.
    pub source_requests: u64,
    /// Requests to the target in this run. The questions about conditions count as one request.
    pub target_requests: u64,
    /// All keys up to this key are done: a run with the same checkpoint goes on after it.
    pub position: Option<KeyName>,
    /// How long this run took.
    pub elapsed: Duration,
}

impl Report {
    /// Whether every key of the source is at the target, with the same content. See [`Counts::is_clean`].
    pub const fn is_clean(&self) -> bool {
        self.counts.is_clean()
    }
}

/// A backfill that stopped before the end of the listing. `Display` says why and what to do, and shows no key.
#[derive(Debug)]
pub struct Stopped {
    reason: StopReason,
    /// Boxed: an error should be small.
    report: Box<Report>,
}

/// Why a backfill stopped before the end of the listing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// A setting is nonsense. Nothing was sent.
    #[error("the settings make no sense: {0}")]
    Settings(String),
    /// The operating system gives no random bytes, so the run has no name of its own. Nothing was sent.
    #[error("the operating system gives no random bytes: {0}")]
    Entropy(String),
    /// A side breaks a constraint on where data may go. Nothing was sent.
    #[error("{endpoint} may not be used because {violation}")]
    Constraint {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// The broken constraint.
        violation: Violation,
    },
    /// The checkpoint cannot be resumed. Nothing was sent.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(#[source] InvalidCheckpoint),
    /// The checkpoint could not be read. Nothing was sent.
    #[error("the checkpoint could not be read")]
    Load(#[source] io::Error),
    /// The checkpoint could not be saved, several times in a row.
    #[error("the checkpoint could not be saved")]
    Save(#[source] io::Error),
    /// The source's listing failed in all attempts. The keys that had been listed before were copied.
    #[error("{endpoint} could not be listed")]
    Listing {
        /// The source's name.
        endpoint: Arc<str>,
        /// The error of the last attempt.
        #[source]
        error: Box<ProviderError>,
    },
    /// The target may overwrite where a create was requested, and the backfill could not ask the target. Nothing was
    /// copied.
    #[error(
        "the backfill could not ask {endpoint} whether it keeps to the condition of a put, without which a copy could overwrite \
         data: {error}; mend that, or tell the endpoint's adapter if you know that the store does"
    )]
    Unverified {
        /// The target's name.
        endpoint: Arc<str>,
        /// The error of the last attempt.
        #[source]
        error: Box<ProviderError>,
    },
    /// An endpoint has answered nothing for longer than the patience, or asks for a longer pause.
    #[error("{endpoint} has served no request for {silent:.0?}, or asks for a pause of that length")]
    Unavailable {
        /// The endpoint's name.
        endpoint: Arc<str>,
        /// How long the endpoint has answered nothing.
        silent: Duration,
        /// The error of the last attempt.
        #[source]
        error: Box<ProviderError>,
    },
    /// Too many keys in a row were not copied: the cause is not the keys. They are not passed over: a resume tries them
    /// again.
    #[error("{count} keys in a row were not copied, the last because: {reason}")]
    FailuresInARow {
        /// The number of keys.
        count: u32,
        /// The error of the last key.
        reason: Arc<str>,
    },
}

impl Stopped {
    pub(super) fn new(reason: StopReason, report: Report) -> Self {
        Self {
            reason,
            report: Box::new(report),
        }
    }

    /// Why the backfill stopped.
    pub const fn reason(&self) -> &StopReason {
        &self.reason
    }

    /// What was done until then, and where to resume.
    pub const fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the backfill stopped after {} keys: {}",
            self.report.counts.keys(),
            self.reason
        )
    }
}

impl std::error::Error for Stopped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.reason.source()
    }
}
