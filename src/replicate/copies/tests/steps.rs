//! Single steps, where the world meets a case too seldom to prove it.

use super::super::{
    Failed, On, Seen,
    ledger::Ledger,
    repair::{self, Repair},
    write::{Action, Event, Write},
};
use crate::request::{Stamp, StampKind};

fn stamp(at: u64, writer: u64) -> Stamp {
    Stamp {
        at,
        writer,
        write: u128::from(at),
        over: 0,
        bind: 0,
        crc: None,
        kind: StampKind::VALUE,
        hashed: false,
    }
}

fn there(at: u64, tag: u64) -> Seen<u64> {
    Seen::There {
        stamp: Some(stamp(at, 9)),
        tag,
    }
}

fn foreign(tag: u64) -> Seen<u64> {
    Seen::There { stamp: None, tag }
}

/// A write to three copies, of which two are needed, and which nobody looked at.
fn write(at: u64) -> Write<u64> {
    Write::new(stamp(at, 1), 2, 0b111, vec![None; 3]).0
}

fn stores(actions: &[Action<u64>]) -> Vec<(usize, u64)> {
    let store = |action: &Action<u64>| match action {
        Action::Store { copy, stamp, .. } => Some((*copy, stamp.at)),
        _ => None,
    };
    actions.iter().filter_map(store).collect()
}

#[test]
fn a_write_needs_no_third_copy() {
    let mut write = write(5);
    write.step(0, Event::Intended(true));
    write.step(0, Event::Looked(2, Err(Failed::NotSent)));
    for copy in 0..2 {
        write.step(0, Event::Looked(copy, Ok(Seen::Absent)));
    }
    assert_eq!(write.step(0, Event::Stored(0, Ok(1))), []);
    let ended = write.step(0, Event::Stored(1, Ok(2)));
    assert!(matches!(
        ended[..],
        [
            Action::Acknowledge { held: 0b011, .. },
            Action::Settle { owed: 0b100, .. }
        ]
    ));
}

#[test]
fn a_write_waits_for_the_journal() {
    let mut write = write(5);
    for copy in 0..3 {
        write.step(0, Event::Looked(copy, Ok(Seen::Absent)));
        assert_eq!(write.step(0, Event::Stored(copy, Ok(1))), []);
    }
    let ended = write.step(0, Event::Intended(true));
    assert!(matches!(
        ended[..],
        [
            Action::Acknowledge { held: 0b111, .. },
            Action::Settle {
                owed: 0,
                everywhere: true,
                ..
            }
        ]
    ));
}

#[test]
fn a_write_that_steps_over_a_newer_one_counts_no_copy_under_its_old_stamp() {
    let mut write = write(5);
    write.step(0, Event::Intended(true));
    write.step(0, Event::Looked(0, Ok(Seen::Absent)));
    write.step(0, Event::Looked(1, Ok(Seen::Absent)));
    write.step(0, Event::Stored(0, Ok(1)));
    let raised = write.step(0, Event::Looked(2, Ok(there(7, 70))));
    assert_eq!(stores(&raised), [(2, 8), (0, 8)]);
    // It lands under the old stamp, and is stored again.
    assert_eq!(stores(&write.step(0, Event::Stored(1, Ok(2)))), [(1, 8)]);
    assert_eq!(write.step(0, Event::Stored(2, Ok(3))), []);
    let ended = write.step(0, Event::Stored(0, Ok(4)));
    assert!(matches!(
        ended[..],
        [Action::Acknowledge {
            held: 0b101,
            stamp: Stamp { at: 8, .. }
        }]
    ));
}

#[test]
fn a_write_begins_above_what_is_known() {
    let known = vec![Some(there(9, 90)), None, None];
    let (_, actions) = Write::new(stamp(5, 1), 2, 0b111, known);
    assert_eq!(stores(&actions), [(0, 10)]);
}

