use crate::testing::claims::Claims;

/// A capability of good stores that not every store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// Keys may be written again. (Not so under write-once.)
    Overwrite,
    /// A second create of a key is refused.
    Create,
    /// Of two creates of a key at the same time, one is refused.
    AtomicCreate,
    /// A put with If-Match is refused unless the tag is the current one.
    IfMatch,
    /// Of several such puts at the same time with one tag, all but one are refused.
    AtomicIfMatch,
    /// A get with If-None-Match is answered *not modified*.
    ConditionalGet,
    /// Two writes of equal bytes have two tags. Excludes `ContentEtags`.
    UniqueEtags,
    /// Equal bytes have equal tags, as at S3. Excludes `UniqueEtags`.
    ContentEtags,
    /// Listings come in pages, with a continuation.
    Paging,
    /// Listings fold by a delimiter.
    Delimiter,
    /// A range that asks for more last bytes than the object has gives the whole object.
    LongSuffix,
    /// Keys of 1,024 bytes work.
    LongKeys,
    /// An object that does not exist is *not found*. (A write-once client needs the word of every endpoint for that, so
    /// it does not claim this while an endpoint is dead.)
    Absence,
    /// Deletes succeed. (A write-once client needs every endpoint for that, too.)
    Delete,
    /// A delete with If-Match is refused unless the tag is the current one.
    ConditionalDelete,
    /// Content type, cache control and metadata come back.
    Attributes,
    /// A get says when the object was written, as a head does.
    DatedGets,
    /// The id of a put is the caller's id. (A whole client sets an id of its own.)
    WriteId,
}

impl Claims<Claim> {
    /// All claims. Tags are unique, and not a function of the content: see [`content_etags`](Self::content_etags).
    pub fn all() -> Self {
        Self::none_missing().without(Claim::ContentEtags, "its tags are unique")
    }

    /// Declares that tags are a function of the content.
    #[must_use]
    pub fn content_etags(self) -> Self {
        self.with(Claim::ContentEtags)
            .without(Claim::UniqueEtags, "its tags are a function of the content")
    }
}
