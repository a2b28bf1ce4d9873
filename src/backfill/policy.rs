//! What an attempt's end means, and how long to wait. Pure.

use crate::verdict::{Outcome, Sent, Verdict};
use std::time::Duration;

/// The cap of the first wait, doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The cap that doubling never exceeds.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What to do about an attempt that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The failure is an answer, and concerns the key.
    Answer,
    /// The endpoint throttles. All requests there wait, and come more slowly afterwards.
    SlowDown,
    /// The endpoint is in trouble. The request is repeated later. Every request of a backfill may be repeated: reads
    /// change nothing, and writes are conditional and recognise themselves.
    Again,
}

pub(super) fn judge(outcome: Outcome) -> Judgement {
    match outcome.verdict {
        Verdict::Throttled => Judgement::SlowDown,
        Verdict::Unreachable | Verdict::Faulty => Judgement::Again,
        Verdict::Denied if outcome.credential || outcome.sent == Sent::No => Judgement::Again,
        Verdict::Success | Verdict::Answer | Verdict::Absent | Verdict::Denied | Verdict::Caller => Judgement::Answer,
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
    use proptest::prelude::*;

    #[test]
    fn only_faults_of_the_endpoint_are_retried() {
        for (verdict, sent, expected) in [
            (Verdict::Absent, Sent::Maybe, Judgement::Answer),
            (Verdict::Answer, Sent::Maybe, Judgement::Answer),
            (Verdict::Caller, Sent::Maybe, Judgement::Answer),
            (Verdict::Denied, Sent::Maybe, Judgement::Answer),
            (Verdict::Denied, Sent::No, Judgement::Again),
            (Verdict::Unreachable, Sent::No, Judgement::Again),
            (Verdict::Faulty, Sent::Maybe, Judgement::Again),
            (Verdict::Throttled, Sent::Maybe, Judgement::SlowDown),
        ] {
            assert_eq!(judge(Outcome::new(verdict, sent)), expected, "{verdict} {sent:?}");
        }
        let refused = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
        assert_eq!(
            judge(refused),
            Judgement::Again,
            "an expired token is refreshed by the SDK"
        );
    }

    proptest! {
        #[test]
        fn backoff_never_exceeds_its_cap(failures in 1_u32..100, seed: u64) {
            let wait = wait(failures, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(wait <= LONGEST_WAIT);
            prop_assert!(failures > 1 || wait <= FIRST_WAIT);
        }
    }
}
