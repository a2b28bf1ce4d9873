//! From records to incidents, in one pass.

use super::{
    Incident, IncidentReport, Moment, Subject,
    counts::{self, Counts},
    decision::{Telling, Told},
    open::Open,
};
use crate::ops::{
    recorder::{Noted, Reading, Record, Recording},
    steps::{Sign, sign},
};
use std::collections::VecDeque;

/// What happens within this time of each other is one incident.
const QUIET_MS: u64 = 10 * 60 * 1_000;

pub(super) fn report(recording: &Recording) -> IncidentReport {
    let mut report = IncidentReport {
        version: IncidentReport::VERSION,
        instances: Vec::new(),
        span: None,
        events: 0,
        has_readings: false,
        gaps: recording.gaps,
        incidents: Vec::new(),
        other_decisions: Default::default(),
    };
    let mut other = Telling::default();
    for (instance, records) in by_instance(&recording.records) {
        let mut walk = Walk::new(instance.to_owned(), &mut other);
        for seen in records {
            let at = seen.at();
            let (first, last) = report.span.unwrap_or((at.wall_ms, at.wall_ms));
            report.span = Some((first.min(at.wall_ms), last.max(at.wall_ms)));
            match seen {
                Seen::Event(noted) => {
                    report.events += 1;
                    walk.event(noted, at);
                }
                Seen::Reading(reading) => {
                    report.has_readings = true;
                    walk.reading(reading, at);
                }
            }
        }
        report.incidents.extend(walk.ended());
        report.instances.push(instance.to_owned());
    }
    report.other_decisions = other.ended();
    report
}

/// A record with a time of its own.
#[derive(Clone, Copy)]
enum Seen<'a> {
    Event(&'a Noted),
    Reading(&'a Reading),
}

impl<'a> Seen<'a> {
    fn of(record: &'a Record) -> Option<(&'a str, Self)> {
        match record {
            Record::Event(noted) => Some((&noted.entry.instance, Self::Event(noted))),
            Record::Reading(reading) => Some((&reading.instance, Self::Reading(reading))),
            Record::Start(_) | Record::Lost(_) | Record::Rotated(_) | Record::End(_) => None,
        }
    }

    fn at(&self) -> Moment {
        let (wall_ms, uptime_ms) = match self {
            Self::Event(noted) => (noted.entry.wall_ms, noted.entry.uptime_ms),
            Self::Reading(reading) => (reading.wall_ms, reading.uptime_ms),
        };
        Moment { wall_ms, uptime_ms }
    }

    /// Events are not always heard in their order.
    fn order(&self) -> (u64, u64) {
        let sequence = match self {
            Self::Event(noted) => noted.entry.sequence,
            Self::Reading(_) => u64::MAX,
        };
        (self.at().uptime_ms, sequence)
    }
}

fn by_instance(records: &[Record]) -> Vec<(&str, Vec<Seen<'_>>)> {
    let mut all: Vec<(&str, Vec<Seen<'_>>)> = Vec::new();
    for (instance, seen) in records.iter().filter_map(Seen::of) {
        match all.iter_mut().rev().find(|(known, _)| *known == instance) {
            Some((_, records)) => records.push(seen),
            None => all.push((instance, vec![seen])),
        }
    }
    for (_, records) in &mut all {
        records.sort_by_key(Seen::order);
    }
    all
}

/// One process.
struct Walk<'a> {
    instance: String,
    over: Vec<Incident>,
    open: Option<Open>,
    /// Signs of trouble that may become an incident.
    early: VecDeque<(Subject, Noted, Moment)>,
    counts: Counts,
    other: &'a mut Telling,
}

impl<'a> Walk<'a> {
    fn new(instance: String, other: &'a mut Telling) -> Self {
        Self {
            instance,
            over: Vec::new(),
            open: None,
            early: VecDeque::new(),
            counts: Counts::default(),
            other,
        }
    }

    fn event(&mut self, noted: &Noted, at: Moment) {
        self.time_passes(at);
        let told = Told::of(noted);
        let knows = |subject| self.open.as_ref().is_some_and(|open| open.knows(subject));
        match sign(&noted.entry) {
            Some((subject, Sign::Trouble)) if self.open.is_none() => {
                self.early.push_back((subject, noted.clone(), at));
            }
            // Nothing was lost that anybody saw.
            Some((subject, Sign::Whole)) if !knows(&subject) => self.add(told),
            Some((subject, sign)) => {
                let well_at = self.well_at(&subject);
                let open = self.open(at);
                open.hear(subject, &sign, noted, at, well_at);
                open.decisions.add(told);
            }
            None => self.add(told),
        }
    }

    fn add(&mut self, told: Told) {
        match &mut self.open {
            Some(open) => open.decisions.add(told),
            None => self.other.add(told),
        }
    }

    /// The incident under way. A new one begins with the signs that came before it was clear.
    fn open(&mut self, at: Moment) -> &mut Open {
        let Self {
            open,
            early,
            counts,
            instance,
            ..
        } = self;
        open.get_or_insert_with(|| {
            let began = early.front().map_or(at, |(.., at)| *at);
            let mut open = Open::new(instance.clone(), began, counts);
            for (subject, noted, at) in early.drain(..) {
                open.hear(subject, &Sign::Trouble, &noted, at, None);
                open.decisions.add(Told::of(&noted));
            }
            open
        })
    }

    fn well_at(&self, subject: &Subject) -> Option<Moment> {
        match subject {
            Subject::Endpoint {
                client,
                endpoint,
                class,
            } => self.counts.well_at(&(client.clone(), endpoint.clone(), class.clone())),
            _ => None,
        }
    }

    fn reading(&mut self, reading: &Reading, at: Moment) {
        self.time_passes(at);
        self.counts.read(reading, at);
        let Some(open) = &mut self.open else { return };
        if open.is_under_way() {
            open.counted(reading, at);
        }
        for place in &reading.places {
            open.read(&counts::key(&reading.client, place), place, at);
        }
    }

    fn time_passes(&mut self, now: Moment) {
        if self.open.as_ref().is_some_and(|open| open.is_over(now, QUIET_MS)) {
            self.over.extend(self.open.take().map(Open::ended));
        }
        let is_old = |at: &Moment| now.uptime_ms.saturating_sub(at.uptime_ms) > QUIET_MS;
        while let Some((_, noted, _)) = self.early.pop_front_if(|(.., at)| is_old(at)) {
            self.other.add(Told::of(&noted));
        }
    }

    fn ended(mut self) -> Vec<Incident> {
        for (_, noted, _) in self.early.drain(..) {
            self.other.add(Told::of(&noted));
        }
        self.over.extend(self.open.take().map(Open::ended));
        self.over
    }
}
