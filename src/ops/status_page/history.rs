use crate::model::clock::Instant;
use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// How long one bin is: short enough that whoever is on call sees a failover within ten seconds.
pub(crate) const BIN: Duration = Duration::from_secs(10);

/// How many bins are kept: 15 minutes.
pub(crate) const BINS: usize = 90;

/// Whose attempts these are: the client's id on the page, the endpoint's place in the list, the class's index.
pub(super) type Place = (u64, usize, usize);

/// How many attempts of calls have ended since the client was built; how many of them were throttled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) attempts: u64,
    pub(super) throttled: u64,
}

/// How many attempts ended in each bin. A bin is a gap where nobody knows: before the first reading, and where readings
/// are missing because the process or its runtime stood still.
#[derive(Debug)]
pub(super) struct History {
    began: Instant,
    /// The number of the bin in which the last reading was made.
    last: Option<u64>,
    rows: BTreeMap<Place, Row>,
}

#[derive(Debug, Default)]
struct Row {
    last: Totals,
    /// Oldest first.
    bins: VecDeque<Option<Totals>>,
}

impl History {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            began: now,
            last: None,
            rows: BTreeMap::new(),
        }
    }

    /// Whether a bin has ended since the last reading.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.last.is_none_or(|last| last < self.number(now))
    }

    /// The number of the bin in which the last reading was made.
    pub(super) fn bin(&self) -> u64 {
        self.last.unwrap_or(0)
    }

    /// Takes the reading of all places that there are. Places that are not in it are forgotten.
    pub(super) fn read(&mut self, now: Instant, reading: impl IntoIterator<Item = (Place, Totals)>) {
        if !self.is_due(now) {
            return;
        }
        let number = self.number(now);
        let ended = self.last.map_or(0, |last| number - last);
        let mut rows = BTreeMap::new();
        for (place, totals) in reading {
            let mut row = match self.rows.remove(&place) {
                Some(mut row) if ended == 1 => {
                    row.push(Some(totals.since(row.last)));
                    row
                }
                // What happened in several bins cannot be told apart.
                Some(mut row) => {
                    (0..ended.min(BINS as u64)).for_each(|_| row.push(None));
                    row
                }
                None => Row::default(),
            };
            row.last = totals;
            rows.insert(place, row);
        }
        self.rows = rows;
        self.last = Some(number);
    }

    /// What is shown. `ended_ms`: the wall clock now.
    pub(super) fn shown(&self, now: Instant, wall_ms: u64) -> Shown<'_> {
        let ended = self
            .last
            .map(|last| self.began + BIN * u32::try_from(last).unwrap_or(u32::MAX));
        Shown {
            bin_ms: BIN.as_millis(),
            bins: BINS,
            ended_ms: ended
                .map(|ended| wall_ms.saturating_sub(crate::telemetry::millis(now.saturating_duration_since(ended)))),
            rows: self.rows.iter().map(|(place, row)| row.shown(*place)).collect(),
        }
    }

    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / BIN.as_secs()
    }
}

impl Row {
    fn push(&mut self, bin: Option<Totals>) {
        if self.bins.len() == BINS {
            self.bins.pop_front();
        }
        self.bins.push_back(bin);
    }

    fn shown(&self, (client, endpoint, class): Place) -> ShownRow<'_> {
        let of = |figure: fn(&Totals) -> u64| self.bins.iter().map(|bin| bin.as_ref().map(figure)).collect();
        let any_throttled = self.bins.iter().flatten().any(|bin| bin.throttled > 0);
        ShownRow {
            client,
            endpoint,
            class: crate::request::OpClass::ALL[class].as_str(),
            attempts: of(|bin| bin.attempts),
            throttled: any_throttled.then(|| of(|bin| bin.throttled)),
        }
    }
}

impl Totals {
    const fn since(self, before: Self) -> Self {
        Self {
            attempts: self.attempts.saturating_sub(before.attempts),
            throttled: self.throttled.saturating_sub(before.throttled),
        }
    }
}

/// The history as readers get it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    bin_ms: u128,
    bins: usize,
    /// When the last bin ended. `None`: none has ended yet.
    ended_ms: Option<u64>,
    rows: Vec<ShownRow<'a>>,
}

#[derive(Serialize)]
struct ShownRow<'a> {
    client: u64,
    endpoint: usize,
    class: &'a str,
    /// Oldest first; `None` is a gap.
    attempts: Vec<Option<u64>>,
    /// `None`: nothing was throttled in these bins.
    throttled: Option<Vec<Option<u64>>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = (0, 0, 0);

    fn totals(attempts: u64) -> Totals {
        Totals { attempts, throttled: 0 }
    }

    fn bins(history: &History) -> Vec<Option<u64>> {
        let row = &history.rows[&PLACE];
        row.bins.iter().map(|bin| bin.map(|bin| bin.attempts)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_bin_holds_what_ended_in_it_and_a_missed_reading_is_a_gap() {
        let began = crate::model::clock::now();
        let mut history = History::new(began);
        let at = |seconds| began + Duration::from_secs(seconds);
        history.read(at(0), [(PLACE, totals(7))]);
        assert_eq!(bins(&history), []);
        history.read(at(9), [(PLACE, totals(8))]);
        assert_eq!(bins(&history), [], "the bin has not ended");
        history.read(at(10), [(PLACE, totals(17))]);
        history.read(at(21), [(PLACE, totals(17))]);
        assert_eq!(bins(&history), [Some(10), Some(0)]);
        // The process stood still for three bins.
        history.read(at(55), [(PLACE, totals(100))]);
        history.read(at(60), [(PLACE, totals(101))]);
        assert_eq!(bins(&history), [Some(10), Some(0), None, None, None, Some(1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_history_is_bounded_and_forgets_places_that_are_gone() {
        let began = crate::model::clock::now();
        let mut history = History::new(began);
        for bin in 0..500 {
            history.read(began + BIN * bin, [(PLACE, totals(u64::from(bin)))]);
        }
        assert_eq!(bins(&history), [Some(1); BINS]);
        history.read(began + BIN * 100_000, [(PLACE, totals(0))]);
        assert_eq!(bins(&history), [None; BINS], "after a long sleep");
        history.read(began + BIN * 100_001, [((1, 0, 0), totals(0))]);
        assert_eq!(history.rows.len(), 1);
    }
}
