//! Handing a call to a service whose readiness is asked for only now.

use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tower::{Service, ServiceExt, util::Oneshot};

pin_project! {
    /// A call that was sent at once, or whose service is not ready yet (boxed: hardly any).
    #[project = DispatchedProjection]
    #[derive(Debug)]
    pub(crate) enum Dispatched<A, B> {
        Sent { #[pin] future: A },
        Waiting { future: Pin<Box<B>> },
    }
}

impl<A: Future, B: Future<Output = A::Output>> Future for Dispatched<A, B> {
    type Output = A::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        match self.project() {
            DispatchedProjection::Sent { future } => future.poll(cx),
            DispatchedProjection::Waiting { future } => future.as_mut().poll(cx),
        }
    }
}

/// Hands `call` to `service`. The instance that is made ready is the one that is called; one that is not ready at once
/// leaves with the call, to ask again with the task's own waker (nobody waits yet), and a clone, which must earn its own
/// readiness, takes its place. So the healthy path needs no clone.
#[inline]
pub(crate) fn dispatch<C, S>(service: &mut S, call: C) -> Dispatched<S::Future, Oneshot<S, C>>
where
    S: Service<C> + Clone,
{
    if let Poll::Ready(Ok(())) = service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        return Dispatched::Sent {
            future: service.call(call),
        };
    }
    let clone = service.clone();
    let asked = std::mem::replace(service, clone);
    Dispatched::Waiting {
        future: Box::pin(asked.oneshot(call)),
    }
}
