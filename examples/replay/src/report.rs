//! What is printed at the end.

use super::{
    figures::{self, Figures, Half, StreamFigures},
    load::Sample,
    outcome::{Outcome, Side},
    progress::{clock, percent, wrapped},
    streams::Streams,
};
use evenkeel::drill::Scenario;
use std::{collections::BTreeMap, fmt::Write};

/// The built-in scenarios.
pub(crate) fn list() -> String {
    let each = Scenario::builtins().map(|scenario| {
        let (length, description) = (clock(scenario.duration()), wrapped(&scenario.description));
        format!("{} ({length})\n{description}\n\n", scenario.name)
    });
    each.collect()
}

/// The table, and every failure of a call with its count.
pub(crate) fn table(outcome: &Outcome, figures: &Figures) -> String {
    let plain = if outcome.simulated {
        "plain SDK (model)"
    } else {
        "plain SDK"
    };
    let mut text = format!("\n{:<44}{:>14}{:>20}\n", figures.scenario, "evenkeel", plain);
    let mut row = |name: &str, value: &dyn Fn(&Half) -> String| {
        let (mine, theirs) = (value(&figures.evenkeel), value(&figures.baseline));
        let _ = writeln!(text, "{name:<44}{mine:>14}{theirs:>20}");
    };
    row("calls", &|half| half.calls.to_string());
    row("available (right within 2 s)", &|half| percent(half.availability, 3));
    row("right within 100 ms", &|half| percent(half.ok_under_100ms, 2));
    row("p50 until the caller knew", &|half| millis(half.p50_ms));
    row("p99", &|half| millis(half.p99_ms));
    row("p99.9", &|half| millis(half.p999_ms));
    row("attempts per call", &|half| number(half.attempts_per_call, 3));
    row("s until the bad region had under 1 %", &|half| number(half.leave_s, 2));
    row("s until it was used again", &|half| number(half.return_s, 2));
    row("acknowledged writes", &|half| half.acked_writes.to_string());
    row("of these lost (each was read back)", &|half| {
        half.lost_writes.map_or_else(|| "–".to_owned(), |lost| lost.to_string())
    });
    if outcome.evenkeel.samples.iter().any(|sample| sample.row) {
        for (name, rows) in [("available: objects", false), ("available: rows of tables", true)] {
            let share = |side: &Side| percent(figures::availability(side, |sample| sample.row == rows), 3);
            let (mine, theirs) = (share(&outcome.evenkeel), share(&outcome.baseline));
            let _ = writeln!(text, "{name:<44}{mine:>14}{theirs:>20}");
        }
    }
    if let (Some(mine), Some(theirs)) = (&figures.evenkeel.streams, &figures.baseline.streams) {
        let mut row = |name: &str, value: &dyn Fn(&StreamFigures) -> String| {
            let (mine, theirs) = (value(mine), value(theirs));
            let _ = writeln!(text, "{name:<44}{mine:>14}{theirs:>20}");
        };
        row("streams of 8 MiB", &|of| of.streams.to_string());
        row("available (right, no wait above 2 s)", &|of| {
            percent(of.availability, 3)
        });
        row("right at last", &|of| percent(of.completed, 3));
        row("p99 until the first byte", &|of| millis(of.first_byte_p99_ms));
        row("longest pause in mid-body", &|of| millis(Some(of.longest_pause_ms)));
        row("went on elsewhere at the same byte", &|of| of.resumes.to_string());
        row("began again at the first byte", &|of| of.restarts.to_string());
        row("fetched twice", &|of| {
            format!("{:.1} MiB", of.bytes_fetched_twice as f64 / f64::from(1 << 20))
        });
    }
    let _ = writeln!(
        text,
        "\nTimes run from when a call should have started; failures count with the time until they were known, and calls \
         without an answer\nare cut off at 10 s. Traffic is seen through windows of {:.1} s. The run took {:.1} s.",
        figures::window(outcome.rate).as_secs_f64(),
        outcome.took.as_secs_f64()
    );
    failures(&mut text, "evenkeel", &outcome.evenkeel.samples, 20);
    failures(&mut text, plain, &outcome.baseline.samples, 6);
    if let Some(both) = &outcome.streams {
        broken(&mut text, "evenkeel", &both.evenkeel);
        broken(&mut text, plain, &both.baseline);
    }
    for (who, side) in [("evenkeel", &outcome.evenkeel), (plain, &outcome.baseline)] {
        for lost in side.lost.iter().take(10) {
            let _ = writeln!(text, "{who} lost an acknowledged write: {lost}");
        }
    }
    text
}

/// The sentences with which calls failed, the commonest first.
fn failures(text: &mut String, who: &str, samples: &[Sample], most: usize) {
    let mut sentences: BTreeMap<String, (usize, &Sample)> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !sample.available()) {
        let sentence = match (&sample.failure, &sample.story) {
            (Some(sentence), _) => sentence.clone(),
            (None, Some(story)) => format!("answered rightly, but after more than 2 s: {story}"),
            (None, None) => "answered rightly, but after more than 2 s".to_owned(),
        };
        sentences.entry(sentence).or_insert((0, sample)).0 += 1;
    }
    if sentences.is_empty() {
        let _ = writeln!(text, "\nNo call of {who} failed.");
        return;
    }
    let _ = writeln!(text, "\nCalls of {who} that were not available:");
    let mut sentences: Vec<_> = sentences.into_iter().collect();
    sentences.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (sentence, (count, first)) in sentences.iter().take(most) {
        let _ = writeln!(
            text,
            "{count:>7} × {sentence} (first at {:.1} s)",
            first.at.as_secs_f64()
        );
    }
    if sentences.len() > most {
        let rest: usize = sentences[most..].iter().map(|(_, (count, _))| count).sum();
        let _ = writeln!(text, "{rest:>7} × otherwise");
    }
}

/// The streams that were not available, by why.
fn broken(text: &mut String, who: &str, side: &Streams) {
    let mut sentences: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for sample in side.samples.iter().filter(|sample| !sample.available()) {
        let late = || "every byte was right, but the reader waited more than 2 s".to_owned();
        let sentence = sample.failure.clone().unwrap_or_else(late);
        sentences.entry(sentence).or_insert((0, sample.at.as_secs_f64())).0 += 1;
    }
    if sentences.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nStreams of {who} that were not available:");
    let mut sentences: Vec<_> = sentences.into_iter().collect();
    sentences.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (sentence, (count, first)) in sentences.iter().take(8) {
        let _ = writeln!(text, "{count:>7} × {sentence} (first at {first:.1} s)");
    }
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(
        || "–".to_owned(),
        |ms| {
            if ms < 100.0 {
                format!("{ms:.1} ms")
            } else {
                format!("{ms:.0} ms")
            }
        },
    )
}

fn number(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.places$}"))
}
