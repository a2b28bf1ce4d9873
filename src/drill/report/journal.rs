use super::{
    Breaches, Chain, Deviation, End, Figures, Gap, InvalidCriteria, Plan, Report, Setting,
    judge::{judge, verdict},
    record::{Record, Records},
    timeline::{self, Heard},
};
use crate::{
    drill::{Ended, InvalidScenario},
    model::clock::{self, Instant},
    telemetry::{EventRecord, Field, millis},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What is written down during a drill. A clone is the same journal.
///
/// It keeps the first 20,000 events. How many came after those is said in the report.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Inner>);

/// A drill that hedges each of a hundred calls a second reaches this in minutes; one that only fails over never does.
const MOST: usize = 20_000;

#[derive(Debug)]
struct Inner {
    plan: Plan,
    planned: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    started: Option<Instant>,
    ended: Option<(Instant, Option<String>)>,
    heard: Vec<EventRecord>,
    left_out: u64,
}

/// Why no journal was begun.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BeginError {
    /// A criterion makes no sense.
    #[error("the criteria make no sense: {0}")]
    Criteria(#[from] InvalidCriteria),
    /// The scenario makes no sense.
    #[error("the scenario makes no sense: {0}")]
    Scenario(#[from] InvalidScenario),
}

/// The drill was to start before its criteria were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the drill's start lies before the moment at which its criteria were recorded")]
#[non_exhaustive]
pub struct StartedTooEarly;

/// What was measured, for [`Journal::finish`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// What callers of evenkeel got.
    pub client: Figures,
    /// What callers of a plain client beside it got. `None`: there was none.
    pub plain: Option<Figures>,
    /// What passed at forbidden endpoints. `None`: no constraint was set.
    pub breaches: Option<Breaches>,
    /// Where the drill was something else than the incident. The report adds what it knows itself: a compression, and
    /// stores in memory.
    pub deviations: Vec<Deviation>,
    /// What was not tested or not measured, and why. The report adds every figure that is `None`; a gap of the same name
    /// gives the reason.
    pub gaps: Vec<Gap>,
}

impl Measured {
    /// The figures of the client, and nothing else.
    pub const fn new(client: Figures) -> Self {
        Self {
            client,
            plain: None,
            breaches: None,
            deviations: Vec::new(),
            gaps: Vec::new(),
        }
    }
}

/// A report, and the records that it is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bundle {
    /// The report.
    pub report: Report,
    pub(super) records: Records,
}

impl Bundle {
    /// The records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records.all
    }

    /// The records as `records.jsonl` has them: a line feed after each.
    pub fn jsonl(&self) -> String {
        self.records.lines()
    }
}

impl Journal {
    /// Records the plan, with its criteria. From now on the drill may start.
    ///
    /// # Errors
    /// If a criterion or the scenario makes no sense.
    pub fn begin(plan: Plan) -> Result<Self, BeginError> {
        plan.criteria.validate()?;
        plan.scenario.validate()?;
        Ok(Self(Arc::new(Inner {
            plan,
            planned: clock::now(),
            state: Mutex::default(),
        })))
    }

    /// What is fixed before the start.
    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// The digest of the criteria. See [`Criteria::digest`](super::Criteria::digest).
    pub fn criteria_digest(&self) -> String {
        self.0.plan.criteria.digest()
    }

