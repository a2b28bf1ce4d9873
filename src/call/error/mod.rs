//! The error of a call.

mod cause;
mod refusal;
mod sentence;

pub(crate) use cause::Cause;
pub(crate) use refusal::Refusal;

use crate::{
    BoxError,
    call::{Attempt, Explanation},
    endpoint::Roster,
    model::ErrorKind,
    provider::ProviderError,
    request::{CallRecord, Safety, object::WriteId},
    stack::route::Exhausted,
};
use std::{fmt, sync::Arc};

/// Why a call failed: what happened, at which endpoint, after how many attempts, and whether trying again could help.
///
/// `Display` is one sentence for a person. The provider's own error is in [`source`](std::error::Error::source) and,
/// typed, in [`provider_error`](Self::provider_error). evenkeel writes no object key and no secret into either; an SDK
/// decides what its own error holds.
///
/// `E` is the error of the wrapped client: [`ProviderError`] for objects, the SDK's own error for `Failover`.
pub struct Error<E = ProviderError>(Box<Inner<E>>);

struct Inner<E> {
    kind: ErrorKind,
    retryable: bool,
    endpoint: Option<Arc<str>>,
    explanation: Explanation,
    cause: Cause<E>,
    absent_at: Vec<Arc<str>>,
    not_asked: Vec<NotAsked>,
    confirmed_by: Vec<Arc<str>>,
    write_id: Option<WriteId>,
    /// What was not tried, and why, as a clause.
    withheld: Option<&'static str>,
    /// How many bytes of a stream came before the error.
    delivered: Option<u64>,
    /// Whether other requests of the same upload went before.
    midway: bool,
    /// What happened, where the attempts alone do not say.
    reason: Option<&'static str>,
    /// What the caller can do, where the kind alone does not say.
    advice: Option<&'static str>,
}

/// An endpoint whose answer the call needed and did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAsked {
    endpoint: Arc<str>,
    reason: String,
    /// Asking again later would fail in the same way.
    lasts: bool,
}

impl NotAsked {
    pub(crate) fn new(endpoint: Arc<str>, reason: impl Into<String>) -> Self {
        Self {
            endpoint,
            reason: reason.into(),
            lasts: false,
        }
    }

    #[must_use]
    pub(crate) const fn lasting(mut self, lasts: bool) -> Self {
        self.lasts = lasts;
        self
    }

    /// The endpoint's name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Why the endpoint gave no answer, as a phrase.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl<E> Error<E> {
    /// The kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The endpoint whose answer, or whose silence, decided. `None` if no single endpoint decided, or nothing was sent.
    pub fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.as_deref()
    }

    /// What each attempt met, in order.
    pub fn attempts(&self) -> &[Attempt] {
        self.0.explanation.attempts()
    }

    /// How many attempts left this process. A request that could not be built, or that its own adapter refused, did not
    /// leave.
    pub fn attempts_made(&self) -> usize {
        self.attempts().iter().filter(|attempt| attempt.has_left()).count()
    }

    /// Whether the write may have taken effect. True exactly for [`ErrorKind::MaybeApplied`].
    pub fn may_have_been_applied(&self) -> bool {
        self.0.kind == ErrorKind::MaybeApplied
    }

    /// Whether the same call could succeed later, and repeating the call does no harm. Repeat a put with its
    /// [`write_id`](Self::write_id); the put then recognises what an earlier attempt stored.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The id under which the write was sent, for a write of an [`ObjectClient`](crate::ObjectClient) or a
    /// [`KvClient`](crate::KvClient): a [stamp](crate::request::Stamp), also if the caller chose an id.
    pub fn write_id(&self) -> Option<&WriteId> {
        self.0.write_id.as_ref()
    }

    /// What the call did and why.
    pub fn explanation(&self) -> &Explanation {
        &self.0.explanation
    }

    /// For a stream that failed: how many bytes it delivered before. `None`: this was no stream.
    pub fn delivered(&self) -> Option<u64> {
        self.0.delivered
    }

    /// The endpoints that said that the key does not exist.
    pub fn absent_at(&self) -> impl Iterator<Item = &str> {
        self.0.absent_at.iter().map(|name| &**name)
    }

    /// The endpoints whose answer the call needed and did not get, and why.
    pub fn not_asked(&self) -> &[NotAsked] {
        &self.0.not_asked
    }

    /// For a delete that not every endpoint confirmed: the endpoints that did.
    pub fn confirmed_by(&self) -> impl Iterator<Item = &str> {
        self.0.confirmed_by.iter().map(|name| &**name)
    }

    /// The wrapped client's own error. `None` when evenkeel itself failed the call (deadline, admission, a bad key), or
    /// a [layer](crate::client::FailoverBuilder::endpoint_layer) did.
    pub fn provider_error(&self) -> Option<&E> {
        match &self.0.cause {
            Cause::Provider(error, _) => Some(error),
            _ => None,
        }
    }

    /// The error that a [layer](crate::client::FailoverBuilder::endpoint_layer) of a `Failover` put in the place of the
    /// client's own: a drill's fault. `None` for every error of a store, whose layers speak of a
    /// [`provider_error`](Self::provider_error) as the store does.
    pub fn injected(&self) -> Option<&ProviderError> {
        match &self.0.cause {
            Cause::Injected(error) => Some(error),
            _ => None,
        }
    }

    /// The wrapped client's own error, by value.
    pub fn into_provider_error(self) -> Option<E> {
        match self.0.cause {
            Cause::Provider(error, _) => Some(error),
            _ => None,
        }
    }
}

