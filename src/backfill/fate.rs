use super::Checksum;
use std::{fmt, sync::Arc};

/// A key of either store. `Debug` shows only the length, because keys can contain personal data and Debug output ends
/// up in logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

impl KeyName {
    pub(super) fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyName({} bytes)", self.0.len())
    }
}

/// The result of one key. In a dry run: the result that a run would have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The target holds the source's content, because the backfill put it there.
    Copied {
        /// The checksum of the content, as read at the source. `None` in a dry run.
        checksum: Option<Checksum>,
    },
    /// The target already held the same content. (In a dry run of objects: an object of the same length and
    /// attributes.)
    Skipped,
    /// The target holds other content, or another writer wrote to the target during the copy. The backfill left the
    /// target as it is.
    Conflict,
    /// The key was listed and is no longer at the source: it was deleted, or has expired.
    Gone {
        /// The backfill had made a copy before it noticed. The copy lies at the target, because a backfill deletes
        /// nothing.
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
    pub(super) fn reason(&self) -> Option<&Arc<str>> {
        match self {
            Self::NotCopyable { reason } | Self::Failed { reason } => Some(reason),
            _ => None,
        }
    }
}

/// How many keys met which [`Fate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// [`Fate::Copied`].
    pub copied: u64,
    /// The total length of the copied content, in bytes.
    pub bytes: u64,
    /// [`Fate::Skipped`].
    pub skipped: u64,
    /// [`Fate::Conflict`].
    pub conflicts: u64,
    /// [`Fate::Gone`].
    pub gone: u64,
    /// [`Fate::NotCopyable`].
    pub not_copyable: u64,
    /// [`Fate::Failed`].
    pub failed: u64,
}

impl Counts {
    pub(super) fn of(fate: &Fate, bytes: u64) -> Self {
        let mut one = Self::default();
        match fate {
            Fate::Copied { .. } => (one.copied, one.bytes) = (1, bytes),
            Fate::Skipped => one.skipped = 1,
            Fate::Conflict => one.conflicts = 1,
            Fate::Gone { .. } => one.gone = 1,
            Fate::NotCopyable { .. } => one.not_copyable = 1,
            Fate::Failed { .. } => one.failed = 1,
        }
        one
    }

    /// All keys with a result.
    pub const fn keys(&self) -> u64 {
        self.copied + self.skipped + self.conflicts + self.gone + self.not_copyable + self.failed
    }

    /// Whether every key of the source is at the target, with the same content.
    pub const fn is_clean(&self) -> bool {
        self.conflicts == 0 && self.not_copyable == 0 && self.failed == 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.skipped += other.skipped;
        self.conflicts += other.conflicts;
        self.gone += other.gone;
        self.not_copyable += other.not_copyable;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            copied,
            bytes,
            skipped,
            conflicts,
            gone,
            not_copyable,
            failed,
        } = self;
        write!(
            f,
            "{copied} copied ({bytes} bytes), {skipped} skipped, {conflicts} in conflict, {gone} gone, \
             {not_copyable} not copyable, {failed} failed"
        )
    }
}
