use crate::model::clock::Instant;
use std::time::Duration;

/// How much of its normal traffic an endpoint that throttles is sent: additive increase, multiplicative decrease.
///
/// *Throttled is not dead*: the endpoint stays in use at the share that it can bear, and the rest spills.
///
/// | refusals | the share |
/// |---|---|
/// | under 15 % of the last hundred or so, and under 40 % of the last twelve | stays: a store of a million calls a minute throttles some of them on its best day, whatever it is sent |
/// | more; after the first cut, 10 % of the last hundred | is cut by the portion refused (5 % to half), once per 100 ms, and not during a trial of the last cut |
/// | over half as many as before in the hundred attempts after a cut (if they come within a second) | is what it was before the cut, for the next 3,000 attempts: sending less does not help. Meanwhile only 40 % of the last twelve cut the share |
/// | none | grows: by 0.15 % with each attempt that passes, at least by a hundredth and at most by a tenth per second, and the faster the longer nothing was refused |
///
/// (AIMD: Chiu and Jain, 1989. Cutting by the portion refused finds the right share in two or three steps where
/// halving overshoots.)
///
/// `Retry-After` binds the endpoint only where refusals are no exception: one attempt in ten, or three of the last
/// twelve. One header must not take the endpoint away. (The refused call itself obeys the header, see
/// [`retry`](crate::stack::retry).)
#[derive(Clone, Debug)]
pub(crate) struct ThrottleShare {
    share: f64,
    /// The time as of which `share` holds; `None`: the share was never cut, or nothing is left of the cut.
    at: Option<Instant>,
    /// Growth earned by the attempts that passed since then.
    earned: f64,
    /// Exponentially weighted portion of refusals, over about twelve attempts. A token bucket that has run empty shows
    /// here.
    fast: f64,
    /// The same portion over about a hundred attempts.
    often: f64,
    last_cut: Option<Instant>,
    trial: Option<Trial>,
    /// How many attempts are yet to come during which no cut would help.
    in_vain: u32,
    /// Until when the provider asked us to stay away.
    away_until: Option<Instant>,
}

/// The test of whether a cut helps.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// The share, and the portion refused, before the cut.
    share: f64,
    refused: f64,
    /// The attempts since the last cut.
    attempts: u32,
    refusals: u32,
}

const CUT_EVERY: Duration = Duration::from_millis(100);
const CUT: (f64, f64) = (0.05, 0.5);
/// From these portions of refusals on, a share is cut. Where one attempt in ten is refused at random, the first
/// portion is reached now and then (a trial shows that), the second once in thousands of years.
const OFTEN: f64 = 0.15;
const FAST: f64 = 0.4;
/// From this portion on, a share that was cut is cut again.
const AGAIN: f64 = 0.1;
/// The weights of one attempt in these two portions.
const WEIGHTS: (f64, f64) = (1.0 / 12.0, 1.0 / 100.0);
/// How many attempts a trial lasts. With a tenth refused, ten are refused, give or take three.
const TRIAL: u32 = 100;
/// A longer trial says nothing, and at so low a rate the share must not wait for the trial.
const LONGEST_TRIAL: Duration = Duration::from_secs(1);
/// The portion of the earlier refusals above which the cut has not helped.
const NO_LESS: f64 = 0.5;
/// For this many attempts no other trial is made: trials cost under 2 % of the attempts.
const IN_VAIN: u32 = 3_000;
/// The share grows until the endpoint refuses again: growing is the search for room. One refusal cuts by about a
/// tenth. So with this growth about 3 % of the attempts pay for the search, however few there are.
const GROWTH_PER_ATTEMPT: f64 = 0.0015;
/// Slower growth would keep an endpoint with hardly any traffic away for a minute. Faster growth would overshoot with
/// much traffic.
const GROWTH_PER_SECOND: (f64, f64) = (0.01, 0.1);
/// After this many seconds without a refusal, the share has grown twice as far: the trouble is likely over. (CUBIC,
/// RFC 9438, grows the faster the longer nothing was lost, for the same reason.)
const IMPATIENT_AFTER: f64 = 13.0;
/// The least share: some attempts must find out when the endpoint has room again.
const LEAST: f64 = 0.02;
/// From this portion of refusals on, `Retry-After` binds the endpoint.
const BINDING: f64 = 0.1;
/// The same for three of the last twelve attempts.
const BINDING_FAST: f64 = 0.25;
/// A portion of refusals that is as good as none: the portion left after some hundreds of attempts that passed since
/// the last refusal.
const FORGOTTEN: f64 = 0.001;
/// A longer Retry-After is cut to this: a header must not take a provider away for an hour.
const LONGEST_AWAY: Duration = Duration::from_secs(30);

