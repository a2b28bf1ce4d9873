//! What the copies are owed: the state of a journal, whatever keeps it.

use super::{Mutant, is};
use crate::request::bit;
use std::collections::BTreeMap;

/// What is known of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// Grows with each change: a repair that began before clears nothing that came after.
    version: u64,
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
    intents: u64,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            intents: 0,
        }
    }
}

impl<K: Ord + Clone> Ledger<K> {
    /// A write of this key begins.
    pub(super) fn intend(&mut self, key: &K) {
        self.intents += 1;
        let entry = self.entries.entry(key.clone()).or_default();
        if entry.version == 0 {
            entry.since = self.intents;
        }
        entry.version += 1;
        entry.open += 1;
    }

    /// The write was acknowledged, and these copies do not have it yet.
    pub(super) fn lacks(&mut self, key: &K, copies: u64) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.owed |= copies;
            entry.version += 1;
        }
    }

    /// The write is over, and these copies may lack it. `until`: when no attempt of it can land any more, if one may.
    pub(super) fn settle(&mut self, key: &K, owed: u64, until: Option<u64>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.open -= 1;
        entry.owed |= owed;
        entry.version += 1;
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
            entry.open = 0;
            entry.owed = bit(copies) - 1;
            entry.version += 1;
            entry.until = entry.until.max(until);
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
