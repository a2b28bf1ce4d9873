use super::Rule;
use crate::{
    model::bounds::{Bounded, Bounds, DAY},
    request::{Ended, LegRecord, Safety},
    verdict::{Sent, Verdict},
};
use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;

/// When a call is tried again, and after what wait. A client refuses settings outside their bounds when it is built. A
/// [`RetryLayer`](super::RetryLayer) used alone takes the nearest values within them.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    unpredictable_function_pointer_comparisons,
    reason = "rules that were merged do the same, and one that is there twice is at worst told apart"
)]
#[non_exhaustive]
pub struct RetrySettings {
    /// The most attempts of one call, the first included, hedges not. Default 3: a fourth endpoint will not save a
    /// call that failed at three; "retryable" for ever is a failure too (2020). 1 to 1,000.
    pub max_attempts: u32,
    /// The cap of the first wait before *returning* to an endpoint already tried. Default 50 ms, about one round trip
    /// across a continent. At most a day.
    pub backoff: Duration,
    /// The cap of every wait, doubled or asked for by an endpoint. Default 2 s. At most a day.
    pub max_backoff: Duration,
    /// Your own rule: after which outcomes a call is tried again. Default none: the [table](super) decides.
    pub when: Option<Rule>,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(2),
            when: None,
        }
    }
}

impl Bounded for RetrySettings {
    fn bound(&mut self, bounds: &mut Bounds) {
        let Self {
            max_attempts,
            backoff,
            max_backoff,
            when: _,
        } = self;
        bounds.count("retry.max_attempts", max_attempts, 1, 1_000);
        bounds.time("retry.backoff", backoff, Duration::ZERO, DAY);
        bounds.time("retry.max_backoff", max_backoff, Duration::ZERO, DAY);
    }
}

impl RetrySettings {
    /// The waits before the first, second, … return: *full jitter*, each a uniform draw between 0 and a cap that
    /// doubles ("Exponential Backoff And Jitter", AWS architecture blog, 2015). The caps come from `backon`. The draw
    /// is our own, because `backon` adds its jitter after its clamp and can exceed the maximum.
    pub(crate) fn waits(&self, rng: &mut fastrand::Rng) -> impl Iterator<Item = Duration> {
        let mut rng = rng.fork();
        let sane = self.clone().bounded();
        ExponentialBuilder::default()
            .with_min_delay(sane.backoff)
            .with_max_delay(sane.max_backoff)
            .with_factor(2.0)
            .without_max_times()
            .build()
            .map(move |cap| cap.mul_f64(rng.f64()))
    }
}

/// What to do after an attempt's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Return the result as the call's answer.
    Return,
    /// Try again, at another endpoint if there is one.
    TryAgain,
}

/// The [table](super) of what is tried again. `ended` is `None` where no layer judged the attempt; then only `succeeded` counts.
pub(crate) fn decide(ended: Option<Ended>, succeeded: bool, safety: Safety) -> Decision {
    let repeatable = safety != Safety::Once;
    let again = match ended {
        Some(Ended::Judged(outcome)) => match outcome.verdict {
            Verdict::Success | Verdict::Answer | Verdict::Absent | Verdict::Caller => false,
            Verdict::Throttled => repeatable,
            Verdict::Unreachable | Verdict::Faulty => repeatable || outcome.sent == Sent::No,
            Verdict::Denied => outcome.sent == Sent::No || (repeatable && outcome.credential),
        },
        Some(Ended::Abandoned(_)) | None => !succeeded && repeatable,
    };
    if again { Decision::TryAgain } else { Decision::Return }
}

