use crate::model::clock::Instant;
use std::time::Duration;

/// Counts over the last stretch of time, in slots. The window is a *true* sliding window: it forgets by the clock, and
/// not only when something changes.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    slot: Duration,
    slots: [Counts; SLOTS],
    /// The index of the slot that holds `current_start`.
    current: usize,
    current_start: Option<Instant>,
}

/// Ten slots: the window moves in steps of a tenth of its length.
const SLOTS: usize = 10;

/// What a window counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Attempts that went well.
    pub good: u32,
    /// Attempts that did not.
    pub bad: u32,
}

impl Counts {
    /// All attempts.
    pub(crate) const fn total(self) -> u32 {
        self.good.saturating_add(self.bad)
    }

    /// The share of bad attempts, 0–1; 0 when there are no attempts at all.
    pub(crate) fn bad_share(self) -> f64 {
        match self.total() {
            0 => 0.0,
            total => f64::from(self.bad) / f64::from(total),
        }
    }
}

impl Window {
    /// A window over the last `length`.
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            slot: (length / SLOTS as u32).max(Duration::from_millis(1)),
            slots: [Counts::default(); SLOTS],
            current: 0,
            current_start: None,
        }
    }

    /// Counts one attempt.
    pub(crate) fn record(&mut self, now: Instant, good: bool) {
        self.advance(now);
        let slot = &mut self.slots[self.current];
        if good {
            slot.good = slot.good.saturating_add(1);
        } else {
            slot.bad = slot.bad.saturating_add(1);
        }
    }

    /// The counts of the window that ends now.
    pub(crate) fn counts(&mut self, now: Instant) -> Counts {
        self.advance(now);
        self.slots.iter().fold(Counts::default(), |sum, slot| Counts {
            good: sum.good.saturating_add(slot.good),
            bad: sum.bad.saturating_add(slot.bad),
        })
    }

    fn advance(&mut self, now: Instant) {
        let Some(start) = self.current_start else {
            self.current_start = Some(now);
            return;
        };
        let age = now.saturating_duration_since(start);
        if age < self.slot {
            return;
        }
        let steps = (age.as_nanos() / self.slot.as_nanos()).min(u128::from(u32::MAX)) as u32;
        for _ in 0..steps.min(SLOTS as u32) {
            self.current = (self.current + 1) % SLOTS;
            self.slots[self.current] = Counts::default();
        }
        self.current_start = Some(start + self.slot * steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_window_forgets_by_the_clock() {
        let t0 = crate::model::clock::now();
        let mut window = Window::new(Duration::from_secs(1));
        for i in 0..10 {
            window.record(t0 + Duration::from_millis(i * 10), false);
        }
        assert_eq!(window.counts(t0 + Duration::from_millis(500)).bad, 10);
        assert_eq!(window.counts(t0 + Duration::from_millis(1100)).bad, 0);
    }

    proptest! {
        /// Against a list of all events: nothing older than the window counts, everything younger than nine tenths does.
        #[test]
        fn the_window_agrees_with_a_full_list(gaps in proptest::collection::vec((0_u64..400, any::<bool>()), 1..200)) {
            let mut now = crate::model::clock::now();
            let mut window = Window::new(Duration::from_secs(1));
            let mut all = Vec::new();
            for (gap, good) in gaps {
                now += Duration::from_millis(gap);
                window.record(now, good);
                all.push(now);
                let total = window.counts(now).total() as usize;
                let within = |limit| all.iter().filter(|at| now - **at <= Duration::from_millis(limit)).count();
                prop_assert!(total >= within(899) && total <= within(1000), "{total}: {} to {}", within(899), within(1000));
            }
        }
    }
}
