//! The run as one picture: availability, latency and traffic over time, with the phases behind them.
//!
//! Plain SVG, written by hand: three panels and a legend need no library, and the result is readable as text.

mod panels;
mod series;
mod svg;

use super::{
    figures::{Figures, Half},
    outcome::Outcome,
    progress::{clock, percent},
};
use panels::Frame;
use series::{Series, StreamSeries};
use svg::{Anchor, Svg};

const WIDTH: f64 = 1200.0;

/// The colours: one for each of the two contenders, one for each place.
const EVENKEEL: &str = "#0b7a75";
const PLAIN: &str = "#d1495b";
const PLACES: [&str; 3] = ["#e9a23b", "#3d7ea6", "#7a6aa8"];
const INK: &str = "#1f2933";
const SOFT: &str = "#66727f";
const GRID: &str = "#e4e8ec";
/// Behind faulty phases, by turns, so that neighbours can be told apart.
const TROUBLE: [&str; 2] = ["#fdf0ee", "#fae3df"];

/// Draws it.
pub(crate) fn draw(outcome: &Outcome, figures: &Figures) -> String {
    let series = Series::of(outcome);
    let mut svg = Svg::default();
    head(&mut svg, outcome, figures);
    let frame = Frame::new(outcome);
    frame.phases(&mut svg, 140.0);
    frame.availability(&mut svg, &series, 182.0, 170.0);
    // The streams' panel moves the others down.
    let mut down = 0.0;
    if let Some(streams) = StreamSeries::of(outcome) {
        frame.streams(&mut svg, &streams, 408.0, 120.0);
        down = 176.0;
    }
    frame.latency(&mut svg, &series, 408.0 + down, 190.0);
    frame.traffic(&mut svg, &series, 654.0 + down, 150.0);
    frame.time(&mut svg, 804.0 + down);
    let bottom = frame.key(&mut svg, 848.0 + down);
    svg.finish(WIDTH, bottom + 16.0)
}

/// What was played, and what it came to.
fn head(svg: &mut Svg, outcome: &Outcome, figures: &Figures) {
    svg.bold(36.0, 44.0, 24.0, INK, Anchor::Start, &figures.scenario);
    let length = clock(outcome.course.scenario().duration());
    let how = if outcome.simulated {
        format!("simulated at its length of {length}, {} calls/s each", outcome.rate)
    } else {
        format!("replayed in {length} over real sockets, {} calls/s each", outcome.rate)
    };
    svg.text(36.0, 68.0, 14.0, SOFT, Anchor::Start, &how);
    let plain = if outcome.simulated {
        "plain SDK (model)"
    } else {
        "plain AWS SDK"
    };
    legend(
        svg,
        88.0,
        EVENKEEL,
        "evenkeel",
        &format!("over {}", outcome.course.labels().join(", ")),
        &figures.evenkeel,
    );
    legend(
        svg,
        112.0,
        PLAIN,
        plain,
        &format!("at {} alone", outcome.course.labels()[0]),
        &figures.baseline,
    );
}

fn legend(svg: &mut Svg, y: f64, colour: &str, name: &str, what: &str, half: &Half) {
    svg.rect(36.0, y - 1.0, 22.0, 5.0, colour, 1.0);
    svg.bold(68.0, y + 7.0, 15.0, colour, Anchor::Start, name);
    svg.text(214.0, y + 7.0, 14.0, SOFT, Anchor::Start, what);
    let available = format!("{} available", percent(half.availability, 2));
    svg.bold(1164.0 - 330.0, y + 7.0, 15.0, colour, Anchor::End, &available);
    let p99 = half.p99_ms.map_or_else(|| "–".to_owned(), panels::latency);
    svg.text(1164.0 - 200.0, y + 7.0, 14.0, INK, Anchor::End, &format!("p99 {p99}"));
    let lost = half.lost_writes.map_or_else(|| "–".to_owned(), |lost| lost.to_string());
    let writes = format!("{lost} of {} writes lost", half.acked_writes);
    svg.text(1164.0, y + 7.0, 14.0, INK, Anchor::End, &writes);
}
