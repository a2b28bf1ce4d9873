use super::{Elapsed, Limit, WaitedFor};
use crate::{
    BoxError,
    model::clock::{self},
    request::{After, Call, Own},
    stack::station::{Behind, Served, Station},
    verdict::{Classify, Detail, Outcome},
};
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower::Layer;

/// How an attempt with a time limit fails.
#[derive(Debug)]
pub enum Error<E> {
    /// The limit ran out.
    Elapsed(Elapsed),
    /// The inner service failed within the limit.
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

/// Boxes the inner service's error, or the [`Elapsed`]. (For this reason the type is no `std::error::Error` itself:
/// the standard library would then box the whole, and the layers above would have to look inside.)
impl<E: Into<BoxError>> From<Error<E>> for BoxError {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Elapsed(elapsed) => elapsed.into(),
            Error::Inner(inner) => inner.into(),
        }
    }
}

/// [`Classify`] for results that passed a timeout: judges the timeout's [`Elapsed`] and leaves the rest to `K`.
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

/// Puts a time limit for each attempt before a service.
#[derive(Clone, Debug)]
pub struct TimeoutLayer {
    limit: Limit,
}

impl TimeoutLayer {
    /// A layer with this limit.
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
            let_go_on: false,
            paused: false,
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
        let elapsed = loop {
            if attempt.let_go_on && !call.record().is_watched() {
                let limit = attempt
                    .until
                    .since(call.at_after())
                    .min(call.record().after(clock::now()).since(call.at_after()));
                break Elapsed {
                    limit,
                    waited_for: WaitedFor::Answer,
                };
            }
            ready!(call.record().poll_until(attempt.until, &mut attempt.own, cx));
            // This process stood still, and the answer is likely there.
            if let Some(later) = call.record().again_after_a_pause(call.at_after(), attempt.until)
                && !std::mem::replace(&mut attempt.paused, true)
            {
                attempt.until = later;
                continue;
            }
            match self.limit.looked_at_again(call, attempt.until) {
                Ok(later) => {
                    attempt.until = later;
                    attempt.let_go_on = call.record().is_watched() && call.record().flow(call.leg()).is_none();
                }
                Err(elapsed) => break elapsed,
            }
        };
        self.inner.abandon(call, &mut attempt.inner, pinned);
        Poll::Ready(Err(Error::Elapsed(elapsed)))
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
    /// The attempt has outlived its limit because another endpoint was asked beside it.
    let_go_on: bool,
    /// The limit ran out while this process stood still, and began anew.
    paused: bool,
    own: Own,
}
