use crate::model::clock::Instant;
use std::time::Duration;

/// How many attempts per second may be sent to one endpoint. Pure: the generic cell rate algorithm (ITU-T I.371), a
/// token bucket that keeps one instant instead of a count.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    /// The time that one attempt takes up at full rate.
    spacing: Duration,
    /// When the next attempt would be due if attempts came evenly.
    due: Option<Instant>,
}

/// How far attempts may run ahead of the even rate: 100 ms worth of them, at least one. The burst is short enough that
/// a standby of 500/s is never hit by more than 50 at once.
const BURST: Duration = Duration::from_millis(100);

impl Rate {
    /// At most `per_second` attempts per second. A senseless rate (zero, negative, not finite) means one an hour.
    pub(crate) fn new(per_second: f64) -> Self {
        let spacing = (1.0 / per_second).clamp(1e-9, 3_600.0);
        Self {
            spacing: Duration::from_secs_f64(if spacing.is_finite() { spacing } else { 3_600.0 }),
            due: None,
        }
    }

    /// Admits one more attempt. Returns how long the attempt must wait for its turn, at most `patience`.
    ///
    /// # Errors
    /// How long the attempt would have to wait instead.
    pub(crate) fn admit(&mut self, now: Instant, patience: Duration) -> Result<Duration, Duration> {
        let due = self.due.map_or(now, |due| due.max(now));
        let wait = (due - now).saturating_sub(BURST.saturating_sub(self.spacing));
        if wait > patience {
            return Err(wait);
        }
        self.due = Some(due + self.spacing);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_below_one_call_a_second_are_honoured() {
        let now = crate::model::clock::now();
        let mut rate = Rate::new(0.5);
        assert_eq!(rate.admit(now, Duration::ZERO), Ok(Duration::ZERO));
        assert_eq!(rate.admit(now, Duration::ZERO), Err(Duration::from_secs(2)));
        assert_eq!(
            rate.admit(now + Duration::from_secs(2), Duration::ZERO),
            Ok(Duration::ZERO)
        );
    }

    proptest! {
        /// Whatever the arrivals, no second sees more than the capacity plus a burst, and a saturated limiter passes it all.
        #[test]
        fn admission_stays_within_capacity_and_burst(capacity in 1.0_f64..2_000.0, gaps in proptest::collection::vec(0_u64..5_000, 100..2_000)) {
            let start = crate::model::clock::now();
            let mut now = start;
            let mut rate = Rate::new(capacity);
            let mut admitted = 0;
            for gap in gaps {
                now += Duration::from_micros(gap);
                admitted += u32::from(rate.admit(now, Duration::ZERO).is_ok());
            }
            let allowed = (now - start).as_secs_f64() * capacity + capacity * BURST.as_secs_f64() + 1.0;
            prop_assert!(f64::from(admitted) <= allowed + 1e-6, "{admitted} > {allowed}");
        }
    }

    #[test]
    fn no_rate_overflows() {
        let start = crate::model::clock::now();
        let shares = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1.0,
            0.0,
            f64::MIN_POSITIVE,
            1e9,
            1e308,
        ];
        for rate in shares {
            let mut rate = Rate::new(rate);
            for step in 0..40 {
                let now = start + Duration::from_millis(700) * step;
                let _ = (rate.admit(now, Duration::ZERO), rate.admit(now, Duration::MAX));
            }
        }
    }
}
