//! The repair of one key: the newest version goes where an older one is. Answers come in, requests come out.

use super::{Failed, Mutant, On, Seen, all, is, set_of, version};
use crate::request::{Stamp, bit, members};

/// How often a copy is asked again after a lost answer or a lost race.
const TRIES: u32 = 3;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action<T> {
    /// Ask a copy what it has.
    Look(usize),
    /// Store what `from` has, under its stamp, if `copy` still has what is expected there.
    Store {
        from: usize,
        copy: usize,
        on: On<T>,
        stamp: Stamp,
    },
    /// It is over, and these copies may still lack something. `foreign`: what lies there has no stamp, and a version with
    /// a stamp is elsewhere.
    Done { owed: u64, foreign: u64 },
}

#[derive(Clone, Debug)]
enum Copy<T> {
    /// Nobody asks it.
    Passed,
    Looking,
    Saw(Seen<T>),
    /// A store under this stamp is under way.
    Storing(Stamp),
    Left,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Repair<T> {
    copies: Vec<Copy<T>>,
    tries: Vec<u32>,
    /// How many answers show every acknowledged write.
    votes: u32,
    /// The copies whose answer counts.
    counted: u64,
    done: bool,
}

impl<T: Clone + PartialEq> Repair<T> {
    pub(super) fn new(copies: usize, votes: u32, counted: u64) -> (Self, Vec<Action<T>>) {
        let mut repair = Self {
            copies: vec![Copy::Looking; copies],
            tries: vec![0; copies],
            votes,
            counted,
            done: false,
        };
        let mut asked = all(copies);
        if is(Mutant::OneSurvivor) && counted != asked {
            let one = 1 << counted.ilog2();
            asked &= one | !counted;
            repair.votes = 1;
        }
        for passed in members(all(copies) & !asked) {
            repair.copies[passed] = Copy::Passed;
        }
        (repair, members(asked).map(Action::Look).collect())
    }

    /// Whether this copy was asked what it has.
    pub(super) fn is_looking_at(&self, copy: usize) -> bool {
        matches!(self.copies[copy], Copy::Looking)
    }

    pub(super) fn looked(&mut self, copy: usize, found: Result<Seen<T>, Failed>) -> Vec<Action<T>> {
        self.copies[copy] = match found {
            Ok(seen) => Copy::Saw(seen),
            Err(_) if is(Mutant::TrustGateway) => Copy::Saw(Seen::Absent),
            Err(_) => Copy::Left,
        };
        self.judge()
    }

    pub(super) fn stored(&mut self, copy: usize, stored: Result<T, Failed>) -> Vec<Action<T>> {
        let Copy::Storing(stamp) = self.copies[copy] else {
            return Vec::new();
        };
        self.copies[copy] = match stored {
            Ok(tag) => Copy::Saw(Seen::There {
                stamp: Some(stamp),
                tag,
            }),
            Err(Failed::NotSent) => Copy::Left,
            Err(Failed::Lost | Failed::Condition) => {
                self.tries[copy] += 1;
                if self.tries[copy] < TRIES {
                    self.copies[copy] = Copy::Looking;
                    return vec![Action::Look(copy)];
                }
                Copy::Left
            }
        };
        self.judge()
    }

    /// This copy was lost and replaced: what it said does not count.
    pub(super) fn replaced(&mut self, copy: usize) -> Vec<Action<T>> {
        self.counted &= !bit(copy);
        if matches!(self.copies[copy], Copy::Saw(_)) {
            self.copies[copy] = Copy::Left;
        }
        self.judge()
    }

    fn judge(&mut self) -> Vec<Action<T>> {
        let is_under_way = |copy: &Copy<T>| matches!(copy, Copy::Looking | Copy::Storing(_));
        if self.done || self.copies.iter().any(is_under_way) {
            return Vec::new();
        }
        let count = self.copies.len();
        let heard = set_of(count, |copy| matches!(self.copies[copy], Copy::Saw(_)));
        let unheard = all(count) & !heard;
        let votes = (heard & self.counted).count_ones();
        if votes < self.votes && !is(Mutant::FewVotes) {
            return self.done(all(count), 0);
        }
        let seen = |copy: usize| match &self.copies[copy] {
            Copy::Saw(seen) => seen.stamp(),
            _ => None,
        };
        let known = members(self.counted).filter_map(|copy| Some((copy, seen(copy)?)));
        let newest = match is(Mutant::OldestWins) {
            false => known.max_by_key(|(_, stamp)| version(stamp)),
            true => known.min_by_key(|(_, stamp)| version(stamp)),
        };
        let Some((from, newest)) = newest else {
            let nobody_knows = set_of(count, |copy| seen(copy).is_some());
            let hidden = if nobody_knows == 0 { 0 } else { self.counted };
            return self.done(unheard | hidden, 0);
        };
        let (mut actions, mut foreign) = (Vec::new(), 0);
        // What only a copy without a vote has was not acknowledged. It stays a debt until that copy votes.
        let mut hidden = 0;
        for copy in members(heard) {
            let Copy::Saw(seen) = &self.copies[copy] else { continue };
            let on = match seen {
                Seen::There { stamp: Some(there), .. } if version(there) == version(&newest) => continue,
                Seen::There { stamp: Some(there), .. }
                    if version(there) > version(&newest) && !is(Mutant::OldestWins) =>
                {
                    hidden = self.counted;
                    continue;
                }
                Seen::There { stamp: None, .. } => {
                    foreign |= bit(copy);
                    continue;
                }
                _ if is(Mutant::RepairAnyway) => On::Anything,
                Seen::Absent => On::Nothing,
                Seen::There { tag, .. } => On::Tag(tag.clone()),
            };
            self.copies[copy] = Copy::Storing(newest);
            let stamp = newest;
            actions.push(Action::Store { from, copy, on, stamp });
        }
        if is(Mutant::BlindClear) {
            actions.extend(self.done(0, 0));
        } else if actions.is_empty() {
            return self.done(unheard | foreign | hidden, foreign);
        }
        actions
    }

    fn done(&mut self, owed: u64, foreign: u64) -> Vec<Action<T>> {
        self.done = true;
        vec![Action::Done { owed, foreign }]
    }
}
