//! What the callers saw, and what must be true of it.

use super::{
    super::{ledger::Ledger, set_of},
    wire::{Body, Copy, Key},
};
use crate::request::Stamp;
use std::collections::BTreeMap;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) process: usize,
    pub(super) key: Key,
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Write {
        body: Body,
        end: End,
    },
    /// `all`: it asked for enough answers to see every acknowledged write.
    Read {
        all: bool,
        saw: Option<Option<Body>>,
    },
}

/// How a write ended, as its caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Acknowledged(Stamp),
    Unknown,
    NotApplied,
}

/// An acknowledged write.
struct Acknowledged<'a> {
    record: &'a Record,
    body: Body,
    stamp: Stamp,
}

#[derive(Default)]
pub(super) struct History {
    pub(super) records: Vec<Record>,
    /// The highest acknowledged stamp of each key.
    highest: BTreeMap<Key, Stamp>,
    /// The same of each process.
    of_process: BTreeMap<(usize, Key), Stamp>,
}

impl History {
    pub(super) fn begin(&mut self, process: usize, key: Key, now: u64, what: What) -> usize {
        self.records.push(Record {
            process,
            key,
            began: now,
            ended: u64::MAX,
            what,
        });
        self.records.len() - 1
    }

    /// A write has ended, for its caller.
    pub(super) fn wrote(&mut self, at: usize, now: u64, how: End) {
        let record = &mut self.records[at];
        if let What::Write { end, .. } = &mut record.what {
            *end = how;
            // What nobody knows may yet take place: it is over for its caller, but not for the copies.
            record.ended = if how == End::Unknown { u64::MAX } else { now };
        }
        if let End::Acknowledged(stamp) = how {
            let highest = self.highest.entry(record.key).or_insert(stamp);
            *highest = stamp.max(*highest);
            let highest = self.of_process.entry((record.process, record.key)).or_insert(stamp);
            *highest = stamp.max(*highest);
        }
    }

    /// A read has ended: with the body that it saw, or nothing; or it failed.
    pub(super) fn read(&mut self, at: usize, now: u64, seen: Option<Option<Body>>) {
        let record = &mut self.records[at];
        record.ended = now;
        if let What::Read { saw, .. } = &mut record.what {
            *saw = seen;
        }
    }

    /// The process died: nobody learns how the call ended.
    pub(super) fn cut_off(&mut self, at: usize) {
        if let What::Write { end, .. } = &mut self.records[at].what
            && *end == End::Open
        {
            *end = End::Unknown;
        }
    }

    pub(super) fn is_open(&self) -> bool {
        let is_open = |record: &Record| match record.what {
            What::Write { end, .. } => end == End::Open,
            What::Read { .. } => false,
        };
        self.records.iter().any(is_open)
    }

    /// **Held**: enough copies with a vote have the write that is acknowledged now, or a newer one.
    pub(super) fn is_held(key: Key, stamp: Stamp, needed: u32, copies: &[Copy]) -> Result<(), String> {
        let has = |copy: &Copy| copy.votes && copy.objects.get(&key).is_some_and(|object| object.stamp >= stamp);
        let held = set_of(copies.len(), |copy| has(&copies[copy]));
        match held.count_ones() >= needed {
            true => Ok(()),
            false => Err(format!("{stamp:?} is acknowledged, and only {held:b} have it")),
        }
    }

    /// **Durable**: of each key some copy has the newest acknowledged version, or a newer one.
    pub(super) fn is_durable(&self, copies: &[Copy]) -> Result<(), String> {
        for (key, stamp) in &self.highest {
            let there = copies.iter().filter_map(|copy| copy.objects.get(key));
            let newest = there.map(|object| object.stamp).max();
            if newest.is_none_or(|newest| newest < *stamp) {
                return Err(format!("the acknowledged {stamp:?} is lost; the newest is {newest:?}"));
            }
        }
        Ok(())
    }

    /// **Accounted for**: a copy that is behind what this process acknowledged is owed it.
    pub(super) fn is_accounted_for(&self, process: usize, ledger: &Ledger<Key>, copies: &[Copy]) -> Result<(), String> {
        for (&(_, key), stamp) in self.of_process.range((process, 0)..(process + 1, 0)) {
            let is_behind =
                |copy: &Copy| copy.votes && copy.objects.get(&key).is_none_or(|object| object.stamp < *stamp);
            let behind = set_of(copies.len(), |copy| is_behind(&copies[copy]));
            if behind & !ledger.owes(&key) != 0 {
                return Err(format!(
                    "the copies {behind:b} are behind {stamp:?} of key {key}, and nobody knows"
                ));
            }
        }
        Ok(())
    }

    fn acknowledged(&self) -> impl Iterator<Item = Acknowledged<'_>> {
        self.records.iter().filter_map(|record| match record.what {
            What::Write {
                body,
                end: End::Acknowledged(stamp),
            } => Some(Acknowledged { record, body, stamp }),
            _ => None,
        })
    }

    /// **Ordered**: a write that began after another one was acknowledged has the higher stamp.
    pub(super) fn is_ordered(&self) -> Result<(), String> {
        for first in self.acknowledged() {
            let after = |second: &Acknowledged<'_>| {
                first.record.key == second.record.key && first.record.ended < second.record.began
            };
            if let Some(second) = self
                .acknowledged()
                .filter(after)
                .find(|second| second.stamp < first.stamp)
            {
                return Err(format!(
                    "{:?} came after {:?}, with the lower stamp",
                    second.record, first.record
                ));
            }
        }
        Ok(())
    }

    /// **Regular**: a read sees the last write that was acknowledged before it began, or a later one. A read of one copy
    /// promises so of the writes of its own process only.
    pub(super) fn is_regular(&self) -> Result<(), String> {
        for read in &self.records {
            let What::Read { all, saw: Some(saw) } = read.what else {
                continue;
            };
            let written = |body: Body| {
                let is_it = |record: &&Record| matches!(record.what, What::Write { body: wrote, .. } if wrote == body);
                self.records.iter().find(is_it)
            };
            let must_see = |write: &Acknowledged<'_>| {
                let counts = all || write.record.process == read.process;
                counts && write.record.key == read.key && write.record.ended < read.began
            };
            for write in self.acknowledged().filter(must_see) {
                let is_outdated = match saw {
                    None => true,
                    Some(body) if body == write.body => false,
                    Some(body) => written(body).is_none_or(|seen| seen.ended < write.record.began),
                };
                if is_outdated {
                    return Err(format!("{read:?} does not see {:?}", write.record));
                }
            }
        }
        Ok(())
    }
}
