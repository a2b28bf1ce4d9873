use crate::request::Progress;
use std::{fmt, future::Future};

/// The operation of a [`Failover`](super::Failover): a closure over the client, called once per attempt.
#[derive(Clone)]
pub struct Op<F>(F);

impl<F> Op<F> {
    /// Wraps the closure.
    pub const fn new(operation: F) -> Self {
        Self(operation)
    }

    /// The closure.
    pub(super) const fn operation(&self) -> &F {
        &self.0
    }
}

impl<F> Op<Telling<F>> {
    /// Wraps a closure that also takes the [`Progress`] of its attempt.
    pub const fn telling(operation: F) -> Self {
        Self(Telling(operation))
    }
}

impl<F> fmt::Debug for Op<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Op")
    }
}

/// A closure that also takes the [`Progress`] of its attempt.
#[derive(Clone)]
pub struct Telling<F>(pub(super) F);

impl<F> fmt::Debug for Telling<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling")
    }
}

/// A closure over a client `C`: `Fn(C) -> Future`, or the same as [`Telling`]. Nothing else implements this trait.
pub trait Ask<C> {
    /// The answer to come.
    type Future: Future<Output = Result<Self::Response, Self::Error>>;
    /// An answer.
    type Response;
    /// The client's own error.
    type Error;

    /// Makes one attempt. `progress` makes the attempt's handle, for closures that take one.
    fn ask(&self, client: C, progress: impl FnOnce() -> Progress) -> Self::Future;
}

impl<C, F, Fut, T, E> Ask<C> for F
where
    F: Fn(C) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Future = Fut;
    type Response = T;
    type Error = E;

    #[inline]
    fn ask(&self, client: C, _progress: impl FnOnce() -> Progress) -> Fut {
        self(client)
    }
}

impl<C, F, Fut, T, E> Ask<C> for Telling<F>
where
    F: Fn(C, Progress) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Future = Fut;
    type Response = T;
    type Error = E;

    #[inline]
    fn ask(&self, client: C, progress: impl FnOnce() -> Progress) -> Fut {
        (self.0)(client, progress())
    }
}
