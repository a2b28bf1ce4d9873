//! Further attempts, elsewhere first.
//!
//! A failed attempt is made again *at once* at an endpoint that this call has not tried; only when it must return to one
//! that it has tried does it wait, with full jitter. What may be repeated at all follows from the verdict and the call's
//! [`Safety`](crate::request::Safety): a write that must happen once is repeated only when it was provably not sent. All
//! extra attempts, hedges included, draw on one [`Budget`]; when that is empty the failure is returned.
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::retry::RetryLayer;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let calls = AtomicU32::new(0);
//! let flaky = service_fn(|_: Call<()>| {
//!     let n = calls.fetch_add(1, Ordering::Relaxed);
//!     async move { if n == 0 { Err("reset") } else { Ok(n) } }
//! });
//! let service = RetryLayer::default().layer(flaky);
//! assert_eq!(service.oneshot(Call::read(())).await.unwrap(), 1);
//! # }
//! ```
//!
//! **Place in the stack**: inside `deadline`, outside `hedge` and `route`. Do not put another retrier under it: three
//! layers of three attempts are 27. The SDKs' own retries are off under ours.
//!
//! **Cancel safety**: nothing is held between polls but the attempt itself; the budget's tokens are spent when an
//! attempt is sent.

mod budget;
mod policy;

pub use budget::Budget;
pub use policy::{Decision, Settings, decide};

use crate::{
    BoxError, clock,
    request::{After, Call, Leg, LegKind},
    route::Exhausted,
    telemetry::{Event, Reporter},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use tower::{Layer, Service, ServiceExt, util::Oneshot};

/// Wraps a service in [`Retry`].
#[derive(Clone, Debug)]
pub struct RetryLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    budget: Budget,
    rng: Mutex<fastrand::Rng>,
    reporter: Reporter,
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new(Settings::default(), Budget::default(), 0)
    }
}

impl RetryLayer {
    /// Retries by these settings from this budget; `seed` is for the jitter.
    pub fn new(settings: Settings, budget: Budget, seed: u64) -> Self {
        Self::reporting(settings, budget, seed, Reporter::silent())
    }

    pub(crate) fn reporting(settings: Settings, budget: Budget, seed: u64, reporter: Reporter) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                budget,
                rng: Mutex::new(fastrand::Rng::with_seed(seed)),
                reporter,
            }),
        }
    }
}

impl<S: Clone> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            again: Arc::new(Again {
                template: Mutex::new(inner.clone()),
                shared: self.shared.clone(),
            }),
            inner,
        }
    }
}

/// Tries again. See the [module](self).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    again: Arc<Again<S>>,
}

/// What further attempts need. A call that needs none holds it, and copies nothing.
#[derive(Debug)]
struct Again<S> {
    /// Cloned for each of them; a clone earns its own readiness.
    template: Mutex<S>,
    shared: Arc<Shared>,
}

impl<S: Clone> Again<S> {
    fn send<R>(&self, call: Call<R>) -> Pin<Box<Oneshot<S, Call<R>>>>
    where
        S: Service<Call<R>>,
    {
        let template = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(template.clone().oneshot(call))
    }
}

impl<R, S> Service<Call<R>> for Retry<S>
where
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<R, S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        if call.record().earns() {
            self.again.shared.budget.deposit();
        }
        ResponseFuture {
            leg: call.leg(),
            attempts: 1,
            returns: 0,
            last: None,
            call: call.clone(),
            again: self.again.clone(),
            // The ready instance takes the first.
            state: State::First {
                future: self.inner.call(call),
            },
        }
    }
}

pin_project! {
    /// A call under way.
    pub struct ResponseFuture<R, S>
    where
        S: Service<Call<R>>,
    {
        call: Call<R>,
        again: Arc<Again<S>>,
        leg: Leg,
        attempts: u32,
        // How often the call has returned to an endpoint already tried.
        returns: u32,
        // The best failure so far, for when nothing else can be tried. Boxed, as few calls have one.
        last: Option<Box<Result<S::Response, BoxError>>>,
        #[pin]
        state: State<S::Future, Pin<Box<Oneshot<S, Call<R>>>>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<A, B> {
        First { #[pin] future: A },
        // Boxed: it would be larger than the first, and few calls have one.
        Again { future: B },
        Waiting { until: After },
    }
}

impl<R, S: Service<Call<R>>> std::fmt::Debug for ResponseFuture<R, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("retry::ResponseFuture").finish_non_exhaustive()
    }
}

impl<R, S> Future for ResponseFuture<R, S>
where
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let result = match this.state.as_mut().project() {
                StateProjection::First { future } => ready!(future.poll(cx)).map_err(Into::into),
                StateProjection::Again { future } => ready!(future.as_mut().poll(cx)).map_err(Into::into),
                StateProjection::Waiting { until } => {
                    ready!(this.call.record().poll_until(*until, cx));
                    let call = this.call.clone().on_leg(*this.leg, clock::now()).revisiting(true);
                    let future = this.again.send(call);
                    this.state.set(State::Again { future });
                    continue;
                }
            };
            let record = this.call.record();
            let shared = &this.again.shared;
            let returning = if matches!(&result, Err(error) if error.is::<Exhausted>()) && this.last.is_some() {
                // Everything was tried: the attempt that was granted goes to one of them again, after a wait.
                true
            } else {
                let ended = record.result_of(*this.leg);
                let refused = ended.is_none() && matches!(&result, Err(error) if crate::route::is_local_refusal(error));
                if refused {
                    // Nothing was sent and nothing is known; an earlier failure says more.
                    return Poll::Ready(this.last.take().map_or(result, |last| *last));
                }
                if decide(ended, result.is_ok(), record.safety()) == Decision::Return
                    || *this.attempts >= shared.settings.max_attempts
                {
                    return Poll::Ready(result);
                }
                *this.last = Some(Box::new(result));
                let now = clock::now();
                if !record.is_probe() && !shared.budget.withdraw(now) {
                    if shared.budget.may_tell(now) {
                        let class = record.class();
                        shared.reporter.report(Event::BudgetExhausted { class });
                    }
                    return Poll::Ready(last(this.last));
                }
                *this.attempts += 1;
                *this.leg = record.next_leg(LegKind::Retry);
                // Without a router below there is no elsewhere.
                record.picked() == 0
            };
            if returning {
                let wait = {
                    let mut rng = shared.rng.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.settings.waits(&mut rng).nth(*this.returns as usize)
                };
                *this.returns += 1;
                let wait = wait.unwrap_or(shared.settings.max_backoff);
                let until = record.after(clock::now()).plus(wait);
                if record.deadline_after().is_some_and(|deadline| until >= deadline)
                    || *this.returns > shared.settings.max_attempts
                {
                    return Poll::Ready(last(this.last));
                }
                this.state.set(State::Waiting { until });
            } else {
                let future = this.again.send(this.call.clone().on_leg(*this.leg, clock::now()));
                this.state.set(State::Again { future });
            }
        }
    }
}

/// The best failure that there was.
fn last<T>(kept: &mut Option<Box<Result<T, BoxError>>>) -> Result<T, BoxError> {
    kept.take()
        .map_or_else(|| Err(Exhausted::default().into()), |last| *last)
}
