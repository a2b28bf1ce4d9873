use super::late::UNLEARNT;
use crate::model::clock::{Instant, nanos};
use std::time::Duration;

/// Eight buckets an octave, from 16 µs to 16 µs × 2^22 ≈ 69 s: a quantile is exact to an eighth.
const BUCKETS: usize = 1 + 22 * 8;
const LOWEST_BITS: u32 = 14;
const LOWEST: Duration = Duration::from_nanos(1 << LOWEST_BITS);
/// With this many samples all counts are halved, so that the estimate follows the last one to two thousand attempts.
const FORGET_AT: u32 = 2_000;
/// With fewer samples nothing is known: the p99 of fewer is just their maximum.
const ENOUGH: u32 = 20;
/// How long after the first sample the latency is known, while other attempts are still under way: the first attempts
/// back are the fast ones. An attempt that takes longer than this is late while nothing is known.
const SETTLED: Duration = UNLEARNT;
/// The quantile is computed anew after this many samples, and stands still in between.
const REFRESH_EVERY: u32 = 16;
/// The time constant of the usual time: a rise of a minute shows against it.
const USUAL: Duration = Duration::from_secs(30);
/// This many samples of an endpoint's past are kept when the endpoint is left.
const SHORT: u32 = 64;
/// The quartile counts as risen at this many times the usual quartile: the same factor as beside a neighbour's p99.
const RISEN: f64 = 3.0;
/// The time constant of the peak-EWMA (Finagle's default).
const DECAY: Duration = Duration::from_secs(10);

/// One endpoint's latency for one class: its 99th percentile, and a peak-EWMA for choosing.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    counts: Box<[u16; BUCKETS]>,
    total: u32,
    /// Dropped attempts, by their age when they were dropped: each would have taken at least that long. Boxed when
    /// there is one.
    dropped: Option<Box<[u16; BUCKETS]>>,
    /// The highest bucket that counts anything.
    highest: usize,
    until_refresh: u32,
    /// The lower quartile, smoothed over half a minute, in seconds; and when the smoothed value last moved.
    usual: Option<f64>,
    followed_at: Option<Instant>,
    /// When the first attempt was back.
    first: Option<Instant>,
    /// Enough is known, from now on.
    learnt: bool,
    quartile: Option<Duration>,
    p50: Option<Duration>,
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
            dropped: None,
            highest: 0,
            until_refresh: 0,
            usual: None,
            followed_at: None,
            first: None,
            learnt: false,
            quartile: None,
            p50: None,
            p99: None,
            ewma_nanos: 0.0,
            ewma_at: None,
        }
    }
}

impl Latency {
    /// Counts a finished attempt's latency. `under_way` others are not back yet.
    pub(crate) fn record(&mut self, now: Instant, took: Duration, under_way: u32) {
        self.observe_cost(now, took);
        self.sort_in(now, took);
        let first = *self.first.get_or_insert(now);
        let settled = under_way <= 1 || now.saturating_duration_since(first) >= SETTLED;
        self.learnt |= self.total >= ENOUGH && settled;
    }

    /// Counts an attempt that was dropped at this age. The attempt would have taken at least that long. A dropped
    /// attempt is no sample, and alone says nothing. Beside samples of the same length and longer ones, dropped
    /// attempts tell how many samples are missing.
    pub(crate) fn record_dropped(&mut self, age: Duration) {
        let dropped = self.dropped.get_or_insert_with(|| Box::new([0; BUCKETS]));
        let slot = &mut dropped[bucket(age)];
        *slot = slot.saturating_add(1);
    }

    fn sort_in(&mut self, now: Instant, took: Duration) {
        let bucket = bucket(took);
        let slot = &mut self.counts[bucket];
        *slot = slot.saturating_add(1);
        self.highest = self.highest.max(bucket);
        self.total += 1;
        if self.total >= FORGET_AT {
            self.halve();
        }
        self.until_refresh = self.until_refresh.saturating_sub(1);
        if self.until_refresh == 0 || self.total <= ENOUGH {
            self.until_refresh = REFRESH_EVERY;
            self.quartile = self.quantile(0.25);
            self.p50 = self.quantile(0.5);
            self.follow(now);
            self.p99 = self.quantile(0.99);
        }
    }

    /// Moves the usual time toward the lower quartile. The median would not do: of objects of two sizes, the median is
    /// now one, now the other.
    fn follow(&mut self, now: Instant) {
        let Some(quartile) = self.quartile else { return };
        let quartile = quartile.as_secs_f64();
        let gap = self
            .followed_at
            .replace(now)
            .map(|at| now.saturating_duration_since(at));
        self.usual = match (self.usual, gap) {
            (Some(usual), Some(gap)) => Some(usual + (1.0 - decay(gap, USUAL)) * (quartile - usual)),
            _ => Some(quartile),
        };
    }

