//! The rate of requests to one endpoint. Pure.
//!
//! Requests leave at even distances. When the endpoint asks to slow down, all requests pause for as long as it says,
//! and then leave at half the pace. Every second that goes well gives a thirtieth back. (Additive increase,
//! multiplicative decrease, so that two backfills and an application settle.)

use crate::model::clock::Instant;
use std::time::Duration;

/// The rate never falls below this many requests a second, however often an endpoint throttles.
const SLOWEST: f64 = 1.0;
/// How long a cut takes to grow back.
const RECOVERY: Duration = Duration::from_secs(30);
/// The pause where the endpoint does not say how long. At most one cut is made in a pause: requests that were under way
/// at the first refusal are refused for the same reason.
const PAUSE: Duration = Duration::from_secs(1);

/// The cap of the first wait, doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The cap that doubling never exceeds.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Pace {
    /// Requests a second at most; infinite if unlimited.
    most: f64,
    current: f64,
    /// How much of the rate grows back per second.
    step: f64,
    /// When the next request may leave.
    next: Instant,
    cut_until: Option<Instant>,
    grown: Instant,
    second: Instant,
    in_this_second: u32,
    in_the_last: u32,
    /// Since when nothing has gone well.
    failing_since: Option<Instant>,
}

impl Pace {
    pub(super) fn new(most: f64, now: Instant) -> Self {
        Self {
            most,
            current: most,
            step: most / RECOVERY.as_secs_f64(),
            next: now,
            cut_until: None,
            grown: now,
            second: now,
            in_this_second: 0,
            in_the_last: 0,
            failing_since: None,
        }
    }

    /// When the next request may leave, if it is to leave now. Takes that slot.
    pub(super) fn reserve(&mut self, now: Instant) -> Instant {
        let slot = self.next.max(now);
        self.next = slot + self.distance();
        self.count(slot);
        slot
    }

    /// Whether a pause is on. A request with an earlier slot must not leave into a pause, either.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.cut_until.is_some_and(|until| now < until)
    }

    /// The endpoint throttled a request. Returns the length of the pause.
    pub(super) fn throttled(&mut self, now: Instant, retry_after: Option<Duration>) -> Duration {
        let pause = retry_after.unwrap_or(PAUSE);
        if !self.is_paused(now) {
            let seen = f64::from(self.in_the_last.max(self.in_this_second));
            self.current = (self.current.min(seen) / 2.0).max(SLOWEST);
            if !self.step.is_finite() {
                self.step = seen.max(SLOWEST) / RECOVERY.as_secs_f64();
            }
        }
        let until = self.cut_until.map_or(now + pause, |before| before.max(now + pause));
        self.cut_until = Some(until);
        // A request that holds a slot within the pause takes a new slot after the pause.
        self.next = self.next.max(until);
        self.grown = until;
        pause
    }

    /// A request was answered.
    pub(super) fn healthy(&mut self, now: Instant) {
        self.failing_since = None;
        if self.current < self.most {
            let well = now.saturating_duration_since(self.grown);
            self.current = (self.current + self.step * well.as_secs_f64()).min(self.most);
        }
        self.grown = self.grown.max(now);
    }

    /// A request got no answer, or a refusal. Returns for how long nothing has gone well.
    pub(super) fn failed(&mut self, now: Instant) -> Duration {
        let since = *self.failing_since.get_or_insert(now);
        now.saturating_duration_since(since)
    }

    fn distance(&self) -> Duration {
        // An infinite rate has none.
        Duration::try_from_secs_f64(1.0 / self.current).unwrap_or(Duration::ZERO)
    }

    fn count(&mut self, slot: Instant) {
        let seconds = slot.saturating_duration_since(self.second).as_secs();
        if seconds > 0 {
            self.in_the_last = if seconds == 1 { self.in_this_second } else { 0 };
            self.in_this_second = 0;
            self.second += Duration::from_secs(seconds);
        }
        self.in_this_second = self.in_this_second.saturating_add(1);
    }
}

