//! The report of an incident: what a [recording](super::recorder) shows of it, as Markdown and as JSON.
//!
//! A report says only what the process observed. *Cause* is what attempts met, not what was broken at the provider.
//!
//! | step | what is seen |
//! |---|---|
//! | [onset](Step::Onset) | the first sign: a failed probe, a download that moved, at the latest the leaving. If there are [readings](super::recorder::FlightRecorder::watch): not before the last one without a new failure |
//! | [left](Step::Left) | the breaker opened: no more calls, only probes |
//! | [return begun](Step::ReturnBegun) | the breaker closed: traffic returns on a ramp |
//! | [relapse](Step::Relapse) | left again, after a return in the same incident |
//! | [complete](Step::Complete) | the first reading at which the endpoint may carry all of its traffic again. Without readings this is not seen |
//!
//! What no process can tell from answers is not in a report: a store that denies what it holds, in the words of one that never
//! held it, looks well.
//!
//! What happens within ten minutes of each other is one incident, at whatever endpoints and clients. Attempts are counted
//! between two readings around the incident, so the counts include up to a minute before it.
//!
//! ```
//! use evenkeel::ops::{incident::incident_report, recorder::FlightRecorder};
//!
//! let report = incident_report(&FlightRecorder::in_memory().recording());
//! assert!(report.incidents.is_empty());
//! println!("{report}"); // Markdown
//! let json = serde_json::to_string(&report).unwrap();
//! assert!(json.starts_with(r#"{"version":1,"#));
//! ```

mod counts;
mod decision;
mod markdown;
mod open;
mod walk;

pub use super::steps::{Standing, Step, Subject};

use super::recorder::{Gaps, Recording};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Reports what a recording shows.
pub fn incident_report(recording: &Recording) -> IncidentReport {
    walk::report(recording)
}

/// What a recording shows. `Display` is Markdown, with all foreign texts escaped. With `serde` it is JSON, whose schema
/// is `docs/incident.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IncidentReport {
    /// The version of this form: [`IncidentReport::VERSION`]. A later version may have more fields and more words.
    pub version: u32,
    /// The processes whose records there are, oldest first: 16 hexadecimal digits each.
    pub instances: Vec<String>,
    /// The first and the last record, by the wall clock, in milliseconds since 1970. `None`: there are no records.
    pub span: Option<(u64, u64)>,
    /// How many events the recording has.
    pub events: u64,
    /// Whether there are readings of counts. Without them `attempts` are empty and no return is seen to be complete.
    pub has_readings: bool,
    /// What is missing from the recording.
    pub gaps: Gaps,
    /// The incidents, oldest first.
    pub incidents: Vec<Incident>,
    /// Decisions that belong to no incident: orders, stores' conditions, shared hosts, single signs of trouble.
    pub other_decisions: Decisions,
}

impl IncidentReport {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;
}

/// A moment of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The wall clock, for people: milliseconds since 1970 (UTC).
    pub wall_ms: u64,
    /// The monotonic clock, for differences: milliseconds since the process started.
    pub uptime_ms: u64,
}

/// A time in which something was out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Incident {
    /// The process.
    pub instance: String,
    /// The first sign.
    pub began: Moment,
    /// The last step towards the return, if nothing is out any more. `None`: the recording ends before.
    pub ended: Option<Moment>,
    /// Who was affected: every endpoint and class, in the order in which they were struck.
    pub affected: Vec<Affected>,
    /// How many attempts ended how, at every endpoint of the affected clients: also at those that served instead.
    pub attempts: Vec<Attempts>,
    /// What was decided and why, a person's orders among it.
    pub decisions: Decisions,
}

/// What happened to one subject of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Affected {
    /// What was struck.
    pub subject: Subject,
    /// The steps, oldest first.
    pub steps: Vec<Transition>,
    /// What was observed, most often first.
    pub causes: Vec<Observation>,
    /// How many probes failed, at least: the last ones may be left out.
    pub probes_failed: u64,
    /// How it stands at the end of the recording.
    pub now: Standing,
}

/// A step that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transition {
    /// The step.
    pub step: Step,
    /// When it was seen.
    pub at: Moment,
    /// It was not before this, where more than the moment of the sight is known.
    pub not_before: Option<Moment>,
    /// By what it was seen: the sentence of a decision, or of a reading.
    pub seen_by: String,
}

/// What attempts met: the observed cause of decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Observation {
    /// What the attempt met that made the decision due, such as `unreachable (dns-empty)`. `None`: this client did not
    /// see it itself.
    pub observed: Option<String>,
    /// Why that led to the decision, such as `faults in a row`.
    pub because: String,
    /// How many decisions had it as their cause, at least.
    pub times: u64,
}

/// How the attempts of one class ended at one endpoint, between two readings around the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attempts {
    /// The client.
    pub client: String,
    /// The endpoint.
    pub endpoint: String,
    /// `read`, `write` or `list`.
    pub class: String,
    /// How many ended how. What did not happen is left out.
    pub ended: BTreeMap<String, u64>,
    /// The reading from which they are counted. `None`: from the building of the client.
    pub from: Option<Moment>,
    /// The reading up to which they are counted.
    pub to: Moment,
}

/// Decisions, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decisions {
    /// The first 2,000.
    pub listed: Vec<Decision>,
    /// How many more there were.
    pub more: u64,
}

/// A decision, or a run of equal ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Decision {
    /// When it was made, the first time.
    pub at: Moment,
    /// The number of its event, the first time.
    pub sequence: u64,
    /// The client; `None` for credentials.
    pub client: Option<String>,
    /// The [kind](crate::telemetry::Event::kind) of the event.
    pub kind: String,
    /// The decision and its reason, as it was told the first time.
    pub sentence: String,
    /// Who decided, if a person did and said so.
    pub by: Option<String>,
    /// How often it was made in a row, at least.
    pub times: u64,
    /// When it was made the last time that is known.
    pub until: Moment,
}
