use crate::{
    model::clock::{self, Instant},
    request::kv::Value,
};
use std::time::Duration;

/// Providers keep an expiry to the second, rounded up. The clocks of two hosts add another second.
const EXPIRY_TOLERANCE: Duration = Duration::from_secs(2);

/// A value as it was read, with its expiry by the monotonic clock. A step of the host's clock during a long backfill
/// must not change how long a value has left.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) value: Value,
    ends: Option<Instant>,
}

impl Timed {
    pub(crate) fn read_now(value: Value) -> Self {
        let remains = |at: std::time::SystemTime| at.duration_since(clock::wall()).unwrap_or_default();
        // An end beyond the clock's is none.
        let ends = value.expires_at.and_then(|at| clock::now().checked_add(remains(at)));
        Self { value, ends }
    }

    /// How long the value has left. Zero if it has expired, `None` if it stays.
    pub(crate) fn time_to_live(&self) -> Option<Duration> {
        Some(self.ends?.saturating_duration_since(clock::now()))
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
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
