use super::{
    Breaches, Chain, Deviation, End, Figures, Gap, InvalidCriteria, Plan, Report,
    attestation::WallTimes,
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
    time::SystemTime,
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
    planned_wall: SystemTime,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    started: Option<(Instant, SystemTime)>,
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
    /// The names of the endpoints that the scenario strikes: only their leaving and returning is told as the scenario's.
    /// `None`: that of every endpoint.
    pub struck: Option<Vec<String>>,
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
            struck: None,
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
    pub(super) wall: WallTimes,
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
            planned_wall: clock::wall(),
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
        let ahead = at.saturating_duration_since(clock::now());
        state.started = Some((at, clock::wall() + ahead));
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
        let zero = self.state().started.map_or(self.0.planned, |(at, _)| at);
        between(zero, at)
    }

    /// Makes the report. Events that come later are not in it.
    pub fn finish(&self, mut measured: Measured) -> Bundle {
        let (started, told, heard, left_out) = {
            let state = self.state();
            (state.started, state.ended.clone(), state.heard.clone(), state.left_out)
        };
        let plan = self.0.plan.clone();
        let zero = started.map_or(self.0.planned, |(at, _)| at);
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
        let struck = measured.struck.as_deref();
        timeline::moves(&mut measured.client, struck, &plan.scenario, &end, &course.seen);
        let judgements = judge(&plan.criteria, &measured.client, measured.breaches.as_ref());
        let verdict = verdict(&judgements, &end, &measured.client);
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
        Bundle {
            report,
            records,
            wall: WallTimes {
                planned: self.0.planned_wall,
                started: started.map(|(_, wall)| wall),
                finished: clock::wall(),
            },
        }
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
        ("writes_unread", Field::from(writes.map(|writes| writes.unread))),
        ("wrong_reads", Field::from(writes.and_then(|writes| writes.wrong_reads))),
        ("faults_met", Field::from(measured.client.faults_met)),
        ("breaches", Field::from(measured.breaches.as_ref().map(Breaches::count))),
        ("verdict", Field::from(word.as_ref().and_then(|word| word.as_str()))),
    ];
    fields.map(|(name, field)| (name.to_owned(), field)).into()
}
