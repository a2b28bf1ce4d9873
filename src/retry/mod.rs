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
    BoxError,
    clock::{self, Instant},
    request::{Call, Leg, LegKind},
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

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Tries again. See the [module](self).
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<R, S> Service<Call<R>> for Retry<S>
where
    R: Clone,
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<R, S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        if call.record().earns() {
            self.shared.budget.deposit();
        }
        // Further attempts go through a clone, which earns its own readiness; the ready instance takes the first.
        let spare = self.inner.clone();
        ResponseFuture {
            leg: call.leg(),
            attempts: 1,
            returns: 0,
            last: None,
            state: State::First {
                future: self.inner.call(call.clone()),
            },
            call,
            service: spare,
            shared: self.shared.clone(),
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
        service: S,
        shared: Arc<Shared>,
        leg: Leg,
        attempts: u32,
        // How often the call has returned to an endpoint already tried.
        returns: u32,
        // The best failure so far, for when nothing else can be tried.
        last: Option<Result<S::Response, BoxError>>,
        #[pin]
        state: State<S::Future, Oneshot<S, Call<R>>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<A, B> {
        First { #[pin] future: A },
        Again { #[pin] future: B },
        Waiting { until: Instant },
    }
}

impl<R, S: Service<Call<R>>> std::fmt::Debug for ResponseFuture<R, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("retry::ResponseFuture").finish_non_exhaustive()
    }
}

impl<R, S> Future for ResponseFuture<R, S>
where
    R: Clone,
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let result = match this.state.as_mut().project() {
                StateProjection::First { future } => ready!(future.poll(cx)).map_err(Into::into),
                StateProjection::Again { future } => ready!(future.poll(cx)).map_err(Into::into),
                StateProjection::Waiting { until } => {
                    ready!(this.call.record().poll_until(*until, cx));
                    let again = this.call.clone().on_leg(*this.leg, clock::now()).revisiting(true);
                    let future = this.service.clone().oneshot(again);
                    this.state.set(State::Again { future });
                    continue;
                }
            };
            let record = this.call.record();
            let returning = if matches!(&result, Err(error) if error.is::<Exhausted>()) && this.last.is_some() {
                // Everything was tried: the attempt that was granted goes to one of them again, after a wait.
                true
            } else {
                let ended = record.result_of(*this.leg);
                let refused = ended.is_none() && matches!(&result, Err(error) if crate::route::is_local_refusal(error));
                if refused {
                    // Nothing was sent and nothing is known; an earlier failure says more.
                    return Poll::Ready(this.last.take().unwrap_or(result));
                }
                if decide(ended, result.is_ok(), record.safety()) == Decision::Return
                    || *this.attempts >= this.shared.settings.max_attempts
                {
                    return Poll::Ready(result);
                }
                *this.last = Some(result);
                let now = clock::now();
                if !record.is_probe() && !this.shared.budget.withdraw(now) {
                    if this.shared.budget.may_tell(now) {
                        let class = record.class();
                        this.shared.reporter.report(Event::BudgetExhausted { class });
                    }
                    return Poll::Ready(this.last.take().unwrap_or_else(|| Err(Exhausted::default().into())));
                }
                *this.attempts += 1;
                *this.leg = record.next_leg(LegKind::Retry);
                // Without a router below there is no elsewhere.
                record.picked() == 0
            };
            if returning {
                let wait = {
                    let mut rng = this.shared.rng.lock().unwrap_or_else(PoisonError::into_inner);
                    this.shared.settings.waits(&mut rng).nth(*this.returns as usize)
                };
                *this.returns += 1;
                let until = clock::now() + wait.unwrap_or(this.shared.settings.max_backoff);
                if record.deadline().is_some_and(|deadline| until >= deadline)
                    || *this.returns > this.shared.settings.max_attempts
                {
                    return Poll::Ready(this.last.take().unwrap_or_else(|| Err(Exhausted::default().into())));
                }
                this.state.set(State::Waiting { until });
            } else {
                let again = this.call.clone().on_leg(*this.leg, clock::now());
                let future = this.service.clone().oneshot(again);
                this.state.set(State::Again { future });
            }
        }
    }
}
