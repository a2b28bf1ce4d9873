use super::CanaryFindings;
use crate::{
    drill::{Ended, report::Bundle},
    ops::concentration::Reading,
    telemetry::EventRecord,
};

/// What a drill in production showed.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "it says whether writes were lost, and what was left behind"]
pub struct Findings {
    /// Why it ended before its scenario did. `None`: it was played to its end.
    pub ended: Option<Ended>,
    /// What production reported meanwhile: nothing, on a quiet day.
    pub production: Vec<EventRecord>,
    /// What became of the canaries; `None`: there were none.
    pub canary: Option<CanaryFindings>,
    /// What the cohort's client did, and the client that read the canaries back: [`report`](Reading::report) it. No
    /// view of production's client has it. An attempt that met a fault counts here, and reached no provider.
    pub traffic: Reading,
    /// The report: what the cohort's callers got, what its client decided, and what was not measured.
    pub bundle: Bundle,
}
