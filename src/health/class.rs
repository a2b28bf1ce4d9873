use super::{
    latency::{Latency, decay},
    throttle::ThrottleShare,
};
use crate::clock::{Instant, nanos};
use std::time::Duration;

/// What was seen of one endpoint for one class. Pure: `now` comes in.
#[derive(Clone, Debug)]
pub(super) struct ClassHealth {
    pub(super) latency: Latency,
    pub(super) throttle: ThrottleShare,
    /// Exponentially weighted success share, 0–1.
    pub(super) score: f64,
    score_at: Option<Instant>,
    pub(super) last_success: Option<Instant>,
    /// When an attempt last ended that moved neither that nor the score: throttled, or the caller's mistake.
    pub(super) last_other: Option<Instant>,
    /// When credentials that had worked were last refused: while that goes on, they stay believed.
    pub(super) last_suspicion: Option<Instant>,
}

impl Default for ClassHealth {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            throttle: ThrottleShare::default(),
            score: 1.0,
            score_at: None,
            last_success: None,
            last_other: None,
            last_suspicion: None,
        }
    }
}

/// An attempt that did well: when it came back, and after how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Good {
    pub(super) at: Instant,
    pub(super) took: Duration,
}

/// What a failure counts as in the choosing of endpoints, at least: long enough that a fast failure never looks
/// attractive beside a slow success.
const PENALTY: Duration = Duration::from_secs(1);
/// With a score from here on a tier takes its whole traffic whatever the draw (1/1.4, and a margin).
const SOUND: f64 = 0.75;

/// The time constant of the score: about the breaker's window.
const SCORE_DECAY: Duration = Duration::from_secs(1);
/// The weight of one attempt in the score is never below this, so that at low rates a fault is seen, nor above half.
const SCORE_WEIGHTS: (f64, f64) = (0.02, 0.5);
/// From here on a score is 1: what is left would take for ever to go.
const WELL: f64 = 1.0 - 1e-6;
/// Credentials that worked this recently are believed over a refusal of them: longer than the lifetime left to a token
/// when SDKs refresh it (5–15 min).
const CREDENTIALS_WORKED: Duration = Duration::from_secs(15 * 60);

impl ClassHealth {
    /// An attempt went well; `took`, where that is a sample.
    pub(super) fn went_well(&mut self, now: Instant, took: Option<Duration>) {
        if let Some(took) = took {
            self.latency.record(now, took);
        }
        self.weigh(now, true);
        self.throttle.passed();
        self.throttle.forget(now);
        self.last_success = self.last_success.max(Some(now));
    }

    /// The same, in this order.
    pub(super) fn all_went_well(&mut self, attempts: &[Good]) {
        let Some(last) = attempts.last() else { return };
        if !self.is_calm() {
            return attempts
                .iter()
                .for_each(|good| self.went_well(good.at, Some(good.took)));
        }
        self.latency.record_all(last.at, attempts.iter().map(|good| good.took));
        self.score_at = self.score_at.max(Some(last.at));
        self.last_success = self.last_success.max(Some(last.at));
    }

    /// One more good attempt would change nothing but the latency.
    pub(super) fn is_calm(&self) -> bool {
        self.score == 1.0 && self.throttle.is_idle() && self.latency.p99().is_some()
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, now: Instant, took: Option<Duration>) {
        self.latency.observe_cost(now, took.unwrap_or_default().max(PENALTY));
        self.weigh(now, false);
    }

    /// An attempt was dropped when it was late. A probe's age is no sample.
    pub(super) fn was_late(&mut self, now: Instant, age: Duration, probe: bool) {
        if !probe {
            self.latency.record_censored(now, age);
        }
        self.weigh(now, false);
    }

    /// Its score and its throttling leave it its whole traffic.
    pub(super) fn is_sound(&self, now: Instant) -> bool {
        self.score >= SOUND && self.throttle.share(now) >= 1.0
    }

    /// When an attempt last ended.
    pub(super) fn last_seen(&self) -> Option<Instant> {
        self.score_at.max(self.last_success).max(self.last_other)
    }

    fn weigh(&mut self, now: Instant, good: bool) {
        let last = self.score_at;
        self.score_at = last.max(Some(now));
        if good && self.score == 1.0 {
            return;
        }
        let gap = last.map_or(SCORE_DECAY, |at| now.saturating_duration_since(at));
        let weight = (1.0 - decay(gap, SCORE_DECAY)).clamp(SCORE_WEIGHTS.0, SCORE_WEIGHTS.1);
        self.score += weight * (f64::from(u8::from(good)) - self.score);
        if self.score > WELL {
            self.score = 1.0;
        }
    }

    /// Its credentials worked a while ago.
    pub(super) fn believes_credentials(&self, now: Instant) -> bool {
        [self.last_success, self.last_suspicion]
            .into_iter()
            .flatten()
            .any(|at| now.saturating_duration_since(at) < CREDENTIALS_WORKED)
    }
}

/// While an endpoint's p99 is not known: about three times the median of an S3 GET within the region.
pub(crate) const UNLEARNT: Duration = Duration::from_millis(100);

/// See [`Tracker::late_after`].
#[inline]
pub(crate) fn late_after(p99: Duration) -> Duration {
    let p99 = nanos(p99);
    Duration::from_nanos(p99.saturating_add((p99 / 10).max(1_000_000)))
}
