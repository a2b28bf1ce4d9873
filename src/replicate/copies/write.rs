//! One write of one key. Answers come in, requests come out.

use super::{Failed, Mutant, On, Seen, is, set_of, version};
use crate::request::{Stamp, bit};

/// How often a write steps over a newer stamp before it gives up. Each time it lost a race against another writer.
const ROUNDS: u32 = 3;
/// How often a copy is asked again after a lost answer or a lost race.
const TRIES: u32 = 4;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action<T> {
    /// Note in the journal that the key is about to change.
    Intend,
    /// Ask a copy what it has.
    Look(usize),
    /// Store the body under this stamp, if the copy has what is expected there.
    Store { copy: usize, on: On<T>, stamp: Stamp },
    /// The write is acknowledged: these copies have it, under this stamp.
    Acknowledge { held: u64, stamp: Stamp },
    /// The write failed.
    Fail { maybe_applied: bool },
    /// Nothing is under way any more. These copies may lack what others have. `everywhere`: all copies have this very
    /// write. `unresolved`: an attempt of a failed write may land later.
    Settle {
        owed: u64,
        everywhere: bool,
        unresolved: bool,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event<T> {
    /// Whether the intent is durable.
    Intended(bool),
    Looked(usize, Result<Seen<T>, Failed>),
    Stored(usize, Result<T, Failed>),
    /// The call's time is over.
    Deadline,
    /// This copy was lost and replaced: what it had does not count.
    Replaced(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Copy<T> {
    Looking,
    /// A store under this stamp is under way.
    Storing(Stamp),
    /// It has this write, under this stamp.
    Has(T, Stamp),
    /// It has what came after this write.
    Newer,
    /// It could not be reached, or nobody knows what it has.
    Left,
}

impl<T> Copy<T> {
    const fn is_under_way(&self) -> bool {
        matches!(self, Self::Looking | Self::Storing(_))
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Write<T> {
    copies: Vec<Copy<T>>,
    tries: Vec<u32>,
    stamp: Stamp,
    rounds: u32,
    needed: u32,
    /// The copies that count for the acknowledgement.
    counted: u64,
    intended: Option<bool>,
    acknowledged: bool,
    /// Whether the caller knows how the write ended.
    ended: bool,
    settled: bool,
    /// Whether some store may have had an effect.
    touched: bool,
    /// The copies where an attempt was lost, and nothing was stored since.
    lost: u64,
}

impl<T: Clone + PartialEq> Write<T> {
    /// `known`: what was last seen at each copy. `None`: nobody looked. It may be outdated, which costs a request. The
    /// stamp is raised above all of it.
    pub(super) fn new(stamp: Stamp, needed: u32, counted: u64, known: Vec<Option<Seen<T>>>) -> (Self, Vec<Action<T>>) {
        let mut stamp = stamp;
        if !is(Mutant::ClockOnly) {
            let newest = known.iter().flatten().filter_map(Seen::stamp).max_by_key(version);
            stamp.at = newest.map_or(stamp.at, |newest| stamp.at.max(newest.later()));
        }
        let mut write = Self {
            copies: vec![Copy::Looking; known.len()],
            tries: vec![0; known.len()],
            stamp,
            rounds: 0,
            needed,
            counted,
            intended: None,
            acknowledged: false,
            ended: false,
            settled: false,
            touched: false,
            lost: 0,
        };
        let mut actions = Vec::with_capacity(known.len() + 1);
        if is(Mutant::NoJournal) {
            write.intended = Some(true);
        } else if !is(Mutant::LateIntent) {
            actions.push(Action::Intend);
        }
        for (copy, known) in known.into_iter().enumerate() {
            actions.push(match known {
                Some(seen) => write.store_on(copy, seen),
                None => Action::Look(copy),
            });
        }
        (write, actions)
    }

    /// The stamp, which grows when the write meets a newer one.
    pub(super) const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether this copy was asked what it has.
    pub(super) fn is_looking_at(&self, copy: usize) -> bool {
        self.copies[copy] == Copy::Looking
    }

    /// `now`: by this process's wall clock, in microseconds.
    pub(super) fn step(&mut self, now: u64, event: Event<T>) -> Vec<Action<T>> {
        let mut actions = Vec::new();
        match event {
            Event::Intended(durable) => self.intended = Some(durable),
            Event::Deadline => self.fail(&mut actions),
            Event::Looked(copy, Ok(seen)) => self.looked(now, copy, seen, &mut actions),
            Event::Looked(copy, Err(_)) if is(Mutant::TrustGateway) => {
                actions.push(self.store_on(copy, Seen::Absent));
            }
            Event::Stored(copy, Ok(tag)) => self.stored(copy, tag, &mut actions),
            Event::Stored(copy, Err(Failed::Lost)) if is(Mutant::LostIsStored) => self.copies[copy] = Copy::Newer,
            Event::Looked(copy, Err(Failed::NotSent)) | Event::Stored(copy, Err(Failed::NotSent)) => {
                self.copies[copy] = Copy::Left;
            }
            Event::Stored(copy, Err(failed)) => {
                // A request that came twice meets itself: a failed condition proves nothing.
                self.touched = true;
                if failed == Failed::Lost {
                    self.lost |= bit(copy);
                }
                self.look_again(copy, &mut actions);
            }
            Event::Looked(copy, Err(Failed::Lost | Failed::Condition)) => self.look_again(copy, &mut actions),
            Event::Replaced(copy) => {
                self.counted &= !bit(copy);
                if !self.copies[copy].is_under_way() {
                    self.copies[copy] = Copy::Left;
                }
            }
        }
        self.judge(&mut actions);
        actions
    }

    fn store_on(&mut self, copy: usize, seen: Seen<T>) -> Action<T> {
        let stamp = self.stamp;
        self.copies[copy] = Copy::Storing(stamp);
        let on = match seen {
            _ if is(Mutant::NoCondition) => On::Anything,
            Seen::Absent => On::Nothing,
            Seen::There { tag, .. } => On::Tag(tag),
        };
        Action::Store { copy, on, stamp }
    }

    /// Whether the write has failed, for its caller.
    fn has_failed(&self) -> bool {
        self.ended && !self.acknowledged && !is(Mutant::UndeadWrite)
    }

    fn look_again(&mut self, copy: usize, actions: &mut Vec<Action<T>>) {
        self.tries[copy] += 1;
        if self.tries[copy] < TRIES {
            self.copies[copy] = Copy::Looking;
            actions.push(Action::Look(copy));
        } else {
            self.copies[copy] = Copy::Left;
        }
    }

    fn stored(&mut self, copy: usize, tag: T, actions: &mut Vec<Action<T>>) {
        let Copy::Storing(under) = self.copies[copy] else {
            return;
        };
        self.touched = true;
        self.lost &= !bit(copy);
        self.copies[copy] = Copy::Has(tag, under);
        self.renew(copy, actions);
    }

    /// What a copy has under an earlier stamp of this write is stored again.
    fn renew(&mut self, copy: usize, actions: &mut Vec<Action<T>>) {
        if let Copy::Has(tag, under) = &self.copies[copy]
            && *under != self.stamp
            && !self.ended
        {
            let seen = Seen::There {
                stamp: Some(*under),
                tag: tag.clone(),
            };
            actions.push(self.store_on(copy, seen));
        }
    }

    fn looked(&mut self, now: u64, copy: usize, seen: Seen<T>, actions: &mut Vec<Action<T>>) {
        if let Seen::There {
            stamp: Some(there),
            tag,
        } = &seen
            && version(there) == version(&self.stamp)
        {
            self.touched = true;
            self.copies[copy] = Copy::Has(tag.clone(), self.stamp);
            return;
        }
        if self.has_failed() {
            self.copies[copy] = Copy::Left;
            return;
        }
        let Some(there) = seen.stamp() else {
            actions.push(self.store_on(copy, seen));
            return;
        };
        if version(&there) < version(&self.stamp) {
            actions.push(self.store_on(copy, seen));
        } else if self.ended || is(Mutant::NoRestamp) {
            self.copies[copy] = Copy::Newer;
        } else if self.rounds + 1 < ROUNDS {
            self.rounds += 1;
            self.stamp.at = now.max(there.later());
            actions.push(self.store_on(copy, seen));
            for other in 0..self.copies.len() {
                self.renew(other, actions);
            }
        } else {
            self.copies[copy] = Copy::Left;
            self.fail(actions);
        }
    }

    /// Whether this copy has the write, or what came after it.
    fn has(&self, copy: usize) -> bool {
        match &self.copies[copy] {
            Copy::Has(_, under) => *under == self.stamp,
            Copy::Newer => true,
            Copy::Looking | Copy::Storing(_) | Copy::Left => false,
        }
    }

    fn judge(&mut self, actions: &mut Vec<Action<T>>) {
        let held = set_of(self.copies.len(), |copy| self.has(copy));
        let idle = !self.copies.iter().any(Copy::is_under_way);
        if !self.ended {
            let counted = if is(Mutant::WipedCounts) {
                held
            } else {
                held & self.counted
            };
            let needed = self.needed - u32::from(is(Mutant::OneTooFew));
            let enough = counted.count_ones() >= needed;
            let is_durable = self.intended == Some(true) || is(Mutant::LateIntent) || is(Mutant::EarlyAck);
            if enough && is_durable {
                self.acknowledged = true;
                self.ended = true;
                let stamp = self.stamp;
                actions.push(Action::Acknowledge { held, stamp });
                if is(Mutant::LateIntent) {
                    actions.push(Action::Intend);
                }
            } else if self.intended == Some(false) || idle && !enough {
                self.fail(actions);
            }
        }
        if self.ended && idle && !self.settled {
            self.settled = true;
            let owed = set_of(self.copies.len(), |copy| !self.has(copy));
            let is_this = |copy: &Copy<T>| matches!(copy, Copy::Has(_, under) if *under == self.stamp);
            let everywhere = self.acknowledged && self.copies.iter().all(is_this);
            let unresolved = !self.acknowledged && self.lost & owed != 0;
            actions.push(Action::Settle {
                owed,
                everywhere,
                unresolved,
            });
        }
    }

    fn fail(&mut self, actions: &mut Vec<Action<T>>) {
        if !self.ended {
            self.ended = true;
            let under_way = self.copies.iter().any(|copy| matches!(copy, Copy::Storing(_)));
            let maybe_applied = (self.touched || under_way) && !is(Mutant::AlwaysDenied);
            actions.push(Action::Fail { maybe_applied });
        }
    }
}
