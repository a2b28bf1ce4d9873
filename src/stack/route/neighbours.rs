//! Which endpoints are left beside healthier neighbours, pure.
//!
//! A breaker opens when an endpoint is down. An endpoint that fails every sixth call, or that takes ten times as long
//! as usual, is not down: for a client with one endpoint, it is the best there is. Beside a healthy neighbour it is
//! not:
//!
//! | an endpoint is left | while, beside it, another that carries its whole traffic |
//! |---|---|
//! | with 8 % of faults (5 % for writes), until 3 % remain | has a quarter of its share of faults at most |
//! | with a median over three times the other's p99 | answers that fast and is less preferred (within a tier the cheapest is taken anyway) |
//!
//! The endpoint that was left keeps a [`TRICKLE`], which shows its recovery: sixty attempts in a row that go well, or
//! a share of faults that is small again. The retry budget (10 %) can just repair 8 % of faults; nothing repairs a
//! write that may have been applied. A neighbour that fails alike, or is as slow, shows that the cause lies elsewhere:
//! in the requests, or on this side.

use crate::request::{OpClass, bit};
use std::time::Duration;

/// The share of its traffic that a left endpoint keeps. At a hundred calls a second this share shows a recovery within
/// seconds, at five within minutes.
pub(crate) const TRICKLE: f64 = 0.04;

/// What the comparison knows of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Neighbour {
    /// Lower is preferred.
    pub tier: u8,
    /// The share of its recent attempts that failed or were late, 0–1.
    pub faults: f64,
    /// Its last attempts failed, and perhaps all will: the breaker decides about that.
    pub dead: bool,
    /// Its median latency, once known.
    pub p50: Option<Duration>,
    /// Its 99th percentile, once known.
    pub p99: Option<Duration>,
    /// The endpoint carries its whole traffic: its breaker is closed and off its ramp, it does not throttle, and no
    /// limit was learnt.
    pub whole: bool,
}

pub(crate) const LEAVE: f64 = 0.08;
pub(crate) const LEAVE_WRITES: f64 = 0.05;
const RETURN: f64 = 0.03;
/// How many times smaller the neighbour's share of faults must be.
const BETTER: f64 = 4.0;
/// How many times the neighbour's p99 the median must be.
const SLOWER: u32 = 3;

/// Which of `all` are left, as a bit set (bit i is the i-th). `before`: the ones left so far.
pub(crate) fn left(all: &[Neighbour], class: OpClass, before: u64) -> u64 {
    let leave = if class == OpClass::Write { LEAVE_WRITES } else { LEAVE };
    let mut left = 0;
    for (index, this) in all.iter().enumerate() {
        let others = || {
            all.iter()
                .enumerate()
                .filter(|(other, seen)| *other != index && seen.whole)
        };
        let was = before & bit(index) != 0;
        let enough = if was { RETURN } else { leave };
        let fails = this.faults >= enough
            && (was || !this.dead)
            && others().any(|(_, other)| !other.dead && other.faults * BETTER <= this.faults);
        let dawdles = || others().any(|(_, other)| other.tier > this.tier && is_slower(this.p50, other.p99));
        if fails || dawdles() {
            left |= bit(index);
        }
    }
    left
}

/// Whether a median is that far beyond another endpoint's p99.
pub(crate) fn is_slower(p50: Option<Duration>, p99: Option<Duration>) -> bool {
    matches!((p50, p99), (Some(p50), Some(p99)) if p50 > p99 * SLOWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(faults: f64, p50: u64, p99: u64) -> Neighbour {
        Neighbour {
            tier: 0,
            faults,
            dead: false,
            p50: Some(Duration::from_millis(p50)),
            p99: Some(Duration::from_millis(p99)),
            whole: true,
        }
    }

    #[test]
    fn an_ill_endpoint_is_left_only_beside_a_well_one() {
        let ill = Neighbour {
            faults: 0.17,
            whole: true,
            ..Neighbour::default()
        };
        let well = Neighbour { faults: 0.0, ..ill };
        assert_eq!(left(&[ill, well], OpClass::Read, 0), 0b01);
        assert_eq!(left(&[ill, ill], OpClass::Read, 0), 0);
    }

    #[test]
    fn endpoints_are_left_beside_healthier_neighbours() {
        let well = Neighbour {
            tier: 1,
            ..with(0.0, 12, 14)
        };
        let rows = [
            (with(0.079, 2, 3), well, OpClass::Read, 0, 0),
            (with(0.08, 2, 3), well, OpClass::Read, 0, 1),
            (with(0.03, 2, 3), well, OpClass::Read, 1, 1),
            (with(0.029, 2, 3), well, OpClass::Read, 1, 0),
            (with(0.05, 2, 3), well, OpClass::Write, 0, 1),
            (
                Neighbour {
                    dead: true,
                    ..with(0.5, 2, 3)
                },
                well,
                OpClass::Read,
                0,
                0,
            ),
            (with(0.3, 2, 3), Neighbour { faults: 0.08, ..well }, OpClass::Read, 0, 0),
            (with(0.3, 2, 3), Neighbour { whole: false, ..well }, OpClass::Read, 0, 0),
            (with(0.0, 42, 50), well, OpClass::Read, 0, 0),
            (with(0.0, 43, 50), well, OpClass::Read, 0, 1),
        ];
        for (this, other, class, before, expected) in rows {
            assert_eq!(left(&[this, other], class, before), expected, "{this:?} {other:?}");
        }
        assert_eq!(left(&[with(1.0, 2, 3)], OpClass::Read, 0), 0, "there is nobody else");
    }
}
