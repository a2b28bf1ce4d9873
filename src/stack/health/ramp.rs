use crate::model::clock::Instant;
use std::time::Duration;

/// How traffic comes back to an endpoint that recovered: linearly, from a tenth of its share to all of it.
///
/// The ramp's length grows with the outage: 1.25 % of the outage's age, at least 0.2 s and at most 60 s. A provider
/// that was gone for two hours is cold (caches, pools, its own autoscaling) and gets a minute. A provider that
/// hiccupped for 20 s gets a quarter of a second. The length is jittered by ± 20 %, so that a fleet does not return in
/// step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ramp {
    since: Instant,
    length: Duration,
}

impl Ramp {
    /// The share that a recovered endpoint starts with.
    pub(crate) const FIRST_SHARE: f64 = 0.1;
    /// The ramp's length as a share of the outage's age.
    pub(crate) const SHARE_OF_OUTAGE: f64 = 0.0125;
    /// The shortest ramp.
    pub(crate) const SHORTEST: Duration = Duration::from_millis(200);
    /// The longest ramp.
    pub(crate) const LONGEST: Duration = Duration::from_secs(60);

    /// A ramp that begins now, after an outage of this age.
    pub(crate) fn after(outage: Duration, now: Instant, rng: &mut fastrand::Rng) -> Self {
        let length = outage
            .mul_f64(Self::SHARE_OF_OUTAGE)
            .clamp(Self::SHORTEST, Self::LONGEST)
            .mul_f64(0.8 + 0.4 * rng.f64());
        Self { since: now, length }
    }

    /// The share of its normal traffic that the endpoint may carry, 0.1–1.
    pub(crate) fn share(&self, now: Instant) -> f64 {
        let progress = now.saturating_duration_since(self.since).as_secs_f64() / self.length.as_secs_f64();
        (Self::FIRST_SHARE + (1.0 - Self::FIRST_SHARE) * progress).min(1.0)
    }

    /// Whether the endpoint has its whole share again.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_ramp_rises_from_a_tenth_to_one_and_never_falls(outage_s in 0_u64..100_000, seed: u64) {
            let now = crate::model::clock::now();
            let ramp = Ramp::after(Duration::from_secs(outage_s), now, &mut fastrand::Rng::with_seed(seed));
            prop_assert_eq!(ramp.share(now), Ramp::FIRST_SHARE);
            let mut before = 0.0;
            for step in 0..=1_000_u32 {
                let share = ramp.share(now + ramp.length * step / 1_000);
                prop_assert!(share >= before && share <= 1.0);
                before = share;
            }
            prop_assert!(before > 0.999 && ramp.is_over(now + ramp.length));
            prop_assert!(ramp.length <= Duration::from_secs(72) && ramp.length >= Duration::from_millis(160));
        }
    }
}
