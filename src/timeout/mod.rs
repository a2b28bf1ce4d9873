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
//! from the pick on.
//!
//! **Cancel safety**: nothing is held.
//!
//! Its verdict ([`Timed`]) is faulty and *maybe sent*: a write may have been applied.

mod refusal;

pub use refusal::Elapsed;

use crate::{
    BoxError,
    clock::nanos,
    health::Tracker,
    request::{After, Call, OpClass, Own, Safety},
    station::{Behind, Served, Station},
    verdict::{Classify, Detail, Outcome},
};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::Layer;

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
    /// there is time to ask somebody else. In nanoseconds, as it is asked for every attempt.
    #[inline]
    fn within<R>(&self, call: &Call<R>) -> u64 {
        let record = call.record();
        // Whoever lends its attempt as a probe does not wait longer because others waited in vain.
        let limit = self.learnt_nanos(call.class(), !record.is_probe());
        let limit = match record.deadline_after() {
            Some(deadline) if call.safety() != Safety::Once => {
                let left = deadline.nanos().saturating_sub(call.at_after().nanos());
                limit.min((left / 2).max(nanos(self.floor)))
            }
            _ => limit,
        };
        limit.saturating_add(nanos(record.allowance()))
    }

    /// The limit now.
    pub fn of(&self, class: OpClass) -> Duration {
        Duration::from_nanos(self.learnt_nanos(class, true))
    }

    /// What was learnt, doubled by each of the latest attempts that ran into it where it may be `lengthened`.
    #[inline]
    fn learnt_nanos(&self, class: OpClass, lengthened: bool) -> u64 {
        let Some(tracker) = &self.tracker else {
            return nanos(self.unlearnt);
        };
        let learnt = match tracker.p99(class) {
            Some(p99) => nanos(p99)
                .saturating_mul(u64::from(Self::TIMES_P99))
                .max(nanos(self.floor)),
            None => nanos(self.unlearnt),
        };
        match tracker.timeouts_in_a_row(class) {
            0 => learnt,
            timeouts if lengthened => learnt.saturating_mul(1 << timeouts),
            _ => learnt,
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

/// Puts a [`Timeout`] before a service.
#[derive(Clone, Debug)]
pub struct TimeoutLayer {
    limit: Limit,
}

impl TimeoutLayer {
    /// With this limit.
    pub const fn new(limit: Limit) -> Self {
        Self { limit }
    }

    /// The station before this one.
    pub(crate) fn before<N>(self, inner: N) -> Timeout<N> {
        Timeout {
            inner,
            limit: self.limit,
        }
    }
}

impl<S: Clone> Layer<S> for TimeoutLayer {
    type Service = Served<Timeout<Behind<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.clone().before(Behind::new(inner)))
    }
}

/// Limits each attempt's time. See the [module](self).
#[derive(Debug)]
pub struct Timeout<N> {
    inner: N,
    limit: Limit,
}

impl<R, N: Station<R>> Station<R> for Timeout<N> {
    type Response = N::Response;
    type Error = Error<N::Error>;
    type Attempt = Attempt<N::Attempt>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        Attempt {
            until: After::of_nanos(call.at_after().nanos().saturating_add(self.limit.within(call))),
            inner: self.inner.enter(call),
            own: Own::default(),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        mut pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, Self::Error>> {
        if let Poll::Ready(result) = self.inner.poll(call, &mut attempt.inner, pinned.as_mut(), cx) {
            return Poll::Ready(result.map_err(Error::Inner));
        }
        ready!(call.record().poll_until(attempt.until, &mut attempt.own, cx));
        self.inner.abandon(call, &mut attempt.inner, pinned);
        let limit = attempt.until.since(call.at_after());
        Poll::Ready(Err(Error::Elapsed(Elapsed { limit })))
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        self.inner.abandon(call, &mut attempt.inner, pinned);
    }
}

/// An attempt under way.
#[derive(Debug)]
pub struct Attempt<A> {
    inner: A,
    until: After,
    own: Own,
}
