//! What one call meets: the part of playing that both players share. Pure.

use super::{Fault, Rule, throttle::Bucket, timeline::RuleId};
use crate::model::clock::Instant;
use std::{collections::BTreeMap, time::Duration};

/// Everything that the rules do to one call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// At least 1.
    pub(super) factor: f64,
    pub(super) delay: Duration,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) cut: Option<Cut>,
    pub(super) stale: bool,
    pub(super) end: Option<End>,
}

/// Where a body ends early.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    Bytes(u64),
    Share(f64),
}

/// What a call ends with instead of the server's answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Hang,
    HangConnect,
    Refuse,
    DnsEmpty,
    ResetBeforeRequest,
    ResetAfterRequest,
    Answer(Answer),
}

/// An answer that the player makes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) s3_code: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

/// What a player remembers from call to call.
#[derive(Debug)]
pub(super) struct Dice {
    rng: fastrand::Rng,
    buckets: BTreeMap<RuleId, Bucket>,
}

impl Plan {
    const NOTHING: Self = Self {
        factor: 1.0,
        delay: Duration::ZERO,
        bytes_per_second: None,
        cut: None,
        stale: false,
        end: None,
    };

    /// How long after the request the answer is due, if the server took `took`.
    pub(super) fn due(&self, took: Duration) -> Duration {
        // A product beyond what a Duration holds is "never" for any client; a day stands for it.
        let slowed =
            Duration::try_from_secs_f64(took.as_secs_f64() * self.factor).unwrap_or(Duration::from_secs(86_400));
        slowed.saturating_add(self.delay)
    }
}

impl Cut {
    /// How many bytes of a body of this length pass. `None`: all bytes, because the body is not longer than the cut.
    pub(super) fn of(self, length: u64) -> Option<u64> {
        let kept = match self {
            Self::Bytes(bytes) => bytes,
            // Rounding down keeps the cut below the length, as the share is below 1.
            Self::Share(share) => (length as f64 * share) as u64,
        };
        (kept < length).then_some(kept)
    }
}

impl Dice {
    pub(super) fn new(rng: fastrand::Rng) -> Self {
        Self {
            rng,
            buckets: BTreeMap::new(),
        }
    }

    /// True for this share of the throws.
    pub(super) fn throw(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    /// What a call meets under these rules. `None`: the call meets nothing.
    pub(super) fn plan<'a>(&mut self, rules: impl Iterator<Item = (RuleId, &'a Rule)>, now: Instant) -> Option<Plan> {
        let mut plan = Plan::NOTHING;
        for (id, rule) in rules {
            // Thrown for each rule, even when it can change nothing any more: the throws of later calls then do not
            // depend on the outcome of this one.
            if !self.throw(rule.probability) {
                continue;
            }
            let mut end = |end| {
                plan.end.get_or_insert(end);
            };
            match &rule.fault {
                Fault::Hang => end(End::Hang),
                Fault::HangConnect => end(End::HangConnect),
                Fault::Refuse => end(End::Refuse),
                Fault::DnsEmpty => end(End::DnsEmpty),
                Fault::ResetBeforeRequest => end(End::ResetBeforeRequest),
                Fault::ResetAfterRequest => end(End::ResetAfterRequest),
                Fault::Status {
                    code,
                    s3_code,
                    retry_after,
                } => end(End::Answer(Answer {
                    status: *code,
                    s3_code: s3_code.clone(),
                    retry_after: *retry_after,
                })),
                Fault::Authentication { s3_code } => end(End::Answer(Answer::s3(403, s3_code))),
                Fault::Throttle { calls_per_second } => {
                    // A call that has ended already never arrives, and so takes nothing.
                    let bucket = self
                        .buckets
                        .entry(id)
                        .or_insert_with(|| Bucket::new(*calls_per_second, now));
                    if plan.end.is_none() && !bucket.admit(now) {
                        plan.end = Some(End::Answer(Answer::s3(503, "SlowDown")));
                    }
                }
                Fault::Slow { factor } => plan.factor *= factor,
                Fault::Delay { by } => plan.delay = plan.delay.saturating_add(*by),
                Fault::Drip { bytes_per_second } => {
                    let slowest = plan
                        .bytes_per_second
                        .map_or(*bytes_per_second, |b| b.min(*bytes_per_second));
                    plan.bytes_per_second = Some(slowest);
                }
                Fault::Truncate { after_bytes, share } => {
                    plan.cut = after_bytes.map(Cut::Bytes).or(share.map(Cut::Share)).or(plan.cut);
                }
                Fault::StaleReads => plan.stale = true,
            }
        }
        (plan != Plan::NOTHING).then_some(plan)
    }
}

impl Answer {
    fn s3(status: u16, code: &str) -> Self {
        Self {
            status,
            s3_code: Some(code.to_owned()),
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    fn plan(seed: u64, rules: &[Rule]) -> Option<Plan> {
        let mut dice = Dice::new(fastrand::Rng::with_seed(seed));
        dice.plan(rules.iter().enumerate().map(|(i, r)| ((0, i), r)), clock::now())
    }

    #[test]
    fn changes_add_up_and_the_first_ending_fault_decides() {
        let second = Duration::from_secs(1);
        let plan = plan(
            1,
            &[
                Rule::new(Fault::Delay { by: second }),
                Rule::new(Fault::ResetAfterRequest),
                Rule::new(Fault::Slow { factor: 3.0 }),
                Rule::new(Fault::Hang),
                Rule::new(Fault::Delay { by: second }),
            ],
        )
        .unwrap();
        assert_eq!(plan.end, Some(End::ResetAfterRequest));
        assert_eq!(plan.due(second), 5 * second);
    }

    #[test]
    fn a_rule_strikes_as_often_as_its_probability_says() {
        let rule = Rule {
            probability: 0.2,
            ..Rule::new(Fault::Hang)
        };
        let mut dice = Dice::new(fastrand::Rng::with_seed(42));
        let struck = (0..10_000)
            .filter(|_| dice.plan([((0, 0), &rule)].into_iter(), clock::now()).is_some())
            .count();
        // Five standard deviations (40 each) around 2,000.
        assert!((1_800..=2_200).contains(&struck), "{struck}");
        let never = Rule {
            probability: 0.0,
            ..rule
        };
        assert_eq!(plan(1, &[never]), None);
    }

    #[test]
    fn a_cut_leaves_short_bodies_whole() {
        assert_eq!(Cut::Bytes(10).of(10), None);
        assert_eq!(Cut::Bytes(10).of(11), Some(10));
        assert_eq!(Cut::Share(0.5).of(9), Some(4));
        assert_eq!(Cut::Share(0.99).of(1), Some(0));
        assert_eq!(Cut::Share(0.0).of(0), None);
    }
}
