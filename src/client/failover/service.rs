use super::{Ask, EndpointError, Invoke, Judges, Op};
use crate::{BoxError, request::Call, stack::Stack, verdict::Standard};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};
use tower::Service;

/// The whole stack of a [`Failover`](super::Failover) as a tower service, for [`Call`]s of an [`Op`]. Clones share the
/// stack.
///
/// A call's error is the client's own, or a layer's [`ProviderError`](crate::provider::ProviderError), or why the stack
/// refused the call.
pub struct FailoverService<C, K = Standard>(Inner<C, K>);

type Inner<C, K> = Stack<Invoke<C>, Judges<K>>;

impl<C, K> FailoverService<C, K> {
    pub(super) const fn new(stack: Inner<C, K>) -> Self {
        Self(stack)
    }
}

impl<C, K> Clone for FailoverService<C, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C, K, F> Service<Call<Op<F>>> for FailoverService<C, K>
where
    F: Ask<C>,
    F::Error: Into<BoxError> + Send + Sync + 'static,
    Inner<C, K>: Service<Call<Op<F>>, Response = F::Response, Error = BoxError>,
{
    type Response = F::Response;
    type Error = BoxError;
    type Future = Unpacking<<Inner<C, K> as Service<Call<Op<F>>>>::Future, F::Error>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, call: Call<Op<F>>) -> Self::Future {
        Unpacking {
            future: self.0.call(call),
            of: PhantomData,
        }
    }
}

pin_project! {
    /// A call under way, whose error is unpacked.
    pub struct Unpacking<Fut, E> {
        #[pin]
        future: Fut,
        of: PhantomData<fn() -> E>,
    }
}

impl<Fut, T, E> Future for Unpacking<Fut, E>
where
    Fut: Future<Output = Result<T, BoxError>>,
    E: Into<BoxError> + Send + Sync + 'static,
{
    type Output = Fut::Output;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_err(EndpointError::<E>::unpacked)
    }
}

impl<Fut, E> fmt::Debug for Unpacking<Fut, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacking").finish_non_exhaustive()
    }
}

impl<C, K> fmt::Debug for FailoverService<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverService").finish_non_exhaustive()
    }
}
