//! The figures that a script can read.

use super::{
    load::Sample,
    outcome::{Outcome, Side},
    streams::{Streamed, Streams},
};
use serde::Serialize;
use std::time::Duration;

/// Of both, with evenkeel's at the top level.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) scenario: String,
    /// For how long calls were made: the scenario, and the healthy time before and after.
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) evenkeel: Half,
    pub(crate) baseline: Half,
    /// With `--report`: how it came out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<ReportFigures>,
}

/// Of a report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReportFigures {
    /// How many criteria were recorded before the start.
    pub(crate) criteria: usize,
    /// How many of them were met.
    pub(crate) passed: usize,
    /// It was read back: every digest is right, and with `--key` the signature is.
    pub(crate) verified: bool,
    /// How large the status page is, without data. Without the feature `status`: null.
    pub(crate) page_bytes: Option<usize>,
}

/// Of one of the two. What was not measured is null.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Half {
    pub(crate) calls: usize,
    pub(crate) availability: Option<f64>,
    pub(crate) ok_under_100ms: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) p999_ms: Option<f64>,
    pub(crate) attempts_per_call: Option<f64>,
    pub(crate) leave_s: Option<f64>,
    pub(crate) return_s: Option<f64>,
    pub(crate) acked_writes: usize,
    pub(crate) lost_writes: Option<usize>,
    /// Without `--stream`: null.
    pub(crate) streams: Option<StreamFigures>,
}

/// Of the large objects of one side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StreamFigures {
    pub(crate) streams: usize,
    /// Every byte right, and never a wait of more than two seconds for the next.
    pub(crate) availability: Option<f64>,
    /// Every byte right, however late.
    pub(crate) completed: Option<f64>,
    pub(crate) first_byte_p99_ms: Option<f64>,
    /// For a new byte after the first.
    pub(crate) longest_pause_ms: f64,
    /// How often a stream went on elsewhere, at the byte that was due.
    pub(crate) resumes: usize,
    /// How often a body was begun again at its first byte.
    pub(crate) restarts: usize,
    /// Bytes that were fetched and brought no reader anything new.
    pub(crate) bytes_fetched_twice: u64,
}

pub(crate) fn of(outcome: &Outcome) -> Figures {
    let (leave_s, return_s) = moves(outcome);
    Figures {
        scenario: outcome.course.name().to_owned(),
        seconds: outcome.course.total().as_secs_f64(),
        evenkeel: Half {
            leave_s,
            return_s,
            streams: outcome.streams.as_ref().map(|both| streams(&both.evenkeel)),
            ..half(&outcome.evenkeel)
        },
        // The plain SDK has nowhere to go.
        baseline: Half {
            streams: outcome.streams.as_ref().map(|both| streams(&both.baseline)),
            ..half(&outcome.baseline)
        },
        report: None,
    }
}

fn half(side: &Side) -> Half {
    let samples = &side.samples;
    let share = |some: usize| (!samples.is_empty()).then(|| round(some as f64 / samples.len() as f64, 6));
    let mut latencies: Vec<Duration> = samples.iter().map(|sample| sample.latency).collect();
    latencies.sort_unstable();
    let millis = |p: f64| percentile(&latencies, p).map(|latency| round(latency.as_secs_f64() * 1e3, 2));
    let attempts: u64 = samples.iter().map(|sample| u64::from(sample.attempts)).sum();
    Half {
        calls: samples.len(),
        availability: share(samples.iter().filter(|sample| sample.available()).count()),
        ok_under_100ms: share(samples.iter().filter(|s| s.within(Duration::from_millis(100))).count()),
        p50_ms: millis(0.5),
        p99_ms: millis(0.99),
        p999_ms: millis(0.999),
        attempts_per_call: (!samples.is_empty()).then(|| round(attempts as f64 / samples.len() as f64, 4)),
        leave_s: None,
        return_s: None,
        acked_writes: samples.iter().filter(|sample| sample.stored.is_some()).count(),
        lost_writes: Some(side.lost.len()),
        streams: None,
    }
}

