//! Attempts between two readings.

use super::{Attempts, Moment};
use crate::ops::recorder::{PlaceReading, Reading};
use std::collections::BTreeMap;

/// A client, one of its endpoints, and a class.
pub(super) type Place = (String, String, String);

/// Endings that say nothing bad of an endpoint: it did its work, or the caller left, or was at fault.
const HARMLESS: [&str; 5] = ["success", "answer", "absent", "caller", "abandoned"];

/// The last reading of each place.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(BTreeMap<Place, Latest>);

#[derive(Clone, Debug)]
struct Latest {
    attempts: BTreeMap<String, u64>,
    at: Moment,
    /// The last reading before which no attempt had failed since the one before.
    well_at: Option<Moment>,
}

impl Counts {
    pub(super) fn read(&mut self, reading: &Reading, at: Moment) {
        for place in &reading.places {
            let key = key(&reading.client, place);
            let known = self.0.get(&key);
            let before = known.map_or(0, |known| bad(&known.attempts));
            let well_at = match bad(&place.attempts) == before {
                true => Some(at),
                false => known.and_then(|known| known.well_at),
            };
            let attempts = place.attempts.clone();
            self.0.insert(key, Latest { attempts, at, well_at });
        }
    }

    /// No attempt had failed there until then.
    pub(super) fn well_at(&self, place: &Place) -> Option<Moment> {
        self.0.get(place)?.well_at
    }

    /// What has happened since `before` at the places of these clients.
    pub(super) fn since(&self, before: &Self, is_wanted: impl Fn(&str) -> bool) -> Vec<Attempts> {
        let wanted = self.0.iter().filter(|((client, ..), _)| is_wanted(client));
        let each = wanted.filter_map(|(place, latest)| {
            let known = before.0.get(place);
            let (client, endpoint, class) = place.clone();
            let ended = difference(&latest.attempts, known.map(|known| &known.attempts));
            (!ended.is_empty()).then(|| Attempts {
                client,
                endpoint,
                class,
                ended,
                from: known.map(|known| known.at),
                to: latest.at,
            })
        });
        each.collect()
    }
}

pub(super) fn key(client: &str, place: &PlaceReading) -> Place {
    (client.to_owned(), place.endpoint.clone(), place.class.clone())
}

fn bad(attempts: &BTreeMap<String, u64>) -> u64 {
    let bad = attempts.iter().filter(|(how, _)| !HARMLESS.contains(&how.as_str()));
    bad.fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

fn difference(now: &BTreeMap<String, u64>, before: Option<&BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let before = |how: &str| before.and_then(|before| before.get(how)).copied().unwrap_or(0);
    // A client that was built anew under the same name counts from 0.
    let each = now
        .iter()
        .map(|(how, count)| (how.clone(), count.checked_sub(before(how)).unwrap_or(*count)));
    each.filter(|(_, count)| *count > 0).collect()
}
