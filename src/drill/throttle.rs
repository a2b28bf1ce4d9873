use crate::model::clock::Instant;

/// A token bucket whose refusals cost tokens, too. Pure: the time is an argument.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// A refusal takes about half the work of serving a call: the server receives and parses the request either way.
    const REFUSAL: f64 = 0.5;

    /// A full bucket, with a capacity of `rate` calls per second.
    pub(super) fn new(rate: f64, now: Instant) -> Self {
        Self {
            rate,
            tokens: Self::size(rate),
            filled: now,
        }
    }

    /// How many calls may come at once. A tenth of a second's calls make the capacity sharp. At least two calls let
    /// evenly spaced calls at just the capacity pass, in spite of timers that resolve to a millisecond.
    fn size(rate: f64) -> f64 {
        (rate / 10.0).max(2.0)
    }

    /// Whether a call that arrives now is served.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(Self::size(self.rate));
        let admitted = self.tokens >= 1.0;
        // Never below zero: what is refused is not queued, so no debt outlives the overload.
        self.tokens = (self.tokens - if admitted { 1.0 } else { Self::REFUSAL }).max(0.0);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;
    use std::time::Duration;

    /// The share of evenly spaced calls at `offered` per second that pass a bucket of 100 per second, over 20 s.
    fn passed(offered: u32) -> f64 {
        let start = clock::now();
        let mut bucket = Bucket::new(100.0, start);
        let calls = 20 * offered;
        let served = (0..calls)
            .filter(|i| bucket.admit(start + Duration::from_secs(20) * *i / calls))
            .count();
        served as f64 / f64::from(calls)
    }

    #[test]
    fn refusals_consume_capacity_once_it_is_exceeded() {
        assert_eq!(passed(50), 1.0);
        assert_eq!(passed(100), 1.0);
        // served + refused / 2 = 100: at 150 offered 50 are served; at 200 and more nothing, but for the first burst.
        assert!((passed(150) - 0.33).abs() < 0.03, "{}", passed(150));
        assert!(passed(250) < 0.01, "{}", passed(250));
    }
}