impl Error {
    /// The same failure for another key of the same batch.
    #[must_use]
    pub(crate) fn shared(&self) -> Self {
        let inner = &self.0;
        Self(Box::new(Inner {
            kind: inner.kind,
            retryable: inner.retryable,
            endpoint: inner.endpoint.clone(),
            explanation: inner.explanation.clone(),
            cause: match &inner.cause {
                Cause::Provider(error, as_error) => Cause::Provider(error.clone(), *as_error),
                Cause::Injected(error) => Cause::Injected(error.clone()),
                Cause::Refused(refusal) => Cause::Own(refusal.to_string()),
                Cause::Own(message) => Cause::Own(message.clone()),
            },
            absent_at: inner.absent_at.clone(),
            not_asked: inner.not_asked.clone(),
            confirmed_by: inner.confirmed_by.clone(),
            write_id: inner.write_id.clone(),
            withheld: inner.withheld,
            delivered: inner.delivered,
            midway: inner.midway,
            reason: inner.reason,
            advice: inner.advice,
        }))
    }
}

impl Error {
    /// The failure of a pass through a store's stack. See [`caused_by`](Self::caused_by).
    pub(crate) fn judged(error: BoxError, record: &CallRecord, roster: &Roster, explanation: Explanation) -> Self {
        Self::caused_by(Cause::open(error), record, roster, explanation)
    }
}

impl<E: 'static> Error<E> {
    /// The failure of a pass through the stack. The explanation may cover more than this pass.
    ///
    /// *May have been applied* is sticky: once an attempt of a write is of unknown fate, no later refusal takes that
    /// back. The refusal may come from another endpoint, from a state that the lost attempt itself created, or from a
    /// moment before the lost attempt arrived. A caller of this function that knows better says so with
    /// [`with_kind`](Self::with_kind): for example, a create that met a foreign object at the very endpoint that lost
    /// its answer, under write-once.
    pub(crate) fn caused_by(cause: Cause<E>, record: &CallRecord, roster: &Roster, explanation: Explanation) -> Self {
        let deciding = cause::deciding_leg(&cause, record);
        let kind = if record.may_have_been_applied() {
            ErrorKind::MaybeApplied
        } else {
            cause::kind(&cause, deciding.as_ref(), record)
        };
        let endpoint = deciding
            .and_then(|leg| leg.endpoint)
            .map(|index| roster.shared_name(index));
        Self(Box::new(Inner {
            kind,
            retryable: could_help(kind, &explanation, &cause)
                || (kind == ErrorKind::MaybeApplied && record.safety() == Safety::Idempotent),
            explanation: explanation.answered(if kind.is_answer() { endpoint.clone() } else { None }, false),
            endpoint,
            cause,
            absent_at: Vec::new(),
            not_asked: Vec::new(),
            confirmed_by: Vec::new(),
            write_id: None,
            withheld: record.is_withheld().then_some(Refusal::Budget.as_str()),
            delivered: None,
            midway: false,
            reason: None,
            advice: None,
        }))
    }

    /// The same failure under another kind; `retryable` follows it.
    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self.0.retryable = could_help(kind, &self.0.explanation, &self.0.cause);
        self
    }
}

