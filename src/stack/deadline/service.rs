use super::Elapsed;
use crate::{
    BoxError,
    model::clock,
    request::{After, Call, Timer},
    stack::station::{Behind, Served, Station},
};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::Layer;

/// After a pause of this process, the time for reading an answer that arrived meanwhile.
const GRACE: Duration = Duration::from_millis(50);

/// Puts a deadline before a service.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    limit: Duration,
}

impl DeadlineLayer {
    /// Gives this limit to calls that bring no deadline.
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl DeadlineLayer {
    /// The station before this one.
    pub(crate) const fn before<N>(self, inner: N) -> Deadline<N> {
        Deadline {
            inner,
            limit: self.limit,
        }
    }
}

impl<S: Clone> Layer<S> for DeadlineLayer {
    type Service = Served<Deadline<Behind<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.before(Behind::new(inner)))
    }
}

/// Ends every call by its deadline. See the [module](self).
#[derive(Debug)]
pub struct Deadline<N> {
    inner: N,
    limit: Duration,
}

impl<R, N> Station<R> for Deadline<N>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<N::Attempt>;
    type Pinned = Pinned<N::Pinned>;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        let at = call.record().end_by(After::from(self.limit));
        Attempt {
            at,
            paused: false,
            inner: self.inner.enter(call),
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
        let mut pinned = pinned.project();
        loop {
            let earliest = {
                let collecting = call.record().collect_waits(cx);
                if let Poll::Ready(result) = self.inner.poll(call, &mut attempt.inner, pinned.inner.as_mut(), cx) {
                    return Poll::Ready(result.map_err(Into::into));
                }
                collecting.earliest()
            };
            let timer = pinned.timer.as_mut();
            if ready!(call.record().poll_collected(attempt.at, earliest, timer, cx)) {
                // This process stood still, and the answer is likely there: a moment for it to be read.
                if !attempt.paused
                    && call.at_after() < attempt.at
                    && call.record().again_after_a_pause(After::START, attempt.at).is_some()
                {
                    attempt.paused = true;
                    attempt.at = call.record().after(clock::now()).plus(GRACE);
                    continue;
                }
                self.inner.abandon(call, &mut attempt.inner, pinned.inner);
                let limit = attempt.at.since(After::START);
                return Poll::Ready(Err(Elapsed { limit }.into()));
            }
        }
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        self.inner.abandon(call, &mut attempt.inner, pinned.project().inner);
    }
}

/// A call under way.
#[derive(Debug)]
pub struct Attempt<A> {
    inner: A,
    at: After,
    /// The deadline ran out while this process stood still.
    paused: bool,
}

pin_project! {
    /// The call's one timer, and the pinned state of the stations behind.
    #[derive(Debug, Default)]
    pub struct Pinned<P> {
        #[pin]
        timer: Timer,
        #[pin]
        inner: P,
    }
}
