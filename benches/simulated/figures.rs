//! From what was seen of the calls to the figures.

use serde::Serialize;
use std::{fmt, time::Duration};

/// One call as it went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When it began, in virtual time since the run began.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    pub(crate) ok: bool,
    /// Refused by the client's own limit.
    pub(crate) refused: bool,
    /// Which of the case's kinds of call.
    pub(crate) kind: u8,
    /// Attempts at the primary and in all.
    pub(crate) primary: u32,
    pub(crate) attempts: u32,
}

/// Names and meaning as in `docs/COMPARED.md`: shares are 0–1, times in ms, `leave_s` and `return_s` in seconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) success: f64,
    pub(crate) ok_under_100ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) primary_attempts_per_call: f64,
    pub(crate) attempts_per_call: f64,
    pub(crate) leave_s: Option<f64>,
    pub(crate) return_s: Option<f64>,
    /// The slowest seed's return.
    pub(crate) worst_return_s: Option<f64>,
    /// Calls that touched the primary during the fault before it was left.
    pub(crate) touched_before_left: Option<f64>,
}

impl Figures {
    pub(crate) const HEADER: &'static str =
        "success  <100ms   p50    p99  p99.9  primary/call  attempts/call  left s  back s (worst)  touched";
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |s: Option<f64>| s.map_or("–".to_owned(), |s| format!("{s:.2}"));
        write!(
            f,
            "{:>7.3}% {:>6.2}% {:>5.1} {:>6.1} {:>6.1} {:>13.4} {:>14.4} {:>7} {:>7} ({:>5}) {:>8}",
            self.success * 100.0,
            self.ok_under_100ms * 100.0,
            self.p50_ms,
            self.p99_ms,
            self.p999_ms,
            self.primary_attempts_per_call,
            self.attempts_per_call,
            seconds(self.leave_s),
            seconds(self.return_s),
            seconds(self.worst_return_s),
            self.touched_before_left.map_or("–".to_owned(), |n| format!("{n:.0}")),
        )
    }
}

/// When what happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) fault_from: Duration,
    pub(crate) fault_to: Duration,
    pub(crate) end: Duration,
    /// The length of the sliding windows of `leave_s` and `return_s`: 500 ms, or as long as 25 calls take.
    pub(crate) window: Duration,
}

impl Schedule {
    /// So many seconds healthy, of fault, and healthy again.
    pub(crate) fn of(healthy: f64, faulty: f64, after: f64, rate: f64) -> Self {
        let seconds = Duration::from_secs_f64;
        Self {
            fault_from: seconds(healthy),
            fault_to: seconds(healthy + faulty),
            end: seconds(healthy + faulty + after),
            window: seconds((25.0 / rate).max(0.5)),
        }
    }
}

const STEP: Duration = Duration::from_millis(50);

pub(crate) fn figures(mut calls: Vec<Seen>, schedule: Schedule) -> Figures {
    calls.sort_by_key(|c| c.at);
    let during: Vec<&Seen> = calls
        .iter()
        .filter(|c| (schedule.fault_from..schedule.fault_to).contains(&c.at))
        .collect();
    let n = during.len() as f64;
    let share = |count: usize| count as f64 / n;
    let mut latencies: Vec<f64> = during.iter().map(|c| c.took.as_secs_f64() * 1e3).collect();
    latencies.sort_by(f64::total_cmp);
    let quantile = |q: f64| latencies[((latencies.len() as f64 * q) as usize).min(latencies.len() - 1)];
    let left = first_window(&calls, schedule, schedule.fault_from, schedule.fault_to, |touching| {
        touching < 0.01
    });
    let before = touching(
        &calls,
        Duration::from_secs(2).min(schedule.fault_from),
        schedule.fault_from,
    )
    .unwrap_or(1.0);
    let back = first_window(&calls, schedule, schedule.fault_to, schedule.end, |touching| {
        (0.9..=1.2).contains(&(touching / before))
    });
    let touched = left.map(|left| {
        let until = schedule.fault_from + Duration::from_secs_f64(left);
        during.iter().filter(|c| c.at < until && c.primary > 0).count() as f64
    });
    Figures {
        success: share(during.iter().filter(|c| c.ok).count()),
        ok_under_100ms: share(
            during
                .iter()
                .filter(|c| c.ok && c.took <= Duration::from_millis(100))
                .count(),
        ),
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
        p999_ms: quantile(0.999),
        primary_attempts_per_call: during.iter().map(|c| f64::from(c.primary)).sum::<f64>() / n,
        attempts_per_call: during.iter().map(|c| f64::from(c.attempts)).sum::<f64>() / n,
        leave_s: left,
        return_s: back,
        worst_return_s: back,
        touched_before_left: touched,
    }
}

/// The share of the calls begun in this stretch that touched the primary.
fn touching(calls: &[Seen], from: Duration, to: Duration) -> Option<f64> {
    let start = calls.partition_point(|c| c.at < from);
    let end = calls.partition_point(|c| c.at < to);
    let window = &calls[start..end];
    let touched = window.iter().filter(|c| c.primary > 0).count();
    (!window.is_empty()).then(|| touched as f64 / window.len() as f64)
}

/// Seconds from `from` to the beginning of the first window that satisfies `wanted`.
fn first_window(
    calls: &[Seen],
    schedule: Schedule,
    from: Duration,
    to: Duration,
    wanted: impl Fn(f64) -> bool,
) -> Option<f64> {
    let mut at = from;
    while at + schedule.window <= to {
        if touching(calls, at, at + schedule.window).is_some_and(&wanted) {
            return Some((at - from).as_secs_f64());
        }
        at += STEP;
    }
    None
}

pub(crate) fn median_of(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.into_iter().collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// What never came is later than everything that did.
pub(crate) fn median_of_known(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let found = median_of(values.into_iter().map(|value| value.unwrap_or(f64::INFINITY)));
    found.is_finite().then_some(found)
}

pub(crate) fn median(rows: &[&Figures]) -> Figures {
    let median = |value: fn(&Figures) -> f64| median_of(rows.iter().map(|row| value(row)));
    let optional = |value: fn(&Figures) -> Option<f64>| median_of_known(rows.iter().map(|row| value(row)));
    let worst = rows
        .iter()
        .map(|row| row.return_s.unwrap_or(f64::INFINITY))
        .fold(0.0, f64::max);
    Figures {
        success: median(|r| r.success),
        ok_under_100ms: median(|r| r.ok_under_100ms),
        p50_ms: median(|r| r.p50_ms),
        p99_ms: median(|r| r.p99_ms),
        p999_ms: median(|r| r.p999_ms),
        primary_attempts_per_call: median(|r| r.primary_attempts_per_call),
        attempts_per_call: median(|r| r.attempts_per_call),
        leave_s: optional(|r| r.leave_s),
        return_s: optional(|r| r.return_s),
        worst_return_s: worst.is_finite().then_some(worst),
        touched_before_left: optional(|r| r.touched_before_left),
    }
}
