use crate::replicate::copy::Fate;
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
