use crate::{request::OpClass, telemetry::millis};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the callers of one client got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figures {
    /// What makes a call available, for people: `answered rightly within 2 s`.
    pub available_means: String,
    /// By class. A class without calls is left out.
    pub classes: Vec<ClassFigures>,
    /// How many attempts all calls took together: what is above their number is extra load.
    pub attempts: Option<u64>,
    /// How many requests met a fault. `None`: nobody counted.
    pub faults_met: Option<u64>,
    /// From the start of the first fault until the struck place had less than 1 % of the calls.
    pub traffic_left_ms: Option<u64>,
    /// From the end of the last fault until the struck place had its share of the calls again.
    pub traffic_back_ms: Option<u64>,
    /// What became of acknowledged writes.
    pub writes: Option<Writes>,
    /// The course of the availability: stretches of one length, oldest first. Empty: it was not measured.
    pub course: Vec<Bucket>,
}

impl Figures {
    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.classes.iter().map(|class| class.calls).sum()
    }

    /// How many attempts there were beyond one for each call.
    pub fn extra_attempts(&self) -> Option<u64> {
        Some(self.attempts?.saturating_sub(self.calls()))
    }
}

/// What the callers of one class got. What was not measured is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassFigures {
    /// The class.
    pub class: OpClass,
    /// Calls that ended.
    pub calls: u64,
    /// How many of them were available.
    pub available: u64,
    /// The median of the time until the caller knew, failures included.
    pub p50_ms: Option<f64>,
    /// 99 of 100 callers knew within this time.
    pub p99_ms: Option<f64>,
    /// The recovery time: the longest time without a right answer, from the first call that was not available to the next
    /// one that was. 0: every call was available.
    pub longest_outage_ms: Option<u64>,
    /// From the start of the first fault until the client decided to leave a struck endpoint. [`Journal`](super::Journal)
    /// sets it from the events.
    pub left_ms: Option<u64>,
    /// From the end of the last fault until the client decided to return to the last endpoint that it had left. 0: it had
    /// returned before. [`Journal`](super::Journal) sets it from the events.
    pub returned_ms: Option<u64>,
}

impl ClassFigures {
    /// The share of available calls. `None`: there were no calls.
    pub fn availability(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.available as f64 / self.calls as f64)
    }
}

/// What became of writes that were acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Writes {
    /// How many were read back.
    pub read_back: u64,
    /// How many of them were not there, or were not what was written.
    pub lost: u64,
    /// How many of them were an older value of the same key. `None`: no key was written twice, or nobody looked.
    pub stale: Option<u64>,
    /// How many could not be read back: whether they are lost, nobody knows.
    #[serde(default)]
    pub unread: u64,
    /// How many reads during the drill showed nothing, or an older value than was acknowledged, and did not say so.
    /// `None`: nobody looked.
    pub wrong_reads: Option<u64>,
}

impl Writes {
    /// So many were read back, and so many of them were lost.
    pub const fn new(read_back: u64, lost: u64) -> Self {
        Self {
            read_back,
            lost,
            stale: None,
            unread: 0,
            wrong_reads: None,
        }
    }

    /// Counts a write that was read back after the drill.
    pub const fn read_back(&mut self, as_written: bool) {
        self.read_back += 1;
        if !as_written {
            self.lost += 1;
        }
    }
}

/// A stretch of time in the course of the availability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bucket {
    /// Where it begins.
    pub from_ms: i64,
    /// How long it is.
    pub length_ms: u64,
    /// Calls that began in it.
    pub calls: u64,
    /// How many of them were available.
    pub available: u64,
}

/// Counts calls, and makes figures of them. It keeps 24 bytes for each call.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    classes: [Vec<Call>; 3],
}

#[derive(Clone, Copy, Debug)]
struct Call {
    at_ms: i64,
    took: u64,
    available: bool,
}

impl Calls {
    /// So many stretches has a course at most.
    pub const BUCKETS: u64 = 120;

