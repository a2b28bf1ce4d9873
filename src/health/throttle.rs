use crate::clock::Instant;
use std::time::Duration;

/// How much of its normal traffic an endpoint that throttles is sent: additive increase, multiplicative decrease.
///
/// *Throttled is not dead*: the endpoint stays in use at the share that it can bear, the rest spills. A refusal cuts the
/// share by the recent portion of refusals (at least 5 %, at most half), once per 100 ms; without refusals it grows: by
/// 0.15 % with each attempt that passes, at least by a hundredth and at most by a tenth per second, and the faster the longer
/// nothing was refused. (AIMD: Chiu and Jain, 1989. Cutting by the portion refused finds the right share in two or three
/// steps where halving overshoots.)
///
/// `Retry-After` binds the endpoint only where refusals are no exception: from one attempt in ten on. A store of a million
/// calls a minute throttles some of them on its best day, and one header must not take it away. (The call that was refused
/// keeps to the header by itself, see [`retry`](crate::retry).)
#[derive(Clone, Debug)]
pub struct ThrottleShare {
    share: f64,
    /// As of when.
    at: Option<Instant>,
    /// What attempts that passed since then have earned.
    earned: f64,
    /// Exponentially weighted portion of refusals, over about ten attempts.
    refused: f64,
    /// The same over about thirty, in which a single one is a small part.
    often: f64,
    last_cut: Option<Instant>,
    /// The provider asked us to stay away until then.
    away_until: Option<Instant>,
}

const CUT_EVERY: Duration = Duration::from_millis(100);
const CUT: (f64, f64) = (0.05, 0.5);
/// Growing until it is refused again is how room is looked for. One refusal cuts by about a tenth, so with this growth
/// about 3 % of the attempts pay for the search, however few there are.
const GROWTH_PER_ATTEMPT: f64 = 0.0015;
/// Slower would keep an endpoint with hardly any traffic away for a minute; faster would overshoot with much.
const GROWTH_PER_SECOND: (f64, f64) = (0.01, 0.1);
/// After so many seconds without a refusal it has grown twice as far as that: the trouble is likely over. (CUBIC, RFC 9438,
/// grows the faster the longer nothing was lost, for the same reason.)
const IMPATIENT_AFTER: f64 = 13.0;
/// It is never cut off: somebody must find out when it has room again.
const LEAST: f64 = 0.02;
/// From this portion of refusals on `Retry-After` binds the endpoint.
const BINDING: f64 = 0.1;
/// How much one attempt weighs in that portion: one refusal is 3 %, the fourth in a row makes a tenth.
const OFTEN: f64 = 1.0 / 32.0;
/// A portion of refusals that is as good as none: that of seventy attempts that passed after the last refusal.
const FORGOTTEN: f64 = 0.001;
/// A Retry-After beyond this is cut to it: a header must not take a provider away for an hour.
const LONGEST_AWAY: Duration = Duration::from_secs(30);

impl Default for ThrottleShare {
    fn default() -> Self {
        Self {
            share: 1.0,
            at: None,
            earned: 0.0,
            refused: 0.0,
            often: 0.0,
            last_cut: None,
            away_until: None,
        }
    }
}

impl ThrottleShare {
    /// The share that it may be sent now, 0.02–1.
    pub fn share(&self, now: Instant) -> f64 {
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

    /// It has not throttled for long, so that one more attempt that passes changes nothing.
    pub(super) const fn is_idle(&self) -> bool {
        self.at.is_none()
    }

    /// As if it had never throttled, once nothing of that is left.
    pub(super) fn forget(&mut self, now: Instant) {
        if self.at.is_some() && self.refused < FORGOTTEN && self.share(now) >= 1.0 {
            *self = Self::default();
        }
    }

    /// An attempt was let through.
    pub fn passed(&mut self) {
        self.refused *= 0.9;
        self.often *= 1.0 - OFTEN;
        self.earned += GROWTH_PER_ATTEMPT;
    }

    /// An attempt was throttled.
    pub fn throttled(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.refused = self.refused * 0.9 + 0.1;
        self.often += OFTEN * (1.0 - self.often);
        if let Some(wait) = retry_after.filter(|_| self.often >= BINDING) {
            self.away_until = Some(now + wait.min(LONGEST_AWAY));
        }
        if self
            .last_cut
            .is_some_and(|cut| now.saturating_duration_since(cut) < CUT_EVERY)
        {
            return;
        }
        self.share = (self.share(now) * (1.0 - self.refused.clamp(CUT.0, CUT.1))).max(LEAST);
        self.at = Some(now);
        self.earned = 0.0;
        self.last_cut = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_share_that_is_let_through_and_grows_back() {
        let mut now = crate::clock::now();
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
                throttle.passed();
            }
        }
        let share = throttle.share(now);
        assert!((0.35..=0.6).contains(&share), "{share}");
        assert!(refusals < 200, "{refusals}");
        assert_eq!(throttle.share(now + Duration::from_secs(30)), 1.0);
        for _ in 0..1_000 {
            throttle.passed();
        }
        assert_eq!(throttle.share(now + Duration::from_secs(10)), 1.0);
    }

    #[test]
    fn at_a_low_rate_the_search_for_room_costs_few_refusals() {
        let mut now = crate::clock::now();
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
                throttle.passed();
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
        let mut now = crate::clock::now();
        let mut throttle = ThrottleShare::default();
        for _ in 0..4 {
            now += Duration::from_millis(1);
            throttle.throttled(now, Some(Duration::from_secs(3_600)));
        }
        assert_eq!(throttle.share(now + Duration::from_secs(29)), LEAST);
        assert!(throttle.share(now + Duration::from_secs(31)) > 0.9);
    }

    /// One call in two hundred is refused, with a header that asks for days: it is heard by those calls alone.
    #[test]
    fn an_isolated_retry_after_takes_nothing_away() {
        let mut now = crate::clock::now();
        let mut throttle = ThrottleShare::default();
        throttle.throttled(now, Some(Duration::from_secs(86_400 * 3)));
        assert!(throttle.share(now) >= 0.9, "{}", throttle.share(now));
        for step in 0..2_000 {
            now += Duration::from_millis(10);
            match step % 200 {
                0 => throttle.throttled(now, Some(Duration::from_secs(86_400 * 3))),
                _ => throttle.passed(),
            }
            assert!(throttle.share(now) > 0.8, "{}", throttle.share(now));
        }
        // Where one in eight is refused it is heard.
        for step in 0..200 {
            now += Duration::from_millis(10);
            match step % 8 {
                0 => throttle.throttled(now, Some(Duration::from_secs(86_400 * 3))),
                _ => throttle.passed(),
            }
        }
        assert_eq!(throttle.share(now), LEAST);
    }

    proptest! {
        #[test]
        fn always_between_the_least_and_one(steps in proptest::collection::vec((0_u64..500, any::<bool>()), 1..500)) {
            let mut now = crate::clock::now();
            let mut throttle = ThrottleShare::default();
            for (gap, refused) in steps {
                now += Duration::from_millis(gap);
                if refused { throttle.throttled(now, None) } else { throttle.passed() }
                let share = throttle.share(now);
                prop_assert!((LEAST..=1.0).contains(&share), "{share}");
            }
        }
    }
}
