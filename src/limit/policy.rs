use crate::clock::Instant;
use std::time::Duration;

/// How much may be sent to one endpoint. Pure: the generic cell rate algorithm (ITU-T I.371), which is a token bucket
/// that keeps one instant instead of a count, plus a bound on the attempts under way.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Time that one attempt takes up at full rate; `None`: no rate was given.
    spacing: Option<Duration>,
    max_in_flight: u32,
    in_flight: u32,
    /// When the next attempt would be due if attempts came evenly.
    due: Option<Instant>,
}

/// How far attempts may run ahead of the even rate: 100 ms worth of them, at least one. Short enough that a standby of
/// 500/s is never hit by more than 50 at once.
const BURST: Duration = Duration::from_millis(100);

impl Policy {
    /// The most attempts under way at one endpoint by default: a hung endpoint takes up at most so many tasks and
    /// connections. 1,024 is what 500 calls/s need to sit through two seconds of silence.
    pub const MAX_IN_FLIGHT: u32 = 1_024;

    /// At most `capacity` attempts per second (`None`: any number) and `max_in_flight` at once.
    pub fn new(capacity: Option<f64>, max_in_flight: u32) -> Self {
        Self {
            spacing: capacity
                .filter(|c| c.is_finite() && *c > 0.0)
                .map(|c| Duration::from_secs_f64((1.0 / c).clamp(1e-9, 3_600.0))),
            max_in_flight,
            in_flight: 0,
            due: None,
        }
    }

    /// One more attempt: how long it must wait for its turn, at most `patience`.
    ///
    /// # Errors
    /// How long it would have to wait instead.
    pub fn admit(&mut self, now: Instant, patience: Duration) -> Result<Duration, Duration> {
        if self.in_flight >= self.max_in_flight {
            return Err(Duration::from_millis(50));
        }
        let wait = match self.spacing {
            None => Duration::ZERO,
            Some(spacing) => {
                let due = self.due.map_or(now, |due| due.max(now));
                let ahead = due - now;
                let tolerated = BURST.saturating_sub(spacing);
                let wait = ahead.saturating_sub(tolerated);
                if wait > patience {
                    return Err(wait);
                }
                self.due = Some(due + spacing);
                wait
            }
        };
        self.in_flight += 1;
        Ok(wait)
    }

    /// An attempt ended.
    pub fn release(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Attempts under way.
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_rate_no_wait() {
        let now = crate::clock::now();
        let mut policy = Policy::new(None, 2);
        assert_eq!(policy.admit(now, Duration::ZERO), Ok(Duration::ZERO));
        assert_eq!(policy.admit(now, Duration::ZERO), Ok(Duration::ZERO));
        assert!(policy.admit(now, Duration::ZERO).is_err());
        policy.release();
        assert_eq!(policy.admit(now, Duration::ZERO), Ok(Duration::ZERO));
    }

    #[test]
    fn less_than_one_call_a_second() {
        let now = crate::clock::now();
        let mut policy = Policy::new(Some(0.5), 10);
        assert_eq!(policy.admit(now, Duration::ZERO), Ok(Duration::ZERO));
        assert_eq!(policy.admit(now, Duration::ZERO), Err(Duration::from_secs(2)));
        assert_eq!(
            policy.admit(now + Duration::from_secs(2), Duration::ZERO),
            Ok(Duration::ZERO)
        );
    }

    proptest! {
        /// Whatever the arrivals, no second sees more than the capacity plus a burst, and a saturated limiter passes it all.
        #[test]
        fn never_more_than_capacity_and_burst(capacity in 1.0_f64..2_000.0, gaps in proptest::collection::vec(0_u64..5_000, 100..2_000)) {
            let start = crate::clock::now();
            let mut now = start;
            let mut policy = Policy::new(Some(capacity), u32::MAX);
            let mut admitted = 0;
            for gap in gaps {
                now += Duration::from_micros(gap);
                admitted += u32::from(policy.admit(now, Duration::ZERO).is_ok());
            }
            let allowed = (now - start).as_secs_f64() * capacity + capacity * BURST.as_secs_f64() + 1.0;
            prop_assert!(f64::from(admitted) <= allowed + 1e-6, "{admitted} > {allowed}");
        }
    }
}
