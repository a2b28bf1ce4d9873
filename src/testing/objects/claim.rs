use crate::testing::claims::Claims;

/// Something that good stores do and not all do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// Keys may be written again. (Not so under write-once.)
    Overwrite,
    /// A second create of a key is refused.
    Create,
    /// ... also when both come at the same time.
    AtomicCreate,
    /// A put with If-Match is refused unless the tag is the current one.
    IfMatch,
    /// ... also when several come at the same time.
    AtomicIfMatch,
    /// A get with If-None-Match is answered *not modified*.
    ConditionalGet,
    /// Equal bytes written twice have two tags. Excludes `ContentEtags`.
    UniqueEtags,
    /// Equal bytes have equal tags, as at S3. Excludes `UniqueEtags`.
    ContentEtags,
    /// Listings come in pages, with a continuation.
    Paging,
    /// Listings fold by a delimiter.
    Delimiter,
    /// A range that asks for more last bytes than there are gives all of them.
    LongSuffix,
    /// Keys of 1,024 bytes work.
    LongKeys,
    /// What does not exist is *not found*. (A write-once client needs the word of every endpoint for that, so not while one
    /// is dead.)
    Absence,
    /// Deletes succeed. (A write-once client needs every endpoint for that, too.)
    Delete,
    /// A delete with If-Match is refused unless the tag is the current one.
    ConditionalDelete,
    /// Content type, cache control and metadata come back.
    Attributes,
    /// A get says when the object was written, as a head does.
    DatedGets,
    /// The id of a put is the one that the caller set. (A whole client sets its own.)
    WriteId,
}

impl Claims<Claim> {
    /// Everything. Tags are unique rather than a function of the content: see [`content_etags`](Self::content_etags).
    pub fn all() -> Self {
        Self::none_missing().without(Claim::ContentEtags, "its tags are unique")
    }

    /// Tags are a function of the content.
    #[must_use]
    pub fn content_etags(self) -> Self {
        self.with(Claim::ContentEtags)
            .without(Claim::UniqueEtags, "its tags are a function of the content")
    }
}
