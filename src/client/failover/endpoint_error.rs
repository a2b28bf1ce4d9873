//! How one endpoint's service fails: with the client's own error, or with what a layer put in its place.

use crate::{
    BoxError,
    call::Cause,
    provider::ProviderError,
    verdict::{Classify, Detail, Outcome},
};
use std::{
    error::Error,
    fmt,
    ops::{Deref, DerefMut},
};

/// How one endpoint's service fails.
///
/// The type is an [`Error`] whatever `E` is, so that the stack carries errors that are none.
pub enum EndpointError<E> {
    /// The client's own error.
    Theirs(E),
    /// A layer's error. Boxed: every result of a call has room for it.
    Injected(Box<ProviderError>),
}

impl<E> fmt::Debug for EndpointError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Theirs(_) => f.write_str("Theirs"),
            Self::Injected(error) => f.debug_tuple("Injected").field(error).finish(),
        }
    }
}

impl<E> fmt::Display for EndpointError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Theirs(_) => f.write_str("the client's own error"),
            Self::Injected(error) => error.fmt(f),
        }
    }
}

impl<E> Error for EndpointError<E> {}

impl<E: Send + Sync + 'static> EndpointError<E> {
    /// What a call failed of, from what came out of the stack.
    pub(super) fn cause(error: BoxError, as_error: AsError<E>) -> Cause<E> {
        match error.downcast::<Self>().map(|error| *error) {
            Ok(Self::Theirs(error)) => Cause::Provider(error, as_error),
            Ok(Self::Injected(error)) => Cause::Injected(error),
            Err(refusal) => Cause::Refused(refusal),
        }
    }

    /// The error that was carried, in a box of its own.
    #[cold]
    pub(super) fn unpacked(error: BoxError) -> BoxError
    where
        E: Into<BoxError>,
    {
        match error.downcast::<Self>().map(|error| *error) {
            Ok(Self::Theirs(error)) => error.into(),
            Ok(Self::Injected(error)) => error,
            Err(refusal) => refusal,
        }
    }
}

/// [`Classify`] for an endpoint's service: an injected error has its own outcome, and `K` judges all else.
#[derive(Clone, Copy, Debug)]
pub struct Judges<K>(pub(super) K);

impl<T, E, K: Classify<T, E>> Classify<T, EndpointError<E>> for Judges<K> {
    #[inline]
    fn classify(&self, result: Result<&T, &EndpointError<E>>) -> Outcome {
        match result {
            Ok(value) => self.0.classify(Ok(value)),
            Err(EndpointError::Theirs(error)) => self.0.classify(Err(error)),
            Err(EndpointError::Injected(error)) => error.outcome(),
        }
    }

    fn detail(&self, result: Result<&T, &EndpointError<E>>) -> Detail {
        match result {
            Ok(value) => self.0.detail(Ok(value)),
            Err(EndpointError::Theirs(error)) => self.0.detail(Err(error)),
            Err(EndpointError::Injected(error)) => error.detail().clone(),
        }
    }
}

/// Looks at a client's error as the standard library's trait does.
pub(crate) type AsError<E> = fn(&E) -> &(dyn Error + 'static);

/// An error that a closure may return: an [`Error`], or a pointer to one as `Box<dyn Error + Send + Sync>` and
/// `anyhow::Error` are, which are no [`Error`] themselves. `M` says which of the two, and is always inferred. Nothing
/// else implements this trait.
#[diagnostic::on_unimplemented(
    message = "a call cannot carry the error `{Self}`",
    label = "`{Self}` is no `std::error::Error`, and holds none",
    note = "a `Box<dyn Error>`: make it `Box<dyn Error + Send + Sync>`, and end the closure with `Ok::<_, evenkeel::BoxError>(value)`",
    note = "an error of your own: implement `std::error::Error` for it",
    note = "a `String`, or anything else that `Box<dyn Error + Send + Sync>` can be made of: `.map_err(evenkeel::verdict::AnyError::new)` at the end of the closure"
)]
pub trait Carried<M>: Send + Sync + 'static {
    /// The error itself.
    fn as_error(&self) -> &(dyn Error + 'static);
}

/// Marks what is an error.
#[derive(Debug)]
pub struct Itself;

/// Marks what points to an error.
#[derive(Debug)]
pub struct Pointed;

impl<E: Error + Send + Sync + 'static> Carried<Itself> for E {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

// `DerefMut`, because an `Arc` of an error is an error, too.
impl<E> Carried<Pointed> for E
where
    E: DerefMut + Deref<Target = dyn Error + Send + Sync> + Send + Sync + 'static,
{
    fn as_error(&self) -> &(dyn Error + 'static) {
        &**self
    }
}
