//! One attempt's time limit, learnt from what the endpoint does.
//!
//! A hang is the commonest symptom of an outage, and a fixed limit is either too long for it or too short for a large
//! object. So the limit is eight times the endpoint's own p99 for the class of operation, at least 250 ms; 1 s while
//! nothing was learnt; and, where the call may be repeated, at most half of what is left until its deadline. Each attempt that runs into it doubles it, up to four times, until
//! one succeeds: a limit that is too short for what is asked grows by itself, and one on a dead endpoint not for long.
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::timeout::{Error, Limit, TimeoutLayer};
//! use std::{convert::Infallible, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let hangs = service_fn(|_: Call<()>| std::future::pending::<Result<(), Infallible>>());
//! let service = TimeoutLayer::new(Limit::fixed(Duration::from_millis(20))).layer(hangs);
//! let error = service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(matches!(error, Error::Elapsed(_)));
//! # }
//! ```
//!
//! **Place in the stack**: inside `health`, so that a hang is judged. It covers the inner service's readiness and its call,
//! from the pick on; that is why it is always ready itself.
//!
//! **Cancel safety**: nothing is held.
//!
//! Its verdict ([`Timed`]) is faulty and *maybe sent*: a write may have been applied.

mod refusal;

pub use refusal::Elapsed;

use crate::{
    BoxError,
    clock::nanos,
    dispatch::{Dispatched, dispatch},
    health::Tracker,
    request::{After, Call, OpClass, Safety},
    verdict::{Classify, Detail, Outcome},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service, util::Oneshot};

/// How long an attempt may take.
#[derive(Clone, Debug)]
pub struct Limit {
    tracker: Option<Arc<Tracker>>,
    floor: Duration,
    unlearnt: Duration,
}

impl Limit {
    /// The learnt limit is so many times the p99: beyond it lies less than one attempt in ten thousand of any latency
    /// distribution seen in practice, and far less than a caller would wait.
    pub const TIMES_P99: u32 = 8;
    /// The learnt limit is at least this: garbage collection and TCP's retransmission (200 ms) must fit in.
    pub const FLOOR: Duration = Duration::from_millis(250);
    /// The limit while nothing was learnt.
    pub const UNLEARNT: Duration = Duration::from_secs(1);

    /// Always the same.
    pub const fn fixed(limit: Duration) -> Self {
        Self {
            tracker: None,
            floor: limit,
            unlearnt: limit,
        }
    }

    /// Learnt from this tracker.
    pub const fn learnt(tracker: Arc<Tracker>) -> Self {
        Self {
            tracker: Some(tracker),
            floor: Self::FLOOR,
            unlearnt: Self::UNLEARNT,
        }
    }

    /// The limit of this attempt: of one that may be repeated at most half of what is left until the deadline, so that
    /// there is time to ask somebody else.
    #[inline]
    fn within<R>(&self, call: &Call<R>) -> Duration {
        let limit = match &self.tracker {
            // Whoever lends its attempt as a probe does not wait longer because others waited in vain.
            Some(tracker) if call.record().is_probe() => self.learnt_from(tracker, call.class()),
            Some(tracker) => self.lengthened(tracker, call.class()),
            None => self.unlearnt,
        };
        let limit = match call.record().deadline_after() {
            Some(deadline) if call.safety() != Safety::Once => {
                let left = deadline.since(call.at_after());
                limit.min((left / 2).max(self.floor))
            }
            _ => limit,
        };
        limit + call.record().allowance()
    }

    fn learnt_from(&self, tracker: &Tracker, class: OpClass) -> Duration {
        match tracker.p99(class) {
            Some(p99) => Duration::from_nanos(nanos(p99).saturating_mul(u64::from(Self::TIMES_P99))).max(self.floor),
            None => self.unlearnt,
        }
    }

