//! The bounds of the numbers that users set: one list for each kind of settings, read in two ways.
//!
//! A client refuses a number outside its bounds when it is built. A component that cannot refuse (a layer used alone,
//! a budget, a keeper) takes the nearest number inside. So no number panics, or is meaningless, in the middle of a
//! call.

use std::{fmt, time::Duration};

/// The longest wait: no person and no process has more patience, and no clock overflows by a few of these.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The longest time between two refreshes.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
/// The shortest time between repetitions: the resolution of timers.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Checks one number after another. Moves each within its bounds, and remembers the first that was outside.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    wrong: Option<String>,
}

impl Bounds {
    /// Checks a length of time.
    pub(crate) fn time(&mut self, name: &str, value: &mut Duration, least: Duration, most: Duration) {
        let given = *value;
        *value = given.clamp(least, most);
        self.compare(name, *value != given, format_args!("{given:?}"), (&least, &most));
    }

    /// Checks a number; NaN counts as the least.
    pub(crate) fn number(&mut self, name: &str, value: &mut f64, least: f64, most: f64) {
        let given = *value;
        *value = if given.is_nan() {
            least
        } else {
            given.clamp(least, most)
        };
        self.compare(
            name,
            !(least..=most).contains(&given),
            format_args!("{given}"),
            (&least, &most),
        );
    }

    /// Checks a count.
    pub(crate) fn count(&mut self, name: &str, value: &mut u32, least: u32, most: u32) {
        let given = *value;
        *value = given.clamp(least, most);
        self.compare(name, *value != given, format_args!("{given}"), (&least, &most));
    }

    fn compare(
        &mut self,
        name: &str,
        outside: bool,
        given: fmt::Arguments<'_>,
        (least, most): (&dyn fmt::Debug, &dyn fmt::Debug),
    ) {
        if outside && self.wrong.is_none() {
            self.wrong = Some(format!("`{name}` must lie between {least:?} and {most:?}, not {given}"));
        }
    }

    /// The first number that was outside.
    pub(crate) fn wrong(self) -> Option<String> {
        self.wrong
    }
}

/// Settings with a list of bounds.
pub(crate) trait Bounded: Clone {
    /// Checks each of the settings' numbers.
    fn bound(&mut self, bounds: &mut Bounds);

    /// The nearest settings within the bounds.
    fn bounded(mut self) -> Self {
        self.bound(&mut Bounds::default());
        self
    }

    /// The first number outside its bounds.
    fn wrong(&self) -> Option<String> {
        let mut bounds = Bounds::default();
        self.clone().bound(&mut bounds);
        bounds.wrong()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_clamp_values_and_report_the_first_violation() {
        let mut bounds = Bounds::default();
        let (mut share, mut wait, mut count) = (f64::NAN, Duration::MAX, 7);
        bounds.count("count", &mut count, 1, 10);
        bounds.number("share", &mut share, 0.0, 1.0);
        bounds.time("wait", &mut wait, Duration::ZERO, DAY);
        assert_eq!((share, wait, count), (0.0, DAY, 7));
        assert_eq!(
            bounds.wrong().as_deref(),
            Some("`share` must lie between 0.0 and 1.0, not NaN")
        );
    }
}