/// The shortest time for which an endpoint of these attempts asked to be left alone (`Retry-After`). Whichever
/// endpoint is tried again, it asked for no less.
pub(super) fn asked_for(legs: &[LegRecord]) -> Duration {
    let asked = |leg: &LegRecord| match leg.ended {
        Some(Ended::Judged(outcome)) => Some(outcome.retry_after.unwrap_or_default()),
        Some(Ended::Abandoned(_)) | None => None,
    };
    let later = |index: usize| &legs[index + 1..];
    let last = |(index, leg): &(usize, &LegRecord)| later(*index).iter().all(|other| other.endpoint != leg.endpoint);
    let each = legs.iter().enumerate().filter(last).filter_map(|(_, leg)| asked(leg));
    each.min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outcome;
    use proptest::prelude::*;

    #[test]
    fn retries_follow_verdict_and_safety() {
        use Decision::{Return, TryAgain};
        let rows = [
            (Verdict::Success, Sent::Maybe, false, [Return, Return, Return]),
            (Verdict::Answer, Sent::Maybe, false, [Return, Return, Return]),
            (Verdict::Absent, Sent::Maybe, false, [Return, Return, Return]),
            (Verdict::Caller, Sent::Maybe, false, [Return, Return, Return]),
            (Verdict::Throttled, Sent::Maybe, false, [TryAgain, TryAgain, Return]),
            (Verdict::Unreachable, Sent::No, false, [TryAgain, TryAgain, TryAgain]),
            (Verdict::Unreachable, Sent::Maybe, false, [TryAgain, TryAgain, Return]),
            (Verdict::Faulty, Sent::Maybe, false, [TryAgain, TryAgain, Return]),
            (Verdict::Denied, Sent::No, false, [TryAgain, TryAgain, TryAgain]),
            (Verdict::Denied, Sent::Maybe, true, [TryAgain, TryAgain, Return]),
            (Verdict::Denied, Sent::Maybe, false, [Return, Return, Return]),
        ];
        for (verdict, sent, credential, expected) in rows {
            let outcome = Outcome {
                credential,
                ..Outcome::new(verdict, sent)
            };
            let decisions = [Safety::ReadOnly, Safety::Idempotent, Safety::Once]
                .map(|safety| decide(Some(Ended::Judged(outcome)), verdict == Verdict::Success, safety));
            assert_eq!(decisions, expected, "{verdict:?} {sent:?} {credential}");
        }
    }

    #[test]
    fn the_shortest_retry_after_decides_the_wait() {
        let leg = |endpoint, seconds: Option<u64>| {
            let outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);
            LegRecord {
                endpoint: Some(endpoint),
                ended: Some(Ended::Judged(
                    outcome.with_retry_after(seconds.map(Duration::from_secs)),
                )),
                ..LegRecord::default()
            }
        };
        assert_eq!(asked_for(&[]), Duration::ZERO);
        assert_eq!(asked_for(&[leg(0, Some(3))]), Duration::from_secs(3));
        assert_eq!(asked_for(&[leg(0, Some(3)), leg(1, Some(2))]), Duration::from_secs(2));
        assert_eq!(asked_for(&[leg(0, Some(3)), leg(1, None)]), Duration::ZERO);
        // What it said last counts.
        assert_eq!(asked_for(&[leg(0, None), leg(0, Some(2))]), Duration::from_secs(2));
    }

    #[test]
    fn settings_without_sense_still_give_waits() {
        for backoff in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_secs(90),
            Duration::MAX,
        ] {
            for max_backoff in [
                Duration::ZERO,
                Duration::from_nanos(1),
                Duration::from_secs(90),
                Duration::MAX,
            ] {
                let settings = RetrySettings {
                    backoff,
                    max_backoff,
                    ..RetrySettings::default()
                };
                let mut rng = fastrand::Rng::with_seed(7);
                let waits = settings.waits(&mut rng).take(100);
                assert_eq!(waits.filter(|wait| *wait <= DAY).count(), 100, "{settings:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn backoff_never_exceeds_its_cap(seed: u64) {
            let settings = RetrySettings::default();
            let waits: Vec<_> = settings.waits(&mut fastrand::Rng::with_seed(seed)).take(12).collect();
            for (round, wait) in waits.iter().enumerate() {
                let cap = settings.backoff.saturating_mul(1 << round).min(settings.max_backoff);
                prop_assert!(*wait <= cap, "{wait:?} > {cap:?}");
            }
        }
    }
}