#[test]
fn a_failed_write_begins_nothing_more() {
    let mut write = write(5);
    let failed = write.step(0, Event::Deadline);
    assert_eq!(failed, [Action::Fail { maybe_applied: false }]);
    for copy in 0..3 {
        assert_eq!(stores(&write.step(0, Event::Looked(copy, Ok(Seen::Absent)))), []);
    }
}

#[test]
fn a_failed_condition_does_not_prove_that_nothing_was_stored() {
    let mut write = write(5);
    write.step(0, Event::Looked(0, Ok(Seen::Absent)));
    // It came twice, and this is the second one's answer.
    write.step(0, Event::Stored(0, Err(Failed::Condition)));
    assert_eq!(write.step(0, Event::Deadline), [Action::Fail { maybe_applied: true }]);
}

#[test]
fn a_repair_leaves_alone_what_has_no_stamp() {
    let (mut repair, _) = Repair::new(3, 2, 0b111);
    repair.looked(0, Ok(there(5, 1)));
    repair.looked(1, Ok(there(5, 2)));
    let done = repair.looked(2, Ok(foreign(3)));
    let (owed, foreign) = (0b100, 0b100);
    assert_eq!(done, [repair::Action::Done { owed, foreign }]);
}

#[test]
fn a_repair_takes_no_version_from_a_copy_without_a_vote() {
    let (mut repair, _) = Repair::new(3, 2, 0b011);
    repair.looked(0, Ok(there(5, 1)));
    repair.looked(1, Ok(there(5, 2)));
    let done = repair.looked(2, Ok(there(7, 3)));
    // It stays a debt until that copy votes.
    let (owed, foreign) = (0b011, 0);
    assert_eq!(done, [repair::Action::Done { owed, foreign }]);
}

#[test]
fn a_repair_that_sees_nothing_forgets_no_copy() {
    let (mut repair, _) = Repair::<u64>::new(3, 2, 0b111);
    repair.looked(0, Ok(Seen::Absent));
    repair.looked(1, Ok(Seen::Absent));
    let done = repair.looked(2, Err(Failed::Lost));
    let (owed, foreign) = (0b100, 0);
    assert_eq!(done, [repair::Action::Done { owed, foreign }]);
}

#[test]
fn a_repair_stores_on_what_it_saw() {
    let (mut repair, _) = Repair::new(2, 1, 0b11);
    repair.looked(0, Ok(there(5, 50)));
    let (from, copy, on, stamp) = (0, 1, On::Tag(30), stamp(5, 9));
    let store = repair::Action::Store { from, copy, on, stamp };
    assert_eq!(repair.looked(1, Ok(there(3, 30))), [store]);
}

#[test]
fn a_repair_clears_no_debt_of_an_entry_that_came_again() {
    let mut ledger = Ledger::default();
    let owe = |ledger: &mut Ledger<_>| {
        let number = ledger.intend(&"k");
        ledger.lacks(&"k", 0b100);
        ledger.settle(&"k", number, (0b100, false), (0, None));
        ledger.due(0)[0].1
    };
    let first = owe(&mut ledger);
    ledger.repaired(&"k", first, 0, 0);
    assert!(ledger.is_empty());
    owe(&mut ledger);
    ledger.repaired(&"k", first, 0, 0);
    assert_eq!(ledger.owes(&"k"), 0b100);
}

#[test]
fn a_write_that_reaches_every_copy_clears_what_was_owed_before_it() {
    let mut ledger = Ledger::default();
    let first = ledger.intend(&"k");
    ledger.settle(&"k", first, (0b100, false), (0, None));
    let second = ledger.intend(&"k");
    // Not what became owed meanwhile.
    let third = ledger.intend(&"k");
    ledger.settle(&"k", third, (0b010, false), (0, None));
    ledger.settle(&"k", second, (0, true), (0, None));
    assert_eq!(ledger.owes(&"k"), 0b110);
    let fourth = ledger.intend(&"k");
    ledger.settle(&"k", fourth, (0, true), (0, None));
    assert!(ledger.is_empty());
}
