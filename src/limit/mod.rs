//! Admission per endpoint, so that failing over never drowns the standby.
//!
//! When a region dies, its whole load arrives at the next one. An endpoint with a
//! [`capacity`](crate::Endpoint::capacity) is sent at most so many calls per second (with a burst of 100 ms worth of
//! them); one without is watched, and when attempts take four times as long as usual because many are under way, they are
//! limited to what it can do ([`Adaptive`]). Every endpoint is sent at most 1,024 attempts at once. What is above is refused at once with [`Full`]; the router
//! then looks elsewhere. An attempt for which nothing else is left may wait up to 50 ms for its turn.
//!
//! ```
//! use evenkeel::limit::{Admission, Full, LimitLayer};
//! use evenkeel::request::Call;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let one_per_second = Admission::new(Some(1.0));
//! let service = LimitLayer::new(one_per_second)
//!     .layer(service_fn(|_: Call<()>| async { Ok::<_, evenkeel::BoxError>(()) }));
//! service.clone().oneshot(Call::read(())).await.unwrap();
//! let refused = service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(refused.is::<Full>());
//! # }
//! ```
//!
//! **Place in the stack**: inside `breaker`, outside `health`: a refusal is no evidence about the endpoint.
//!
//! **Cancel safety**: a dropped attempt gives back its place among those under way; the turn it waited for is not given
//! back (the rate stays right, one turn is lost).
//!
//! tower users look for back-pressure in `poll_ready`. It cannot be there: readiness comes before the request is known,
//! and waiting behind one full endpoint would hold up calls that could go elsewhere. So this layer sheds in `call`.

mod adaptive;
mod policy;
mod refusal;

#[cfg(all(test, evenkeel_loom))]
mod loom_tests;

pub use adaptive::Adaptive;
pub use policy::Rate;
pub use refusal::Full;

use crate::{
    BoxError, clock,
    request::{Abandoned, After, Call, Ended},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::{Layer, Service};

/// The most that an attempt with no alternative waits for its turn.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// The most attempts under way at one endpoint: a hung endpoint takes up at most so many tasks and connections. 1,024 is
/// what 500 calls/s need to sit through two seconds of silence.
pub const MAX_IN_FLIGHT: u32 = 1_024;

/// The admission to one endpoint. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    in_flight: AtomicU32,
    max_in_flight: u32,
    rate: Option<Mutex<Rate>>,
    /// Where no rate was given.
    learnt: Option<adaptive::Shared>,
}

impl Admission {
    /// At most `capacity` calls per second, if given, else as many at once as it is learnt to bear; never more than
    /// [`MAX_IN_FLIGHT`] at once.
    pub fn new(capacity: Option<f64>) -> Self {
        Self::with(capacity, MAX_IN_FLIGHT)
    }

    /// The same with another maximum.
    #[inline]
    pub fn with(capacity: Option<f64>, max_in_flight: u32) -> Self {
        Self(Arc::new(Shared {
            in_flight: AtomicU32::new(0),
            max_in_flight,
            rate: capacity.map(|capacity| Mutex::new(Rate::new(capacity))),
            learnt: capacity.is_none().then(adaptive::Shared::new),
        }))
    }

    /// Attempts under way.
    pub fn in_flight(&self) -> u32 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// The most attempts that may be under way at the moment, where that was learnt; `None`: no limit but
    /// [`MAX_IN_FLIGHT`].
    pub fn learnt_limit(&self) -> Option<u32> {
        self.0.learnt.as_ref().and_then(|learnt| learnt.limit(clock::now()))
    }

    /// One more attempt, which must wait for its turn so long.
    #[inline]
    fn admit<R>(&self, call: &Call<R>, patience: Duration) -> Result<(Duration, Place<R>), Duration> {
        // Counted before it is looked at, so that two that race cannot both take the last place.
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        let mut place = Place {
            admission: self.clone(),
            sample: None,
        };
        if before >= self.0.max_in_flight {
            return Err(PATIENCE);
        }
        if let Some(learnt) = &self.0.learnt
            && learnt.admits(|| call.at(), before).ok_or(PATIENCE)?
        {
            place.sample = Some(Box::new(Sample {
                call: call.clone(),
                found: before,
            }));
        }
        let wait = match &self.0.rate {
            None => Duration::ZERO,
            Some(rate) => rate
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .admit(call.at(), patience)?,
        };
        Ok((wait, place))
    }
}

