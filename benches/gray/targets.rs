//! What is to be reached, case by case.

use crate::row::Row;

/// One condition of a case at a rate.
struct Target {
    case: &'static str,
    rate: f64,
    figure: &'static str,
    of: fn(&Row) -> Option<f64>,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// "No more than a handful of events per second, whatever happens."
const EVENTS: f64 = 10.0;

/// Says of each target of this row whether it is reached.
pub(crate) fn judge(row: &Row) -> Vec<(bool, String)> {
    let mine = |target: &&Target| (target.case, target.rate) == (row.case, row.rate);
    let mut judged: Vec<_> = TARGETS.iter().filter(mine).map(|target| target.judge(row)).collect();
    judged.push(few_events(row));
    judged
}

pub(crate) fn few_events(row: &Row) -> (bool, String) {
    let target = Target {
        case: row.case,
        rate: row.rate,
        figure: "most_events_per_s",
        of: |row| Some(row.most_events_per_s),
        bound: Bound::AtMost(EVENTS),
    };
    target.judge(row)
}

impl Target {
    /// Whether it holds, and a sentence about it. What is not known does not hold.
    fn judge(&self, row: &Row) -> (bool, String) {
        let value = (self.of)(row);
        let (holds, wanted) = match self.bound {
            Bound::AtLeast(least) => (value.is_some_and(|value| value >= least), format!("≥ {least}")),
            Bound::AtMost(most) => (value.is_some_and(|value| value <= most), format!("≤ {most}")),
        };
        let verdict = if holds { "holds" } else { "MISSED" };
        let value = value.map_or("–".to_owned(), |value| format!("{value:.5}"));
        let Self { case, rate, figure, .. } = self;
        (
            holds,
            format!("{verdict:<6} {case} at {rate}/s: {figure} {wanted} (is {value})"),
        )
    }
}

/// "100 %": what rounds to 100.00 %.
pub(crate) const ALL: f64 = 0.999_95;

macro_rules! targets {
    ($($case:literal @ $rate:literal: $($($figure:ident).+ $bound:ident $value:expr),+;)+) => {
        &[$($(Target {
            case: $case,
            rate: $rate,
            figure: stringify!($($figure).+),
            of: |row| Known::known(row.$($figure).+),
            bound: Bound::$bound($value),
        }),+),+]
    };
}

/// A figure that may be unknown.
trait Known {
    fn known(self) -> Option<f64>;
}

impl Known for f64 {
    fn known(self) -> Option<f64> {
        Some(self)
    }
}

impl Known for Option<f64> {
    fn known(self) -> Option<f64> {
        self
    }
}

const TARGETS: &[Target] = targets! {
    "hang2" @ 500.0: figures.success AtLeast ALL, figures.ok_under_100ms AtLeast 0.999, figures.p99_ms AtMost 64.0;
    "hang10" @ 500.0: figures.success AtLeast ALL, figures.ok_under_100ms AtLeast 0.999, figures.p99_ms AtMost 34.0;
    "rr6" @ 500.0: figures.success AtLeast ALL, figures.ok_under_100ms AtLeast ALL, figures.primary_attempts_per_call AtMost 0.05;
    "rr6" @ 5.0: figures.success AtLeast ALL, figures.primary_attempts_per_call AtMost 0.10;
    "sick30" @ 500.0: figures.success AtLeast 0.76, figures.p99_ms AtMost 100.0, figures.primary_attempts_per_call AtMost 0.02;
    "sick30" @ 5.0: figures.success AtLeast 0.88, figures.attempts_per_call AtMost 1.33;
    // One probe per open period.
    "both30" @ 500.0: openings AtMost 120.0, half_openings AtMost 121.0, figures.attempts_per_call AtMost 1.115, figures.success AtLeast 0.76;
    "offline" @ 500.0: openings AtMost 0.0, figures.attempts_per_call AtMost 1.115, figures.return_s AtMost 0.1;
    "offline" @ 5.0: openings AtMost 0.0, figures.attempts_per_call AtMost 1.34, figures.return_s AtMost 0.5;
    "away30" @ 500.0: primary_opened_s AtMost 0.2, figures.success AtLeast 0.76;
    "away30" @ 5.0: figures.success AtLeast 0.88, figures.attempts_per_call AtMost 1.33;
    "dead30" @ 500.0: primary_opened_s AtMost 0.2;
    "large05" @ 500.0: figures.success AtLeast ALL, openings AtMost 0.0;
    "creep10" @ 500.0: figures.ok_under_100ms AtLeast 0.99, figures.attempts_per_call AtMost 1.1;
    "sd1" @ 500.0: figures.primary_attempts_per_call AtLeast 0.95, figures.success AtLeast ALL;
    "sd10" @ 500.0: figures.primary_attempts_per_call AtLeast 0.60, figures.success AtLeast ALL;
    "prefix" @ 500.0: figures.primary_attempts_per_call AtLeast 0.85;
    "w10" @ 500.0: figures.success AtLeast 0.99;
    "gc" @ 500.0: figures.primary_attempts_per_call AtLeast 0.9, figures.ok_under_100ms AtLeast 0.999;
    "gc" @ 5.0: figures.primary_attempts_per_call AtLeast 0.7;
    "far" @ 500.0: openings AtMost 0.0, figures.success AtLeast ALL;
    "farhang" @ 500.0: figures.success AtLeast ALL, figures.p99_ms AtMost 550.0;
    "busy" @ 5000.0: refused AtMost 0.0, figures.primary_attempts_per_call AtLeast 0.99;
    "mixed" @ 500.0: displaced AtMost 0.0, openings AtMost 0.0;
    "mixed8" @ 500.0: displaced AtMost 0.0, openings AtMost 0.0;
    "impatient" @ 500.0: displaced AtMost 0.0, openings AtMost 0.0;
    "leavers" @ 500.0: displaced AtMost 0.0, openings AtMost 0.0;
    "misshome" @ 10.0: first_ms AtMost 1_200.0, later_p99_ms AtMost 20.0, figures.success AtLeast ALL;
    "misshome" @ 0.2: first_ms AtMost 1_200.0, later_p99_ms AtMost 20.0, figures.success AtLeast ALL;
    "second" @ 500.0: figures.success AtLeast ALL, slowest_ms AtMost 300.0, figures.leave_s AtMost 0.3, figures.touched_before_left AtMost 1.0;
    "miss" @ 10.0: first_ms AtMost 1_200.0, later_p99_ms AtMost 20.0, figures.success AtLeast ALL;
    "miss" @ 0.2: first_ms AtMost 1_200.0, later_p99_ms AtMost 20.0, figures.success AtLeast ALL;
};
