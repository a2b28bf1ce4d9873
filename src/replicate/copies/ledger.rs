//! What the copies are owed: the state of a journal, whatever keeps it.

use super::{Mutant, all, is};
use std::collections::BTreeMap;

/// What is known of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// The number of the last change: a repair that began before clears nothing that came after.
    version: u64,
    /// The number of the change that last made a copy owed.
    grown: u64,
    /// Writes under way.
    open: u32,
    /// Copies that may lack what others have.
    owed: u64,
    /// The order in which keys became owed: the oldest is repaired first.
    since: u64,
    /// Until when a late attempt of a failed write may land.
    until: u64,
    /// As far as one can see nothing is owed; a late attempt is waited for.
    waiting: bool,
}

/// See the module. Times are microseconds of the wall clock, since a journal outlives its process.
#[derive(Clone, Debug)]
pub(super) struct Ledger<K> {
    entries: BTreeMap<K, Entry>,
    /// Changes so far. No number comes twice, not even after an entry was dropped.
    changes: u64,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            changes: 0,
        }
    }
}

impl<K: Ord + Clone> Ledger<K> {
    /// The entry of a key, and the number of the change that is made to it.
    fn change(&mut self, key: &K) -> Option<(&mut Entry, u64)> {
        self.changes += 1;
        let entry = self.entries.get_mut(key)?;
        entry.version = self.changes;
        Some((entry, self.changes))
    }

    /// A write of this key begins. Returns its number.
    pub(super) fn intend(&mut self, key: &K) -> u64 {
        self.changes += 1;
        let since = self.changes;
        let entry = self.entries.entry(key.clone()).or_insert(Entry {
            since,
            ..Entry::default()
        });
        entry.version = since;
        entry.open += 1;
        since
    }

    /// The write was acknowledged, and these copies do not have it yet.
    pub(super) fn lacks(&mut self, key: &K, copies: u64) {
        if let Some((entry, number)) = self.change(key) {
            entry.owed |= copies;
            entry.grown = number;
        }
    }

    /// The write of this number is over, and these copies may lack it. `everywhere`: all copies have it, and so whatever
    /// was owed when it began. `until`: when no attempt of it can land any more, if one may.
    pub(super) fn settle(
        &mut self,
        key: &K,
        number: u64,
        (owed, everywhere): (u64, bool),
        (now, until): (u64, Option<u64>),
    ) {
        let Some((entry, change)) = self.change(key) else {
            return;
        };
        entry.open = entry.open.saturating_sub(1);
        if everywhere && entry.grown < number && entry.until <= now {
            entry.owed = 0;
        }
        if owed != 0 {
            entry.owed |= owed;
            entry.grown = change;
        }
        entry.until = entry.until.max(until.unwrap_or(0));
        entry.waiting = false;
        self.drop_if_empty(key);
    }

    /// The copies that may lack an acknowledged write of this key.
    pub(super) fn owes(&self, key: &K) -> u64 {
        self.entries.get(key).map_or(0, |entry| entry.owed)
    }

    /// The keys to repair with their versions, the oldest first.
    pub(super) fn due(&self, now: u64) -> Vec<(K, u64)> {
        let is_due = |entry: &Entry| entry.open == 0 && entry.owed != 0 && !(entry.waiting && now < entry.until);
        let mut due: Vec<_> = self.entries.iter().filter(|(_, entry)| is_due(entry)).collect();
        due.sort_unstable_by_key(|(_, entry)| entry.since);
        due.into_iter()
            .map(|(key, entry)| (key.clone(), entry.version))
            .collect()
    }

    /// A repair that began at this version is over, and these copies may still lack something.
    pub(super) fn repaired(&mut self, key: &K, version: u64, owed: u64, now: u64) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.version != version && !is(Mutant::StaleClear) {
            return;
        }
        if now < entry.until && !is(Mutant::ForgetLate) {
            entry.waiting = owed == 0;
            return;
        }
        entry.owed = owed;
        self.drop_if_empty(key);
    }

    fn drop_if_empty(&mut self, key: &K) {
        if self
            .entries
            .get(key)
            .is_some_and(|entry| entry.open == 0 && entry.owed == 0)
        {
            self.entries.remove(key);
        }
    }

    /// The ledger as a new process finds it: nobody knows how the writes ended that were under way. `until`: when none of
    /// their attempts can land any more.
    pub(super) fn reopened(mut self, copies: usize, until: u64) -> Self {
        for entry in self.entries.values_mut().filter(|entry| entry.open > 0) {
            self.changes += 1;
            entry.open = 0;
            entry.owed = all(copies);
            (entry.version, entry.grown) = (self.changes, self.changes);
            entry.until = entry.until.max(until);
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
