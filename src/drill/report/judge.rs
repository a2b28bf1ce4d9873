//! Criteria and figures to verdicts. Pure.

use super::{Breaches, ClassFigures, Criteria, Figures};
use serde::{Deserialize, Serialize};

/// What a criterion is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Criterion {
    /// The smallest share of available calls, 0 to 1.
    Availability,
    /// The largest p99, in milliseconds.
    P99,
    /// The longest time without a right answer, in milliseconds.
    Recovery,
    /// The most acknowledged writes that may be lost.
    LostWrites,
    /// The most requests at forbidden endpoints.
    Breaches,
}

impl Criterion {
    /// All, in their order in reports.
    pub const ALL: [Self; 5] = [
        Self::Availability,
        Self::P99,
        Self::Recovery,
        Self::LostWrites,
        Self::Breaches,
    ];
}

/// How one criterion came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judgement {
    /// The criterion.
    pub criterion: Criterion,
    /// What was demanded. A share, milliseconds or a count, as the criterion says.
    pub limit: f64,
    /// What was measured. Of figures by class: the worst. `None`: it was not measured.
    pub measured: Option<f64>,
    /// How it came out.
    pub outcome: Outcome,
}

/// How a criterion came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was met. In an aborted drill: up to the end.
    Met,
    /// It was missed.
    Missed,
    /// Nobody tried, or nobody looked.
    NotMeasured,
}

/// How a drill went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Every criterion was met, and the scenario was played to its end.
    Passed,
    /// A criterion was missed.
    Failed,
    /// The drill ended before its scenario did, and no criterion was missed until then.
    Aborted,
    /// No criterion was missed. But one was not measured, or there was none; or no request met a fault; or reads were
    /// wrong during the drill, of which no criterion speaks.
    Inconclusive,
}

/// How a drill ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct End {
    /// When, in milliseconds from the start.
    pub at_ms: i64,
    /// Why it ended before its scenario did. `None`: it was played to its end.
    pub aborted: Option<String>,
}

/// Holds the figures to the criteria.
pub(super) fn judge(criteria: &Criteria, client: &Figures, breaches: Option<&Breaches>) -> Vec<Judgement> {
    let each = Criterion::ALL.into_iter().filter_map(|criterion| {
        let limit = limit(criteria, criterion)?;
        let measured = measured(criterion, limit, client, breaches);
        let outcome = match measured {
            None => Outcome::NotMeasured,
            Some(share) if criterion == Criterion::Availability && share >= limit => Outcome::Met,
            Some(value) if criterion != Criterion::Availability && value <= limit => Outcome::Met,
            Some(_) => Outcome::Missed,
        };
        Some(Judgement {
            criterion,
            limit,
            measured,
            outcome,
        })
    });
    each.collect()
}

pub(super) fn verdict(judgements: &[Judgement], end: &End, client: &Figures) -> Verdict {
    let any = |outcome| judgements.iter().any(|one| one.outcome == outcome);
    match () {
        () if any(Outcome::Missed) => Verdict::Failed,
        () if end.aborted.is_some() => Verdict::Aborted,
        () if judgements.is_empty() || any(Outcome::NotMeasured) => Verdict::Inconclusive,
        () if doubt(client).is_some() => Verdict::Inconclusive,
        () => Verdict::Passed,
    }
}

/// Why a drill does not pass that met every criterion.
pub(super) fn doubt(client: &Figures) -> Option<&'static str> {
    let wrong = client.writes.and_then(|writes| writes.wrong_reads);
    match () {
        () if client.faults_met == Some(0) => Some("No request met a fault: nothing was tried."),
        () if wrong.is_some_and(|wrong| wrong > 0) => {
            Some("Reads during the drill did not show what was acknowledged, and did not say so.")
        }
        () => None,
    }
}

fn limit(criteria: &Criteria, criterion: Criterion) -> Option<f64> {
    let whole = |number: Option<u64>| number.map(|number| number as f64);
    match criterion {
        Criterion::Availability => criteria.availability,
        Criterion::P99 => whole(criteria.p99_ms),
        Criterion::Recovery => whole(criteria.recovery_ms),
        Criterion::LostWrites => whole(criteria.lost_writes),
        Criterion::Breaches => whole(criteria.breaches),
    }
}

fn measured(criterion: Criterion, limit: f64, client: &Figures, breaches: Option<&Breaches>) -> Option<f64> {
    match criterion {
        Criterion::Availability => worst(client, ClassFigures::availability, f64::min),
        Criterion::P99 => worst(client, |class| class.p99_ms, f64::max),
        Criterion::Recovery => worst(client, |class| Some(class.longest_outage_ms? as f64), f64::max),
        // Nothing was written: nothing could be lost.
        Criterion::LostWrites => {
            let writes = client.writes.filter(|writes| writes.read_back > 0)?;
            let (lost, most) = (writes.lost as f64, writes.lost.saturating_add(writes.unread) as f64);
            // What could not be read back may be lost, and would decide.
            (lost > limit || most <= limit).then_some(lost)
        }
        Criterion::Breaches => breaches
            .filter(|breaches| breaches.is_tested())
            .map(|breaches| breaches.count() as f64),
    }
}

/// Of the classes that were called. `None` if there is none, or one of them was not measured.
fn worst(client: &Figures, of: impl Fn(&ClassFigures) -> Option<f64>, worse: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let mut called = client.classes.iter().filter(|class| class.calls > 0);
    let first = of(called.next()?)?;
    called.try_fold(first, |worst, class| Some(worse(worst, of(class)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::report::{Calls, Writes};

    const PLAYED: End = End {
        at_ms: 0,
        aborted: None,
    };

    fn judged(most: u64, client: &Figures) -> (Outcome, Verdict) {
        let judgements = judge(&Criteria::new().lost_writes(most), client, None);
        (judgements[0].outcome, verdict(&judgements, &PLAYED, client))
    }

    fn figures(lost: u64, unread: u64) -> Figures {
        let mut figures = Calls::new().figures("");
        figures.writes = Some(Writes {
            unread,
            ..Writes::new(50, lost)
        });
        figures
    }

    #[test]
    fn writes_that_nobody_could_read_back_are_not_known_to_be_kept() {
        use Outcome::{Met, Missed, NotMeasured};
        assert_eq!(judged(0, &figures(0, 0)), (Met, Verdict::Passed));
        assert_eq!(judged(0, &figures(0, 1)), (NotMeasured, Verdict::Inconclusive));
        assert_eq!(judged(0, &figures(1, 1)), (Missed, Verdict::Failed));
        // Also if each of them were lost.
        assert_eq!(judged(3, &figures(1, 2)), (Met, Verdict::Passed));
        assert_eq!(judged(3, &figures(1, u64::MAX)), (NotMeasured, Verdict::Inconclusive));
    }

    #[test]
    fn a_drill_that_met_no_fault_or_read_wrongly_does_not_pass() {
        for (met, wrong, passes) in [
            (None, None, true),
            (Some(1), Some(0), true),
            (Some(0), Some(0), false),
            (Some(1), Some(1), false),
        ] {
            let mut client = figures(0, 0);
            client.faults_met = met;
            client.writes.as_mut().unwrap().wrong_reads = wrong;
            let expected = if passes { Verdict::Passed } else { Verdict::Inconclusive };
            assert_eq!(judged(0, &client), (Outcome::Met, expected), "{met:?} {wrong:?}");
        }
    }
}
