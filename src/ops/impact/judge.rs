//! What goes on while some endpoints are lost. Pure: the table of the [module](super).

use super::roles::{Data, Roles};
use crate::{
    request::{bit, members},
    stack::route::pick::OVERPROVISIONING,
};
use std::fmt;

/// What a client does with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Operation {
    /// A read of a key that was stored.
    Read,
    /// A read of a key that does not exist: whether the client can say *not found*.
    NotFound,
    /// A listing, or a scan.
    List,
    /// A write without a condition; under `write_once` a put, which creates.
    Write,
    /// A write of a key that must not exist.
    Create,
    /// A write on a condition: an if-match, a compare-and-set, an increment.
    Conditional,
    /// A delete.
    Delete,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Effect {
    /// It goes on.
    GoesOn,
    /// It goes on, and answers may lag behind acknowledged writes.
    GoesOnStale,
    /// It goes on for all keys but those that lie only where the loss is.
    KeysHeldOnlyThereEnd,
    /// It ends.
    Ends,
    /// It depends on something that was not declared.
    Unknown,
    /// The client does not do this, with or without the loss.
    NotServed,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::NotFound,
        Self::List,
        Self::Write,
        Self::Create,
        Self::Conditional,
        Self::Delete,
    ];

    /// The operation in a word or two, in the plural.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::NotFound => "not found",
            Self::List => "listings",
            Self::Write => "writes",
            Self::Create => "creates",
            Self::Conditional => "conditional writes",
            Self::Delete => "deletes",
        }
    }
}

impl Effect {
    /// The effect in a few words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GoesOn => "go on",
            Self::GoesOnStale => "go on, stale",
            Self::KeysHeldOnlyThereEnd => "keys held only there end",
            Self::Ends => "end",
            Self::Unknown => "unknown",
            Self::NotServed => "not served",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Roles {
    /// The operations that are told of. Calls that the client does not look into are reads or writes.
    pub(crate) fn operations(&self) -> &'static [Operation] {
        match self.data {
            Data::Opaque => &[Operation::Read, Operation::Write],
            Data::Copied | Data::Scattered => &Operation::ALL,
        }
    }

    /// What becomes of an operation while these endpoints are lost.
    pub(crate) fn effect(&self, operation: Operation, lost: u64) -> Effect {
        let any = |able: u64| match (able, able & !lost) {
            (0, _) => Effect::NotServed,
            (_, 0) => Effect::Ends,
            _ => Effect::GoesOn,
        };
        match operation {
            Operation::Read | Operation::List => self.shown(lost),
            Operation::NotFound => match (self.voters & !lost).count_ones() >= self.absence_quorum {
                true => Effect::GoesOn,
                false => Effect::Ends,
            },
            Operation::Write => any(self.takers),
            Operation::Create => any(self.creators),
            Operation::Conditional => any(self.judges),
            // Every copy must be gone, and each may lie anywhere.
            Operation::Delete if self.data == Data::Scattered && self.writers & lost != 0 => Effect::Ends,
            Operation::Delete => any(self.writers),
        }
    }

    /// What reads and listings show.
    fn shown(&self, lost: u64) -> Effect {
        if self.permitted & !lost == 0 {
            Effect::Ends
        } else if self.data == Data::Scattered && self.voters & lost != 0 {
            Effect::KeysHeldOnlyThereEnd
        } else if self.readers(lost) & self.lags != 0 {
            Effect::GoesOnStale
        } else {
            Effect::GoesOn
        }
    }

