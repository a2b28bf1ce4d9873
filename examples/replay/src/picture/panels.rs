//! The three panels on their common axis of time.

use super::{
    super::{course::Stretch, outcome::Outcome},
    EVENKEEL, GRID, INK, PLACES, PLAIN, SOFT, TROUBLE, WIDTH,
    series::{Series, StreamSeries},
    svg::{Anchor, Svg, width_of},
};

const LEFT: f64 = 92.0;
const RIGHT: f64 = 36.0;
/// The latencies that the logarithmic axis spans, in milliseconds.
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 12_000.0;

/// Time from left to right, and the phases in it.
#[derive(Debug)]
pub(super) struct Frame {
    seconds: f64,
    labels: [String; 3],
    phases: Vec<Stretch>,
}

impl Frame {
    pub(super) fn new(outcome: &Outcome) -> Self {
        Self {
            seconds: outcome.course.total().as_secs_f64(),
            labels: outcome.course.labels(),
            phases: outcome.course.phases(),
        }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.seconds * (WIDTH - LEFT - RIGHT)
    }

    fn span(&self, phase: &Stretch) -> (f64, f64) {
        (self.x(phase.from.as_secs_f64()), self.x(phase.to.as_secs_f64()))
    }

    /// The strip above the panels: each phase's number, and its name where there is room.
    pub(super) fn phases(&self, svg: &mut Svg, y: f64) {
        for (index, phase) in self.phases.iter().enumerate() {
            let (from, to) = self.span(phase);
            let fill = if phase.faulty {
                ["#f3c4bc", "#ecaca1"][index % 2]
            } else {
                "#dcebe4"
            };
            svg.rect(from, y, to - from, 24.0, fill, 1.0);
            let number = (index + 1).to_string();
            let full = format!("{number}  {}", phase.name);
            let text = if width_of(&full, 12.0) < to - from - 6.0 {
                full
            } else {
                number
            };
            svg.bold((from + to) / 2.0, y + 16.5, 12.0, INK, Anchor::Middle, &text);
        }
        let healthy = [(LEFT, self.start()), (self.end(), WIDTH - RIGHT)];
        for (from, to) in healthy {
            svg.rect(from, y, to - from, 24.0, "#dcebe4", 1.0);
            if width_of("healthy", 12.0) < to - from {
                svg.text((from + to) / 2.0, y + 16.5, 12.0, SOFT, Anchor::Middle, "healthy");
            }
        }
    }

    fn start(&self) -> f64 {
        self.phases.first().map_or(LEFT, |phase| self.span(phase).0)
    }

    fn end(&self) -> f64 {
        self.phases.last().map_or(WIDTH - RIGHT, |phase| self.span(phase).1)
    }

    /// Shades, title and lines across; `ticks` are heights between 0 (below) and 1, with their labels.
    fn panel(&self, svg: &mut Svg, (y, height): (f64, f64), title: &str, ticks: &[(f64, String)]) {
        for (index, phase) in self.phases.iter().enumerate().filter(|(_, phase)| phase.faulty) {
            let (from, to) = self.span(phase);
            svg.rect(from, y, to - from, height, TROUBLE[index % 2], 1.0);
        }
        svg.bold(36.0, y - 12.0, 14.0, INK, Anchor::Start, title);
        for (at, label) in ticks {
            let line = y + height * (1.0 - at);
            svg.line((LEFT, line), (WIDTH - RIGHT, line), GRID);
            svg.text(LEFT - 10.0, line + 4.0, 12.0, SOFT, Anchor::End, label);
        }
    }

    /// Points for values that lie between 0 (below) and 1.
    fn points(&self, series: &Series, values: &[Option<f64>], (y, height): (f64, f64)) -> Vec<Option<(f64, f64)>> {
        let at = |(seconds, value): (f64, &Option<f64>)| {
            value.map(|value| (self.x(seconds), y + height * (1.0 - value.clamp(0.0, 1.0))))
        };
        series.middles().zip(values).map(at).collect()
    }

    /// The same, each value held for its whole stretch.
    fn steps(&self, bounds: &[(f64, f64)], values: &[Option<f64>], (y, height): (f64, f64)) -> Vec<Option<(f64, f64)>> {
        let at = |(&(from, to), value): (&(f64, f64), &Option<f64>)| {
            [from, to].map(|seconds| value.map(|value| (self.x(seconds), y + height * (1.0 - value.clamp(0.0, 1.0)))))
        };
        bounds.iter().zip(values).flat_map(at).collect()
    }

    pub(super) fn availability(&self, svg: &mut Svg, series: &Series, y: f64, height: f64) {
        let title = "Availability: calls answered rightly within 2 s";
        let lines = [&series.evenkeel.available, &series.baseline.available];
        self.shares(svg, title, (y, height), &series.bounds, lines.map(Vec::as_slice));
    }

    pub(super) fn streams(&self, svg: &mut Svg, series: &StreamSeries, y: f64, height: f64) {
        let title = "Availability: streams of 8 MiB, right to the last byte, with no wait above 2 s";
        let lines = [series.evenkeel.as_slice(), &series.baseline];
        self.shares(svg, title, (y, height), &series.bounds, lines);
    }