impl<E> Error<E> {
    /// A failure decided without a provider's error.
    pub(crate) fn local(kind: ErrorKind, explanation: Explanation, message: impl Into<String>) -> Self {
        let cause = Cause::Own(message.into());
        Self(Box::new(Inner {
            kind,
            retryable: could_help(kind, &explanation, &cause),
            endpoint: None,
            explanation,
            cause,
            absent_at: Vec::new(),
            not_asked: Vec::new(),
            confirmed_by: Vec::new(),
            write_id: None,
            withheld: None,
            delivered: None,
            midway: false,
            reason: None,
            advice: None,
        }))
    }

    #[must_use]
    pub(crate) fn with_absence(mut self, absent_at: Vec<Arc<str>>, not_asked: Vec<NotAsked>) -> Self {
        self.0.absent_at = absent_at;
        // One of those who are missing may hold it, and ends the search.
        self.0.retryable &= not_asked.is_empty() || !not_asked.iter().all(|missing| missing.lasts);
        self.0.not_asked = not_asked;
        self
    }

    /// Notes who confirmed and who did not. Every endpoint has to confirm, and may be asked again.
    #[must_use]
    pub(crate) fn with_confirmation(mut self, confirmed_by: Vec<Arc<str>>, not_asked: Vec<NotAsked>) -> Self {
        self.0.confirmed_by = confirmed_by;
        self.0.retryable = !not_asked.iter().any(|missing| missing.lasts);
        self.0.not_asked = not_asked;
        self
    }

    #[must_use]
    pub(crate) fn with_write_id(mut self, id: Option<WriteId>) -> Self {
        self.0.write_id = id;
        self
    }

    /// Notes how many bytes of the stream came before.
    #[must_use]
    pub(crate) const fn with_delivered(mut self, bytes: u64) -> Self {
        self.0.delivered = Some(bytes);
        self
    }

    /// The same under the name of the call that this was a part of.
    #[must_use]
    pub(crate) fn called(mut self, operation: &'static str) -> Self {
        self.0.explanation = self.0.explanation.called(operation);
        self
    }

    /// Says in these words what happened. For an end that the attempts alone do not explain.
    #[must_use]
    pub(crate) const fn because(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// Says in these words what the caller can do.
    #[must_use]
    pub(crate) const fn advising(mut self, advice: &'static str) -> Self {
        self.0.advice = Some(advice);
        self
    }

    /// Notes that other requests of the same upload went before.
    #[must_use]
    pub(crate) const fn halfway(mut self) -> Self {
        self.0.midway = true;
        self
    }

    /// Notes what was not tried, and why, as a clause.
    #[must_use]
    pub(crate) const fn withholding(mut self, what: Option<&'static str>) -> Self {
        self.0.withheld = what;
        self
    }

    #[must_use]
    pub(crate) fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }
}

/// Whether the same call could succeed later.
fn could_help<E>(kind: ErrorKind, explanation: &Explanation, cause: &Cause<E>) -> bool {
    let is_barred = || matches!(cause.refusal(), Some(Exhausted { permitted: 0 })) && explanation.attempts().is_empty();
    kind.is_retryable() && !explanation.met_only_what_lasts() && !is_barred()
}

impl<E> fmt::Debug for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("endpoint", &self.0.endpoint)
            .field("sentence", &format_args!("{self}"))
            .field("attempts", &self.attempts())
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sentence::write(&self.0, f)
    }
}

impl<E> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.cause {
            Cause::Provider(error, as_error) => Some(as_error(error)),
            Cause::Injected(error) => Some(&**error),
            Cause::Refused(error) => Some(&**error),
            Cause::Own(_) => None,
        }
    }
}
