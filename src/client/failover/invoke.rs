use super::{
    EndpointError,
    layer::{Layered, OpaqueStack, injected},
};
use crate::request::{Call, Progress};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::Service;

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

/// One endpoint's client as a tower service that calls the closure with the client.
#[derive(Clone)]
pub struct Invoke<C> {
    client: C,
    /// The user's layers, where there are any.
    layers: Option<OpaqueStack>,
}

impl<C> Invoke<C> {
    /// Calls closures with `client`, within these layers.
    pub(super) const fn new(client: C, layers: Option<OpaqueStack>) -> Self {
        Self { client, layers }
    }
}

/// Never prints the client's own Debug output, which may hold credentials.
impl<C> fmt::Debug for Invoke<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invoke")
    }
}

impl<C, F> Service<Call<Op<F>>> for Invoke<C>
where
    C: Clone,
    F: Ask<C>,
{
    type Response = F::Response;
    type Error = EndpointError<F::Error>;
    type Future = Invoked<C, F>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.layers {
            None => Poll::Ready(Ok(())),
            Some(layers) => {
                let refused = |error| EndpointError::Injected(Box::new(injected(error, false)));
                layers.poll_ready(cx).map_err(refused)
            }
        }
    }

    #[inline]
    fn call(&mut self, call: Call<Op<F>>) -> Self::Future {
        match &mut self.layers {
            None => Invoked::Direct {
                future: call.request().0.ask(self.client.clone(), || call.progress()),
            },
            Some(layers) => Invoked::Layered {
                attempt: Box::new(Layered::enter(layers, call, self.client.clone())),
            },
        }
    }
}

pin_project! {
    /// An attempt under way.
    #[project = InvokedProjection]
    pub enum Invoked<C, F>
    where
        F: Ask<C>,
    {
        /// The closure's own future.
        Direct { #[pin] future: F::Future },
        /// The closure's future within layers. Boxed: nobody measures what a test costs.
        Layered { attempt: Box<Layered<C, F>> },
    }
}

impl<C: Clone, F: Ask<C>> Future for Invoked<C, F> {
    type Output = Result<F::Response, EndpointError<F::Error>>;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            InvokedProjection::Direct { future } => future.poll(cx).map_err(EndpointError::Theirs),
            InvokedProjection::Layered { attempt } => attempt.poll(cx),
        }
    }
}