/// The wait after the `failures`-th failure of a request: full jitter, a uniform draw below a cap that doubles.
pub(super) fn wait(failures: u32, rng: &mut fastrand::Rng) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_WAIT).mul_f64(rng.f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;
    use proptest::prelude::*;

    /// How many of the requests that want to leave at once leave within `time`.
    fn leaving(pace: &mut Pace, now: Instant, time: Duration) -> usize {
        (0..10_000).take_while(|_| pace.reserve(now) < now + time).count()
    }

    #[test]
    fn the_pace_keeps_its_rate_and_saves_no_idle_time() {
        let start = clock::now();
        let mut pace = Pace::new(100.0, start);
        assert!((99..=101).contains(&leaving(&mut pace, start, Duration::from_secs(1))));
        let later = start + Duration::from_secs(60);
        assert!((99..=101).contains(&leaving(&mut pace, later, Duration::from_secs(1))));
    }

    #[test]
    fn a_pace_without_a_rate_delays_nothing() {
        let start = clock::now();
        let mut pace = Pace::new(f64::INFINITY, start);
        assert!((0..1_000).all(|_| pace.reserve(start) == start));
    }

    #[test]
    fn throttling_pauses_and_halves_the_rate_which_grows_back() {
        let start = clock::now();
        for most in [100.0, f64::INFINITY] {
            let mut pace = Pace::new(most, start);
            for _ in 0..100 {
                pace.reserve(start);
            }
            let pause = pace.throttled(start, Some(Duration::from_secs(7)));
            // The others that were under way: the same trouble, one cut.
            pace.throttled(start, None);
            assert_eq!(pause, Duration::from_secs(7));
            assert!(pace.is_paused(start + Duration::from_millis(6_999)));
            let after = start + pause;
            assert!(!pace.is_paused(after));
            assert!(pace.reserve(start) >= after, "{most}");
            let mut at_half = Pace { next: after, ..pace };
            let sent = leaving(&mut at_half, after, Duration::from_secs(1));
            assert!((48..=52).contains(&sent), "{most}: {sent}");
            at_half.healthy(after + RECOVERY);
            assert!(at_half.current >= 99.0, "{most}: {}", at_half.current);
        }
    }

    #[test]
    fn silence_is_measured_from_the_first_failure_after_a_success() {
        let start = clock::now();
        let mut pace = Pace::new(100.0, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        pace.healthy(start);
        assert_eq!(pace.failed(at(600)), Duration::ZERO, "nothing was asked before");
        assert_eq!(pace.failed(at(610)), Duration::from_secs(10));
        pace.healthy(at(611));
        assert_eq!(pace.failed(at(612)), Duration::ZERO);
    }

    proptest! {
        /// Whatever the endpoint says, no more than the rate leaves, and something always does.
        #[test]
        fn a_pace_never_exceeds_its_rate(rate in 1.0_f64..1_000.0, throttles in prop::collection::vec(0_u64..5_000, 0..20)) {
            let start = clock::now();
            let mut pace = Pace::new(rate, start);
            for after in throttles {
                pace.throttled(start + Duration::from_millis(after), Some(Duration::from_millis(after / 2)));
                pace.healthy(start + Duration::from_millis(after * 2));
                prop_assert!((SLOWEST..=rate).contains(&pace.current));
            }
            let mut before = pace.reserve(start);
            for _ in 0..20 {
                let slot = pace.reserve(start);
                prop_assert!((slot - before).as_secs_f64() >= 0.999 / rate);
                before = slot;
            }
        }

        #[test]
        fn backoff_never_exceeds_its_cap(failures in 1_u32..100, seed: u64) {
            let wait = wait(failures, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(wait <= LONGEST_WAIT);
            prop_assert!(failures > 1 || wait <= FIRST_WAIT);
        }
    }
}