    /// Whether the lower quartile is several times what it was over the last half minute.
    pub(super) fn is_rising(&self) -> bool {
        let (Some(quartile), Some(usual)) = (self.quartile.filter(|_| self.learnt), self.usual) else {
            return false;
        };
        quartile.as_secs_f64() > RISEN * usual
    }

    /// Keeps the shape of what was seen, its rare values too, and reduces the weight against the next samples. For an
    /// endpoint that gets hardly any attempts from now on.
    pub(super) fn shorten(&mut self) {
        let parts = (self.total / SHORT).max(1);
        let keep = |count: &mut u16| *count = u32::from(*count).div_ceil(parts) as u16;
        self.counts.iter_mut().for_each(keep);
        self.dropped
            .iter_mut()
            .flat_map(|dropped| dropped.iter_mut())
            .for_each(keep);
        self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
    }

    fn halve(&mut self) {
        self.counts.iter_mut().for_each(|count| *count /= 2);
        if let Some(dropped) = &mut self.dropped {
            dropped.iter_mut().for_each(|count| *count /= 2);
        }
        self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
        self.highest = self.counts.iter().rposition(|count| *count > 0).unwrap_or(0);
    }

    /// Moves the peak-EWMA.
    fn observe_cost(&mut self, now: Instant, cost: Duration) {
        let left = self.ewma_at.map(|at| decay(now.saturating_duration_since(at), DECAY));
        self.move_cost(nanos(cost) as f64, left);
        self.ewma_at = Some(now);
    }

    /// `left`: how much of the past has not decayed, 0–1.
    fn move_cost(&mut self, sample: f64, left: Option<f64>) {
        self.ewma_nanos = match left {
            Some(left) if sample < self.ewma_nanos => self.ewma_nanos * left + sample * (1.0 - left),
            _ => sample,
        };
    }

    /// The 99th percentile, once twenty samples are there; the value is up to sixteen samples old.
    pub(crate) fn p99(&self) -> Option<Duration> {
        self.p99.filter(|_| self.learnt)
    }

    /// The median, once twenty samples are there; the value is up to sixteen samples old.
    pub(crate) fn p50(&self) -> Option<Duration> {
        self.p50.filter(|_| self.learnt)
    }

    /// The peak-EWMA as of now in nanoseconds; 0 while nothing is known, so that an unknown endpoint gets tried.
    /// Without samples the EWMA decays toward 0, so that an avoided endpoint is tried again.
    pub(crate) fn cost_nanos(&self, now: Instant) -> f64 {
        let Some(at) = self.ewma_at else { return 0.0 };
        self.ewma_nanos * decay(now.saturating_duration_since(at), DECAY)
    }

