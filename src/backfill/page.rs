//! The source's listing, page by page.

use super::KeyName;
use crate::{
    call::Progress,
    model::clock::{self, Instant},
    request::kv::Value,
};
use std::time::Duration;

/// Providers keep an expiry to the second, rounded up. The clocks of two hosts add another second.
const EXPIRY_TOLERANCE: Duration = Duration::from_secs(2);

/// One line of the source's listing.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) key: KeyName,
    pub(super) bytes: u64,
    /// Scans give values along with the keys.
    pub(super) value: Option<Timed>,
}

/// A page of the source's listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// The number of items that the source left out because another program wrote them.
    pub(super) foreign: u64,
    /// Where the next page begins; `None` at the end.
    pub(super) next: Option<Cursor>,
}

/// Where a page begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    /// The page begins after this key. Any run can resume from a key.
    pub(super) after: Option<String>,
    /// The provider's own token, where the provider's page was empty although there are more.
    pub(super) token: Option<String>,
    /// What the empty pages before this page have shown.
    pub(super) progress: Progress,
}

impl Cursor {
    /// A page after this key. `None`: the first page.
    pub(super) fn after(key: Option<String>) -> Self {
        Self {
            after: key,
            ..Self::default()
        }
    }
}

impl Page {
    /// # Errors
    /// Why the pages do not move on.
    pub(super) fn moves_on(&mut self, cursor: &Cursor) -> Result<(), &'static str> {
        // Ascending keys are progress enough.
        if self.items.is_empty()
            && let Some(next) = &mut self.next
        {
            next.progress = cursor.progress.clone();
            next.progress
                .page(None, next.token.as_deref().or(next.after.as_deref()))?;
        }
        Ok(())
    }
}

/// A value as it was read, with its expiry by the monotonic clock. A step of the host's clock during a long backfill
/// must not change how long a value has left.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    pub(super) value: Value,
    ends: Option<Instant>,
}

impl Timed {
    pub(super) fn read_now(value: Value) -> Self {
        let remains = |at: std::time::SystemTime| at.duration_since(clock::wall()).unwrap_or_default();
        // An end beyond the clock's is none.
        let ends = value.expires_at.and_then(|at| clock::now().checked_add(remains(at)));
        Self { value, ends }
    }

    /// How long the value has left. Zero if it has expired, `None` if it stays.
    pub(super) fn time_to_live(&self) -> Option<Duration> {
        Some(self.ends?.saturating_duration_since(clock::now()))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let ends_alike = match (self.ends, other.ends) {
            (None, None) => true,
            (Some(one), Some(other)) => one.max(other) - one.min(other) <= EXPIRY_TOLERANCE,
            _ => false,
        };
        ends_alike && self.value.bytes == other.value.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::kv::Version;

    #[test]
    fn expiries_are_equal_within_the_rounding_of_providers() {
        let now = clock::now();
        let ends = |seconds: Option<u64>| Timed {
            value: Value::new("v", Version::new("1", "")),
            ends: seconds.map(|seconds| now + Duration::from_secs(seconds)),
        };
        let at = |seconds| ends(Some(seconds));
        assert!(at(100).is_same(&at(102)) && at(102).is_same(&at(100)));
        assert!(!at(100).is_same(&at(103)));
        assert!(ends(None).is_same(&ends(None)) && !ends(None).is_same(&at(100)) && !at(100).is_same(&ends(None)));
        assert_eq!(at(0).time_to_live(), Some(Duration::ZERO));
    }
}
