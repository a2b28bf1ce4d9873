use super::{Breaches, End, Figures, Judgement, Plan, Previous, Step, Subject, Verdict};
use serde::{Deserialize, Serialize};

/// A drill in one document. With `serde` it is `report.json`; [`html`](Self::html) is for people.
///
/// What was not measured is `None`, and stands among the [gaps](Self::gaps).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The version of this form: [`Report::VERSION`].
    pub version: u32,
    /// The version of evenkeel.
    pub evenkeel: String,
    /// Operating system and processor, without the host.
    pub platform: String,
    /// What was fixed before the start.
    pub plan: Plan,
    /// The digest of the criteria, as the first record has it.
    pub criteria_digest: String,
    /// The digest of the configuration.
    pub configuration_digest: String,
    /// When the criteria were recorded, in milliseconds from the start: below 0, or 0.
    pub planned_at_ms: i64,
    /// How it ended.
    pub end: End,
    /// How it went, by the criteria.
    pub verdict: Verdict,
    /// One for each criterion, in the order of [`Criterion::ALL`](super::Criterion::ALL).
    pub judgements: Vec<Judgement>,
    /// What could be observed, oldest first.
    pub timeline: Vec<Seen>,
    /// What callers of evenkeel got.
    pub client: Figures,
    /// What callers of a plain client beside it got.
    pub plain: Option<Figures>,
    /// What passed at forbidden endpoints.
    pub breaches: Option<Breaches>,
    /// Where the drill was something else than the incident, or than the plan.
    pub deviations: Vec<Deviation>,
    /// What was not tested and not measured.
    pub gaps: Vec<Gap>,
    /// The records that this is made of.
    pub records: Chain,
}

impl Report {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;

    /// What was not tested.
    pub fn not_tested(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(|gap| gap.kind == GapKind::NotTested)
    }

    /// What was not measured.
    pub fn not_measured(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(|gap| gap.kind == GapKind::NotMeasured)
    }
}

impl Previous {
    /// The drill of this report.
    pub fn of(report: &Report) -> Self {
        Self {
            scenario: report.plan.scenario.name.clone(),
            seed: report.plan.seed,
            verdict: report.verdict,
            head: report.records.head.clone(),
        }
    }
}

/// Something that was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Seen {
    /// The scenario's next phase began.
    Phase {
        /// Milliseconds from the start.
        at_ms: i64,
        /// The phase's name.
        name: String,
    },
    /// The client decided something about an endpoint.
    Step {
        /// Milliseconds from the start.
        at_ms: i64,
        /// Whom it is about.
        subject: Subject,
        /// The step.
        step: Step,
        /// The decision and its reason, as the client told it.
        because: String,
    },
    /// The drill ended.
    End {
        /// Milliseconds from the start.
        at_ms: i64,
        /// Why it ended before its scenario did.
        aborted: Option<String>,
    },
}

impl Seen {
    /// Milliseconds from the start.
    pub const fn at_ms(&self) -> i64 {
        match self {
            Self::Phase { at_ms, .. } | Self::Step { at_ms, .. } | Self::End { at_ms, .. } => *at_ms,
        }
    }
}

/// Where the drill was something else than the incident, or than the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deviation {
    /// What was different.
    pub what: String,
    /// Why, and what that means for what was seen.
    pub why: String,
}

impl Deviation {
    /// What was different, and why.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

/// What the drill says nothing about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// Whether nobody tried or nobody looked.
    pub kind: GapKind,
    /// What: `list calls`, `the plain client`.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Whether nobody tried or nobody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GapKind {
    /// Nobody tried.
    NotTested,
    /// It may have happened, and nobody looked.
    NotMeasured,
}

impl Gap {
    /// Something that nobody tried.
    pub fn not_tested(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            kind: GapKind::NotTested,
            what: what.into(),
            why: why.into(),
        }
    }

    /// Something at which nobody looked.
    pub fn not_measured(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            kind: GapKind::NotMeasured,
            ..Self::not_tested(what, why)
        }
    }
}

/// The records that a report is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Chain {
    /// How many there are.
    pub count: u64,
    /// The digest of the last.
    pub head: String,
}
