//! The availability over time, as SVG.

use super::{
    super::{Bucket, Report},
    text::moment,
};
use crate::telemetry::millis;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 12.0;
const HEIGHT: f64 = 130.0;

/// The picture; empty if there is nothing to draw.
pub(super) fn draw(report: &Report) -> String {
    let course = &report.client.course;
    let (Some(first), Some(last)) = (course.first(), course.last()) else {
        return String::new();
    };
    let from = first.from_ms;
    let span = (last.from_ms.saturating_add_unsigned(last.length_ms))
        .abs_diff(from)
        .max(1) as f64;
    let x = |at_ms: i64| LEFT + (at_ms.saturating_sub(from)) as f64 / span * (WIDTH - LEFT - 8.0);
    let y = |share: f64| TOP + (1.0 - share) * HEIGHT;
    let mut svg = format!(
        "<svg role=\"img\" aria-labelledby=\"chart\" viewBox=\"0 0 {WIDTH} 190\" width=\"{WIDTH}\"><title id=\"chart\">The share of \
         available calls over time; the table below has the same figures</title>\n"
    );
    // Writing to a string cannot fail, here and below.
    let mut begins = 0_i64;
    for phase in &report.plan.scenario.phases {
        let ends = begins.saturating_add_unsigned(millis(phase.duration));
        if !phase.rules.is_empty() && begins < report.end.at_ms {
            let (left, right) = (x(begins.max(from)), x(ends.min(report.end.at_ms)).min(WIDTH - 8.0));
            let width = (right - left).max(0.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"#fae3df\"/>"
            );
        }
        begins = ends;
    }
    for share in [0.0, 0.5, 1.0] {
        let at = y(share);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#c4ccd4\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
            WIDTH - 8.0,
            LEFT - 6.0,
            at + 4.0,
            share * 100.0
        );
    }
    if let Some(plain) = &report.plain {
        let _ = writeln!(
            svg,
            "<path d=\"{}\" fill=\"none\" stroke=\"#b3324a\" stroke-width=\"1.5\" stroke-dasharray=\"5 3\"/>",
            line(&plain.course, x, y)
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"{}\" fill=\"none\" stroke=\"#0b6b66\" stroke-width=\"2.5\"/>",
        line(course, x, y)
    );
    let bottom = TOP + HEIGHT + 16.0;
    let to = last.from_ms.saturating_add_unsigned(last.length_ms);
    for (at, anchor) in [(from, "start"), (from.midpoint(to), "middle"), (to, "end")] {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{bottom}\" text-anchor=\"{anchor}\">{}</text>",
            x(at),
            moment(at)
        );
    }
    let key = bottom + 22.0;
    let _ = write!(
        svg,
        "<path d=\"M{LEFT} {0:.1}h24\" stroke=\"#0b6b66\" stroke-width=\"2.5\"/><text x=\"80\" y=\"{key:.1}\">evenkeel</text>\n\
         <path d=\"M170 {0:.1}h24\" stroke=\"#b3324a\" stroke-width=\"1.5\" stroke-dasharray=\"5 3\"/><text x=\"200\" y=\"{key:.1}\">{1}</text>\n\
         <rect x=\"430\" y=\"{2:.1}\" width=\"24\" height=\"10\" fill=\"#fae3df\"/><text x=\"460\" y=\"{key:.1}\">faults are played</text></svg>\n",
        key - 4.0,
        if report.plain.is_some() {
            "the plain client"
        } else {
            "the plain client: not measured"
        },
        key - 9.0,
    );
    svg
}

/// A stretch without calls interrupts the line.
fn line(course: &[Bucket], x: impl Fn(i64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut is_begun = false;
    for bucket in course {
        if bucket.calls == 0 {
            is_begun = false;
            continue;
        }
        let to = x(bucket.from_ms.saturating_add_unsigned(bucket.length_ms));
        let at = y(bucket.available as f64 / bucket.calls as f64);
        if is_begun {
            let _ = write!(path, "V{at:.1}H{to:.1}");
        } else {
            let _ = write!(path, "M{:.1} {at:.1}H{to:.1}", x(bucket.from_ms));
        }
        is_begun = true;
    }
    path
}
