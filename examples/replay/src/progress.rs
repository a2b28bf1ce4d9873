//! What a person sees while it runs.

use super::{course::Course, outcome::now};
use evenkeel::telemetry::Event;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// Both lanes.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) evenkeel: Arc<Lane>,
    pub(crate) baseline: Arc<Lane>,
}

/// What was decided since the last look: a call is decided when it ends, or when its two seconds are over.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    calls: AtomicU64,
    available: AtomicU64,
    touched: [AtomicU64; 3],
}

impl Lane {
    pub(crate) fn decided(&self, available: bool, touched: u8) {
        self.calls.fetch_add(1, Relaxed);
        self.available.fetch_add(u64::from(available), Relaxed);
        for (place, count) in self.touched.iter().enumerate() {
            count.fetch_add(u64::from(touched >> place & 1), Relaxed);
        }
    }

    /// The share of available calls, and of touches by place.
    fn take(&self) -> (Option<f64>, [Option<f64>; 3]) {
        let available = share(self.available.swap(0, Relaxed), self.calls.swap(0, Relaxed));
        let touched = [0, 1, 2].map(|place| self.touched[place].swap(0, Relaxed));
        let all = touched.iter().sum();
        (available, touched.map(|some| share(some, all)))
    }
}

fn share(some: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| some as f64 / all as f64)
}

/// What evenkeel decided.
pub(crate) fn event(event: &Event) {
    eprintln!("{}", dim(&format!("           {event}")));
}

/// A line a second; in a simulation a line per thirtieth of the whole.
pub(crate) async fn report(board: Arc<Board>, course: Course, simulated: bool, start: Instant) {
    let every = if simulated {
        course.total() / 30
    } else {
        Duration::from_secs(1)
    };
    let mut before = String::new();
    let labels = course.labels();
    for line in 1.. {
        sleep_until(start + every * line).await;
        let at = now().saturating_duration_since(start);
        if at > course.total() {
            eprintln!("waiting for the last calls …");
            return;
        }
        let phase = course.phase_at(at.saturating_sub(every / 2));
        if phase != before {
            eprintln!("{}", dim(&format!("── {phase} ──")));
        }
        before = phase;
        let (mine, traffic) = board.evenkeel.take();
        let (theirs, _) = board.baseline.take();
        let traffic: Vec<_> = labels
            .iter()
            .zip(traffic)
            .map(|(label, share)| format!("{label} {:>5}", percent(share, 0)))
            .collect();
        eprintln!(
            "{:>8}   evenkeel {}   plain SDK {}   {}",
            clock(at),
            coloured(mine),
            coloured(theirs),
            dim(&format!("evenkeel's traffic: {}", traffic.join("  "))),
        );
    }
}

/// `12 s`, `2 h 05`.
pub(crate) fn clock(at: Duration) -> String {
    match at.as_secs() {
        secs @ 0..600 => format!("{secs} s"),
        secs => format!("{} h {:02}", secs / 3600, secs / 60 % 60),
    }
}

pub(crate) fn percent(share: Option<f64>, places: usize) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.places$} %", share * 100.0))
}

/// A text in lines that a terminal holds.
pub(crate) fn wrapped(text: &str) -> String {
    let mut lines = String::from("  ");
    let mut length = 2;
    for word in text.split_whitespace() {
        if length + word.chars().count() > 110 {
            lines.push_str("\n  ");
            length = 2;
        }
        lines.push_str(word);
        lines.push(' ');
        length += word.chars().count() + 1;
    }
    lines
}

fn coloured(share: Option<f64>) -> String {
    let text = format!("{:>7}", percent(share, 1));
    match share {
        _ if !super::colours() => text,
        Some(share) if share >= 0.999 => format!("\x1b[32m{text}\x1b[0m"),
        Some(share) if share >= 0.95 => format!("\x1b[33m{text}\x1b[0m"),
        Some(_) => format!("\x1b[31m{text}\x1b[0m"),
        None => text,
    }
}

fn dim(text: &str) -> String {
    if super::colours() {
        format!("\x1b[2m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
