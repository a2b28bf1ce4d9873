//! What lies between a process and a copy, and the copies.

use super::super::{Failed, On, Seen};
use crate::request::Stamp;
use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BinaryHeap},
};

pub(super) const MS: u64 = 1_000;
pub(super) const SECOND: u64 = 1_000 * MS;
/// How long a request that was given up may still be under way: as long as its signature is valid.
pub(super) const LATEST: u64 = 15 * 60 * SECOND;
/// How long a process waits for an answer.
const PATIENCE: u64 = SECOND;

pub(super) type Key = u32;
pub(super) type Tag = u64;
/// A body. Every write has another one.
pub(super) type Body = u64;

/// What happens next, and to whom.
#[derive(Clone, Debug)]
pub(super) enum Happens {
    Arrives(Asked, Request),
    Answers(Asked, Reply),
    /// The disk has what the journal noted for this operation.
    Synced(Run, u64),
    Deadline(Run, u64),
    /// A client of this process does something.
    Client(Run, usize),
    /// A process looks what there is to repair.
    Repairs(Run),
    Dies(Run),
    Restart(usize),
    /// A replaced copy is filled.
    Fills,
    /// Something breaks, or is well again.
    Trouble,
}

/// One life of a process: what belongs to an earlier one finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) process: usize,
    pub(super) life: u32,
}

/// Who asked which copy about what. `nth` tells a request from the next one to the same copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) run: Run,
    pub(super) operation: u64,
    pub(super) copy: usize,
    pub(super) key: Key,
    pub(super) nth: u64,
    /// Whether the wire doubled it.
    pub(super) twice: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Request {
    Look,
    Store { on: On<Tag>, stamp: Stamp, body: Body },
}

#[derive(Clone, Debug)]
pub(super) enum Reply {
    Saw(Seen<Tag>, Option<Body>),
    Stored(Tag),
    Failed(Failed),
}

/// Events in the order of their time.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) now: u64,
    nth: u64,
    waiting: BinaryHeap<Reverse<Next>>,
}

struct Next {
    at: u64,
    nth: u64,
    what: Happens,
}

impl Queue {
    pub(super) fn from(now: u64) -> Self {
        Self { now, ..Self::default() }
    }

    pub(super) fn after(&mut self, time: u64, what: Happens) {
        let (at, nth) = (self.now + time, self.number());
        self.waiting.push(Reverse(Next { at, nth, what }));
    }

    /// A number that was not given before.
    pub(super) fn number(&mut self) -> u64 {
        self.nth += 1;
        self.nth
    }

    /// The next event, to whose time the clock goes.
    pub(super) fn next(&mut self) -> Option<Happens> {
        let Reverse(next) = self.waiting.pop()?;
        self.now = next.at;
        Some(next.what)
    }

    /// Sends a request: it may be lost, late or doubled. `true`: it may arrive after its sender gave it up.
    pub(super) fn send(
        &mut self,
        rng: &mut fastrand::Rng,
        (calm, sick): (bool, bool),
        mut asked: Asked,
        request: Request,
    ) -> bool {
        let quick = rng.u64(MS..30 * MS);
        let dice = if calm { 99 } else { rng.u32(0..100) };
        let late = match dice {
            50..=99 if sick && !calm => Some(rng.u64(0..60 * SECOND)),
            0..=3 => None,
            4..=6 => {
                let latest = if rng.bool() { LATEST } else { 60 * SECOND };
                Some(rng.u64(0..latest))
            }
            7..=9 => {
                asked.twice = true;
                let late = if rng.bool() { LATEST } else { 5 * SECOND };
                let late = rng.u64(0..late);
                self.after(quick, Happens::Arrives(asked, request.clone()));
                Some(late)
            }
            _ => {
                self.after(quick, Happens::Arrives(asked, request.clone()));
                None
            }
        };
        if let Some(late) = late {
            self.after(late, Happens::Arrives(asked, request));
        }
        self.after(PATIENCE, Happens::Answers(asked, Reply::Failed(Failed::Lost)));
        late.is_some_and(|late| late > PATIENCE)
    }
}

/// A store: one object under each key.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) objects: BTreeMap<Key, Object>,
    pub(super) up: bool,
    /// Whether it has a vote: it was not replaced, or is filled again.
    pub(super) votes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) stamp: Stamp,
    pub(super) tag: Tag,
    pub(super) body: Body,
}

impl Copy {
    pub(super) const fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            up: true,
            votes: true,
        }
    }

    /// Serves a request, atomically.
    ///
    /// # Errors
    /// An older version replaced a newer one.
    pub(super) fn serve(&mut self, key: Key, request: Request, tag: Tag) -> Result<Reply, String> {
        let there = self.objects.get(&key);
        let (on, stamp, body) = match request {
            Request::Look => {
                let seen = there.map_or(Seen::Absent, |object| Seen::There {
                    stamp: Some(object.stamp),
                    tag: object.tag,
                });
                return Ok(Reply::Saw(seen, there.map(|object| object.body)));
            }
            Request::Store { on, stamp, body } => (on, stamp, body),
        };
        let fits = match on {
            On::Nothing => there.is_none(),
            On::Tag(tag) => there.is_some_and(|object| object.tag == tag),
            On::Anything => true,
        };
        if !fits {
            return Ok(Reply::Failed(Failed::Condition));
        }
        if let Some(older) = there.filter(|object| object.stamp > stamp) {
            return Err(format!("{stamp:?} replaced the newer {:?}", older.stamp));
        }
        self.objects.insert(key, Object { stamp, tag, body });
        Ok(Reply::Stored(tag))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.nth == other.nth
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}
