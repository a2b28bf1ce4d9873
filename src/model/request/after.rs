use crate::model::clock::nanos;
use std::time::Duration;

/// A moment in a call's life: nanoseconds after the call's start. It is half as large as an
/// [`Instant`](crate::model::clock::Instant), and is compared, added and subtracted as a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct After(u64);

impl After {
    /// The start of the call.
    pub(crate) const START: Self = Self(0);

    pub(crate) const fn of_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    #[inline]
    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// The moment that is `time` later. If the sum is too large, a moment that no clock reaches (584 years).
    #[inline]
    pub(crate) fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// The time since `earlier`. Zero if `earlier` is later.
    #[inline]
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for After {
    #[inline]
    fn from(time: Duration) -> Self {
        Self(nanos(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_beyond_the_range_saturates() {
        let late = After::START.plus(Duration::MAX);
        assert_eq!(late, late.plus(Duration::from_secs(1)));
        assert_eq!(late.since(After::START), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn instants_are_ordered_and_differences_never_negative() {
        let (sooner, later) = (
            After::from(Duration::from_millis(3)),
            After::from(Duration::from_secs(5)),
        );
        assert!(sooner < later);
        assert_eq!(later.since(sooner), Duration::from_millis(4_997));
        assert_eq!(sooner.since(later), Duration::ZERO);
    }
}
