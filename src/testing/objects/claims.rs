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
    /// Content type, cache control and metadata come back.
    Attributes,
    /// A get says when the object was written, as a head does.
    DatedGets,
    /// The id of a put is the one that the caller set. (A whole client sets its own.)
    WriteId,
}

/// What a store claims to do: everything, less the named gaps.
#[derive(Clone, Debug)]
pub struct Claims {
    gaps: Vec<(Claim, &'static str)>,
}

impl Claims {
    /// Everything. Tags are unique rather than a function of the content: see [`Claims::content_etags`].
    pub fn all() -> Self {
        Self {
            gaps: vec![(Claim::ContentEtags, "its tags are unique")],
        }
    }

    /// Tags are a function of the content.
    #[must_use]
    pub fn content_etags(mut self) -> Self {
        self.gaps.retain(|(claim, _)| *claim != Claim::ContentEtags);
        self.without(Claim::UniqueEtags, "its tags are a function of the content")
    }

    /// All but this, because of that.
    #[must_use]
    pub fn without(mut self, claim: Claim, reason: &'static str) -> Self {
        self.gaps.push((claim, reason));
        self
    }

    /// The first of these that is not claimed, and why.
    pub fn gap(&self, needed: &[Claim]) -> Option<(Claim, &'static str)> {
        needed
            .iter()
            .find_map(|needed| self.gaps.iter().find(|(claim, _)| claim == needed).copied())
    }
}