    /// No call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a call that has ended. `at_ms` is when it should have begun, see
    /// [`Journal::millis`](super::Journal::millis).
    pub fn add(&mut self, class: OpClass, at_ms: i64, took: Duration, available: bool) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.classes[class.index()].push(Call { at_ms, took, available });
    }

    /// The figures. Attempts, moves of traffic and writes are not known here.
    pub fn figures(&self, available_means: impl Into<String>) -> Figures {
        let classes = OpClass::ALL.into_iter().filter_map(|class| self.class(class));
        Figures {
            available_means: available_means.into(),
            classes: classes.collect(),
            attempts: None,
            faults_met: None,
            traffic_left_ms: None,
            traffic_back_ms: None,
            writes: None,
            course: self.course(),
        }
    }

    fn class(&self, class: OpClass) -> Option<ClassFigures> {
        let calls = &self.classes[class.index()];
        let mut took: Vec<u64> = calls.iter().map(|call| call.took).collect();
        took.sort_unstable();
        (!calls.is_empty()).then(|| ClassFigures {
            class,
            calls: calls.len() as u64,
            available: calls.iter().filter(|call| call.available).count() as u64,
            p50_ms: percentile(&took, 50),
            p99_ms: percentile(&took, 99),
            longest_outage_ms: Some(longest_outage(calls)),
            left_ms: None,
            returned_ms: None,
        })
    }

    fn course(&self) -> Vec<Bucket> {
        let all = || self.classes.iter().flatten();
        let (Some(first), Some(last)) = (all().map(|call| call.at_ms).min(), all().map(|call| call.at_ms).max()) else {
            return Vec::new();
        };
        let length_ms = (last.abs_diff(first) / Self::BUCKETS + 1).max(1);
        let count = last.abs_diff(first) / length_ms + 1;
        let bucket = |n: u64| Bucket {
            from_ms: first.saturating_add_unsigned(n * length_ms),
            length_ms,
            calls: 0,
            available: 0,
        };
        let mut buckets: Vec<_> = (0..count).map(bucket).collect();
        for call in all() {
            let place = usize::try_from(call.at_ms.abs_diff(first) / length_ms).unwrap_or(usize::MAX);
            if let Some(bucket) = buckets.get_mut(place) {
                bucket.calls += 1;
                bucket.available += u64::from(call.available);
            }
        }
        buckets
    }
}

/// The nearest-rank percentile, from microseconds to milliseconds with two places.
fn percentile(sorted: &[u64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    let micros = sorted.get(rank.max(1) - 1)?;
    Some((*micros as f64 / 10.0).round() / 100.0)
}

/// To the last call's end, if no right answer came after it.
fn longest_outage(calls: &[Call]) -> u64 {
    let mut calls = calls.to_vec();
    calls.sort_by_key(|call| call.at_ms);
    let (mut longest, mut since) = (0, None);
    for call in &calls {
        match (call.available, since) {
            (true, Some(began)) => {
                longest = longest.max(call.at_ms.abs_diff(began));
                since = None;
            }
            (false, None) => since = Some(call.at_ms),
            _ => {}
        }
    }
    let end = |call: &Call| {
        call.at_ms
            .saturating_add_unsigned(millis(Duration::from_micros(call.took)))
    };
    match (since, calls.iter().map(end).max()) {
        (Some(began), Some(end)) => longest.max(end.abs_diff(began)),
        _ => longest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calls(all: &[(i64, u64, bool)]) -> Calls {
        let mut calls = Calls::new();
        for (at_ms, took, available) in all {
            calls.add(OpClass::Read, *at_ms, Duration::from_millis(*took), *available);
        }
        calls
    }

    fn outage(all: &[(i64, u64, bool)]) -> u64 {
        calls(all).figures("").classes[0].longest_outage_ms.unwrap()
    }

    #[test]
    fn the_longest_outage_runs_from_a_failed_call_to_the_next_right_one() {
        assert_eq!(outage(&[(0, 5, true), (1_000, 5, true)]), 0);
        assert_eq!(
            outage(&[(0, 5, true), (100, 5, false), (250, 5, true), (900, 5, true)]),
            150
        );
        // In whatever order they end.
        assert_eq!(
            outage(&[(900, 5, true), (250, 5, false), (100, 5, false), (0, 5, true)]),
            800
        );
        // No right answer comes: to the end of the last call.
        assert_eq!(outage(&[(-10, 5, false), (100, 2_000, false)]), 2_110);
    }

    #[test]
    fn without_calls_nothing_is_said() {
        let figures = Calls::new().figures("it succeeded");
        assert_eq!(
            (figures.calls(), figures.classes.len(), figures.course.len()),
            (0, 0, 0)
        );
        assert_eq!(figures.extra_attempts(), None);
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let all: Vec<_> = (1..=100).map(|n| (n, n as u64, true)).collect();
        let figures = calls(&all).figures("");
        assert_eq!(
            (figures.classes[0].p50_ms, figures.classes[0].p99_ms),
            (Some(50.0), Some(99.0))
        );
        let one = calls(&[(0, 7, false)]).figures("");
        assert_eq!((one.classes[0].p50_ms, one.classes[0].p99_ms), (Some(7.0), Some(7.0)));
    }

    proptest! {
        /// Every call is in one bucket, and there are no more buckets than a page shows.
        #[test]
        fn a_course_loses_no_call(all in proptest::collection::vec((-1_000_000_i64..100_000_000, 0_u64..9, any::<bool>()), 1..200)) {
            let course = calls(&all).figures("").course;
            prop_assert!(course.len() as u64 <= Calls::BUCKETS);
            prop_assert_eq!(course.iter().map(|bucket| bucket.calls).sum::<u64>(), all.len() as u64);
            let right = all.iter().filter(|call| call.2).count() as u64;
            prop_assert_eq!(course.iter().map(|bucket| bucket.available).sum::<u64>(), right);
        }
    }
}
