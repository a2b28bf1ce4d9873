//! The samples, summed up by stretches of time.

use super::super::{
    figures::percentile,
    load::Sample,
    outcome::{Outcome, Side},
    streams::{SHARE, Streamed, Streams},
};
use std::time::Duration;

/// One point per stretch; `None` where there were no calls.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// Where each stretch begins and ends, in seconds.
    pub(super) bounds: Vec<(f64, f64)>,
    pub(super) evenkeel: Lines,
    pub(super) baseline: Lines,
    /// Which share of evenkeel's traffic each place carried.
    pub(super) traffic: Vec<Option<[f64; 3]>>,
}

#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) available: Vec<Option<f64>>,
    /// Of right answers, in milliseconds: a quick refusal is no quick answer.
    pub(super) p50: Vec<Option<f64>>,
    pub(super) p99: Vec<Option<f64>>,
}

/// So many points across the picture at most, and so many calls in each on average at least.
const POINTS: f64 = 150.0;
const CALLS: f64 = 75.0;

/// The streams, which are fewer, by longer stretches.
#[derive(Clone, Debug)]
pub(super) struct StreamSeries {
    pub(super) bounds: Vec<(f64, f64)>,
    pub(super) evenkeel: Vec<Option<f64>>,
    pub(super) baseline: Vec<Option<f64>>,
}

/// So many streams in each stretch on average at least.
const STREAMS: f64 = 15.0;

impl StreamSeries {
    /// `None` without `--stream`.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        let both = outcome.streams.as_ref()?;
        let bounds = stretches(outcome, STREAMS / (outcome.rate * SHARE));
        Some(Self {
            evenkeel: streamed(&both.evenkeel, &bounds),
            baseline: streamed(&both.baseline, &bounds),
            bounds,
        })
    }
}

fn streamed(side: &Streams, bounds: &[(f64, f64)]) -> Vec<Option<f64>> {
    let each = bounds.iter().map(|(from, to)| {
        let index = |at: f64| side.samples.partition_point(|s| s.at < Duration::from_secs_f64(at));
        let some = &side.samples[index(*from)..index(*to)];
        let available = some.iter().filter(|sample: &&Streamed| sample.available()).count();
        (!some.is_empty()).then(|| available as f64 / some.len() as f64)
    });
    each.collect()
}

/// Stretches of at least so many seconds.
fn stretches(outcome: &Outcome, least: f64) -> Vec<(f64, f64)> {
    let total = outcome.course.total().as_secs_f64();
    let width = (total / POINTS).max(least);
    // A stretch begins where the trouble begins, so that the onset is as steep as it was.
    let before = outcome.course.before.as_secs_f64();
    let width = before / (before / width).floor().max(1.0);
    let points = (total / width).floor().max(1.0);
    (0..points as u32)
        .map(|i| (f64::from(i) * width, f64::from(i + 1) * width))
        .collect()
}

impl Series {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let bounds = stretches(outcome, CALLS / outcome.rate);
        Self {
            evenkeel: lines(&outcome.evenkeel, &bounds),
            baseline: lines(&outcome.baseline, &bounds),
            traffic: each(&outcome.evenkeel, &bounds).map(traffic).collect(),
            bounds,
        }
    }

    /// The middles of the stretches.
    pub(super) fn middles(&self) -> impl Iterator<Item = f64> + '_ {
        self.bounds.iter().map(|(from, to)| (from + to) / 2.0)
    }
}

fn each<'s>(side: &'s Side, bounds: &'s [(f64, f64)]) -> impl Iterator<Item = &'s [Sample]> {
    bounds.iter().map(|(from, to)| {
        let index = |at: f64| side.samples.partition_point(|s| s.at < Duration::from_secs_f64(at));
        &side.samples[index(*from)..index(*to)]
    })
}

fn lines(side: &Side, bounds: &[(f64, f64)]) -> Lines {
    let latencies = |p: f64| {
        each(side, bounds).map(move |some| {
            let mut latencies: Vec<_> = some.iter().filter(|s| s.failure.is_none()).map(|s| s.latency).collect();
            latencies.sort_unstable();
            percentile(&latencies, p).map(|latency| latency.as_secs_f64() * 1e3)
        })
    };
    Lines {
        available: each(side, bounds).map(available).collect(),
        p50: latencies(0.5).collect(),
        p99: latencies(0.99).collect(),
    }
}

fn available(some: &[Sample]) -> Option<f64> {
    let available = some.iter().filter(|sample| sample.available()).count();
    (!some.is_empty()).then(|| available as f64 / some.len() as f64)
}

fn traffic(some: &[Sample]) -> Option<[f64; 3]> {
    let touched = [0, 1, 2].map(|place| some.iter().filter(|s| s.touched >> place & 1 == 1).count() as f64);
    let all: f64 = touched.iter().sum();
    (all > 0.0).then(|| touched.map(|some| some / all))
}
