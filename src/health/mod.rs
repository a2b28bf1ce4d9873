//! What was seen of an endpoint.
//!
//! A layer near the client that judges every attempt (with a [`Classify`]), *before* its error is boxed, and writes the
//! outcome into the call's record, where breaker, hedge and retry find it, and into the endpoint's [`Tracker`], from
//! which router, timeout and hedge learn: success share, latency, attempts under way. Health is kept per class of
//! operation, because reads heal before writes (S3, 2017).
//!
//! ```
//! use evenkeel::health::{HealthLayer, Tracker};
//! use evenkeel::request::{Call, OpClass};
//! use evenkeel::verdict::IoVerdicts;
//! use std::{io, sync::Arc};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let tracker = Arc::new(Tracker::new());
//! let service = HealthLayer::new(tracker.clone(), IoVerdicts)
//!     .layer(service_fn(|_: Call<()>| async { Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)) }));
//! service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(tracker.score(OpClass::Read) < 1.0);
//! # }
//! ```
//!
//! **Place in the stack**: around `timeout`, so that a hang is seen as one; inside `breaker` and `limit`, so that a local
//! refusal is never seen as the endpoint's.
//!
//! **Cancel safety**: an attempt that is dropped is judged by its age. Past the endpoint's own p99 (its hedge won, the
//! deadline ran out, the caller left) it counts as *late*: a censored sample, which raises the latency estimate. Younger,
//! it counts for nothing.
//!
//! **Counted**: one span, one counter and one duration per attempt; see [`telemetry`](crate::telemetry).

mod latency;
mod ramp;
mod throttle;
mod tracker;
mod window;

pub use latency::Latency;
pub use ramp::Ramp;
pub use throttle::ThrottleShare;
pub use tracker::Tracker;
pub(crate) use tracker::{UNLEARNT, late_after};
pub use window::{Counts, Window};

use crate::{
    BoxError, clock,
    request::{Abandoned, Call, Ended},
    telemetry::AttemptObserver,
    verdict::{Classify, Detail, Sent},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::{Layer, Service};
use tracing::Span;

/// Wraps one endpoint's service in [`Health`].
#[derive(Debug)]
pub struct HealthLayer<K> {
    shared: Arc<Shared<K>>,
}

/// What the attempts at one endpoint share. Each holds it once.
#[derive(Debug)]
struct Shared<K> {
    tracker: Arc<Tracker>,
    classify: K,
    observer: AttemptObserver,
}

impl<K> HealthLayer<K> {
    /// Judges with `classify` and remembers in `tracker`.
    pub fn new(tracker: Arc<Tracker>, classify: K) -> Self {
        Self::observed_by(tracker, classify, AttemptObserver::unnamed())
    }

    /// The same; spans and metrics carry this endpoint's name and place.
    pub(crate) fn observed_by(tracker: Arc<Tracker>, classify: K, observer: AttemptObserver) -> Self {
        Self {
            shared: Arc::new(Shared {
                tracker,
                classify,
                observer,
            }),
        }
    }
}

impl<K> Clone for HealthLayer<K> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<S, K> Layer<S> for HealthLayer<K> {
    type Service = Health<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Health {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Judges every attempt at one endpoint. See the [module](self).
#[derive(Debug)]
pub struct Health<S, K> {
    inner: S,
    shared: Arc<Shared<K>>,
}

impl<S: Clone, K> Clone for Health<S, K> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
        }
    }
}

impl<R, S, K> Service<Call<R>> for Health<S, K>
where
    S: Service<Call<R>>,
    S::Error: Into<BoxError>,
    K: Classify<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, K, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        let attempt = Attempt::begin(call.clone(), self.shared.clone());
        let span = self.shared.observer.span(call.record(), call.leg());
        let span = (!span.is_none()).then(|| Box::new(span));
        ResponseFuture {
            attempt,
            inner: {
                let _entered = span.as_ref().map(|span| span.enter());
                self.inner.call(call)
            },
            span,
        }
    }
}

pin_project! {
    /// One attempt under way.
    pub struct ResponseFuture<F, K, R> {
        #[pin]
        inner: F,
        attempt: Attempt<K, R>,
        // Where somebody subscribes.
        span: Option<Box<Span>>,
    }
}

impl<F, K, R> std::fmt::Debug for ResponseFuture<F, K, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("health::ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, K, R, T, E> Future for ResponseFuture<F, K, R>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    K: Classify<T, E>,
{
    type Output = Result<T, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = {
            let _entered = this.span.as_ref().map(|span| span.enter());
            ready!(this.inner.poll(cx))
        };
        this.attempt.finish(result.as_ref(), this.span.as_deref());
        Poll::Ready(result.map_err(Into::into))
    }
}

/// What must be settled when an attempt ends, in whichever way it does.
#[derive(Debug)]
struct Attempt<K, R> {
    call: Call<R>,
    over: bool,
    shared: Arc<Shared<K>>,
}

impl<K, R> Attempt<K, R> {
    #[inline]
    fn begin(call: Call<R>, shared: Arc<Shared<K>>) -> Self {
        call.record().start(call.leg(), call.at_after());
        shared.tracker.enter();
        Self {
            call,
            over: false,
            shared,
        }
    }

    #[inline]
    fn finish<T, E>(&mut self, result: Result<&T, &E>, span: Option<&Span>)
    where
        K: Classify<T, E>,
    {
        self.over = true;
        let Shared {
            tracker,
            classify,
            observer,
        } = &*self.shared;
        let (record, leg) = (self.call.record(), self.call.leg());
        let now = clock::now();
        let took = record.after(now).since(self.call.at_after());
        let outcome = classify.classify(result);
        if outcome.credential && outcome.sent == Sent::Maybe {
            observer.credentials_refused(self.call.at());
        }
        let outcome = match record.is_background() {
            false => tracker.judged(record.class(), now, took, outcome),
            true => tracker.probed(record.class(), now, outcome),
        };
        let detail: Option<Detail> = (!outcome.verdict.is_healthy()).then(|| classify.detail(result));
        observer.ended(record, Ended::Judged(outcome), took);
        if let (Some(detail), Some(span)) = (&detail, span) {
            span.record("error.type", detail.code.as_deref().unwrap_or(outcome.verdict.as_str()));
            if let Some(id) = &detail.request_id {
                span.record("provider.request_id", id.as_str());
            }
        }
        record.end(leg, took, Ended::Judged(outcome), detail);
    }
}

impl<K, R> Drop for Attempt<K, R> {
    #[inline]
    fn drop(&mut self) {
        let tracker = &self.shared.tracker;
        tracker.leave();
        if self.over {
            return;
        }
        let (record, leg) = (self.call.record(), self.call.leg());
        let now = clock::now();
        let age = record.after(now).since(self.call.at_after());
        let how = if tracker.abandoned(record.class(), now, age, record.is_probe()) {
            Abandoned::Late
        } else {
            Abandoned::Young
        };
        self.shared.observer.ended(record, Ended::Abandoned(how), age);
        record.end(leg, age, Ended::Abandoned(how), None);
    }
}
