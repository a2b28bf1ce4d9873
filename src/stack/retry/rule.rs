use super::{Again, Decision, Rule, decide};
use crate::{
    request::{Ended, Safety},
    verdict::{Sent, Verdict},
};

/// The table's decision, under a rule.
pub(crate) fn decide_by(rule: Option<Rule>, ended: Option<Ended>, succeeded: bool, safety: Safety) -> Decision {
    let (Some(rule), Some(Ended::Judged(outcome))) = (rule, ended) else {
        return decide(ended, succeeded, safety);
    };
    if matches!(outcome.verdict, Verdict::Success | Verdict::Answer) {
        return Decision::Return;
    }
    match rule(outcome) {
        Again::Table => decide(ended, succeeded, safety),
        Again::WhereSafe if safety != Safety::Once || outcome.sent == Sent::No => Decision::TryAgain,
        Again::Never | Again::WhereSafe => Decision::Return,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Outcome;
    use Decision::{Return, TryAgain};

    const VERDICTS: [Verdict; 8] = [
        Verdict::Success,
        Verdict::Answer,
        Verdict::Absent,
        Verdict::Throttled,
        Verdict::Unreachable,
        Verdict::Faulty,
        Verdict::Denied,
        Verdict::Caller,
    ];

    /// Every outcome that matters, with every safety.
    fn cases() -> impl Iterator<Item = (Outcome, Safety)> {
        let outcomes = VERDICTS.into_iter().flat_map(|verdict| {
            let of = |(sent, credential)| Outcome {
                credential,
                ..Outcome::new(verdict, sent)
            };
            [(Sent::No, false), (Sent::Maybe, false), (Sent::Maybe, true)].map(of)
        });
        outcomes
            .flat_map(|outcome| [Safety::ReadOnly, Safety::Idempotent, Safety::Once].map(|safety| (outcome, safety)))
    }

    #[test]
    fn no_rule_repeats_a_once_only_write_that_may_be_applied() {
        for (outcome, safety) in cases() {
            let ended = Some(Ended::Judged(outcome));
            let succeeded = outcome.verdict == Verdict::Success;
            let by = |rule: Rule| decide_by(Some(rule), ended, succeeded, safety);
            assert_eq!(
                by(|_| Again::Table),
                decide(ended, succeeded, safety),
                "{outcome:?} {safety:?}"
            );
            assert_eq!(by(|_| Again::Never), Return, "{outcome:?} {safety:?}");
            let is_result = matches!(outcome.verdict, Verdict::Success | Verdict::Answer);
            let safe = safety != Safety::Once || outcome.sent == Sent::No;
            let expected = if !is_result && safe { TryAgain } else { Return };
            assert_eq!(by(|_| Again::WhereSafe), expected, "{outcome:?} {safety:?}");
        }
    }

    #[test]
    fn a_rule_does_not_apply_to_unjudged_attempts() {
        for (succeeded, safety) in [
            (true, Safety::ReadOnly),
            (false, Safety::ReadOnly),
            (false, Safety::Once),
        ] {
            let by = decide_by(Some(|_| Again::WhereSafe), None, succeeded, safety);
            assert_eq!(by, decide(None, succeeded, safety));
        }
    }
}
