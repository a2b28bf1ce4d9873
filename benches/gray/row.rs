//! One line of the table.

use crate::{
    case::Case,
    figures::{Figures, Seen, figures, median, median_of, median_of_known},
    heard::{Told, What},
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// All of it of the calls that count, during the fault. What nobody knows is null.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) rate: f64,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// How often a breaker opened, each failed probe included.
    pub(crate) openings: f64,
    /// The same from the beginning of the run to its end.
    pub(crate) openings_in_all: f64,
    /// When the primary's opened, since the fault began.
    pub(crate) primary_opened_s: Option<f64>,
    /// How often a probe passed an open breaker.
    pub(crate) half_openings: f64,
    /// Events of any kind, for each client, in the worst second of the run.
    pub(crate) most_events_per_s: f64,
    /// The share of the attempts that did not go to the primary.
    pub(crate) displaced: f64,
    /// Calls that the client's own limit refused.
    pub(crate) refused: f64,
    /// Of the calls that do not count.
    pub(crate) others_success: Option<f64>,
    /// The slowest call; the slowest of those that began before the first of the fault had ended, and the p99 of all that came later.
    pub(crate) slowest_ms: Option<f64>,
    pub(crate) first_ms: Option<f64>,
    pub(crate) later_p99_ms: Option<f64>,
}

impl Row {
    pub(crate) fn header() -> String {
        format!("case       rate  {}  openings displaced refused", Figures::HEADER)
    }

    pub(crate) fn of(case: &Case, calls: Vec<Seen>, events: &[Told]) -> Self {
        let during = case.schedule.fault_from..case.schedule.fault_to;
        let (counted, others): (Vec<Seen>, Vec<Seen>) = calls.into_iter().partition(|call| case.is_counted(call.kind));
        let in_time =
            |calls: &[Seen]| -> Vec<Seen> { calls.iter().filter(|c| during.contains(&c.at)).copied().collect() };
        let (mine, others) = (in_time(&counted), in_time(&others));
        let openings = events.iter().filter(|told| matches!(told.what, What::Opened(_)));
        let attempts: u32 = mine.iter().map(|call| call.attempts).sum();
        let at_home: u32 = mine.iter().map(|call| call.primary).sum();
        let until = mine.first().map(|call| call.at + call.took);
        let (first, later): (Vec<Seen>, Vec<Seen>) =
            mine.iter().partition(|call| until.is_some_and(|until| call.at < until));
        let told = |wanted: fn(What) -> bool| {
            let those = events
                .iter()
                .filter(|told| during.contains(&told.at) && wanted(told.what));
            those.count() as f64
        };
        Self {
            case: case.name,
            rate: case.rate,
            openings: told(|what| matches!(what, What::Opened(_))),
            openings_in_all: openings.count() as f64,
            primary_opened_s: events
                .iter()
                .find(|told| during.contains(&told.at) && told.what == What::Opened(0))
                .map(|told| (told.at - during.start).as_secs_f64()),
            half_openings: told(|what| matches!(what, What::HalfOpened(_))),
            most_events_per_s: most_within_a_second(events) as f64 / case.clients as f64,
            displaced: 1.0 - f64::from(at_home) / f64::from(attempts.max(1)),
            refused: mine.iter().chain(&others).filter(|call| call.refused).count() as f64,
            others_success: (!others.is_empty())
                .then(|| others.iter().filter(|call| call.ok).count() as f64 / others.len() as f64),
            slowest_ms: quantile_ms(&mine, 1.0),
            first_ms: quantile_ms(&first, 1.0),
            later_p99_ms: quantile_ms(&later, 0.99),
            figures: figures(counted, case.schedule),
        }
    }

    /// Of several seeds.
    pub(crate) fn median(rows: &[Self]) -> Self {
        let figures: Vec<&Figures> = rows.iter().map(|row| &row.figures).collect();
        let middle = |value: fn(&Self) -> f64| median_of(rows.iter().map(value));
        let known = |value: fn(&Self) -> Option<f64>| median_of_known(rows.iter().map(value));
        Self {
            case: rows[0].case,
            rate: rows[0].rate,
            figures: median(&figures),
            openings: middle(|row| row.openings),
            openings_in_all: middle(|row| row.openings_in_all),
            primary_opened_s: known(|row| row.primary_opened_s),
            half_openings: middle(|row| row.half_openings),
            most_events_per_s: middle(|row| row.most_events_per_s),
            displaced: middle(|row| row.displaced),
            refused: middle(|row| row.refused),
            others_success: known(|row| row.others_success),
            slowest_ms: known(|row| row.slowest_ms),
            first_ms: known(|row| row.first_ms),
            later_p99_ms: known(|row| row.later_p99_ms),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<10} {:>4} {} {:>9} {:>9.4} {:>7}",
            self.case, self.rate, self.figures, self.openings, self.displaced, self.refused
        )
    }
}

fn most_within_a_second(events: &[Told]) -> usize {
    let until = |at: Duration| events.partition_point(|told| told.at < at + Duration::from_secs(1));
    let counts = events.iter().enumerate().map(|(index, told)| until(told.at) - index);
    counts.max().unwrap_or(0)
}

fn quantile_ms(calls: &[Seen], q: f64) -> Option<f64> {
    let mut took: Vec<Duration> = calls.iter().map(|call| call.took).collect();
    took.sort_unstable();
    let place = (took.len() as f64 * q) as usize;
    let found = took.get(place.min(took.len().saturating_sub(1)));
    found.map(|took| took.as_secs_f64() * 1e3)
}
