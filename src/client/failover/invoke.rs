use crate::request::Call;
use std::{
    fmt,
    future::Future,
    task::{Context, Poll},
};
use tower::Service;

/// What a [`Failover`](super::Failover) is asked to do: a closure over the client, called once per attempt.
#[derive(Clone)]
pub struct Op<F>(F);

impl<F> Op<F> {
    /// Wraps the closure.
    pub const fn new(operation: F) -> Self {
        Self(operation)
    }
}

impl<F> fmt::Debug for Op<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Op")
    }
}

/// One endpoint's client as a tower service: calls the closure with it.
#[derive(Clone)]
pub struct Invoke<C>(C);

impl<C> Invoke<C> {
    /// Calls closures with `client`.
    pub const fn new(client: C) -> Self {
        Self(client)
    }
}

/// No client's Debug output: it may hold credentials.
impl<C> fmt::Debug for Invoke<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invoke")
    }
}

impl<C, F, Fut, T, E> Service<Call<Op<F>>> for Invoke<C>
where
    C: Clone,
    F: Fn(C) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Response = T;
    type Error = E;
    type Future = Fut;

    #[inline]
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, call: Call<Op<F>>) -> Fut {
        (call.request().0)(self.0.clone())
    }
}