    /// Hears the client's events: give it to the builder's
    /// [`on_event_record`](crate::client::StoreBuilder::on_event_record).
    pub fn listener(&self) -> impl Fn(&EventRecord) + Send + Sync + 'static + use<> {
        let journal = self.clone();
        move |record| {
            let mut state = journal.state();
            if state.heard.len() < MOST {
                state.heard.push(record.clone());
            } else {
                state.left_out += 1;
            }
        }
    }

    /// Says when the scenario's first phase begins. May lie in the future. The last start counts.
    ///
    /// # Errors
    /// If it lies before the criteria were recorded.
    pub fn start(&self, at: Instant) -> Result<(), StartedTooEarly> {
        if at < self.0.planned {
            return Err(StartedTooEarly);
        }
        let mut state = self.state();
        state.started = Some(at);
        state.ended = None;
        Ok(())
    }

    /// Says that the drill ends now, and why if it is before its scenario's end. The first end counts: it may be told from
    /// [`Guard::on_end`](crate::drill::Guard::on_end), and again after the drill.
    pub fn end(&self, ended: Option<&Ended>) {
        let now = clock::now();
        self.state()
            .ended
            .get_or_insert_with(|| (now, ended.map(ToString::to_string)));
    }

    /// Milliseconds from the start of the scenario to this instant, below 0 before. Without a start: from the plan.
    pub fn millis(&self, at: Instant) -> i64 {
        let zero = self.state().started.unwrap_or(self.0.planned);
        between(zero, at)
    }

    /// Makes the report. Events that come later are not in it.
    pub fn finish(&self, mut measured: Measured) -> Bundle {
        let (started, told, heard, left_out) = {
            let state = self.state();
            (state.started, state.ended.clone(), state.heard.clone(), state.left_out)
        };
        let plan = self.0.plan.clone();
        let zero = started.unwrap_or(self.0.planned);
        let planned_at_ms = between(zero, self.0.planned);
        let end = end(&plan, zero, started.is_some(), told);
        let heard: Vec<_> = heard
            .iter()
            .map(|record| Heard {
                at_ms: between(zero, record.at),
                entry: record.entry(),
            })
            .collect();
        let mut course = timeline::course(&plan.scenario, &end, heard);

        let mut records = Records::new();
        records.add(planned_at_ms, "drill-planned", self.planned());
        for one in &course.records {
            records.add(one.at_ms, &one.kind, one.fields.clone());
        }
        timeline::moves(&mut measured.client, &plan.scenario, &end, &course.seen);
        let judgements = judge(&plan.criteria, &measured.client, measured.breaches.as_ref());
        let verdict = verdict(&judgements, &end);
        let last = records.all.last().map_or(0, |record| record.at_ms);
        records.add(last.max(end.at_ms), "drill-measured", totals(&measured, verdict));
        course.seen.sort_by_key(super::Seen::at_ms);

        let mut report = Report {
            version: Report::VERSION,
            evenkeel: env!("CARGO_PKG_VERSION").to_owned(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            criteria_digest: self.criteria_digest(),
            configuration_digest: plan.configuration.digest(),
            plan,
            planned_at_ms,
            end,
            verdict,
            judgements,
            timeline: course.seen,
            client: measured.client,
            plain: measured.plain,
            breaches: measured.breaches,
            deviations: measured.deviations,
            gaps: measured.gaps,
            records: Chain {
                count: records.all.len() as u64,
                head: records.head.clone(),
            },
        };
        report.add_deviations();
        report.add_gaps(started.is_some(), left_out);
        Bundle { report, records }
    }

    fn planned(&self) -> BTreeMap<String, Field> {
        let plan = &self.0.plan;
        let json = |value: Result<String, _>| Field::Text(value.unwrap_or_default());
        let fields = [
            ("evenkeel", Field::from(env!("CARGO_PKG_VERSION"))),
            ("scenario", Field::from(plan.scenario.name.as_str())),
            ("scenario_json", json(serde_json::to_string(&plan.scenario))),
            ("seed", Field::from(plan.seed)),
            ("scope_json", json(serde_json::to_string(&plan.scope))),
            ("criteria_json", json(serde_json::to_string(&plan.criteria))),
            ("criteria_digest", Field::Text(plan.criteria.digest())),
            ("configuration_digest", Field::Text(plan.configuration.digest())),
            (
                "previous",
                Field::from(plan.previous.as_ref().map(|previous| previous.head.as_str())),
            ),
        ];
        fields.map(|(name, field)| (name.to_owned(), field)).into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn between(zero: Instant, at: Instant) -> i64 {
    let signed = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
    match at.checked_duration_since(zero) {
        Some(after) => signed(millis(after)),
        None => -signed(millis(zero.saturating_duration_since(at))),
    }
}

/// What ended before its scenario was aborted, whether or not anybody says why.
fn end(plan: &Plan, zero: Instant, started: bool, told: Option<(Instant, Option<String>)>) -> End {
    if !started {
        return End {
            at_ms: 0,
            aborted: Some("the drill never started".to_owned()),
        };
    }
    let length = i64::try_from(millis(plan.scenario.duration())).unwrap_or(i64::MAX);
    let (at, why) = told.unwrap_or_else(|| (clock::now(), None));
    let at_ms = between(zero, at);
    match why {
        Some(why) => End {
            at_ms,
            aborted: Some(why),
        },
        None if at_ms < length => End {
            at_ms,
            aborted: Some("it ended before its scenario did, and no reason was given".to_owned()),
        },
        None => End {
            at_ms: length,
            aborted: None,
        },
    }
}

/// What the last record holds: the sums, so that they cannot be changed without it.
fn totals(measured: &Measured, verdict: super::Verdict) -> BTreeMap<String, Field> {
    let writes = measured.client.writes;
    let available = measured.client.classes.iter().map(|class| class.available).sum::<u64>();
    let word = serde_json::to_value(verdict).ok();
    let fields = [
        ("calls", Field::from(measured.client.calls())),
        ("available", Field::from(available)),
        ("attempts", Field::from(measured.client.attempts)),
        ("writes_read_back", Field::from(writes.map(|writes| writes.read_back))),
        ("writes_lost", Field::from(writes.map(|writes| writes.lost))),
        ("breaches", Field::from(measured.breaches.as_ref().map(Breaches::count))),
        ("verdict", Field::from(word.as_ref().and_then(|word| word.as_str()))),
    ];
    fields.map(|(name, field)| (name.to_owned(), field)).into()
}

impl Report {
    fn add_deviations(&mut self) {
        let played = millis(self.plan.scenario.duration());
        if played != self.plan.true_length_ms {
            let times = self.plan.true_length_ms as f64 / played.max(1) as f64;
            self.deviations.push(Deviation::new(
                format!("The scenario was played {times:.0} times as fast"),
                "Everything that takes its own time, such as timeouts and the waits of a breaker, weighs more in it: what was \
                 lost to callers is at most what the true length would show per outage, and is a larger share of the calls.",
            ));
        }
        match self.plan.scope.setting {
            Setting::Simulation => self.deviations.push(Deviation::new(
                "Stores in memory and virtual time",
                "The client's decisions are those of production. Connections, TLS, DNS and the SDK are not there; faults of \
                 connecting are played as outcomes of calls.",
            )),
            Setting::Loopback => self.deviations.push(Deviation::new(
                "Servers on one host stand for the providers'",
                "Sockets, the SDK and its timeouts are real. Distance is added as a wait; bandwidth and packet loss are not \
                 played.",
            )),
            Setting::Production => {}
        }
    }

    fn add_gaps(&mut self, started: bool, left_out: u64) {
        let mut found = Vec::new();
        let mut not_tested = |what: &str, why: &str| found.push(Gap::not_tested(what, why));
        not_tested(
            "the service itself",
            "Where it computes, its own DNS, certificates and identities are outside of what evenkeel can fail over.",
        );
        match self.plan.scope.setting {
            Setting::Simulation => not_tested("sockets, DNS, TLS and the SDK", "The stores are in memory."),
            Setting::Loopback => not_tested("the providers' own servers", "Servers on one host stood for them."),
            Setting::Production => {}
        }
        for class in crate::request::OpClass::ALL {
            if !self
                .client
                .classes
                .iter()
                .any(|found| found.class == class && found.calls > 0)
            {
                not_tested(&format!("{} calls", class.as_str()), "No call of this class was made.");
            }
        }
        match &self.breaches {
            None => not_tested("constraints", "No constraint was set."),
            Some(breaches) if !breaches.is_tested() => {
                not_tested("constraints", "No endpoint of the client is forbidden by them.");
            }
            Some(_) => {}
        }
        let mut begins = 0_i64;
        for phase in &self.plan.scenario.phases {
            let is_reached = started && begins <= self.end.at_ms;
            if self.end.aborted.is_some() && !is_reached {
                not_tested(&format!("phase {}", phase.name), "The drill ended before it.");
            }
            begins = begins.saturating_add_unsigned(millis(phase.duration));
        }

        let mut not_measured = |what: &str, why: &str| found.push(Gap::not_measured(what, why));
        let of = [
            (
                "the plain client",
                self.plain.is_none(),
                "There was none beside this drill.",
            ),
            (
                "extra attempts",
                self.client.attempts.is_none(),
                "Nobody counted attempts.",
            ),
            (
                "when traffic left",
                self.client.traffic_left_ms.is_none(),
                "The share of calls at the struck place was not seen to fall.",
            ),
            (
                "when traffic was back",
                self.client.traffic_back_ms.is_none(),
                "The share of calls at the struck place was not seen to return.",
            ),
            (
                "acknowledged writes",
                self.client.writes.is_none_or(|writes| writes.read_back == 0),
                "None was read back.",
            ),
            (
                "stale answers",
                self.client.writes.is_none_or(|writes| writes.stale.is_none()),
                "No key was written twice, or nobody looked.",
            ),
            (
                "the course of the availability",
                self.client.course.is_empty(),
                "There were no calls.",
            ),
        ];
        for (what, is_missing, why) in of {
            if is_missing {
                not_measured(what, why);
            }
        }
        for class in &self.client.classes {
            let name = class.class.as_str();
            if class.left_ms.is_none() {
                not_measured(
                    &format!("when {name}s left"),
                    "The client told of no decision to leave an endpoint.",
                );
            }
            if class.returned_ms.is_none() {
                not_measured(
                    &format!("when {name}s returned"),
                    "The client told of no return, or was out at the end.",
                );
            }
        }
        if left_out > 0 {
            not_measured(&format!("{left_out} events"), "More came than the journal keeps.");
        }
        // Whoever made the figures knows better why.
        for gap in found {
            if !self.gaps.iter().any(|known| known.what == gap.what) {
                self.gaps.push(gap);
            }
        }
        self.gaps.sort_by_key(|gap| gap.kind == super::GapKind::NotMeasured);
    }
}
