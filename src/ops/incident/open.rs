//! An incident that is under way.

use super::{
    Affected, Incident, Moment, Observation, Standing, Step, Subject, Transition,
    counts::{Counts, Place},
    decision::Telling,
};
use crate::ops::{
    recorder::{Noted, PlaceReading, Reading},
    steps::{Sign, follow, text},
};
use crate::telemetry::Entry;

/// A reading may be taken a moment before a decision that is told before it.
const MOMENT_MS: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Open {
    instance: String,
    began: Moment,
    last: Moment,
    affected: Vec<Affected>,
    pub(super) decisions: Telling,
    before: Counts,
    after: Counts,
}

impl Open {
    /// `counts`: as they were before.
    pub(super) fn new(instance: String, at: Moment, counts: &Counts) -> Self {
        Self {
            instance,
            began: at,
            last: at,
            affected: Vec::new(),
            decisions: Telling::default(),
            before: counts.clone(),
            after: counts.clone(),
        }
    }

    /// Whether something is out or returning.
    pub(super) fn is_under_way(&self) -> bool {
        self.affected.iter().any(|one| one.now != Standing::Whole)
    }

    /// Nothing is out, and the last step is that long ago.
    pub(super) fn is_over(&self, now: Moment, quiet_ms: u64) -> bool {
        let is_out = self.affected.iter().any(|one| one.now == Standing::Out);
        !is_out && now.uptime_ms.saturating_sub(self.last.uptime_ms) > quiet_ms
    }

    pub(super) fn knows(&self, subject: &Subject) -> bool {
        self.affected.iter().any(|one| one.subject == *subject)
    }

    pub(super) fn counted(&mut self, reading: &Reading, at: Moment) {
        self.after.read(reading, at);
    }

    /// `well_at`: no attempt had failed until then.
    pub(super) fn hear(&mut self, subject: Subject, sign: &Sign, noted: &Noted, at: Moment, well_at: Option<Moment>) {
        let seen = |step, not_before| Transition {
            step,
            at,
            not_before,
            seen_by: noted.entry.sentence.clone(),
        };
        let one = match self.affected.iter().position(|one| one.subject == subject) {
            Some(known) => &mut self.affected[known],
            None => {
                self.affected.push(Affected {
                    subject,
                    steps: Vec::new(),
                    causes: Vec::new(),
                    probes_failed: 0,
                    now: Standing::Whole,
                });
                let last = self.affected.len() - 1;
                &mut self.affected[last]
            }
        };
        let times = noted.left_out.saturating_add(1);
        let followed = follow(one.now, one.steps.iter().map(|seen| seen.step), sign);
        // To be left again while it is out is no step.
        let is_news = match sign {
            Sign::Trouble => false,
            Sign::Left => one.now != Standing::Out,
            _ => true,
        };
        if is_news {
            self.last = at;
        }
        one.now = followed.standing;
        for step in followed.steps {
            let well_at = well_at.filter(|well| step == Step::Onset && well.uptime_ms <= at.uptime_ms);
            one.steps.push(seen(step, well_at));
        }
        if *sign == Sign::ProbeFailed {
            one.probes_failed = one.probes_failed.saturating_add(times);
        }
        if matches!(sign, Sign::Left | Sign::ProbeFailed) {
            one.observe(noted, times);
        }
    }

    /// A reading of one place.
    pub(super) fn read(&mut self, place: &Place, reading: &PlaceReading, at: Moment) {
        let is_here = |subject: &Subject| match subject {
            Subject::Endpoint {
                client,
                endpoint,
                class,
            } => (client, endpoint, class) == (&place.0, &place.1, &place.2),
            _ => false,
        };
        let Some(one) = self.affected.iter_mut().find(|one| is_here(&one.subject)) else {
            return;
        };
        let since = one.steps.last().map_or(0, |step| step.at.uptime_ms);
        if reading.breaker != "closed" || at.uptime_ms < since {
            return;
        }
        let seen = |step, seen_by: &str| Transition {
            step,
            at,
            not_before: None,
            seen_by: seen_by.to_owned(),
        };
        if one.now == Standing::Out && at.uptime_ms > self.last.uptime_ms.saturating_add(MOMENT_MS) {
            let told = "a reading: the breaker is closed; the event is missing";
            one.steps.push(seen(Step::ReturnBegun, told));
            one.now = Standing::Returning;
            self.last = at;
        }
        if one.now == Standing::Returning && reading.share >= 100 {
            one.steps
                .push(seen(Step::Complete, "a reading: all of its traffic may go there"));
            one.now = Standing::Whole;
            self.last = at;
        }
    }

    pub(super) fn ended(self) -> Incident {
        let is_out = self.affected.iter().any(|one| one.now == Standing::Out);
        let of_all = self
            .affected
            .iter()
            .any(|one| matches!(one.subject, Subject::Credentials { .. }));
        let mut clients: Vec<_> = self.affected.iter().filter_map(|one| one.subject.client()).collect();
        clients.sort_unstable();
        let attempts = self
            .after
            .since(&self.before, |client| of_all || clients.binary_search(&client).is_ok());
        Incident {
            instance: self.instance,
            began: self.began,
            ended: (!is_out).then_some(self.last),
            attempts,
            decisions: self.decisions.ended(),
            affected: self.affected,
        }
    }
}

impl Affected {
    fn observe(&mut self, noted: &Noted, times: u64) {
        let (observed, because) = cause(&noted.entry);
        let same = |known: &&mut Observation| known.observed == observed && known.because == because;
        match self.causes.iter_mut().find(same) {
            Some(known) => known.times = known.times.saturating_add(times),
            None => self.causes.push(Observation {
                observed,
                because,
                times,
            }),
        }
        self.causes.sort_by_key(|cause| std::cmp::Reverse(cause.times));
    }
}

/// Why: what was observed, and what followed from it.
fn cause(entry: &Entry) -> (Option<String>, String) {
    let because = match &*entry.kind {
        "all-bad" => Some("every endpoint looks bad"),
        "large-writes-out" => Some("large writes fail there"),
        _ => text(entry, "cause").or_else(|| text(entry, "because")),
    };
    (
        text(entry, "observed").map(str::to_owned),
        because.unwrap_or("not said").to_owned(),
    )
}
