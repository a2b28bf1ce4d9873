use std::sync::atomic::{AtomicU8, Ordering};

/// What a store does with the conditions of a write, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Capabilities {
    /// A create is refused where something is ([`PutMode::Create`](crate::request::object::PutMode::Create)).
    pub create: Capability,
    /// A put is refused where the tag has changed ([`PutMode::IfMatch`](crate::request::object::PutMode::IfMatch)).
    pub if_match: Capability,
    /// A delete is refused where the tag has changed ([`Delete::if_match`](crate::request::object::Delete::if_match)).
    pub delete_if_match: Capability,
}

/// Whether a store keeps to a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// It does: its provider says so and was seen to keep to it, or it was asked.
    Kept,
    /// It does not, or refuses such a request, or its adapter cannot send it: nothing is sent.
    Lacking,
    /// Nobody can tell but the store itself.
    Unknown,
}

impl Capabilities {
    /// All three the same.
    pub const fn all(capability: Capability) -> Self {
        Self {
            create: capability,
            if_match: capability,
            delete_if_match: capability,
        }
    }

    pub(crate) const fn get(self, condition: Conditional) -> Capability {
        match condition {
            Conditional::Create => self.create,
            Conditional::IfMatch => self.if_match,
            Conditional::DeleteIfMatch => self.delete_if_match,
        }
    }
}

/// A write on a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditional {
    Create,
    IfMatch,
    DeleteIfMatch,
}

impl Conditional {
    pub(crate) const ALL: [Self; 3] = [Self::Create, Self::IfMatch, Self::DeleteIfMatch];

    const fn shift(self) -> u8 {
        match self {
            Self::Create => 0,
            Self::IfMatch => 2,
            Self::DeleteIfMatch => 4,
        }
    }

    /// In the plural, as a sentence calls them.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "creates",
            Self::IfMatch => "If-Match",
            Self::DeleteIfMatch => "If-Match on deletes",
        }
    }
}

/// What was found of a store by asking it. It stands above its adapter's word.
///
/// Two bits per condition (0: nothing was found), and above them one for each of the two that carry a tag: the store wants it
/// without quotes.
#[derive(Debug, Default)]
pub(super) struct Found(AtomicU8);

const KEPT: u8 = 1;
const LACKING: u8 = 2;
const BOTH: u8 = 3;

const fn unquoted(condition: Conditional) -> u8 {
    match condition {
        Conditional::Create => 0,
        Conditional::IfMatch => 1 << 6,
        Conditional::DeleteIfMatch => 1 << 7,
    }
}

impl Found {
    /// What was found, else what the adapter says.
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
        }
    }

    pub(super) fn is_lacking(&self, condition: Conditional) -> bool {
        self.0.load(Ordering::Acquire) >> condition.shift() & BOTH == LACKING
    }

    /// The store wants the tag without its quotes.
    pub(super) fn is_unquoted(&self, condition: Conditional) -> bool {
        self.0.load(Ordering::Acquire) & unquoted(condition) != 0
    }

    /// What could not be found out changes nothing.
    pub(super) fn note(&self, condition: Conditional, capability: Capability, without_quotes: bool) {
        let value = match capability {
            Capability::Kept => KEPT,
            Capability::Lacking => LACKING,
            Capability::Unknown => return,
        };
        let form = if without_quotes { unquoted(condition) } else { 0 };
        let others = !(BOTH << condition.shift() | unquoted(condition));
        let noted = |old: u8| Some(old & others | value << condition.shift() | form);
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, noted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_stands_above_what_is_said() {
        let found = Found::default();
        let said = Capabilities {
            if_match: Capability::Lacking,
            ..Capabilities::all(Capability::Unknown)
        };
        assert_eq!(found.above(said), said);
        for condition in Conditional::ALL {
            for (capability, without_quotes) in [
                (Capability::Lacking, false),
                (Capability::Kept, condition != Conditional::Create),
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
