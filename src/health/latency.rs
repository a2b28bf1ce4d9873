use crate::clock::{Instant, nanos};
use std::time::Duration;

/// Eight buckets an octave, from 16 µs to 16 µs × 2^22 ≈ 69 s: a quantile is exact to an eighth.
const BUCKETS: usize = 1 + 22 * 8;
const LOWEST_BITS: u32 = 14;
const LOWEST: Duration = Duration::from_nanos(1 << LOWEST_BITS);
/// With this many samples all counts are halved, so that the estimate follows the last one to two thousand attempts.
const FORGET_AT: u32 = 2_000;
/// Below this many samples nothing is known: the p99 of fewer is just their maximum.
const ENOUGH: u32 = 20;
/// The quantile is computed anew after so many samples; in between it is as of then.
pub(super) const REFRESH_EVERY: u32 = 16;
/// The time constant of the peak-EWMA (Finagle's default).
const DECAY: Duration = Duration::from_secs(10);

/// What one endpoint's latency looks like for one class: its 99th percentile, and a peak-EWMA for choosing.
#[derive(Clone, Debug)]
pub struct Latency {
    counts: Box<[u16; BUCKETS]>,
    total: u32,
    /// No bucket above this one counts anything.
    highest: usize,
    /// Of them, those that were not censored; up to some hundreds it is exact.
    finished: u32,
    until_refresh: u32,
    p99: Option<Duration>,
    /// Peak-EWMA in nanoseconds: jumps up at once, decays slowly (Finagle's `PeakEwma`).
    ewma_nanos: f64,
    ewma_at: Option<Instant>,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
            highest: 0,
            finished: 0,
            until_refresh: 0,
            p99: None,
            ewma_nanos: 0.0,
            ewma_at: None,
        }
    }
}

impl Latency {
    /// Counts a finished attempt's latency.
    pub fn record(&mut self, now: Instant, took: Duration) {
        self.finished = (self.finished + 1).min(FORGET_AT);
        self.count(now, took);
    }

    /// Counts the age at which a late attempt was dropped: a censored sample, which can only raise the estimate. Alone such
    /// samples make no estimate: an endpoint that never answers has no latency.
    pub fn record_censored(&mut self, now: Instant, age: Duration) {
        self.count(now, age);
    }

    /// Counts attempts that came in this order until `now`, as if they had come evenly.
    pub(super) fn record_all(&mut self, now: Instant, took: impl ExactSizeIterator<Item = Duration>) {
        let attempts = u32::try_from(took.len()).unwrap_or(u32::MAX).max(1);
        let gap = self.ewma_at.map(|at| now.saturating_duration_since(at) / attempts);
        let left = gap.map_or(1.0, |gap| decay(gap, DECAY));
        self.finished = self.finished.saturating_add(attempts).min(FORGET_AT);
        for took in took {
            self.move_cost(nanos(took) as f64, self.ewma_at.map(|_| left));
            self.ewma_at = Some(now);
            self.sort_in(took);
        }
    }

    fn count(&mut self, now: Instant, took: Duration) {
        self.observe_cost(now, took);
        self.sort_in(took);
    }

    fn sort_in(&mut self, took: Duration) {
        let bucket = bucket(took);
        let slot = &mut self.counts[bucket];
        *slot = slot.saturating_add(1);
        self.highest = self.highest.max(bucket);
        self.total += 1;
        if self.total >= FORGET_AT {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
            self.highest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        }
        self.until_refresh = self.until_refresh.saturating_sub(1);
        if self.until_refresh == 0 || self.finished <= ENOUGH {
            self.until_refresh = REFRESH_EVERY;
            self.p99 = self.quantile(0.99);
        }
    }

    /// Moves only the peak-EWMA: what a failure does, with a penalty in place of its latency, so that an endpoint that
    /// fails fast does not look fast.
    pub fn observe_cost(&mut self, now: Instant, cost: Duration) {
        let left = self.ewma_at.map(|at| decay(now.saturating_duration_since(at), DECAY));
        self.move_cost(nanos(cost) as f64, left);
        self.ewma_at = Some(now);
    }

    /// `left`: how much of what was there has not decayed, 0–1.
    fn move_cost(&mut self, sample: f64, left: Option<f64>) {
        self.ewma_nanos = match left {
            Some(left) if sample < self.ewma_nanos => self.ewma_nanos * left + sample * (1.0 - left),
            _ => sample,
        };
    }

    /// The 99th percentile, once twenty samples are there; up to sixteen samples old.
    pub const fn p99(&self) -> Option<Duration> {
        self.p99
    }

    /// The peak-EWMA as of now in nanoseconds; 0 while nothing is known, so that an unknown endpoint gets tried. Without
    /// samples it decays toward 0, so that an endpoint that was avoided is tried again.
    pub fn cost_nanos(&self, now: Instant) -> f64 {
        let Some(at) = self.ewma_at else { return 0.0 };
        self.ewma_nanos * decay(now.saturating_duration_since(at), DECAY)
    }