impl Default for ThrottleShare {
    fn default() -> Self {
        Self {
            share: 1.0,
            at: None,
            earned: 0.0,
            fast: 0.0,
            often: 0.0,
            last_cut: None,
            trial: None,
            in_vain: 0,
            away_until: None,
        }
    }
}

impl ThrottleShare {
    /// The share that the endpoint may be sent now, 0.02–1.
    pub(crate) fn share(&self, now: Instant) -> f64 {
        match (self.at, self.away_until) {
            (_, Some(until)) if now < until => LEAST,
            (None, _) => 1.0,
            (Some(at), _) => {
                let seconds = now.saturating_duration_since(at).as_secs_f64();
                let earned = self.earned.max(seconds * GROWTH_PER_SECOND.0) * (1.0 + seconds / IMPATIENT_AFTER);
                (self.share + earned.min(seconds * GROWTH_PER_SECOND.1)).min(1.0)
            }
        }
    }

    /// Whether the share is whole, and has been for long.
    pub(super) const fn is_idle(&self) -> bool {
        self.at.is_none() && self.away_until.is_none()
    }

    /// An attempt was let through.
    pub(crate) fn passed(&mut self, now: Instant) {
        if self.often == 0.0 {
            return;
        }
        self.fast -= WEIGHTS.0 * self.fast;
        self.often -= WEIGHTS.1 * self.often;
        self.earned += GROWTH_PER_ATTEMPT;
        self.go_on(now, 0);
        // As if it had never throttled, once nothing of that is left.
        if self.often < FORGOTTEN && self.share(now) >= 1.0 {
            *self = Self::default();
        }
    }

    /// An attempt was throttled.
    pub(crate) fn throttled(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.fast += WEIGHTS.0 * (1.0 - self.fast);
        self.often += WEIGHTS.1 * (1.0 - self.often);
        if let Some(wait) = retry_after.filter(|_| self.often >= BINDING || self.fast >= BINDING_FAST) {
            self.away_until = Some(now + wait.min(LONGEST_AWAY));
        }
        self.go_on(now, 1);
        let binding = self.fast >= FAST
            || (self.often >= if self.at.is_some() { AGAIN } else { OFTEN }
                && self.in_vain == 0
                && self.trial.is_none());
        let young = |cut| now.saturating_duration_since(cut) < CUT_EVERY;
        if !binding || self.last_cut.is_some_and(young) {
            return;
        }
        let (share, refused) = (self.share(now), self.fast.max(self.often));
        if refused >= OFTEN || self.trial.is_some() {
            self.trial = Some(Trial {
                share: self.trial.map_or(share, |trial| trial.share),
                refused: self.trial.map_or(refused, |trial| trial.refused.max(refused)),
                attempts: 0,
                refusals: 0,
            });
        }
        self.share = (share * (1.0 - refused.clamp(CUT.0, CUT.1))).max(LEAST);
        self.at = Some(now);
        self.earned = 0.0;
        self.last_cut = Some(now);
    }

