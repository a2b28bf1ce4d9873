use super::{Breaker, Open, Passage, Signal};
use crate::{
    BoxError, clock,
    health::Tracker,
    request::{Abandoned, Call, Ended},
    route::is_local_refusal,
    verdict::Verdict,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::{Layer, Service};

/// Wraps one endpoint's service in [`Guarded`].
#[derive(Clone, Debug)]
pub struct BreakerLayer {
    guard: Arc<Guard>,
}

/// What the attempts at one endpoint share. Each holds it once.
#[derive(Debug)]
struct Guard {
    breaker: Breaker,
    tracker: Option<Arc<Tracker>>,
}

impl BreakerLayer {
    /// Guards with this breaker.
    pub fn new(breaker: Breaker) -> Self {
        Self {
            guard: Arc::new(Guard { breaker, tracker: None }),
        }
    }

    /// Tells *late* from *very late* by the p99 that this tracker learnt.
    #[must_use]
    pub fn learning_from(self, tracker: Arc<Tracker>) -> Self {
        Self {
            guard: Arc::new(Guard {
                breaker: self.guard.breaker.clone(),
                tracker: Some(tracker),
            }),
        }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            layer: self.clone(),
        }
    }
}

/// One endpoint's service behind its breaker. See the [module](super).
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    layer: BreakerLayer,
}

impl<R, S> Service<Call<R>> for Guarded<S>
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
        let class = call.class();
        let breaker = &self.layer.guard.breaker;
        let passage = breaker.admit(class, || call.at(), call.forced());
        match passage {
            Err(until) => ResponseFuture {
                state: State::Refused { until },
            },
            Ok(passage) => {
                let passage = match passage {
                    Passage::Ordinary if call.record().is_background() => Passage::Watch,
                    _ => passage,
                };
                if passage == Passage::Probe {
                    let silent = breaker.with(class, call.at(), |c| c.silent && !c.policy.shows_life());
                    call.record().note_probe(silent);
                }
                let ticket = Ticket {
                    call: call.clone(),
                    passage,
                    guard: self.layer.guard.clone(),
                    settled: false,
                };
                ResponseFuture {
                    // The future is dropped before the ticket, so that health has judged it by then.
                    state: State::Passed {
                        inner: self.inner.call(call),
                        ticket,
                    },
                }
            }
        }
    }
}

pin_project! {
    /// An attempt on its way, or refused.
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Refused { until: clock::Instant },
        Passed { #[pin] inner: F, ticket: Ticket<R> },
    }
}

impl<F, R> std::fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("breaker::ResponseFuture").finish_non_exhaustive()
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
        match self.project().state.project() {
            StateProjection::Refused { until } => {
                let wait = until.saturating_duration_since(clock::now());
                Poll::Ready(Err(Open { retry_after: wait }.into()))
            }
            StateProjection::Passed { inner, ticket } => {
                let result = ready!(inner.poll(cx)).map_err(Into::into);
                ticket.settle(match &result {
                    Ok(_) => Some(true),
                    Err(error) => (!is_local_refusal(error)).then_some(false),
                });
                Poll::Ready(result)
            }
        }
    }
}

/// An attempt that passed; tells the breaker how it ended, also when it is dropped.
#[derive(Debug)]
struct Ticket<R> {
    call: Call<R>,
    passage: Passage,
    guard: Arc<Guard>,
    settled: bool,
}

impl<R> Ticket<R> {
    /// `succeeded` is what is known where nobody below judged; `None` when the attempt was dropped.
    #[inline]
    fn settle(&mut self, succeeded: Option<bool>) {
        self.settled = true;
        let (record, leg, class) = (self.call.record(), self.call.leg(), self.call.class());
        let (ended, elapsed) = record.end_of(leg);
        let signal = match ended {
            Some(Ended::Judged(outcome)) => Some(match outcome.verdict {
                verdict if verdict.is_healthy() => Signal::Good,
                verdict if verdict.is_fault() || outcome.credential => Signal::Fault,
                // It answered, with "slow down": alive.
                Verdict::Throttled if self.passage != Passage::Ordinary => Signal::Good,
                _ => Signal::Nothing,
            }),
            Some(Ended::Abandoned(Abandoned::Late)) => {
                let very_late = self
                    .guard
                    .tracker
                    .as_ref()
                    .and_then(|t| t.p99(class))
                    .map(|p99| p99 * 4);
                Some(match (elapsed, very_late) {
                    (Some(age), Some(limit)) if age >= limit => Signal::VeryLate,
                    _ => Signal::Late,
                })
            }
            Some(Ended::Abandoned(Abandoned::Young)) => None,
            None if record.was_started(leg) => None,
            // Nobody below judges: any error is a fault.
            None => succeeded.map(|ok| if ok { Signal::Good } else { Signal::Fault }),
        };
        let late = || match (ended, elapsed, &self.guard.tracker) {
            // By the measure of then: its own age has raised the p99 since.
            (Some(Ended::Abandoned(how)), ..) => how == Abandoned::Late,
            (Some(Ended::Judged(outcome)), ..) if outcome.timed_out => true,
            (_, Some(elapsed), Some(tracker)) => elapsed >= tracker.late_after(class),
            _ => false,
        };
        let now = || elapsed.map_or_else(clock::now, |elapsed| self.call.at() + elapsed);
        self.guard.breaker.settle(class, self.passage, now, signal, late);
    }
}

impl<R> Drop for Ticket<R> {
    #[inline]
    fn drop(&mut self) {
        if !self.settled {
            self.settle(None);
        }
    }
}
