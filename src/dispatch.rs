//! Handing a call to a service whose readiness is asked for only now.

use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Service, ServiceExt, util::Oneshot};

pin_project! {
    /// A call that was sent at once, or whose service is not ready yet.
    #[project = DispatchedProjection]
    #[derive(Debug)]
    pub(crate) enum Dispatched<A, B> {
        Sent { #[pin] future: A },
        Waiting { #[pin] future: B },
    }
}

impl<A: Future, B: Future<Output = A::Output>> Future for Dispatched<A, B> {
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        match self.project() {
            DispatchedProjection::Sent { future } => future.poll(cx),
            DispatchedProjection::Waiting { future } => future.poll(cx),
        }
    }
}

/// Hands `call` to `service`. The instance that is made ready is the one that is called; one that is not ready at once
/// leaves with the call, and a clone, which must earn its own readiness, takes its place. So the healthy path needs no
/// clone.
pub(crate) fn dispatch<C, S>(service: &mut S, call: C, cx: &mut Context<'_>) -> Dispatched<S::Future, Oneshot<S, C>>
where
    S: Service<C> + Clone,
{
    if let Poll::Ready(Ok(())) = service.poll_ready(cx) {
        return Dispatched::Sent {
            future: service.call(call),
        };
    }
    let clone = service.clone();
    let asked = std::mem::replace(service, clone);
    Dispatched::Waiting {
        future: asked.oneshot(call),
    }
}
