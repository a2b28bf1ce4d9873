use super::{Counts, InvalidCheckpoint, KeyName};
use crate::{endpoint::Violation, provider::ProviderError};
use std::{fmt, io, sync::Arc, time::Duration};

/// How a backfill ended, or how far it came.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// What became of the keys, those of the runs before a resume included.
    pub counts: Counts,
    /// How often a source was overwritten during its copy, and copied again, in this run.
    pub source_changes: u64,
    /// Items of the source that are not of the shape that this crate stores, in this run: another program's. They are no
    /// keys of the backfill's, and none of them is copied. (An object has no shape. One whose name no key may have is
    /// counted as [not copyable](super::Fate::NotCopyable).)
    pub foreign: u64,
    /// Requests to the source in this run, listings included.
    pub source_requests: u64,
    /// Requests to the target in this run. The questions about conditions count as one.
    pub target_requests: u64,
    /// Everything up to this key is done: a run with the same checkpoint goes on after it.
    pub position: Option<KeyName>,
    /// How long this run took.
    pub elapsed: Duration,
}

impl Report {
    /// Every key that the source has is at the target, with the same content. See [`Counts::is_clean`].
    pub const fn is_clean(&self) -> bool {
        self.counts.is_clean()
    }
}

/// A backfill ended before its end. `Display` says why and what to do; no key is in it.
#[derive(Debug)]
pub struct Stopped {
    reason: StopReason,
    /// Boxed: an error should be small.
    report: Box<Report>,
}

/// Why a backfill ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// A setting is nonsense. Nothing was sent.
    #[error("the settings make no sense: {0}")]
    Settings(String),
    /// A side breaks a constraint on where data may go. Nothing was sent.
    #[error("{endpoint} may not be used, as {violation}")]
    Constraint {
        /// Its name.
        endpoint: Arc<str>,
        /// What it breaks.
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
    /// The source's listing failed, after all attempts. What had been listed before was copied.
    #[error("{endpoint} could not be listed")]
    Listing {
        /// The source's name.
        endpoint: Arc<str>,
        /// What the last attempt met.
        #[source]
        error: Box<ProviderError>,
    },
    /// The target may be a store that overwrites where it was asked to create, and could not be asked. Nothing was copied.
    #[error(
        "{endpoint} could not be asked whether it keeps to the conditions of a put, which a copy carries so as to overwrite \
         nothing: {error}; mend that, or say so to its adapter if you know that it does"
    )]
    Unverified {
        /// The target's name.
        endpoint: Arc<str>,
        /// What the last attempt met.
        #[source]
        error: Box<ProviderError>,
    },
    /// An endpoint has not answered anything for longer than the patience, or asks to be left alone for longer.
    #[error("{endpoint} has not served anything for {silent:.0?}, or wants not to be asked for that long")]
    Unavailable {
        /// Its name.
        endpoint: Arc<str>,
        /// For how long.
        silent: Duration,
        /// What the last attempt met.
        #[source]
        error: Box<ProviderError>,
    },
    /// So many keys in a row were not copied that it is not the keys'. They are not passed over: a resume tries them again.
    #[error("{count} keys in a row were not copied, the last because: {reason}")]
    FailuresInARow {
        /// How many.
        count: u32,
        /// What the last met.
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

    /// Why.
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