    /// Counts one more attempt since the last cut. `refused`: how many of these attempts were refused, 0 or 1.
    fn go_on(&mut self, now: Instant, refused: u32) {
        self.in_vain = self.in_vain.saturating_sub(1);
        let Some(trial) = &mut self.trial else { return };
        if self
            .last_cut
            .is_some_and(|cut| now.saturating_duration_since(cut) >= LONGEST_TRIAL)
        {
            self.trial = None;
            return;
        }
        trial.attempts += 1;
        trial.refusals += refused;
        // Where most are refused it is cut further, as soon as it may be: that is judged, and not the first step.
        let young = self
            .last_cut
            .is_some_and(|cut| now.saturating_duration_since(cut) < CUT_EVERY);
        if trial.attempts < TRIAL || young || self.fast >= FAST {
            return;
        }
        if f64::from(trial.refusals) > NO_LESS * trial.refused * f64::from(trial.attempts) {
            self.share = trial.share;
            self.at = Some(now);
            self.earned = 0.0;
            self.in_vain = IN_VAIN;
        }
        self.trial = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_throttle_share_finds_the_capacity_and_grows_back() {
        let mut now = crate::model::clock::now();
        let mut throttle = ThrottleShare::default();
        let mut refusals = 0;
        // 800 calls a second would come, 400 are let through.
        for step in 0..4_000 {
            now += Duration::from_micros(1_250);
            let sent = f64::from(step % 100) < throttle.share(now) * 100.0;
            if sent && f64::from(step % 100) >= 50.0 {
                refusals += 1;
                throttle.throttled(now, None);
            } else if sent {
                throttle.passed(now);
            }
        }
        let share = throttle.share(now);
        assert!((0.35..=0.6).contains(&share), "{share}");
        assert!(refusals < 200, "{refusals}");
        assert_eq!(throttle.share(now + Duration::from_secs(30)), 1.0);
        for _ in 0..1_000 {
            throttle.passed(now);
        }
        assert_eq!(throttle.share(now + Duration::from_secs(10)), 1.0);
    }

    /// However much traffic comes: a store that bears a fifth of the traffic is sent about a fifth.
    #[test]
    fn a_throttled_store_gets_about_its_capacity() {
        for per_second in [200.0, 2_000.0, 5_000.0] {
            let mut now = crate::model::clock::now();
            let mut throttle = ThrottleShare::default();
            let mut rng = fastrand::Rng::with_seed(1);
            let (mut sent, mut refusals, mut room) = (0_u32, 0_u32, 0.0_f64);
            let calls = (per_second * 60.0) as u32;
            for _ in 0..calls {
                now += Duration::from_secs_f64(1.0 / per_second);
                room = (room + 0.2).min(per_second * 0.02);
                if rng.f64() >= throttle.share(now) {
                    continue;
                }
                sent += 1;
                if room >= 1.0 {
                    room -= 1.0;
                    throttle.passed(now);
                } else {
                    refusals += 1;
                    throttle.throttled(now, None);
                }
            }
            let refused = f64::from(refusals) / f64::from(sent);
            assert!(refused < 0.2, "{refused} of what was sent, at {per_second} a second");
        }
    }

    #[test]
    fn at_low_rates_the_search_for_capacity_costs_few_refusals() {
        let mut now = crate::model::clock::now();
        let mut throttle = ThrottleShare::default();
        let mut rng = fastrand::Rng::with_seed(1);
        // Five calls a second, of which at most half are let through: 2,000 seconds.
        let (mut sent, mut refusals, mut room) = (0, 0, 4.0_f64);
        for _ in 0..10_000 {
            let gap = -(1.0 - rng.f64()).ln() / 5.0;
            now += Duration::from_secs_f64(gap);
            room = (room + 2.5 * gap).min(4.0);
            if rng.f64() >= throttle.share(now) {
                continue;
            }
            sent += 1;
            if room >= 1.0 {
                room -= 1.0;
                throttle.passed(now);
            } else {
                refusals += 1;
                throttle.throttled(now, None);
            }
        }
        let (sent, refused) = (f64::from(sent) / 10_000.0, f64::from(refusals) / 10_000.0);
        assert!(sent > 0.35, "{sent}");
        assert!(refused < 0.06, "{refused}");
    }

    #[test]
    fn retry_after_is_honoured_and_bounded() {
        let mut now = crate::model::clock::now();
        let mut throttle = ThrottleShare::default();
        for _ in 0..4 {
            now += Duration::from_millis(1);
            throttle.throttled(now, Some(Duration::from_secs(3_600)));
        }
        assert_eq!(throttle.share(now + Duration::from_secs(29)), LEAST);
        assert!(throttle.share(now + Duration::from_secs(31)) > 0.9);
    }

    /// One call in two hundred is refused, with a header that asks for days. Only the refused calls obey the header.
    #[test]
    fn an_isolated_retry_after_reduces_no_share() {
        let mut now = crate::model::clock::now();
        let mut throttle = ThrottleShare::default();
        throttle.throttled(now, Some(Duration::from_secs(86_400 * 3)));
        assert!(throttle.share(now) >= 0.9, "{}", throttle.share(now));
        for step in 0..2_000 {
            now += Duration::from_millis(10);
            match step % 200 {
                0 => throttle.throttled(now, Some(Duration::from_secs(86_400 * 3))),
                _ => throttle.passed(now),
            }
            assert!(throttle.share(now) > 0.8, "{}", throttle.share(now));
        }
        // Where one in eight is refused it is heard.
        for step in 0..200 {
            now += Duration::from_millis(10);
            match step % 8 {
                0 => throttle.throttled(now, Some(Duration::from_secs(86_400 * 3))),
                _ => throttle.passed(now),
            }
        }
        assert_eq!(throttle.share(now), LEAST);
    }

    proptest! {
        #[test]
        fn the_throttle_share_stays_within_its_bounds(steps in proptest::collection::vec((0_u64..500, any::<bool>()), 1..500)) {
            let mut now = crate::model::clock::now();
            let mut throttle = ThrottleShare::default();
            for (gap, refused) in steps {
                now += Duration::from_millis(gap);
                if refused { throttle.throttled(now, None) } else { throttle.passed(now) }
                let share = throttle.share(now);
                prop_assert!((LEAST..=1.0).contains(&share), "{share}");
            }
        }
    }
}
