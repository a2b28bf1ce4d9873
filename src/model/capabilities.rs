/// What a store can do, as far as is known: with the conditions of a write, and beyond plain objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Capabilities {
    /// A create is refused where an object exists ([`PutMode::Create`](crate::request::object::PutMode::Create)).
    pub create: Capability,
    /// A put is refused where the tag has changed ([`PutMode::IfMatch`](crate::request::object::PutMode::IfMatch)).
    pub if_match: Capability,
    /// A delete is refused where the tag has changed ([`Delete::if_match`](crate::request::object::Delete::if_match)).
    pub delete_if_match: Capability,
    /// The completion of an upload is refused on the same conditions as a put
    /// ([`CompleteUpload::mode`](crate::request::object::CompleteUpload::mode)).
    pub complete_if: Capability,
    /// How the store takes an object in parts. `None`: it does not.
    pub parts: Option<PartRule>,
    /// Whether the store copies objects on its own side.
    pub copy: bool,
    /// How many objects the store removes at the request of one
    /// [`DeleteMany`](crate::request::object::DeleteMany), at most. `None`: it has no such request.
    pub bulk_delete: Option<usize>,
    /// Whether the adapter can presign URLs.
    pub presign: bool,
    /// Whether a listing shows the objects' write ids.
    pub listed_ids: bool,
    /// Whether the store keeps the write id of a write with the data. Where it does not, nobody can tell whose object lies
    /// there after a lost answer.
    pub write_ids: bool,
}

/// What a store asks of an upload's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PartRule {
    /// The least length of each part but the last, in bytes.
    pub least: u64,
    /// The greatest length of a part, in bytes.
    pub most: u64,
    /// The most parts of one upload.
    pub count: u32,
    /// Whether all parts but the last must have the same length.
    pub equal: bool,
}

impl PartRule {
    /// Amazon S3's rule: 5 MiB to 5 GiB, at most 10,000 parts, of any lengths.
    pub const S3: Self = Self {
        least: 5 << 20,
        most: 5 << 30,
        count: 10_000,
        equal: false,
    };

    /// The same rule with these bounds of a part's length.
    #[must_use]
    pub const fn lengths(self, least: u64, most: u64) -> Self {
        Self { least, most, ..self }
    }

    /// The same rule with this bound of the number of parts.
    #[must_use]
    pub const fn count(self, count: u32) -> Self {
        Self { count, ..self }
    }

    /// The same rule for parts of equal length.
    #[must_use]
    pub const fn equal(self) -> Self {
        Self { equal: true, ..self }
    }
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
    /// All conditions the same, and nothing beyond plain objects with their write ids.
    pub const fn all(capability: Capability) -> Self {
        Self {
            create: capability,
            if_match: capability,
            delete_if_match: capability,
            complete_if: capability,
            parts: None,
            copy: false,
            bulk_delete: None,
            presign: false,
            listed_ids: false,
            write_ids: true,
        }
    }

    /// The same, of a store that takes objects in such parts.
    #[must_use]
    pub const fn with_parts(self, rule: PartRule) -> Self {
        Self {
            parts: Some(rule),
            ..self
        }
    }

    /// The same, of a store that copies objects on its own side.
    #[must_use]
    pub const fn with_copy(self) -> Self {
        Self { copy: true, ..self }
    }

    /// The same, of a store that removes so many objects at one request.
    #[must_use]
    pub const fn with_bulk_delete(self, most: usize) -> Self {
        Self {
            bulk_delete: Some(most),
            ..self
        }
    }

    /// The same, of an adapter that can presign URLs.
    #[must_use]
    pub const fn with_presign(self) -> Self {
        Self { presign: true, ..self }
    }

    /// The same, of a store whose listings show write ids.
    #[must_use]
    pub const fn with_listed_ids(self) -> Self {
        Self {
            listed_ids: true,
            ..self
        }
    }

    /// The same, of a store that keeps no write ids.
    #[must_use]
    pub const fn without_write_ids(self) -> Self {
        Self {
            write_ids: false,
            ..self
        }
    }

    pub(crate) const fn get(self, condition: Conditional) -> Capability {
        match condition {
            Conditional::Create => self.create,
            Conditional::IfMatch => self.if_match,
            Conditional::DeleteIfMatch => self.delete_if_match,
            Conditional::Complete => self.complete_if,
        }
    }
}

/// A conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditional {
    Create,
    IfMatch,
    DeleteIfMatch,
    /// The completion of an upload, as a create or on a tag.
    Complete,
}

impl Conditional {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::Create, Self::IfMatch, Self::DeleteIfMatch, Self::Complete];

    /// Those that every store is asked about. One that takes parts is asked about completions, too.
    pub(crate) const ASKED: [Self; 3] = [Self::Create, Self::IfMatch, Self::DeleteIfMatch];

    pub(crate) const fn shift(self) -> u8 {
        match self {
            Self::Create => 0,
            Self::IfMatch => 2,
            Self::DeleteIfMatch => 4,
            Self::Complete => 6,
        }
    }

    /// The plural for sentences.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "creates",
            Self::IfMatch => "If-Match",
            Self::DeleteIfMatch => "If-Match on deletes",
            Self::Complete => "conditions on completed uploads",
        }
    }
}
