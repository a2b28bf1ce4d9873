//! Which keys are done, in the order of the listing. Pure.
//!
//! Keys end in any order. The *position* is the last key up to which all keys are done. A resume starts from the
//! position.

use super::{Counts, KeyName};
use std::collections::VecDeque;

/// The most keys beyond the position that was saved last, which a resume may have to repeat. The number is large enough
/// that the saves (a few a second) do not hold up a fast copy.
pub(super) const WINDOW: u64 = 1_000;
/// Failures hold back the position only if the limit of failures is at most this. A user who tolerates more wants to
/// pass them.
const HELD: u32 = 500;

#[derive(Debug)]
pub(super) struct Window {
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
    position: Option<KeyName>,
    confirmed: Counts,
    /// The number after the key at the position.
    confirmed_to: u64,
    saved_to: u64,
    /// The failures after the position, without a success among them.
    row: Row,
    holds: bool,
}

#[derive(Debug)]
struct Slot {
    key: KeyName,
    done: Option<(Counts, bool)>,
}

#[derive(Debug, Default)]
struct Row {
    length: u32,
    counts: Counts,
    last: Option<KeyName>,
}

impl Window {
    pub(super) fn new(position: Option<KeyName>, confirmed: Counts, failures_in_a_row: u32) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            position,
            confirmed,
            confirmed_to: 0,
            saved_to: 0,
            row: Row::default(),
            holds: failures_in_a_row <= HELD,
        }
    }

    /// A key of the listing is begun. Returns the key's number.
    pub(super) fn admit(&mut self, key: KeyName) -> u64 {
        self.slots.push_back(Slot { key, done: None });
        self.first + self.slots.len() as u64 - 1
    }

    /// Key `number` is done, with this to count. `failed`: many such results in a row are not the keys' fault.
    pub(super) fn done(&mut self, number: u64, counts: Counts, failed: bool) {
        if let Some(slot) = self.slots.get_mut((number - self.first) as usize) {
            slot.done = Some((counts, failed));
        }
        while let Some((counts, failed)) = self.slots.front().and_then(|slot| slot.done) {
            let Some(slot) = self.slots.pop_front() else { break };
            self.first += 1;
            self.row.counts.add(counts);
            self.row.length = if failed { self.row.length.saturating_add(1) } else { 0 };
            self.row.last = Some(slot.key);
            if !(failed && self.holds) {
                self.pass();
            }
        }
    }

    /// The listing has ended: the position passes the last failures, too.
    pub(super) fn pass(&mut self) {
        self.confirmed.add(std::mem::take(&mut self.row.counts));
        if let Some(last) = self.row.last.take() {
            self.position = Some(last);
            self.confirmed_to = self.first;
        }
    }

    /// The number of failures in a row that ends at the last key that is done.
    pub(super) const fn row(&self) -> u32 {
        self.row.length
    }

    pub(super) fn has_room(&self) -> bool {
        self.first + (self.slots.len() as u64) < self.saved_to + WINDOW
    }

    pub(super) const fn position(&self) -> Option<&KeyName> {
        self.position.as_ref()
    }

    pub(super) const fn confirmed(&self) -> Counts {
        self.confirmed
    }

    /// The number of keys between the saved position and the present one.
    pub(super) const fn unsaved(&self) -> u64 {
        self.confirmed_to - self.saved_to
    }

    /// The value for [`saved`](Self::saved) when the present position was saved.
    pub(super) const fn mark(&self) -> u64 {
        self.confirmed_to
    }

    pub(super) fn saved(&mut self, mark: u64) {
        self.saved_to = self.saved_to.max(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one() -> Counts {
        Counts {
            copied: 1,
            ..Counts::default()
        }
    }

    fn admitted(window: &mut Window, keys: u32) {
        for n in 0..keys {
            window.admit(KeyName::new(format!("{n:04}")));
        }
    }

    #[test]
    fn a_later_success_moves_the_position_past_failures() {
        let mut window = Window::new(None, Counts::default(), 20);
        admitted(&mut window, 5);
        window.done(0, one(), false);
        window.done(1, one(), true);
        window.done(2, one(), true);
        assert_eq!((window.position().unwrap().as_str(), window.row()), ("0000", 2));
        assert_eq!(
            window.confirmed().copied,
            1,
            "what failed last is tried again by a resume"
        );
        window.done(3, one(), false);
        assert_eq!((window.position().unwrap().as_str(), window.row()), ("0003", 0));
        window.done(4, one(), true);
        window.pass();
        assert_eq!(
            (window.position().unwrap().as_str(), window.confirmed().copied),
            ("0004", 5)
        );
    }

    #[test]
    fn unsaved_keys_bound_the_window() {
        let mut window = Window::new(None, Counts::default(), 20);
        admitted(&mut window, WINDOW as u32);
        (0..WINDOW).for_each(|n| window.done(n, one(), false));
        assert!(!window.has_room());
        assert_eq!(window.unsaved(), WINDOW);
        window.saved(window.mark());
        assert!(window.has_room());
    }

    proptest! {
        /// Whatever ends first: the position is the last key before which all are done, and counts no other.
        #[test]
        fn the_position_is_the_last_key_before_which_all_are_done(order in Just((0..50_u64).collect::<Vec<_>>()).prop_shuffle(), ended in 0..50_usize) {
            let mut window = Window::new(None, Counts::default(), 20);
            admitted(&mut window, 50);
            order[..ended].iter().for_each(|n| window.done(*n, one(), false));
            let expected = (0..50).take_while(|n| order[..ended].contains(n)).count() as u64;
            prop_assert_eq!(window.confirmed().copied, expected);
            let name = expected.checked_sub(1).map(|n| format!("{n:04}"));
            prop_assert_eq!(window.position().map(KeyName::as_str), name.as_deref());
        }
    }
}
