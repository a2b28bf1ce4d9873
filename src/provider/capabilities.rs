use super::{Capabilities, Capability, Conditional};
use std::sync::atomic::{AtomicU16, Ordering};

/// What was found of a store by asking the store. This takes precedence over the adapter's word.
///
/// Two bits per condition (0: nothing was found). Above them is one bit for each of the two conditions with a tag: the
/// store wants the tag without quotes.
#[derive(Debug, Default)]
pub(super) struct Found(AtomicU16);

const KEPT: u16 = 1;
const LACKING: u16 = 2;
const BOTH: u16 = 3;

const fn unquoted(condition: Conditional) -> u16 {
    match condition {
        Conditional::Create | Conditional::Complete => 0,
        Conditional::IfMatch => 1 << 8,
        Conditional::DeleteIfMatch => 1 << 9,
    }
}

impl Found {
    /// What was found. If nothing was found, what the adapter says.
    pub(super) fn above(&self, said: Capabilities) -> Capabilities {
        let found = self.0.load(Ordering::Acquire);
        let of = |condition: Conditional| match found >> condition.shift() & BOTH {
            KEPT => Capability::Kept,
            LACKING => Capability::Lacking,
            _ => said.get(condition),
        };
        Capabilities {
            create: of(Conditional::Create),
            if_match: of(Conditional::IfMatch),
            delete_if_match: of(Conditional::DeleteIfMatch),
            complete_if: of(Conditional::Complete),
            ..said
        }
    }

    pub(super) fn is_lacking(&self, condition: Conditional) -> bool {
        self.0.load(Ordering::Acquire) >> condition.shift() & BOTH == LACKING
    }

    /// Whether the store wants the tag without quotes.
    pub(super) fn is_unquoted(&self, condition: Conditional) -> bool {
        self.0.load(Ordering::Acquire) & unquoted(condition) != 0
    }

    /// Notes a finding. A question without an answer changes nothing.
    pub(super) fn note(&self, condition: Conditional, capability: Capability, without_quotes: bool) {
        let value = match capability {
            Capability::Kept => KEPT,
            Capability::Lacking => LACKING,
            Capability::Unknown => return,
        };
        let form = if without_quotes { unquoted(condition) } else { 0 };
        let others = !(BOTH << condition.shift() | unquoted(condition));
        let noted = |old: u16| Some(old & others | value << condition.shift() | form);
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, noted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verified_capabilities_override_declared_ones() {
        let found = Found::default();
        let said = Capabilities {
            if_match: Capability::Lacking,
            ..Capabilities::all(Capability::Unknown)
        };
        assert_eq!(found.above(said), said);
        for condition in Conditional::ALL {
            for (capability, without_quotes) in [
                (Capability::Lacking, false),
                (Capability::Kept, unquoted(condition) != 0),
            ] {
                found.note(condition, capability, without_quotes);
                found.note(condition, Capability::Unknown, false);
                assert_eq!(found.above(said).get(condition), capability, "{condition:?}");
                assert_eq!(found.is_lacking(condition), capability == Capability::Lacking);
                assert_eq!(found.is_unquoted(condition), without_quotes);
            }
        }
        assert_eq!(found.above(said), Capabilities::all(Capability::Kept));
    }
}
