use super::Checksum;
use std::{fmt, sync::Arc};

/// The result of one key. In a dry run: the result that a run would have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The target holds the source's content, because a copy put it there.
    Copied {
        /// The checksum of the content, as read at the source. `None` in a dry run.
        checksum: Option<Checksum>,
    },
    /// The target already held the same content. (In a dry run of objects: an object of the same length and
    /// attributes.)
    Skipped,
    /// The target holds other content, or another writer wrote to the target during the copy. The target was left as it
    /// is.
    Conflict,
    /// The key was listed and is no longer at the source: it was deleted, or has expired.
    Gone {
        /// A copy had been made before the key was found to be gone. The copy stays at the target: nothing is deleted.
        copied: bool,
    },
    /// The target cannot keep the content unchanged, or not every provider takes the key. Keys of the second kind never
    /// end a backfill, however many there are.
    NotCopyable {
        /// The reason, without the key.
        reason: Arc<str>,
    },
    /// All attempts to copy the key failed.
    Failed {
        /// The error of the last attempt, without the key.
        reason: Arc<str>,
    },
}

impl Fate {
    pub(super) fn failed(reason: impl fmt::Display) -> Self {
        Self::Failed {
            reason: reason.to_string().into(),
        }
    }

    pub(super) fn not_copyable(reason: impl fmt::Display) -> Self {
        Self::NotCopyable {
            reason: reason.to_string().into(),
        }
    }

    /// The reason, if the fate counts as a failure. When enough keys in a row fail, the cause is not the keys.
    pub(crate) fn reason(&self) -> Option<&Arc<str>> {
        match self {
            Self::NotCopyable { reason } | Self::Failed { reason } => Some(reason),
            _ => None,
        }
    }
}
