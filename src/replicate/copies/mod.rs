//! Copies of an object at several endpoints: how a write reaches them, what a read asks, how a copy catches up.
//!
//! Everything here is pure. A driver sends what comes out and hands in what comes back. The tests do so in a world of
//! their own, in which requests are delayed, doubled and dropped, processes die, clocks jump and copies are lost.
//!
//! # The rules
//! Every write has a [`Stamp`]. Stamps are ordered; a copy has a version under each key, and the version with the higher
//! stamp is the newer one. `n` copies, of which `w` must have a write before it is acknowledged.
//!
//! 1. **A copy's stamp never falls.** Each store carries the tag of what it replaces (or demands that nothing is there),
//!    and what it replaces was seen to be older. A late attempt therefore misses: whatever was stored since took its tag
//!    away. (So a tag must not come again with other bytes, nor with the same bytes under another stamp.)
//! 2. **A write that meets a newer stamp steps over it**: it takes a higher stamp, at every copy, before it is
//!    acknowledged. A writer whose clock is behind would otherwise be acknowledged and never seen. (`2w > n`: a write
//!    meets every write that was acknowledged before it began.)
//! 3. **An intent stands in the journal before the acknowledgement.** It is settled when nothing is under way any more;
//!    what is then *owed* stays, until a repair has seen to it, or a later write has reached every copy. After a crash
//!    every copy may lack what was intended.
//! 4. **After a failure nothing is begun any more.** A write is *not applied* if no store of it may have had an effect.
//! 5. **A read of one copy** goes to a copy that is owed nothing under this key. **A read of all** takes the newest of
//!    `n − w + 1` answers, which is the fewest that meet every acknowledged write.
//! 6. **A repair** takes the newest of at least `n − w + 1` answers, and stores it under *its* stamp where an older one
//!    is. It clears what was owed before it began, and not while a late attempt of a failed write may still land. It
//!    leaves alone what another program stored, which has no stamp.
//! 7. **A copy that was lost and replaced** has no vote, is no source and counts for no acknowledgement until it was
//!    filled from all survivors.
//!
//! # What is proven
//! `tests` checks after each step that no copy's stamp falls and that no acknowledged write is lost, and at the end that
//! stamps follow real time, that reads see what was acknowledged before they began, that the copies are equal and that
//! nothing is owed. Each [`Mutant`] breaks one rule, and each is found within 500 seeds, or by a case of its own.
//!
//! # What is not proven yet
//! - A crash between the first store and the durable intent leaves copies that differ, and nobody knows. Reads of all must
//!   repair what they see differ, or the intent must come first.
//! - With one needed copy (a mirror) a process may not see its own write: a writer whose clock is ahead hides it.
//! - Deletes (a tombstone is a version like any other, but nobody collects it here), conditions of the caller, which need
//!   one authority and must never step over a newer stamp, and objects that were there before (no stamp anywhere).
//! - A journal that several processes share, or that is lost; a replaced copy of which a process does not know, which
//!   therefore must get another place.
//! - Late attempts are waited for by one clock that does not jump, for fifteen minutes. A bearer token may live longer.

mod ledger;
mod repair;
mod write;

#[cfg(test)]
mod tests;

use crate::request::{Stamp, bit};

/// What a copy has under a key. `T`: the store's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen<T> {
    Absent,
    There {
        /// `None`: another program wrote it.
        stamp: Option<Stamp>,
        tag: T,
    },
}

impl<T> Seen<T> {
    const fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Absent => None,
            Self::There { stamp, .. } => *stamp,
        }
    }
}

/// What a store expects to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum On<T> {
    Nothing,
    Tag(T),
    /// Whatever is there. Only a mutant sends this.
    #[cfg_attr(not(test), expect(dead_code, reason = "only a mutant sends this"))]
    Anything,
}

/// How a request to a copy failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Something else lies there than was expected.
    Condition,
    /// The request provably had no effect, and there is no sense in repeating it now.
    NotSent,
    /// Nobody knows whether it had an effect.
    Lost,
}

/// A rule that is broken on purpose, so that the checks can be checked. Only tests have mutants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    /// Writes that are acknowledged at one copy too few.
    OneTooFew,
    /// A lost answer counts as a stored copy.
    LostIsStored,
    /// Stores carry no condition.
    NoCondition,
    /// A write that meets a newer stamp lets it be.
    NoRestamp,
    /// Stamps follow the clock alone.
    ClockOnly,
    /// Writers draw equal ids.
    SeededIds,
    /// Nothing is noted in the journal.
    NoJournal,
    /// The intent follows the acknowledgement.
    LateIntent,
    /// The acknowledgement does not wait until the intent is durable.
    EarlyAck,
    /// A failed write goes on.
    UndeadWrite,
    /// A failed write always says that it was not applied.
    AlwaysDenied,
    /// A gateway's error counts as the store's *absent*.
    TrustGateway,
    /// Reads go to a copy that is owed the key.
    ReadOwed,
    /// One answer less than needed decides a read and a repair.
    FewVotes,
    /// A repair stores unconditionally.
    RepairAnyway,
    /// A repair stores under a new stamp.
    RepairRestamps,
    /// A repair spreads the oldest version.
    OldestWins,
    /// A repair clears what it could not reach.
    BlindClear,
    /// A repair clears what became owed after it had begun.
    StaleClear,
    /// A repair forgets that a failed write's late attempt may land.
    ForgetLate,
    /// A copy that was replaced counts for acknowledgements.
    WipedCounts,
    /// A replaced copy is filled from one survivor.
    OneSurvivor,
}

/// Whether this mutant runs.
#[cfg(test)]
fn is(mutant: Mutant) -> bool {
    tests::mutant() == Some(mutant)
}

/// Whether this mutant runs.
#[cfg(not(test))]
const fn is(_: Mutant) -> bool {
    false
}

/// All of so many copies.
fn all(copies: usize) -> u64 {
    debug_assert!(copies < 64, "a set has 64 bits, and a sum of all of them one more");
    bit(copies) - 1
}

/// Which version this is: one write at one time. Two stamps that agree in this name one body.
const fn version(stamp: &Stamp) -> (u64, u64, u128) {
    (stamp.at, stamp.writer, stamp.write)
}

/// The set of these copies for which something holds.
fn set_of(copies: usize, holds: impl Fn(usize) -> bool) -> u64 {
    (0..copies)
        .filter(|&copy| holds(copy))
        .fold(0, |set, copy| set | bit(copy))
}
