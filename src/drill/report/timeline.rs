//! What could be observed, in its order.

use super::{End, Figures, Seen};
use crate::{
    drill::Scenario,
    ops::steps::{self, Standing, Step, Subject},
    telemetry::{Entry, Field, millis},
};
use std::collections::BTreeMap;

/// An event, in the scenario's time.
pub(super) struct Heard {
    pub(super) at_ms: i64,
    pub(super) entry: Entry,
}

/// What a record is made of.
pub(super) struct Told {
    pub(super) at_ms: i64,
    pub(super) kind: String,
    pub(super) fields: BTreeMap<String, Field>,
}

/// All that happened between plan and measurement.
pub(super) struct Course {
    pub(super) records: Vec<Told>,
    pub(super) seen: Vec<Seen>,
}

pub(super) fn course(scenario: &Scenario, end: &End, mut heard: Vec<Heard>) -> Course {
    let mut records = Vec::new();
    let mut seen = Vec::new();
    let mut tell = |at_ms, kind: &str, fields: Vec<(&str, Field)>| {
        let fields = fields.into_iter().map(|(name, field)| (name.to_owned(), field));
        records.push(Told {
            at_ms,
            kind: kind.to_owned(),
            fields: fields.collect(),
        });
    };
    tell(0, "drill-started", Vec::new());
    let mut at_ms = 0_i64;
    for phase in &scenario.phases {
        if at_ms < end.at_ms {
            tell(at_ms, "phase-began", vec![("name", Field::from(phase.name.as_str()))]);
            seen.push(Seen::Phase {
                at_ms,
                name: phase.name.clone(),
            });
        }
        at_ms = at_ms.saturating_add_unsigned(millis(phase.duration));
    }
    let aborted = end.aborted.as_deref();
    tell(end.at_ms, "drill-ended", vec![("aborted", Field::from(aborted))]);
    seen.push(Seen::End {
        at_ms: end.at_ms,
        aborted: end.aborted.clone(),
    });

    heard.sort_by_key(|one| (one.at_ms, one.entry.sequence));
    let mut known: Vec<(Subject, Vec<Step>, Standing)> = Vec::new();
    for Heard { at_ms, entry } in heard {
        if let Some((subject, sign)) = steps::sign(&entry) {
            let place = known.iter().position(|(other, ..)| *other == subject);
            let place = place.unwrap_or_else(|| {
                known.push((subject.clone(), Vec::new(), Standing::Whole));
                known.len() - 1
            });
            let (_, before, standing) = &mut known[place];
            let followed = steps::follow(*standing, before.iter().copied(), &sign);
            *standing = followed.standing;
            for step in followed.steps {
                before.push(step);
                seen.push(Seen::Step {
                    at_ms,
                    subject: subject.clone(),
                    step,
                    because: entry.sentence.clone(),
                });
            }
        }
        let mut fields = entry.fields;
        fields.insert("client".to_owned(), Field::from(entry.client.as_deref()));
        fields.insert("sentence".to_owned(), Field::Text(entry.sentence));
        records.push(Told {
            at_ms,
            kind: entry.kind,
            fields,
        });
    }
    // Stable: of one moment, the scenario's own comes first.
    records.sort_by_key(|told| told.at_ms);
    Course { records, seen }
}

/// When each class left and returned, by the client's own decisions at these endpoints. `struck` is `None`: at all.
pub(super) fn moves(figures: &mut Figures, struck: Option<&[String]>, scenario: &Scenario, end: &End, seen: &[Seen]) {
    let Some((from, to)) = trouble(scenario) else { return };
    let to = to.min(end.at_ms);
    let is_struck = |endpoint: &String| struck.is_none_or(|struck| struck.contains(endpoint));
    for class in &mut figures.classes {
        let steps = seen.iter().filter_map(|one| match one {
            Seen::Step {
                at_ms,
                subject: Subject::Endpoint {
                    endpoint, class: of, ..
                },
                step,
                ..
            } if of == class.class.as_str() && is_struck(endpoint) => Some((*at_ms, endpoint, *step)),
            _ => None,
        });
        let mut out: BTreeMap<&String, bool> = BTreeMap::new();
        let mut last_return = None;
        for (at_ms, endpoint, step) in steps {
            match step {
                Step::Left | Step::Relapse => {
                    if class.left_ms.is_none() && at_ms >= from {
                        class.left_ms = Some(at_ms.abs_diff(from));
                    }
                    out.insert(endpoint, true);
                }
                Step::ReturnBegun => {
                    out.insert(endpoint, false);
                    last_return = Some(at_ms);
                }
                Step::Onset | Step::Complete => {}
            }
        }
        let is_back = !out.values().any(|is_out| *is_out);
        class.returned_ms = last_return
            .filter(|_| is_back)
            .map(|at_ms| u64::try_from(at_ms.saturating_sub(to)).unwrap_or(0));
    }
}

/// From the start of the first faulty phase to the end of the last.
fn trouble(scenario: &Scenario) -> Option<(i64, i64)> {
    let (mut at_ms, mut found) = (0_i64, None);
    for phase in &scenario.phases {
        let to = at_ms.saturating_add_unsigned(millis(phase.duration));
        if !phase.rules.is_empty() {
            found = Some((found.map_or(at_ms, |(from, _)| from), to));
        }
        at_ms = to;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drill::{report::Calls, scenario::tests::scenario},
        request::OpClass,
    };
    use std::time::Duration;

    #[test]
    fn only_a_struck_endpoint_leaves_because_of_the_scenario() {
        let mut scenario = scenario(&[1_000]);
        scenario.phases[0].rules = vec![crate::drill::Rule::new(crate::drill::Fault::Refuse).at("struck")];
        let end = End {
            at_ms: 1_000,
            aborted: None,
        };
        let step = |at_ms, endpoint: &str, step| Seen::Step {
            at_ms,
            subject: Subject::Endpoint {
                client: "photos".to_owned(),
                endpoint: endpoint.to_owned(),
                class: "read".to_owned(),
            },
            step,
            because: String::new(),
        };
        let seen = [
            step(100, "other", Step::Left),
            step(300, "struck", Step::Left),
            step(1_200, "struck", Step::ReturnBegun),
            step(1_500, "other", Step::ReturnBegun),
        ];
        let moved = |struck: Option<&[String]>| {
            let mut calls = Calls::new();
            calls.add(OpClass::Read, 0, Duration::ZERO, true);
            let mut figures = calls.figures("");
            moves(&mut figures, struck, &scenario, &end, &seen);
            (figures.classes[0].left_ms, figures.classes[0].returned_ms)
        };
        assert_eq!(moved(Some(&["struck".to_owned()])), (Some(300), Some(200)));
        assert_eq!(moved(None), (Some(100), Some(500)));
        assert_eq!(moved(Some(&[])), (None, None));
    }
}
