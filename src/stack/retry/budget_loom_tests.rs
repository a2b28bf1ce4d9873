//! The real budget in every interleaving of a few callers. Time stands still, so tokens do not expire.

use super::*;
use crate::{
    model::clock,
    stack::sync::{atomic::AtomicUsize, explore},
};
use loom::thread;

/// Runs the acts at once. Each returns how many tokens it keeps. Returns all tokens kept.
fn at_once<const N: usize>(budget: &Budget, acts: [fn(&Budget) -> usize; N]) -> usize {
    let kept = Arc::new(AtomicUsize::new(0));
    let threads = acts.map(|act| {
        let (budget, kept) = (budget.clone(), kept.clone());
        thread::spawn(move || {
            let mine = act(&budget);
            kept.fetch_add(mine, Ordering::AcqRel);
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
    kept.load(Ordering::Acquire)
}

fn withdraw(budget: &Budget) -> usize {
    usize::from(budget.withdraw(clock::now()))
}

fn left(budget: &Budget) -> usize {
    budget.available(clock::now()) as usize
}

/// A budget of half a token per call, and a floor of one token in all.
fn budget() -> Budget {
    Budget::new(0.5, 0.1)
}

#[test]
fn a_token_is_granted_once() {
    explore(|| {
        let budget = budget();
        assert_eq!(at_once(&budget, [withdraw; 3]), 1);
        assert_eq!(left(&budget), 0);
    });
}

#[test]
fn no_deposit_is_lost_and_grants_stay_within_the_budget() {
    explore(|| {
        let budget = budget();
        let deposit = |budget: &Budget| {
            budget.deposit();
            budget.deposit();
            0
        };
        let kept = at_once(
            &budget,
            [deposit, withdraw, |budget| withdraw(budget) + withdraw(budget)],
        );
        // The floor's token is always granted, the one that two calls earn only to who comes after them.
        assert!((1..=2).contains(&kept), "{kept}");
        assert_eq!(kept + left(&budget), 2);
    });
}

#[test]
fn a_refund_is_neither_lost_nor_doubled() {
    explore(|| {
        let budget = budget();
        let there_and_back = |budget: &Budget| {
            if budget.withdraw(clock::now()) {
                budget.refund(clock::now());
            }
            0
        };
        let kept = at_once(&budget, [there_and_back, withdraw, there_and_back]);
        assert_eq!(kept + left(&budget), 1);
    });
}

#[test]
fn reordered_clock_readings_lose_no_token() {
    explore(|| {
        let budget = budget();
        // A second later a tenth more is there, which is no whole token.
        let later = |budget: &Budget| usize::from(budget.withdraw(clock::now() + SLOT));
        let deposit = |budget: &Budget| {
            budget.deposit();
            budget.deposit();
            0
        };
        let kept = at_once(&budget, [later, withdraw, deposit]);
        let left = budget.available(clock::now() + SLOT) as usize;
        assert_eq!(kept + left, 2);
    });
}

#[test]
fn exhaustion_is_reported_once() {
    explore(|| {
        let tell = |budget: &Budget| usize::from(budget.may_tell(clock::now()));
        assert_eq!(at_once(&budget(), [tell; 3]), 1);
    });
}