/// Wraps one endpoint's service in [`Limit`].
#[derive(Clone, Debug)]
pub struct LimitLayer {
    admission: Admission,
}

impl LimitLayer {
    /// Admits by this.
    pub const fn new(admission: Admission) -> Self {
        Self { admission }
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limit<S>;

    fn layer(&self, inner: S) -> Limit<S> {
        Limit {
            inner,
            admission: self.admission.clone(),
        }
    }
}

/// One endpoint's service behind its admission. See the [module](self).
#[derive(Clone, Debug)]
pub struct Limit<S> {
    inner: S,
    admission: Admission,
}

impl<R, S> Service<Call<R>> for Limit<S>
where
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, R, S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        let patience = if call.may_queue() { PATIENCE } else { Duration::ZERO };
        let state = match self.admission.admit(&call, patience) {
            Err(retry_after) => State::Refused { retry_after },
            Ok((wait, place)) => {
                if wait.is_zero() {
                    State::Sent {
                        place,
                        inner: self.inner.call(call),
                    }
                } else {
                    // The ready instance goes with the call; a clone, which must earn its own readiness, stays.
                    let clone = self.inner.clone();
                    State::Queued {
                        turn: call.at_after().plus(wait),
                        waiting: Some(Box::new(Waiting {
                            service: std::mem::replace(&mut self.inner, clone),
                            call,
                            place,
                        })),
                    }
                }
            }
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// An attempt on its way, waiting for its turn, or refused.
    pub struct ResponseFuture<S, R, F> {
        #[pin]
        state: State<S, R, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, F> {
        Refused { retry_after: Duration },
        // Boxed: few attempts do.
        Queued { turn: After, waiting: Option<Box<Waiting<S, R>>> },
        Sent { #[pin] inner: F, place: Place<R> },
    }
}

/// What goes on when it is its turn.
struct Waiting<S, R> {
    service: S,
    call: Call<R>,
    place: Place<R>,
}

impl<S, R, F> std::fmt::Debug for ResponseFuture<S, R, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("limit::ResponseFuture").finish_non_exhaustive()
    }
}

impl<R, S> Future for ResponseFuture<S, R, S::Future>
where
    S: Service<Call<R>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Refused { retry_after } => {
                    let retry_after = *retry_after;
                    return Poll::Ready(Err(Full { retry_after }.into()));
                }
                StateProjection::Queued { turn, waiting } => {
                    if let Some(waiting) = waiting {
                        ready!(waiting.call.record().poll_until(*turn, cx));
                    }
                    let waiting = waiting.take().expect("polled again after it was sent on");
                    let Waiting {
                        mut service,
                        call,
                        place,
                    } = *waiting;
                    let inner = service.call(call.handed_down(clock::now()));
                    state.set(State::Sent { inner, place });
                }
                StateProjection::Sent { inner, .. } => return inner.poll(cx).map_err(Into::into),
            }
        }
    }
}

/// A place among the attempts under way; given back when dropped.
#[derive(Debug)]
struct Place<R> {
    admission: Admission,
    /// Boxed: one attempt in eight is one.
    sample: Option<Box<Sample<R>>>,
}

/// An attempt to learn from.
#[derive(Debug)]
struct Sample<R> {
    call: Call<R>,
    /// So many were under way before it.
    found: u32,
}

impl<R> Drop for Place<R> {
    #[inline]
    fn drop(&mut self) {
        let shared = &self.admission.0;
        shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        let (Some(learnt), Some(sample)) = (&shared.learnt, &self.sample) else {
            return;
        };
        let record = sample.call.record();
        let (ended, elapsed) = record.end_of(sample.call.leg());
        let telling = match ended {
            Some(Ended::Judged(outcome)) => outcome.verdict.is_healthy() || outcome.timed_out,
            Some(Ended::Abandoned(how)) => how == Abandoned::Late,
            None => false,
        };
        if let Some(took) = elapsed.filter(|_| telling && !record.is_background()) {
            learnt.ended(sample.call.at() + took, took, sample.found);
        }
    }
}
