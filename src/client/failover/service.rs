use super::Invoke;
use crate::{request::Call, stack::Stack, verdict::Standard};
use std::{
    fmt,
    task::{Context, Poll},
};
use tower::Service;

/// The whole stack of a [`Failover`](super::Failover) as a tower service, for [`Call`]s of an [`Op`](super::Op). Clones
/// share the stack.
pub struct FailoverService<C, K = Standard>(Stack<Invoke<C>, K>);

impl<C, K> FailoverService<C, K> {
    pub(super) const fn new(stack: Stack<Invoke<C>, K>) -> Self {
        Self(stack)
    }
}

impl<C, K> Clone for FailoverService<C, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C, K, R> Service<Call<R>> for FailoverService<C, K>
where
    Stack<Invoke<C>, K>: Service<Call<R>>,
{
    type Response = <Stack<Invoke<C>, K> as Service<Call<R>>>::Response;
    type Error = <Stack<Invoke<C>, K> as Service<Call<R>>>::Error;
    type Future = <Stack<Invoke<C>, K> as Service<Call<R>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        self.0.call(call)
    }
}

impl<C, K> fmt::Debug for FailoverService<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverService").finish_non_exhaustive()
    }
}
