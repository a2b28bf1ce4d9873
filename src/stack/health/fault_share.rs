use super::latency::decay;
use crate::model::clock::Instant;
use std::time::Duration;

/// The share of recent attempts that failed or were late, for comparing an endpoint with its neighbours. The share
/// covers five seconds, or the last 32 attempts where these take longer. Pure.
///
/// (Five seconds tell a sixth from a tenth at any rate; a breaker's window of one second cannot. One ill backend of
/// six fails every sixth call, for ever, and never opens a breaker.)
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FaultShare {
    share: f64,
    at: Option<Instant>,
    /// Attempts in a row that went well.
    well: u32,
    /// Attempts in a row that did not.
    ill: u32,
}

/// The time constant of the share.
const OVER: Duration = Duration::from_secs(5);
/// The largest weight of one attempt: one fault of an endpoint with hardly any traffic is no share.
const HEAVIEST: f64 = 1.0 / 32.0;
/// After a silence of this length, older evidence says nothing.
const STALE: Duration = Duration::from_secs(30);
/// The share of two faults among some thirty attempts.
const SUSPICIOUS: f64 = 0.03;
/// This many good attempts in a row reset the share to zero. At a share of a tenth such a row comes once in 500 times.
const CLEAN: u32 = 60;

impl FaultShare {
    /// The share, 0–1.
    pub(crate) const fn share(&self) -> f64 {
        self.share
    }

    /// An attempt failed or was late.
    pub(crate) fn bad(&mut self, now: Instant) {
        let weight = self.weight(now);
        self.share += weight * (1.0 - self.share);
        self.well = 0;
        self.ill += 1;
    }

    /// An attempt went well.
    pub(crate) fn good(&mut self, now: Instant) {
        self.ill = 0;
        if self.share == 0.0 {
            self.at = Some(now);
            return;
        }
        let weight = self.weight(now);
        self.share -= weight * self.share;
        self.well += 1;
        if self.well >= CLEAN {
            self.share = 0.0;
        }
    }

    /// Whether the last two attempts did not go well, and perhaps none before them.
    pub(crate) const fn is_failing(&self) -> bool {
        self.ill >= 2
    }

    /// Whether the share is worth a look at the neighbours.
    pub(crate) const fn is_suspicious(&self) -> bool {
        self.share >= SUSPICIOUS
    }

    /// The endpoint was out and is back, on probation: earlier faults do not keep it away, and a few more do. `most`:
    /// a share just below that of a left endpoint.
    pub(super) const fn forgive(&mut self, most: f64) {
        self.share = self.share.min(most);
        self.ill = 0;
    }

    fn weight(&mut self, now: Instant) -> f64 {
        let gap = self
            .at
            .replace(now)
            .map_or(OVER, |at| now.saturating_duration_since(at));
        if gap >= STALE {
            self.share = 0.0;
        }
        (1.0 - decay(gap, OVER)).min(HEAVIEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(every: u64, gap: Duration, attempts: u64) -> FaultShare {
        let mut now = crate::model::clock::now();
        let mut faults = FaultShare::default();
        for number in 1..=attempts {
            now += gap;
            match number.is_multiple_of(every) {
                true => faults.bad(now),
                false => faults.good(now),
            }
        }
        faults
    }

    #[test]
    fn a_fault_share_of_a_sixth_is_measured_at_any_rate() {
        for gap in [2, 200] {
            let share = after(6, Duration::from_millis(gap), 30_000).share();
            assert!((0.14..0.2).contains(&share), "{share} every {gap} ms");
        }
    }

    #[test]
    fn a_single_fault_is_no_share_and_is_forgotten() {
        assert!(after(100, Duration::from_millis(200), 100).share() < 0.035);
        assert_eq!(after(100, Duration::from_millis(200), 160).share(), 0.0);
        assert!(!after(100, Duration::from_millis(2), 100_000).is_suspicious());
    }
}
