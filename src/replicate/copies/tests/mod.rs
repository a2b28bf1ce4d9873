//! The rules, in a world where everything goes wrong. One seed is one history.
//!
//! `EVENKEEL_SEED=<seed> cargo test --lib no_acknowledged_write` replays one.

mod history;
mod steps;
mod trouble;
mod wire;
mod world;

use super::Mutant;
use std::{cell::Cell, ops::Range};
use world::World;

thread_local! {
    static MUTANT: Cell<Option<Mutant>> = const { Cell::new(None) };
}

pub(super) fn mutant() -> Option<Mutant> {
    MUTANT.get()
}

/// All of them.
const MUTANTS: [Mutant; 22] = [
    Mutant::OneTooFew,
    Mutant::LostIsStored,
    Mutant::NoCondition,
    Mutant::NoRestamp,
    Mutant::ClockOnly,
    Mutant::SeededIds,
    Mutant::NoJournal,
    Mutant::LateIntent,
    Mutant::EarlyAck,
    Mutant::UndeadWrite,
    Mutant::AlwaysDenied,
    Mutant::TrustGateway,
    Mutant::ReadOwed,
    Mutant::FewVotes,
    Mutant::RepairAnyway,
    Mutant::RepairRestamps,
    Mutant::OldestWins,
    Mutant::BlindClear,
    Mutant::StaleClear,
    Mutant::ForgetLate,
    Mutant::WipedCounts,
    Mutant::OneSurvivor,
];
/// Each mutant must be found within as many histories.
const SEEDS_TO_DIE: u64 = 500;
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Plays these histories, or the one that `EVENKEEL_SEED` names.
fn play(seeds: Range<u64>) {
    let seeds = match number("EVENKEEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => seeds,
    };
    let count = seeds.end - seeds.start;
    let mut seen = world::Seen::default();
    for seed in seeds {
        if let Err(what) = World::play(seed, &mut seen) {
            panic!("EVENKEEL_SEED={seed}: {what}");
        }
    }
    if count > 1 {
        // The world is as bad as it claims to be.
        let world::Seen {
            acknowledged,
            unknown,
            restamped,
            repaired,
            crashes,
            replaced,
            late,
        } = seen;
        for happened in [acknowledged, unknown, restamped, repaired, crashes, replaced, late] {
            assert!(happened > count / 4, "{seen:?}");
        }
    }
}

/// In parts, so that a run with several cores is over sooner.
macro_rules! histories {
    ($($name:ident: $seeds:expr;)*) => {
        mod no_acknowledged_write_is_lost_whatever_happens {
            $(#[test]
            fn $name() {
                super::play($seeds);
            })*
        }
    };
}

histories! {
    in_the_first_2500_histories: 0..2_500;
    in_the_second_2500: 2_500..5_000;
    in_the_third_2500: 5_000..7_500;
    in_the_last_2500: 7_500..10_000;
}

/// `EVENKEEL_SEEDS=1000000 cargo test --release --lib copies -- --ignored`
#[test]
#[ignore = "a long mode: as many histories as `EVENKEEL_SEEDS` says"]
fn no_acknowledged_write_is_lost_in_the_long_run() {
    play(0..number("EVENKEEL_SEEDS").unwrap_or(100_000));
}

#[test]
fn every_broken_rule_is_found() {
    let found = MUTANTS.map(|mutant| {
        MUTANT.set(Some(mutant));
        let found = (0..SEEDS_TO_DIE).find(|&seed| World::play(seed, &mut world::Seen::default()).is_err());
        MUTANT.set(None);
        (mutant, found)
    });
    let alive: Vec<_> = found.iter().filter(|(_, found)| found.is_none()).collect();
    assert!(alive.is_empty(), "nobody notices {alive:?}");
}

#[test]
fn a_seed_repeats_its_history() {
    let played = || {
        let mut seen = world::Seen::default();
        World::play(7, &mut seen).unwrap();
        seen
    };
    assert_eq!(played(), played());
}