    /// Any quantile, 0–1, of the recent samples.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        if self.finished < ENOUGH {
            return None;
        }
        let beyond = (f64::from(self.total) * (1.0 - q)).floor() as u32;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate().take(self.highest + 1).rev() {
            seen += u32::from(*count);
            if seen > beyond {
                return Some(upper_bound(index));
            }
        }
        None
    }
}

/// What is left after `age` of something that decays to 1/e in `time`. Between attempts of one busy endpoint the first
/// two terms are exact to 10⁻⁴ and cost a tenth of the exponential.
pub(super) fn decay(age: Duration, time: Duration) -> f64 {
    let x = age.as_secs_f64() / time.as_secs_f64();
    if x < 0.01 { 1.0 - x } else { (-x).exp() }
}

/// Octaves above [`LOWEST`], each in eight equal steps.
fn bucket(took: Duration) -> usize {
    let nanos = nanos(took).saturating_sub(1);
    let units = nanos >> LOWEST_BITS;
    match units.checked_ilog2() {
        None => 0,
        Some(octave) => {
            let eighths = (nanos >> (octave + LOWEST_BITS - 3)) & 7;
            (1 + octave as usize * 8 + eighths as usize).min(BUCKETS - 1)
        }
    }
}

fn upper_bound(bucket: usize) -> Duration {
    let Some(index) = bucket.checked_sub(1) else {
        return LOWEST;
    };
    LOWEST * (1 << (index / 8)) / 8 * (8 + 1 + (index % 8) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(ms: f64) -> Duration {
        Duration::from_secs_f64(ms / 1e3)
    }

    proptest! {
        /// Told at once or one by one: the same quantiles, and about the same cost.
        #[test]
        fn many_at_once_are_as_good_as_one_by_one(
            took in proptest::collection::vec(1_u32..200_000, 30..400), at_once in 1_usize..40,
        ) {
            let t0 = crate::clock::now();
            let (mut one_by_one, mut at_once_told) = (Latency::default(), Latency::default());
            let took: Vec<_> = took.into_iter().map(|micros| Duration::from_micros(micros.into())).collect();
            let at = |number: usize| t0 + Duration::from_millis(number as u64);
            for (number, took) in took.iter().enumerate() {
                one_by_one.record(at(number), *took);
            }
            let mut last = 0;
            for some in took.chunks(at_once) {
                last += some.len();
                at_once_told.record_all(at(last - 1), some.iter().copied());
            }
            for q in [0.1, 0.5, 0.9, 0.99] {
                prop_assert_eq!(one_by_one.quantile(q), at_once_told.quantile(q));
            }
            let now = at(took.len());
            let ratio = one_by_one.cost_nanos(now) / at_once_told.cost_nanos(now);
            prop_assert!((0.99..1.01).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn nothing_is_known_from_nineteen_samples() {
        let now = crate::clock::now();
        let mut latency = Latency::default();
        for _ in 0..19 {
            latency.record(now, millis(2.0));
        }
        assert_eq!(latency.p99(), None);
        latency.record(now, millis(2.0));
        assert!(latency.p99().is_some());
    }

    #[test]
    fn an_endpoint_that_never_answers_has_no_latency() {
        let now = crate::clock::now();
        let mut latency = Latency::default();
        for _ in 0..500 {
            latency.record_censored(now, millis(112.0));
        }
        assert_eq!(latency.p99(), None);
    }

    #[test]
    fn a_failure_makes_a_fast_endpoint_expensive_at_once_and_cheap_again_slowly() {
        let t0 = crate::clock::now();
        let mut latency = Latency::default();
        latency.record(t0, millis(2.0));
        latency.observe_cost(t0, Duration::from_secs(1));
        assert!(latency.cost_nanos(t0) >= 1e9);
        latency.record(t0 + Duration::from_secs(1), millis(2.0));
        assert!(latency.cost_nanos(t0 + Duration::from_secs(1)) > 5e8);
        assert!(latency.cost_nanos(t0 + Duration::from_secs(60)) < 1e7);
    }

    #[test]
    fn follows_a_change_of_regime() {
        let now = crate::clock::now();
        let mut latency = Latency::default();
        for _ in 0..5_000 {
            latency.record(now, millis(100.0));
        }
        for _ in 0..12_000 {
            latency.record(now, millis(2.0));
        }
        assert!(latency.p99().unwrap() < millis(3.0));
    }

    proptest! {
        #[test]
        fn the_quantile_is_within_a_bucket_of_the_exact_one(samples in proptest::collection::vec(0.1_f64..5_000.0, 20..1_000)) {
            let now = crate::clock::now();
            let mut latency = Latency::default();
            for sample in &samples {
                latency.record(now, millis(*sample));
            }
            let mut sorted = samples;
            sorted.sort_by(f64::total_cmp);
            let beyond = (sorted.len() as f64 * 0.01).floor() as usize;
            let exact = sorted[sorted.len() - 1 - beyond];
            let estimate = latency.quantile(0.99).unwrap().as_secs_f64() * 1e3;
            prop_assert!(estimate >= exact * 0.999 && estimate <= exact * 1.126, "{estimate} for {exact}");
        }
    }
}