    /// The endpoints that answer reads: the survivors of the most preferred tier, and of the tiers after it while a
    /// tier has lost so much that it [spills](crate::stack::route).
    pub(crate) fn readers(&self, lost: u64) -> u64 {
        let mut readers = 0;
        let mut tiers: Vec<_> = members(self.permitted).map(|index| self.tiers[index]).collect();
        tiers.sort_unstable();
        tiers.dedup();
        for tier in tiers {
            let all = members(self.permitted).filter(|index| self.tiers[*index] == tier);
            let all = all.fold(0, |set, index| set | bit(index));
            let left = all & !lost;
            readers |= left;
            if f64::from(left.count_ones()) * OVERPROVISIONING >= f64::from(all.count_ones()) {
                break;
            }
        }
        readers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = 0b111;
    /// Three endpoints, of which the last is read-only.
    const WRITABLE: u64 = 0b011;

    fn managed() -> Roles {
        Roles {
            data: Data::Copied,
            permitted: ALL,
            writers: 1,
            takers: 1,
            judges: 1,
            creators: 1,
            voters: 1,
            absence_quorum: 1,
            lags: ALL & !1,
            tiers: vec![0, 1, 2],
        }
    }

    fn once() -> Roles {
        Roles {
            data: Data::Scattered,
            writers: WRITABLE,
            takers: WRITABLE,
            judges: 0,
            creators: WRITABLE,
            voters: WRITABLE,
            absence_quorum: 2,
            lags: 0,
            ..managed()
        }
    }

    fn strong() -> Roles {
        Roles {
            data: Data::Copied,
            judges: WRITABLE,
            absence_quorum: 1,
            lags: ALL & !WRITABLE,
            ..once()
        }
    }

    /// One line for each operation, in the order of `Operation::ALL`.
    fn effects(roles: &Roles, lost: u64) -> [&'static str; 7] {
        Operation::ALL.map(|operation| roles.effect(operation, lost).as_str())
    }

    /// The table in the docs of the module, row by row.
    #[test]
    fn every_plan_and_loss_has_the_effects_of_the_table() {
        let (on, stale, keys, end, not) = ("go on", "go on, stale", "keys held only there end", "end", "not served");
        let table = [
            (
                "provider_managed",
                "a copy",
                managed(),
                0b010,
                [on, on, on, on, on, on, on],
            ),
            (
                "provider_managed",
                "the home",
                managed(),
                0b001,
                [stale, end, stale, end, end, end, end],
            ),
            (
                "provider_managed",
                "all",
                managed(),
                0b111,
                [end, end, end, end, end, end, end],
            ),
            (
                "write_once",
                "one that is read-only",
                once(),
                0b100,
                [on, on, on, on, on, not, on],
            ),
            (
                "write_once",
                "one that takes writes",
                once(),
                0b001,
                [keys, end, keys, on, on, not, end],
            ),
            (
                "write_once",
                "all that take writes",
                once(),
                0b011,
                [keys, end, keys, end, end, not, end],
            ),
            ("write_once", "all", once(), 0b111, [end, end, end, end, end, not, end]),
            (
                "strong",
                "one that is read-only",
                strong(),
                0b100,
                [on, on, on, on, on, on, on],
            ),
            (
                "strong",
                "one that takes writes",
                strong(),
                0b001,
                [on, on, on, on, on, on, on],
            ),
            (
                "strong",
                "all that take writes",
                strong(),
                0b011,
                [stale, end, stale, end, end, end, end],
            ),
            ("strong", "all", strong(), 0b111, [end, end, end, end, end, end, end]),
        ];
        let documented: Vec<_> = include_str!("mod.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"))
            .map(|row| row.trim_end_matches(" |").replace('`', ""))
            .collect();
        let rows: Vec<_> = table
            .iter()
            .map(|(mode, lost, roles, set, expected)| {
                let effects = effects(roles, *set);
                assert_eq!(effects, *expected, "{mode}, {lost}");
                format!("{mode} | {lost} | {}", effects.join(" | "))
            })
            .collect();
        assert_eq!(documented, rows);
    }

    #[test]
    fn a_client_that_only_reads_serves_no_writes() {
        let reads = Roles {
            writers: 0,
            takers: 0,
            judges: 0,
            creators: 0,
            ..managed()
        };
        for operation in [
            Operation::Write,
            Operation::Create,
            Operation::Conditional,
            Operation::Delete,
        ] {
            assert_eq!(reads.effect(operation, 0), Effect::NotServed);
        }
    }

    #[test]
    fn a_tier_that_lost_too_much_spills_to_the_next() {
        let tiers = |tiers: &[u8]| Roles {
            permitted: bit(tiers.len()) - 1,
            tiers: tiers.to_vec(),
            ..managed()
        };
        assert_eq!(tiers(&[0, 0, 1]).readers(0), 0b011);
        assert_eq!(tiers(&[0, 0, 1]).readers(0b010), 0b101, "half of a tier is too little");
        assert_eq!(
            tiers(&[0, 0, 0, 0, 1]).readers(0b0001),
            0b01110,
            "three quarters are enough"
        );
        assert_eq!(tiers(&[1, 0, 0]).readers(0b110), 0b001);
        assert_eq!(tiers(&[2, 1, 0]).readers(0b111), 0);
    }
}