    /// evenkeel's share and the plain client's, as steps.
    fn shares(
        &self,
        svg: &mut Svg,
        title: &str,
        (y, height): (f64, f64),
        bounds: &[(f64, f64)],
        [mine, theirs]: [&[Option<f64>]; 2],
    ) {
        let room = (y + 24.0, height);
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|at| (at, format!("{:.0} %", at * 100.0)));
        self.panel(svg, room, title, &ticks);
        let theirs = self.steps(bounds, theirs, room);
        let mut outline: Vec<_> = theirs.iter().flatten().copied().collect();
        if let (Some(first), Some(last)) = (outline.first().copied(), outline.last().copied()) {
            // What was lost lies between the line and the top.
            outline.extend([(last.0, room.0), (first.0, room.0)]);
            svg.area(&outline, PLAIN, 0.10);
        }
        svg.path(&theirs, PLAIN, 2.0, "none");
        let mine = self.steps(bounds, mine, room);
        svg.path(&mine, EVENKEEL, 3.0, "none");
    }

    pub(super) fn latency(&self, svg: &mut Svg, series: &Series, y: f64, height: f64) {
        let room = (y + 24.0, height);
        let scale = |ms: f64| (ms.max(SHORTEST) / SHORTEST).ln() / (LONGEST / SHORTEST).ln();
        let ticks = [1.0, 10.0, 100.0, 1_000.0, 10_000.0].map(|ms| (scale(ms), latency(ms)));
        self.panel(svg, room, "Latency of right answers", &ticks);
        svg.path(&[Some((240.0, y + 7.0)), Some((266.0, y + 7.0))], SOFT, 2.5, "none");
        svg.text(272.0, y + 12.0, 12.0, SOFT, Anchor::Start, "p50");
        svg.path(&[Some((308.0, y + 7.0)), Some((334.0, y + 7.0))], SOFT, 1.5, "5 4");
        svg.text(340.0, y + 12.0, 12.0, SOFT, Anchor::Start, "p99");
        for (lines, colour) in [(&series.baseline, PLAIN), (&series.evenkeel, EVENKEEL)] {
            for (values, width, dashes) in [(&lines.p99, 1.6, "5 4"), (&lines.p50, 2.6, "none")] {
                let scaled: Vec<_> = values.iter().map(|value| value.map(scale)).collect();
                svg.path(&self.points(series, &scaled, room), colour, width, dashes);
            }
        }
    }

    /// The places stacked, the first at the bottom.
    pub(super) fn traffic(&self, svg: &mut Svg, series: &Series, y: f64, height: f64) {
        let (top, height) = (y + 24.0, height - 24.0);
        self.panel(svg, (top, height), "Where evenkeel's attempts went", &[]);
        let mut below = vec![0.0; series.bounds.len()];
        for (place, colour) in PLACES.iter().enumerate() {
            let above: Vec<f64> = series
                .traffic
                .iter()
                .zip(&below)
                .map(|(shares, below)| below + shares.map_or(0.0, |shares| shares[place]))
                .collect();
            let edge = |heights: &[f64]| -> Vec<(f64, f64)> {
                let each = series.bounds.iter().zip(heights);
                // Steps, not slopes: a share holds for its whole stretch.
                each.flat_map(|((from, to), share)| {
                    let y = top + height * (1.0 - share);
                    [(self.x(*from), y), (self.x(*to), y)]
                })
                .collect()
            };
            let mut outline = edge(&above);
            outline.extend(edge(&below).into_iter().rev());
            svg.area(&outline, colour, 0.88);
            below = above;
        }
        for (share, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
            svg.text(
                LEFT - 10.0,
                top + height * (1.0 - share) + 4.0,
                12.0,
                SOFT,
                Anchor::End,
                label,
            );
        }
        let mut x = WIDTH - RIGHT;
        for (label, colour) in self.labels.iter().zip(PLACES).rev() {
            svg.text(x, y + 12.0, 12.0, INK, Anchor::End, label);
            x -= width_of(label, 12.0) + 18.0;
            svg.rect(x, y + 2.0, 12.0, 12.0, colour, 0.88);
            x -= 20.0;
        }
    }

    /// The axis of time.
    pub(super) fn time(&self, svg: &mut Svg, y: f64) {
        let hours = self.seconds > 7200.0;
        let unit = if hours { 3600.0 } else { 1.0 };
        let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0];
        let step = steps
            .into_iter()
            .find(|step| self.seconds / unit / step <= 14.0)
            .unwrap_or(3600.0);
        let mut at = 0.0;
        while at * unit <= self.seconds {
            let x = self.x(at * unit);
            svg.line((x, y), (x, y + 5.0), SOFT);
            let label = format!("{at} {}", if hours { "h" } else { "s" });
            svg.text(x, y + 19.0, 12.0, SOFT, Anchor::Middle, &label);
            at += step;
        }
    }

    /// The phases by number, in two columns. Returns where it ends.
    pub(super) fn key(&self, svg: &mut Svg, y: f64) -> f64 {
        let rows = self.phases.len().div_ceil(2);
        for (index, phase) in self.phases.iter().enumerate() {
            let x = if index < rows {
                LEFT
            } else {
                LEFT + (WIDTH - LEFT - RIGHT) / 2.0
            };
            let line = y + 19.0 * (index % rows) as f64;
            svg.bold(x + 14.0, line, 12.0, INK, Anchor::End, &(index + 1).to_string());
            svg.text(x + 22.0, line, 12.0, SOFT, Anchor::Start, &phase.name);
        }
        y + 19.0 * rows as f64
    }
}

/// `250 ms`, `1.2 s`.
pub(super) fn latency(ms: f64) -> String {
    match ms {
        ms if ms >= 1_000.0 && (ms / 1_000.0).fract() < 0.05 => format!("{:.0} s", ms / 1_000.0),
        ms if ms >= 1_000.0 => format!("{:.1} s", ms / 1_000.0),
        ms => format!("{ms:.0} ms"),
    }
}
