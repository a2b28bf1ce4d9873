/// What a store is known to do with the conditions of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Capabilities {
    /// A create is refused where an object exists ([`PutMode::Create`](crate::request::object::PutMode::Create)).
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
    /// The store keeps to the condition: its provider says so and was seen to keep to it, or the store was asked.
    Kept,
    /// The store ignores the condition, or refuses such a request, or its adapter cannot send the request: nothing is
    /// sent.
    Lacking,
    /// Only the store itself can tell.
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

/// A conditional write.
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

    /// The plural for sentences.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "creates",
            Self::IfMatch => "If-Match",
            Self::DeleteIfMatch => "If-Match on deletes",
        }
    }
}
