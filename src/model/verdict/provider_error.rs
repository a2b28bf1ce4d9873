use crate::{
    BoxError,
    credentials::NotLoaded,
    verdict::{
        Detail, Outcome, Sent, Verdict,
        table::{self, Symptom},
        words,
    },
};
use std::{fmt, sync::Arc};

/// Why one attempt at a provider failed, as its adapter saw it.
///
/// The error carries the [`Outcome`], so that its handler need not know the provider. `Display` names the provider's
/// code and never a key, a URL with a signature or a credential: texts are kept as visible ASCII, at most 128
/// characters of each, and the stack leaves out texts that repeat the key of the request.
///
/// A clone shares the error underneath.
#[derive(Clone, Debug)]
pub struct ProviderError {
    kind: ProviderErrorKind,
    outcome: Outcome,
    detail: Detail,
    /// An adapter set the texts, which may quote a server.
    quotes: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What a provider's failure means to the caller. Finer than the verdict where the caller must tell cases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderErrorKind {
    /// No such object.
    NotFound,
    /// A create met an existing object.
    AlreadyExists,
    /// An If-Match did not match.
    PreconditionFailed,
    /// An If-None-Match on a read matched.
    NotModified,
    /// The range selects nothing of the object.
    RangeNotSatisfiable,
    /// Refused: credentials or permissions.
    Denied,
    /// Slow down.
    Throttled,
    /// The store is full: a quota is used up, or its disks are full. Existing objects can be read.
    Full,
    /// A create met a conflict, and the answer does not say with what: the object may exist, be the call's own, or be
    /// missing.
    Conflict,
    /// No such upload: it was completed, given up, or never begun. Or its store will not complete it any more, so that it
    /// must be made again.
    UploadGone,
    /// No such bucket, or another fault of configuration or request.
    Invalid,
    /// The store, or its adapter, cannot do this.
    Unsupported,
    /// Everything else: the endpoint is unreachable or faulty.
    Failed,
}

impl ProviderError {
    /// A failure of this kind with this outcome.
    pub fn new(kind: ProviderErrorKind, outcome: Outcome) -> Self {
        Self {
            kind,
            outcome,
            detail: Detail::default(),
            quotes: false,
            source: None,
        }
    }

    /// The object does not exist.
    pub fn not_found() -> Self {
        Self::new(ProviderErrorKind::NotFound, Outcome::new(Verdict::Absent, Sent::Maybe))
    }

    /// The store answered with a refusal that is an answer.
    pub fn answer(kind: ProviderErrorKind) -> Self {
        Self::new(kind, Outcome::new(Verdict::Answer, Sent::Maybe))
    }

    /// The store cannot do what the call asked; nothing was sent.
    pub fn unsupported(what: impl Into<String>) -> Self {
        let mut error = Self::new(ProviderErrorKind::Unsupported, Outcome::new(Verdict::Caller, Sent::No));
        // The adapter's own words, as no server has said any: they are not cut.
        error.detail.message = Some(what.into());
        error.quotes = true;
        error
    }

    /// The endpoint answered wrongly: nonsense, a short body, a wrong checksum.
    pub fn faulty(message: impl Into<String>) -> Self {
        Self::new(ProviderErrorKind::Failed, Outcome::new(Verdict::Faulty, Sent::Maybe)).with_message(message)
    }

    /// A classification's finding, as an error of this kind.
    #[cfg(any(
        feature = "_aws",
        feature = "azure_blob",
        feature = "bigtable",
        feature = "cosmos",
        feature = "gcs",
        feature = "object_store",
        feature = "redis"
    ))]
    pub(crate) fn found(kind: ProviderErrorKind, finding: crate::verdict::Finding) -> Self {
        Self {
            detail: finding.detail,
            ..Self::new(kind, finding.outcome)
        }
    }

    /// Adds the provider's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.detail.code = Some(words::shown(code));
        self.quotes = true;
        self
    }

    /// Adds the provider's request id.
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        self.detail.request_id = Some(words::shown(id));
        self.quotes = true;
        self
    }

    /// Adds one phrase for a person.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.detail.message = Some(words::shown(message));
        self.quotes = true;
        self
    }

    /// Leaves out the texts that repeat one of these keys, which the request asked for.
    #[must_use]
    pub(crate) fn without<'k>(mut self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        for key in keys {
            self.detail.without(key, !self.quotes);
        }
        self
    }

    /// Keeps the error underneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// The same failure, of which nothing proves that the request was not sent.
    #[must_use]
    pub(crate) const fn maybe_sent(mut self) -> Self {
        self.outcome.sent = Sent::Maybe;
        self
    }

    /// What the failure means to the caller.
    pub const fn kind(&self) -> ProviderErrorKind {
        self.kind
    }

    /// What the failure means to the stack.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Code, request id and phrase.
    pub const fn detail(&self) -> &Detail {
        &self.detail
    }
}

/// Denied, not sent: for an adapter of your own that signs with credentials from a
/// [`Keeper`](crate::credentials::Keeper).
impl From<NotLoaded> for ProviderError {
    fn from(error: NotLoaded) -> Self {
        let symptom = Symptom::CredentialsNotLoaded;
        Self::new(ProviderErrorKind::Denied, table::for_symptom(symptom))
            .with_code(symptom.as_str())
            .with_source(error)
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fallback = match self.kind {
            ProviderErrorKind::NotFound => "the key does not exist",
            ProviderErrorKind::AlreadyExists => "the key exists already",
            ProviderErrorKind::PreconditionFailed => "the content has changed",
            ProviderErrorKind::NotModified => "the content has not changed",
            ProviderErrorKind::RangeNotSatisfiable => "the range lies outside the content",
            ProviderErrorKind::Denied => "access was denied",
            ProviderErrorKind::Throttled => "the provider asks to slow down",
            ProviderErrorKind::Full => table::FULL,
            ProviderErrorKind::UploadGone => "there is no such upload",
            ProviderErrorKind::Conflict => "the write met a conflict, and the answer does not say with what",
            ProviderErrorKind::Invalid => "the request is not valid",
            ProviderErrorKind::Unsupported => "the store cannot do this",
            ProviderErrorKind::Failed => "the attempt failed",
        };
        f.write_str(self.detail.message.as_deref().unwrap_or(fallback))?;
        if let Some(code) = &self.detail.code {
            write!(f, " ({code})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ProviderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}