fn streams(side: &Streams) -> StreamFigures {
    let samples = &side.samples;
    let share = |of: &dyn Fn(&Streamed) -> bool| {
        let some = samples.iter().filter(|sample| of(sample)).count();
        (!samples.is_empty()).then(|| round(some as f64 / samples.len() as f64, 6))
    };
    let mut first_bytes: Vec<Duration> = samples.iter().filter_map(|sample| sample.first_byte).collect();
    first_bytes.sort_unstable();
    let millis = |time: Duration| round(time.as_secs_f64() * 1e3, 2);
    let had: u64 = samples.iter().map(|sample| sample.had as u64).sum();
    StreamFigures {
        streams: samples.len(),
        availability: share(&Streamed::available),
        completed: share(&|sample| sample.failure.is_none()),
        first_byte_p99_ms: percentile(&first_bytes, 0.99).map(millis),
        longest_pause_ms: millis(samples.iter().map(|sample| sample.pause).max().unwrap_or_default()),
        resumes: samples.iter().map(|sample| sample.resumes).sum(),
        restarts: samples.iter().map(|sample| sample.restarts).sum(),
        bytes_fetched_twice: side.carried.saturating_sub(had),
    }
}

/// The share of available calls among those that `of` selects.
pub(crate) fn availability(side: &Side, of: impl Fn(&Sample) -> bool) -> Option<f64> {
    let (mut available, mut all) = (0_usize, 0_usize);
    for sample in side.samples.iter().filter(|sample| of(sample)) {
        available += usize::from(sample.available());
        all += 1;
    }
    (all > 0).then(|| available as f64 / all as f64)
}

/// The nearest-rank percentile of sorted values.
pub(crate) fn percentile(sorted: &[Duration], p: f64) -> Option<Duration> {
    let rank = (p * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// Below so many calls a window says nothing.
const FEWEST: usize = 50;

/// 500 ms. At rates at which that holds too few calls, as long as it takes to see 200: a single probe among them is not
/// yet the 1 % that counts as traffic.
pub(crate) fn window(rate: f64) -> Duration {
    let half = Duration::from_millis(500);
    // Half as many again as needed, because arrivals are uneven.
    if half.as_secs_f64() * rate >= 1.5 * FEWEST as f64 {
        half
    } else {
        Duration::from_secs_f64(200.0 / rate)
    }
}

/// When the struck place was left, counted from the start of the first faulty phase, and when it was used again, counted
/// from the end of the last: the first window that carries under 1 % of the calls there, and the first with 90 to 120 %
/// of the share that it had before. A window counts by its start.
fn moves(outcome: &Outcome) -> (Option<f64>, Option<f64>) {
    let Some((from, to)) = outcome.course.trouble() else {
        return (None, None);
    };
    let samples = &outcome.evenkeel.samples;
    let window = window(outcome.rate);
    // The first second is left out: nothing is learnt yet.
    let Some(before) = touching(samples, from.min(Duration::from_secs(1)), from) else {
        return (None, None);
    };
    let first = |start: Duration, end: Duration, wanted: &dyn Fn(f64) -> bool| {
        let step = window / 10;
        (0..)
            .map(|steps| start + step * steps)
            .take_while(|at| *at + window <= end)
            .find(|at| touching(samples, *at, *at + window).is_some_and(wanted))
            .map(|at| round((at - start).as_secs_f64(), 2))
    };
    let left = first(from, to, &|share| share < 0.01);
    let back = first(to, outcome.course.total(), &|share| {
        (0.9..=1.2).contains(&(share / before.max(f64::MIN_POSITIVE)))
    });
    (left, back)
}

/// Which share of the calls in this time touched the first place; `None` when there were too few.
fn touching(samples: &[Sample], from: Duration, to: Duration) -> Option<f64> {
    let low = samples.partition_point(|sample| sample.at < from);
    let high = samples.partition_point(|sample| sample.at < to);
    let some = &samples[low..high];
    let touched = some.iter().filter(|sample| sample.touched & 1 == 1).count();
    (some.len() >= FEWEST).then(|| touched as f64 / some.len() as f64)
}

fn round(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}
