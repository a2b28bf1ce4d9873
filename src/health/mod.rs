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

mod class;
mod latency;
mod ramp;
mod throttle;
mod tracker;
mod window;

pub(crate) use class::UNLEARNT;
pub use latency::Latency;
pub use ramp::Ramp;
pub use throttle::ThrottleShare;
pub use tracker::Tracker;

pub use window::{Counts, Window};

use crate::{
    BoxError, clock,
    request::{Abandoned, Call, Ended},
    station::{Behind, Served, Station},
    telemetry::AttemptObserver,
    verdict::{Classify, Detail, Sent},
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::Layer;
use tracing::Span;

/// Puts one endpoint's health before its service.
#[derive(Debug)]
pub struct HealthLayer<K> {
    judge: Arc<Judge<K>>,
}

/// Who judges, and where it is remembered.
#[derive(Debug)]
struct Judge<K> {
    tracker: Arc<Tracker>,
    classify: K,
    observer: AttemptObserver,
}

impl<K> Clone for HealthLayer<K> {
    fn clone(&self) -> Self {
        Self {
            judge: self.judge.clone(),
        }
    }
}

impl<K> HealthLayer<K> {
    /// Judges with `classify` and remembers in `tracker`.
    pub fn new(tracker: Arc<Tracker>, classify: K) -> Self {
        Self::observed_by(tracker, classify, AttemptObserver::unnamed())
    }

    /// The same; spans and metrics carry this endpoint's name and place.
    pub(crate) fn observed_by(tracker: Arc<Tracker>, classify: K, observer: AttemptObserver) -> Self {
        Self {
            judge: Arc::new(Judge {
                tracker,
                classify,
                observer,
            }),
        }
    }

    /// The station before this one.
    pub(crate) fn before<N>(self, inner: N) -> Health<N, K> {
        Health {
            inner,
            judge: self.judge,
        }
    }
}

impl<S: Clone, K> Layer<S> for HealthLayer<K> {
    type Service = Served<Health<Behind<S>, K>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.clone().before(Behind::new(inner)))
    }
}

/// Judges every attempt at one endpoint. See the [module](self).
#[derive(Debug)]
pub struct Health<N, K> {
    inner: N,
    judge: Arc<Judge<K>>,
}

impl<R, N, K> Station<R> for Health<N, K>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
    K: Classify<N::Response, N::Error>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<N::Attempt>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        call.record().start(call.leg(), call.at_after());
        self.judge.tracker.enter();
        let span = self.judge.observer.span(call.record(), call.leg());
        Attempt {
            inner: {
                let _entered = span.as_ref().map(|span| span.enter());
                self.inner.enter(call)
            },
            over: false,
            span,
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, BoxError>> {
        let result = {
            let _entered = attempt.span.as_ref().map(|span| span.enter());
            ready!(self.inner.poll(call, &mut attempt.inner, pinned, cx))
        };
        attempt.over = true;
        self.judge.tracker.leave();
        self.judge.returned(call, result.as_ref(), attempt.span.as_deref());
        Poll::Ready(result.map_err(Into::into))
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        {
            let _entered = attempt.span.as_ref().map(|span| span.enter());
            self.inner.abandon(call, &mut attempt.inner, pinned);
        }
        if !std::mem::replace(&mut attempt.over, true) {
            self.judge.tracker.leave();
            self.judge.dropped(call);
        }
    }
}

/// One attempt under way.
#[derive(Debug)]
pub struct Attempt<A> {
    inner: A,
    /// It was judged.
    over: bool,
    /// Where somebody subscribes.
    span: Option<Box<Span>>,
}

impl<K> Judge<K> {
    /// It came back.
    #[inline]
    fn returned<R, T, E>(&self, call: &Call<R>, result: Result<&T, &E>, span: Option<&Span>)
    where
        K: Classify<T, E>,
    {
        let Self {
            tracker,
            classify,
            observer,
        } = self;
        let (record, leg) = (call.record(), call.leg());
        let now = clock::now();
        let took = record.after(now).since(call.at_after());
        let outcome = classify.classify(result);
        if outcome.credential && outcome.sent == Sent::Maybe {
            observer.credentials_refused(call.at());
        }
        let outcome = match record.is_background() {
            // Something on the way may lose what is large: that is no reason to send the rest elsewhere.
            false if record.is_large() && outcome.verdict.is_fault() => tracker.large_failed(record.class(), outcome),
            false => tracker.judged(record.class(), now, took, outcome),
            true => tracker.probed(record.class(), now, outcome),
        };
        let healthy = outcome.verdict.is_healthy();
        // Refusals that are answers have request ids, too; nobody but the span wants them.
        let detail: Option<Detail> =
            (!healthy || (span.is_some() && result.is_err())).then(|| classify.detail(result).shown());
        observer.ended(record, Ended::Judged(outcome), took);
        if let (Some(detail), Some(span)) = (&detail, span) {
            if !healthy {
                span.record("error.type", detail.code.as_deref().unwrap_or(outcome.verdict.as_str()));
            }
            if let Some(id) = &detail.request_id {
                span.record("provider.request_id", id.as_str());
            }
        }
        record.end(leg, took, Ended::Judged(outcome), detail.filter(|_| !healthy));
    }

    /// It was dropped.
    fn dropped<R>(&self, call: &Call<R>) {
        let (record, leg) = (call.record(), call.leg());
        let now = clock::now();
        let age = record.after(now).since(call.at_after());
        let how = if self
            .tracker
            .abandoned(record.class(), now, age, record.is_probe(), record.is_large())
        {
            Abandoned::Late
        } else {
            Abandoned::Young
        };
        self.observer.ended(record, Ended::Abandoned(how), age);
        record.end(leg, age, Ended::Abandoned(how), None);
    }
}
