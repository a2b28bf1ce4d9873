//! Decisions, of which equal ones in a row are one.

use super::{Decision, Decisions, Moment};
use crate::ops::{
    recorder::Noted,
    steps::{Sign, sign, text},
};

/// So many are listed.
const MOST: usize = 2_000;

/// Where an event happened, and whether it only repeats what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    client: Option<String>,
    endpoint: Option<String>,
    class: Option<String>,
}

/// A decision, and what tells whether another one is the same.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) decision: Decision,
    place: Place,
    /// What it has in common with those that repeat it. `None`: each counts.
    again: Option<(String, Option<String>)>,
}

impl Told {
    pub(super) fn of(noted: &Noted) -> Self {
        let entry = &noted.entry;
        let owned = |name| text(entry, name).map(str::to_owned);
        let repeats = match sign(entry) {
            Some((_, Sign::ProbeFailed | Sign::Probed | Sign::Trouble)) => true,
            Some(_) => false,
            None => entry.kind == "budget-exhausted",
        };
        let at = Moment {
            wall_ms: entry.wall_ms,
            uptime_ms: entry.uptime_ms,
        };
        Self {
            place: Place {
                client: entry.client.clone(),
                endpoint: owned("endpoint").or_else(|| owned("credentials")),
                class: owned("class"),
            },
            again: repeats.then(|| (entry.kind.clone(), owned("observed"))),
            decision: Decision {
                at,
                sequence: entry.sequence,
                client: entry.client.clone(),
                kind: entry.kind.clone(),
                sentence: entry.sentence.clone(),
                by: owned("by"),
                times: noted.left_out.saturating_add(1),
                until: at,
            },
        }
    }
}

/// Decisions as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    told: Vec<Told>,
    more: u64,
}

impl Telling {
    pub(super) fn add(&mut self, next: Told) {
        if next.again.is_some() {
            // Back to the last decision on this place that changed something.
            let here = self.told.iter_mut().rev().filter(|told| told.place == next.place);
            let mut run = here.take_while(|told| told.again.is_some());
            if let Some(known) = run.find(|told| told.again == next.again) {
                known.decision.times = known.decision.times.saturating_add(next.decision.times);
                known.decision.until = next.decision.at;
                return;
            }
        }
        if self.told.len() < MOST {
            self.told.push(next);
        } else {
            self.more = self.more.saturating_add(next.decision.times);
        }
    }

    pub(super) fn ended(self) -> Decisions {
        Decisions {
            listed: self.told.into_iter().map(|told| told.decision).collect(),
            more: self.more,
        }
    }
}