    /// Any quantile, 0–1, of the recent samples.
    pub(crate) fn quantile(&self, q: f64) -> Option<Duration> {
        if !self.learnt && self.total < ENOUGH {
            return None;
        }
        if let Some(dropped) = &self.dropped {
            return self.quantile_beside(dropped, q);
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

    /// The same quantile of all attempts, of which some were dropped before they were back: the product-limit estimate
    /// (Kaplan and Meier, 1958), as far as it reaches. Where the estimate does not reach the quantile, attempts
    /// dropped later than any other came back are left out: an endpoint that never answers one call in ten has the
    /// latency of the other nine.
    fn quantile_beside(&self, dropped: &[u16; BUCKETS], q: f64) -> Option<Duration> {
        let all = self.total + dropped.iter().map(|count| u32::from(*count)).sum::<u32>();
        // How many take longer than each bucket, as a share, and the place of the last that came back.
        let survivors = || {
            let mut at_risk = f64::from(all);
            let mut share = 1.0;
            self.counts.iter().zip(dropped).map(move |(back, dropped)| {
                if *back > 0 {
                    share *= 1.0 - f64::from(*back) / at_risk;
                }
                at_risk -= f64::from(*back) + f64::from(*dropped);
                share
            })
        };
        let beyond_all = survivors().nth(self.highest)?;
        let wanted = match 1.0 - q {
            tail if beyond_all < tail => tail,
            tail => beyond_all + tail * (1.0 - beyond_all),
        };
        let place = survivors().position(|share| share <= wanted + 1e-9);
        place.map(|place| upper_bound(place.min(self.highest)))
    }
}

/// The remainder after `age` of a quantity that decays to 1/e in `time`. Between attempts of one busy endpoint the
/// first two terms are exact to 10⁻⁴ and cost a tenth of the exponential.
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

    #[test]
    fn nineteen_samples_give_no_p99() {
        let now = crate::model::clock::now();
        let mut latency = Latency::default();
        for _ in 0..19 {
            latency.record(now, millis(2.0), 0);
        }
        assert_eq!(latency.p99(), None);
        latency.record(now, millis(2.0), 0);
        assert!(latency.p99().is_some());
    }

    /// One attempt in ten takes a hundred times as long.
    #[test]
    fn the_quickest_attempts_alone_give_no_p99() {
        let mut now = crate::model::clock::now();
        let mut latency = Latency::default();
        for _ in 0..180 {
            now += millis(2.0);
            latency.record(now, millis(4.0), 20);
        }
        assert_eq!(latency.p99(), None);
        for number in 0..400 {
            now += millis(2.0);
            latency.record(now, millis(if number % 10 == 0 { 400.0 } else { 4.0 }), 20);
        }
        assert!(latency.p99().unwrap() >= millis(400.0));
    }

    /// Of 200 attempts that take 1 to 100 ms, the attempts beyond 50 ms are dropped at that age, except one in five.
    #[test]
    fn dropped_attempts_are_made_up_for_in_the_quantile() {
        let now = crate::model::clock::now();
        let (mut all, mut some) = (Latency::default(), Latency::default());
        for number in 0..1_000 {
            let took = millis(f64::from(number % 100 + 1));
            all.record(now, took, 0);
            match took > millis(50.0) && number % 5 != 0 {
                true => some.record_dropped(millis(50.0)),
                false => some.record(now, took, 0),
            }
        }
        let (all, some) = (all.quantile(0.9).unwrap(), some.quantile(0.9).unwrap());
        assert!(some >= all * 8 / 9 && some <= all * 9 / 8, "{some:?} for {all:?}");
    }

    /// One attempt in thirty takes 50 to 500 ms.
    #[test]
    fn a_shortened_history_keeps_its_tail() {
        let now = crate::model::clock::now();
        let mut latency = Latency::default();
        for number in 0_u32..1_900 {
            let tail = number % 30 == 0;
            latency.record(now, millis(if tail { f64::from(50 + number % 450) } else { 5.0 }), 0);
        }
        let before = latency.quantile(0.99).unwrap();
        latency.shorten();
        let after = latency.quantile(0.99).unwrap();
        assert!(latency.total < 150 && after >= before, "{after:?} for {before:?}");
        assert!(latency.quantile(0.5).unwrap() < millis(6.0));
    }

    #[test]
    fn dropped_attempts_alone_raise_no_quantile() {
        let now = crate::model::clock::now();
        let mut latency = Latency::default();
        for number in 0..1_000 {
            match number % 10 {
                0 => latency.record_dropped(millis(300.0)),
                _ => latency.record(now, millis(2.0), 0),
            }
        }
        assert!(latency.quantile(0.99).unwrap() < millis(3.0));
    }

    /// With every hedge that wins, an attempt that takes longer than the hedge's delay is lost: the p99 must not
    /// follow the remaining attempts.
    #[test]
    fn a_hedged_tail_does_not_lower_the_p99() {
        let now = crate::model::clock::now();
        let mut latency = Latency::default();
        for number in 0..1_000 {
            match number % 125 {
                0 => latency.record_dropped(millis(120.0)),
                1 if number < 876 => latency.record(now, millis(100.0), 0),
                _ => latency.record(now, millis(10.0), 0),
            }
        }
        // Eight were dropped and seven took 100 ms: one in a hundred takes that long, whoever was dropped.
        assert!(latency.quantile(0.99).unwrap() >= millis(100.0));
    }

    #[test]
    fn the_p99_follows_a_change_of_regime() {
        let now = crate::model::clock::now();
        let mut latency = Latency::default();
        for _ in 0..5_000 {
            latency.record(now, millis(100.0), 0);
        }
        for _ in 0..12_000 {
            latency.record(now, millis(2.0), 0);
        }
        assert!(latency.p99().unwrap() < millis(3.0));
    }

    proptest! {
        #[test]
        fn the_quantile_is_within_a_bucket_of_the_exact_one(samples in proptest::collection::vec(0.1_f64..5_000.0, 20..1_000)) {
            let now = crate::model::clock::now();
            let mut latency = Latency::default();
            for sample in &samples {
                latency.record(now, millis(*sample), 0);
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