    /// The limit now.
    pub fn of(&self, class: OpClass) -> Duration {
        match &self.tracker {
            Some(tracker) => self.lengthened(tracker, class),
            None => self.unlearnt,
        }
    }

    /// Doubled by each of the latest attempts that ran into it.
    fn lengthened(&self, tracker: &Tracker, class: OpClass) -> Duration {
        let learnt = self.learnt_from(tracker, class);
        match tracker.timeouts_in_a_row(class) {
            0 => learnt,
            timeouts => learnt * (1 << timeouts),
        }
    }
}

/// How an attempt with a time limit fails.
#[derive(Debug)]
pub enum Error<E> {
    /// The limit ran out.
    Elapsed(Elapsed),
    /// The inner service failed within it.
    Inner(E),
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elapsed(elapsed) => elapsed.fmt(f),
            Self::Inner(inner) => inner.fmt(f),
        }
    }
}

/// What was boxed is what the inner service said, or an [`Elapsed`]. (This is why the type is no `std::error::Error`
/// itself: the standard library would then box it whole, and the layers above would have to look inside.)
impl<E: Into<BoxError>> From<Error<E>> for BoxError {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Elapsed(elapsed) => elapsed.into(),
            Error::Inner(inner) => inner.into(),
        }
    }
}

/// [`Classify`] for results that passed a [`Timeout`]: judges its own [`Elapsed`], leaves the rest to `K`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timed<K>(pub K);

impl<T, E, K: Classify<T, E>> Classify<T, Error<E>> for Timed<K> {
    fn classify(&self, result: Result<&T, &Error<E>>) -> Outcome {
        match result {
            Ok(value) => self.0.classify(Ok(value)),
            Err(Error::Inner(error)) => self.0.classify(Err(error)),
            Err(Error::Elapsed(_)) => Outcome::TIMED_OUT,
        }
    }

    fn detail(&self, result: Result<&T, &Error<E>>) -> Detail {
        match result {
            Ok(value) => self.0.detail(Ok(value)),
            Err(Error::Inner(error)) => self.0.detail(Err(error)),
            Err(Error::Elapsed(elapsed)) => Detail {
                code: Some("timeout".into()),
                message: Some(elapsed.to_string()),
                ..Detail::default()
            },
        }
    }
}

/// Wraps one endpoint's service in [`Timeout`].
#[derive(Clone, Debug)]
pub struct TimeoutLayer {
    limit: Limit,
}

impl TimeoutLayer {
    /// With this limit.
    pub const fn new(limit: Limit) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout {
            inner,
            limit: self.limit.clone(),
        }
    }
}

/// Limits each attempt's time. See the [module](self).
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    limit: Limit,
}

impl<R, S> Service<Call<R>> for Timeout<S>
where
    S: Service<Call<R>> + Clone,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S::Future, Oneshot<S, Call<R>>, R>;

    #[inline]
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        ResponseFuture {
            until: call.at_after().plus(self.limit.within(&call)),
            call: call.clone(),
            inner: dispatch(&mut self.inner, call),
        }
    }
}

pin_project! {
    /// An attempt under way, `A` where the service was ready at once, else `B`.
    pub struct ResponseFuture<A, B, R> {
        #[pin]
        inner: Dispatched<A, B>,
        call: Call<R>,
        until: After,
    }
}

impl<A, B, R> fmt::Debug for ResponseFuture<A, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("timeout::ResponseFuture").finish_non_exhaustive()
    }
}

impl<A, B, R, T, E> Future for ResponseFuture<A, B, R>
where
    A: Future<Output = Result<T, E>>,
    B: Future<Output = Result<T, E>>,
{
    type Output = Result<T, Error<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(result) = this.inner.poll(cx) {
            return Poll::Ready(result.map_err(Error::Inner));
        }
        this.call.record().poll_until(*this.until, cx).map(|()| {
            let limit = this.until.since(this.call.at_after());
            Err(Error::Elapsed(Elapsed { limit }))
        })
    }
}
