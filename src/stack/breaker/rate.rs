use crate::model::clock::Instant;
use std::time::Duration;

/// The recent rate of attempts while the breaker was closed, as a smoothed gap between their ends. An open breaker
/// freezes the rate: only probes arrive then.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    pub(super) last: Option<Instant>,
    pub(super) gap: Option<Duration>,
    seen: u32,
}

/// The mean gap covers about this many attempts: 9 % exact for random arrivals.
const RATE_MEMORY: u32 = 64;

impl Rate {
    pub(super) fn count(&mut self, now: Instant) {
        if let Some(last) = self.last {
            let gap = now.saturating_duration_since(last);
            self.seen = (self.seen + 1).min(RATE_MEMORY);
            let weight = 1.0 / f64::from(self.seen);
            self.gap = Some(
                self.gap
                    .map_or(gap, |smooth| smooth.mul_f64(1.0 - weight) + gap.mul_f64(weight)),
            );
        }
        self.last = Some(now);
    }
}
