//! The whole call's time limit.
//!
//! However many attempts, hedges and waits a call makes, it ends by its deadline. A deadline that the caller set on the
//! [`Call`]'s record is kept; otherwise this layer's limit counts from the call's start.
//!
//! ```
//! use evenkeel::deadline::{DeadlineLayer, Elapsed};
//! use evenkeel::request::Call;
//! use std::{convert::Infallible, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let hangs = service_fn(|_: Call<()>| std::future::pending::<Result<(), Infallible>>());
//! let service = DeadlineLayer::new(Duration::from_secs(10)).layer(hangs);
//! let error = service.oneshot(Call::read(())).await.unwrap_err();
//! assert_eq!(error.downcast_ref(), Some(&Elapsed { limit: Duration::from_secs(10) }));
//! # }
//! ```
//!
//! **Place in the stack**: outermost. **Cancel safety**: nothing is held; what it cuts off is dropped, and judged by its
//! age where it was.

mod refusal;

pub use refusal::Elapsed;

use crate::{
    BoxError,
    request::{After, Call},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::{Layer, Service};

/// What a call has by default: longer than any single attempt should need, shorter than what callers' own callers wait
/// (load balancers give up at 30–60 s).
pub const DEFAULT: Duration = Duration::from_secs(10);

/// Wraps a service in [`Deadline`].
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    limit: Duration,
}

impl DeadlineLayer {
    /// Calls that bring no deadline get this one.
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline {
            inner,
            limit: self.limit,
        }
    }
}

/// Ends every call by its deadline. See the [module](self).
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    inner: S,
    limit: Duration,
}

impl<R, S> Service<Call<R>> for Deadline<S>
where
    S: Service<Call<R>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        let at = call.record().end_by(After::from(self.limit));
        call.record().collect_waits();
        ResponseFuture {
            call: call.clone(),
            at,
            inner: self.inner.call(call),
        }
    }
}

pin_project! {
    /// A call under way.
    pub struct ResponseFuture<F, R> {
        #[pin]
        inner: F,
        call: Call<R>,
        at: After,
    }
}

impl<F, R> std::fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("deadline::ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, R, T, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Poll::Ready(result) = this.inner.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(Into::into));
            }
            if ready!(this.call.record().poll_collected(*this.at, cx)) {
                let limit = this.at.since(After::START);
                return Poll::Ready(Err(Elapsed { limit }.into()));
            }
        }
    }
}
