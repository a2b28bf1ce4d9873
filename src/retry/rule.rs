use super::{Decision, decide};
use crate::{
    request::{Ended, Safety},
    verdict::{Outcome, Sent, Verdict},
};

/// Your own rule: after which outcomes of an attempt the call is tried again.
///
/// It is a table on one page, in Rust. It is asked only after an attempt that gave the call no result: success and answers
/// (a failed precondition, *not modified*) are returned whatever it would say.
///
/// | it says | read, idempotent write | write that must happen once |
/// |---|---|---|
/// | [`Table`](Again::Table) | as the [table](decide) has it | as the table has it |
/// | [`Never`](Again::Never) | returned | returned |
/// | [`WhereSafe`](Again::WhereSafe) | tried again | tried again if it was provably not sent, else returned |
///
/// So no rule repeats a write that must happen once and may have been applied. Nor does one go beyond
/// [`max_attempts`](super::Settings::max_attempts), the [budget](super::Budget) or the deadline. It says nothing of hedges, which
/// follow no outcome, nor of what a store client asks beyond the attempts of one request: who proves absence, whose write it is.
///
/// A plain function, or a closure that captures nothing: a rule has no state. It runs on the call's path, after a failure.
///
/// ```
/// use evenkeel::retry::{self, Again};
/// use evenkeel::verdict::Verdict;
/// use evenkeel::{Endpoint, Failover};
/// use std::io;
///
/// # #[derive(Clone)] struct Table(&'static str);
/// # impl Table {
/// #     async fn query(&self) -> Result<(), io::Error> { Err(io::ErrorKind::TimedOut.into()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut retry = retry::Settings::default();
/// retry.when = Some(|outcome| match outcome.verdict {
///     Verdict::Throttled => Again::Never,              // our caller backs off by itself
///     Verdict::Absent => Again::WhereSafe,             // a copy may lag: ask the others
///     Verdict::Denied => Again::WhereSafe,             // permissions differ from region to region
///     _ if outcome.timed_out => Again::Never,          // a query that is too heavy is so everywhere
///     _ => Again::Table,
/// });
/// let tables = Failover::builder()
///     .endpoint(Endpoint::new("virginia", Table("virginia")))
///     .endpoint(Endpoint::new("ireland", Table("ireland")))
///     .retry(retry)
///     .build()?;
///
/// // One call may have its own.
/// let query = tables.read(|table| async move { table.query().await }).retry_when(|_| Again::Never);
/// assert_eq!(query.await.unwrap_err().attempts_made(), 1);
/// # Ok(()) }
/// ```
pub type Rule = fn(Outcome) -> Again;

/// What a [`Rule`] says of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Again {
    /// As the [table](decide) has it.
    Table,
    /// The call is not tried again.
    Never,
    /// The call is tried again wherever that can do no harm.
    WhereSafe,
}

/// The decision of the table, under a rule.
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
    fn no_rule_repeats_a_write_that_must_happen_once_and_may_have_been_applied() {
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
    fn a_rule_says_nothing_of_what_nobody_judged() {
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
