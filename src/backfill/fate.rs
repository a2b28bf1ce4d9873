use super::Checksum;
use std::{fmt, sync::Arc};

/// A key of either store. `Debug` shows its length only: keys can carry personal data, and Debug output ends up in logs.
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

/// What became of one key. In a dry run: what would.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The target holds what the source holds, because it was put there.
    Copied {
        /// Of the content, as read at the source. `None` in a dry run.
        checksum: Option<Checksum>,
    },
    /// The target held the same already. (In a dry run of objects: one of the same length and attributes.)
    Skipped,
    /// The target holds something else, or was written to by somebody else during the copy. It was left as it is.
    Conflict,
    /// It was listed and is no longer at the source: deleted, or expired.
    Gone {
        /// A copy was made before that was noticed, and lies at the target. A backfill deletes nothing.
        copied: bool,
    },
    /// The target cannot keep it as it is, or its key is none that every provider takes. The latter never ends a backfill,
    /// however many there are.
    NotCopyable {
        /// Why, without the key.
        reason: Arc<str>,
    },
    /// It was tried and did not work.
    Failed {
        /// What the last attempt met, without the key.
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

    /// Enough of these in a row, and something is wrong that is not the keys'.
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
    /// The length of what was copied, in bytes.
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

    /// All keys that were dealt with.
    pub const fn keys(&self) -> u64 {
        self.copied + self.skipped + self.conflicts + self.gone + self.not_copyable + self.failed
    }

    /// Every key that the source has is at the target, with the same content.
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
