//! What is written down during a drill in production, and the report that it makes.

use super::{CanaryFindings, GameDay, NotStarted};
use crate::{
    ObjectClient,
    client::object::ObjectClientBuilder,
    drill::report::{BeginError, Bundle, Calls, Configuration, Deviation, Gap, Journal, Measured, Plan, Scope, Writes},
    endpoint::Profile,
    model::clock,
    request::LegKind,
    telemetry::CallEnd,
};
use std::sync::{Mutex, PoisonError};

/// The journal, and the calls of the cohort's callers.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) journal: Journal,
    calls: Mutex<(Calls, u64)>,
    is_constrained: bool,
    /// The endpoints that the scenario strikes.
    struck: Vec<String>,
}

/// How many calls are counted one by one, at 24 bytes each: five hundred a second for half an hour.
const MOST: u64 = 1_000_000;

impl Books {
    /// Writes down what will be done and what must hold.
    pub(super) fn open(
        day: &GameDay,
        recipe: &ObjectClientBuilder,
        places: &[Profile],
        client: &str,
    ) -> Result<Self, NotStarted> {
        let callers = format!("Calls of callers through the client `{client}`, by a hash of their keys.");
        let scope = Scope::production(callers).share(day.cohort.share());
        let mut plan = Plan::new(day.played(), day.cohort.seed(), scope, day.criteria)
            .configuration(configuration(day, recipe, client));
        if let Some(previous) = &day.previous {
            plan = plan.previous(previous.clone());
        }
        let journal = Journal::begin(plan).map_err(|error| match error {
            BeginError::Criteria(criteria) => NotStarted::Criteria(criteria),
            BeginError::Scenario(scenario) => NotStarted::Scenario(scenario),
        })?;
        Ok(Self {
            journal,
            calls: Mutex::default(),
            is_constrained: !recipe.constraints().is_empty(),
            struck: day.struck(places).map(|place| place.name().to_owned()).collect(),
        })
    }

    /// Counts a call of the cohort's. One that says nothing of any endpoint is left out.
    pub(super) fn hear(&self, end: &CallEnd) {
        let Some(available) = end.went_well() else { return };
        let now = clock::now();
        let at_ms = self.journal.millis(now.checked_sub(end.took).unwrap_or(now));
        let (calls, counted) = &mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *counted += 1;
        if *counted <= MOST {
            calls.add(end.class, at_ms, end.took, available);
        }
    }

    /// The report.
    pub(super) fn close(&self, cohort: &ObjectClient, faults_met: u64, canary: Option<&CanaryFindings>) -> Bundle {
        let (calls, counted) = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut figures = calls.figures("the call was served within its own deadline");
        figures.attempts = Some(figures.calls().saturating_add(extra_attempts(cohort)));
        figures.faults_met = Some(faults_met);
        figures.writes = canary.map(|canary| Writes {
            read_back: canary.read_back,
            lost: canary.lost,
            stale: cohort.overwrites().then_some(canary.stale),
            unread: canary.unread,
            wrong_reads: Some(canary.reads_wrong),
        });
        let mut measured = Measured::new(figures);
        measured.struck = Some(self.struck.clone());
        measured.gaps = self.gaps(counted, faults_met, canary);
        measured.deviations = deviations(canary);
        self.journal.finish(measured)
    }

    fn gaps(&self, counted: u64, faults_met: u64, canary: Option<&CanaryFindings>) -> Vec<Gap> {
        let by_time =
            "Nobody counted over time at which endpoint the calls were. When classes left and returned is told.";
        let mut gaps = vec![
            Gap::not_measured("when traffic left", by_time),
            Gap::not_measured("when traffic was back", by_time),
            Gap::not_measured(
                "the plain client",
                "There is none in production: its callers would have been without service.",
            ),
            Gap::not_tested(
                "the load of all callers",
                "Only the cohort's callers went elsewhere. Whether the standby bears all of production was not tried.",
            ),
            Gap::not_tested(
                "connections, DNS and TLS",
                "The faults were played before the adapters: the cohort's calls failed, and no connection did.",
            ),
        ];
        if faults_met == 0 {
            gaps.push(Gap::not_tested(
                "the scenario",
                "No request met a fault: none came while one was played, or no call needs what was struck.",
            ));
        }
        if self.is_constrained {
            gaps.push(Gap::not_measured(
                "constraints",
                "Constraints were set, and nobody counts the bytes at the provider's stores.",
            ));
        }
        match canary {
            None => gaps.push(Gap::not_measured("acknowledged writes", "The drill wrote no canaries.")),
            Some(canary) => {
                let unseen = [
                    (
                        canary.unread,
                        "acknowledged canaries",
                        "They could not be read back after the drill.",
                    ),
                    (
                        canary.reads_failed,
                        "reads of canaries",
                        "They failed during the drill: what they would have shown, nobody saw.",
                    ),
                    (
                        canary.uncertain,
                        "writes of canaries",
                        "They failed and may have been applied: whether they were, nobody looked.",
                    ),
                ];
                let unseen = unseen.into_iter().filter(|(count, ..)| *count > 0);
                gaps.extend(unseen.map(|(count, what, why)| Gap::not_measured(format!("{count} {what}"), why)));
            }
        }
        if canary.is_some() {
            gaps.push(Gap::not_measured(
                "extra attempts for callers alone",
                "Those for the canaries are among them.",
            ));
        }
        if counted > MOST {
            gaps.push(Gap::not_measured(
                format!("{} calls", counted - MOST),
                "More calls came than are counted one by one.",
            ));
        }
        gaps
    }
}

fn deviations(canary: Option<&CanaryFindings>) -> Vec<Deviation> {
    let mut found = vec![Deviation::new(
        "The faults were played in one client, for a share of the callers",
        "The endpoints themselves were well. Whatever else the service does with a struck provider went on as usual.",
    )];
    if let Some(canary) = canary.filter(|canary| canary.reads_wrong > 0) {
        found.push(Deviation::new(
            format!(
                "{} of {} reads of canaries during the drill were wrong",
                canary.reads_wrong, canary.reads
            ),
            "They showed something older than was acknowledged, or nothing, and did not say so.",
        ));
    }
    let left = canary.map(|canary| canary.left.as_slice()).unwrap_or_default();
    found.extend(left.iter().map(|left| {
        let what = format!("{} canaries may be left at {}", left.objects, left.endpoint);
        Deviation::new(what, left.why.clone())
    }));
    found
}

/// Attempts beyond the first of each call. The canaries' are among them; probes from the background are not.
fn extra_attempts(cohort: &ObjectClient) -> u64 {
    let snapshot = cohort.snapshot();
    let extra = [LegKind::Retry, LegKind::Hedge, LegKind::Proof, LegKind::Confirm];
    let classes = snapshot.endpoints.iter().flat_map(|endpoint| &endpoint.classes);
    classes
        .map(|class| extra.map(|kind| class.attempts.of_kind(kind)).iter().sum::<u64>())
        .sum()
}

fn configuration(day: &GameDay, recipe: &ObjectClientBuilder, client: &str) -> Configuration {
    let canary = day.canary.map_or_else(|| "none".to_owned(), |canary| canary.sentence());
    let lines = Configuration::new()
        .line("client", client)
        .line("replication", recipe.replication_name())
        .line("constraints", recipe.constraints().to_string())
        .line("ended by", day.guard.sentence())
        .line("canaries", canary);
    recipe.profiles().fold(lines, Configuration::endpoint)
}
