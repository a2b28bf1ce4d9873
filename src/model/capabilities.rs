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

    pub(crate) const fn shift(self) -> u8 {
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
