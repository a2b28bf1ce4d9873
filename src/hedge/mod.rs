//! A second attempt elsewhere when the first is late.
//!
//! A read that has taken longer than its endpoint's own p99 (and a tenth, and at least 1 ms) is asked a second time, at
//! another endpoint that is closed and that this call has not tried. The first success or definitive answer wins, and the
//! loser is dropped; an absence or a failure waits for the other. ("The Tail at Scale", Dean and Barroso, 2013.)
//!
//! A read that serves as the first probe of an endpoint that was late when it last failed is asked elsewhere at the same
//! time, so that its caller does not wait for nothing. (One that fails at once costs the caller no time.)
//!
//! Hedges draw on the client's one [`Budget`], so that they never double the load. Writes are never hedged: two racing
//! copies of one write answer each other's preconditions.
//!
//! ```
//! use evenkeel::hedge::{Delay, HedgeLayer};
//! use evenkeel::request::Call;
//! use evenkeel::retry::Budget;
//! use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let calls = AtomicU32::new(0);
//! let first_hangs = service_fn(|_: Call<()>| {
//!     let n = calls.fetch_add(1, Ordering::Relaxed);
//!     async move {
//!         if n == 0 { std::future::pending::<()>().await }
//!         Ok::<_, evenkeel::BoxError>(n)
//!     }
//! });
//! let service = HedgeLayer::new(Delay::fixed(Duration::from_millis(20)), Budget::default()).layer(first_hangs);
//! assert_eq!(service.oneshot(Call::read(())).await.unwrap(), 1);
//! # }
//! ```
//!
//! **Place in the stack**: inside `retry`, around `route`. **Cancel safety**: dropping drops both attempts, each judged by
//! its age.

use crate::{
    BoxError, clock,
    health::{Tracker, late_after},
    request::{After, Call, CallRecord, Ended, Leg, LegKind, OpClass, Safety},
    retry::Budget,
    route::is_local_refusal,
    telemetry::{Event, Reporter},
    verdict::Verdict,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service, ServiceExt, util::Oneshot};

/// How long an attempt may take before it is hedged.
#[derive(Clone, Debug)]
pub struct Delay {
    trackers: Arc<[Arc<Tracker>]>,
    floor: Duration,
    unlearnt: Duration,
}

impl Delay {
    /// While an endpoint's p99 is not known: about three times the median of an S3 GET within the region.
    pub const UNLEARNT: Duration = crate::health::UNLEARNT;
    /// Never earlier than this: twice the timer's resolution.
    pub const FLOOR: Duration = Duration::from_millis(2);

    /// Always the same.
    pub fn fixed(delay: Duration) -> Self {
        Self {
            trackers: Arc::default(),
            floor: delay,
            unlearnt: delay,
        }
    }

    /// No hedges.
    pub fn never() -> Self {
        Self::fixed(Duration::MAX)
    }

    /// Learnt from the endpoints' trackers, in the router's order.
    pub fn learnt(trackers: impl Into<Arc<[Arc<Tracker>]>>) -> Self {
        Self {
            trackers: trackers.into(),
            floor: Self::FLOOR,
            unlearnt: Self::UNLEARNT,
        }
    }

    /// The delay for an attempt at this endpoint.
    pub fn of(&self, endpoint: Option<usize>, class: OpClass) -> Duration {
        endpoint
            .and_then(|index| self.trackers.get(index))
            .and_then(|tracker| tracker.p99(class))
            .map_or(self.unlearnt, |p99| late_after(p99).max(self.floor))
    }

    /// The delay for an attempt that serves as the first probe of this endpoint, which was silent: the hedge is sent so early that it is
    /// back when the probe is late, not before (nothing would be learnt from a probe that is dropped young). Where
    /// another endpoint is slower than that, it is sent at once, and the caller does not notice the probe.
    fn beside_a_probe_of(&self, endpoint: Option<usize>, class: OpClass) -> Duration {
        let others = self.trackers.iter().enumerate();
        let fastest = others
            .filter(|(index, _)| endpoint != Some(*index))
            .filter_map(|(_, tracker)| tracker.quick(class))
            .min();
        // Timers wake up to a millisecond late, and the hedge must not be the one that is early.
        let ahead = fastest.unwrap_or_default().saturating_sub(Duration::from_millis(1));
        self.of(endpoint, class).saturating_sub(ahead)
    }
}

/// Wraps a service in [`Hedge`].
#[derive(Clone, Debug)]
pub struct HedgeLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    delay: Delay,
    budget: Budget,
    reporter: Reporter,
}

impl HedgeLayer {
    /// Hedges after `delay`, from `budget`.
    pub fn new(delay: Delay, budget: Budget) -> Self {
        Self::reporting(delay, budget, Reporter::silent())
    }

    pub(crate) fn reporting(delay: Delay, budget: Budget, reporter: Reporter) -> Self {
        Self {
            shared: Arc::new(Shared {
                delay,
                budget,
                reporter,
            }),
        }
    }
}

impl<S: Clone> Layer<S> for HedgeLayer {
    type Service = Hedge<S>;

    fn layer(&self, inner: S) -> Hedge<S> {
        Hedge {
            beside: Arc::new(Beside {
                template: Mutex::new(inner.clone()),
                shared: self.shared.clone(),
            }),
            inner,
        }
    }
}

/// Hedges late reads. See the [module](self).
#[derive(Clone, Debug)]
pub struct Hedge<S> {
    inner: S,
    beside: Arc<Beside<S>>,
}

/// What a hedge needs. A call that has none holds it, and copies nothing.
#[derive(Debug)]
struct Beside<S> {
    /// Cloned for each hedge; a clone earns its own readiness.
    template: Mutex<S>,
    shared: Arc<Shared>,
}

impl<R, S> Service<Call<R>> for Hedge<S>
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
        let may_hedge = call.safety() == Safety::ReadOnly
            && call.record().pin().is_none()
            && self.beside.shared.delay.floor < Duration::MAX;
        ResponseFuture {
            hedge: None,
            spare: may_hedge.then(|| (call.clone(), self.beside.clone())),
            due: None,
            first: self.inner.call(call),
        }
    }
}

pin_project! {
    /// One or two attempts under way.
    pub struct ResponseFuture<R, S>
    where
        S: Service<Call<R>>,
    {
        #[pin]
        first: S::Future,
        // Boxed: few calls have one, and all would be twice as large for it.
        hedge: Option<Pin<Box<Running<R, Oneshot<S, Call<R>>, S::Response>>>>,
        // What a hedge needs; taken when it is sent or when there cannot be one.
        spare: Option<(Call<R>, Arc<Beside<S>>)>,
        due: Option<After>,
    }
}

pin_project! {
    struct Running<R, F, T> {
        #[pin]
        future: F,
        leg: Leg,
        // A result of the hedge that waits for the first.
        result: Option<Result<T, BoxError>>,
        // The first attempt's.
        first: Call<R>,
        // A result of the first that waits for the hedge.
        first_result: Option<Result<T, BoxError>>,
        // The budget that it was taken from.
        paid: Option<Budget>,
    }
}

impl<R, S: Service<Call<R>>> std::fmt::Debug for ResponseFuture<R, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("hedge::ResponseFuture").finish_non_exhaustive()
    }
}

/// How good a result is, best first, when two attempts give one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Wins at once.
    Definitive,
    /// Waits for the other, and loses only against a definitive one.
    Absent,
    /// Waits for the other.
    Failure,
}

fn rank(ended: Option<Ended>, succeeded: bool) -> Rank {
    match ended {
        Some(Ended::Judged(outcome)) => match outcome.verdict {
            Verdict::Success | Verdict::Answer | Verdict::Caller => Rank::Definitive,
            Verdict::Absent => Rank::Absent,
            _ => Rank::Failure,
        },
        _ if succeeded => Rank::Definitive,
        _ => Rank::Failure,
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
        let first_is_back = |hedge: &Pin<Box<Running<R, _, _>>>| hedge.first_result.is_some();
        if !this.hedge.as_ref().is_some_and(first_is_back)
            && let Poll::Ready(result) = this.first.as_mut().poll(cx)
        {
            let result = result.map_err(Into::into);
            // Unhedged calls, nearly all, end here.
            let Some(hedge) = this.hedge.as_mut() else {
                return Poll::Ready(result);
            };
            let hedge = hedge.as_mut().project();
            let (record, leg) = (hedge.first.record(), hedge.first.leg());
            match hedge.result.take() {
                Some(other) => return Poll::Ready(better(record, (leg, result), (*hedge.leg, other))),
                None if rank(record.ended(leg), result.is_ok()) == Rank::Definitive => return Poll::Ready(result),
                None => *hedge.first_result = Some(result),
            }
        }
        if let Some((call, beside)) = this.spare.as_ref() {
            let (record, shared) = (call.record(), &beside.shared);
            let due = *this.due.get_or_insert_with(|| {
                let (endpoint, class) = (record.endpoint(call.leg()), record.class());
                call.at_after().plus(match record.probes_silence() {
                    true => shared.delay.beside_a_probe_of(endpoint, class),
                    false => shared.delay.of(endpoint, class),
                })
            });
            if due > call.at_after() && record.poll_until(due, cx).is_pending() {
                return Poll::Pending;
            }
            let now = clock::now();
            if record.is_probe() || shared.budget.withdraw(now) {
                let leg = record.next_leg(LegKind::Hedge);
                let template = beside.template.lock().unwrap_or_else(PoisonError::into_inner);
                let running = Running {
                    future: template.clone().oneshot(call.clone().on_leg(leg, now)),
                    leg,
                    result: None,
                    first: call.clone(),
                    first_result: None,
                    paid: (!record.is_probe()).then(|| shared.budget.clone()),
                };
                *this.hedge = Some(Box::pin(running));
            } else if shared.budget.may_tell(now) {
                shared.reporter.report(Event::BudgetExhausted { class: record.class() });
            }
            // One hedge an attempt, or none.
            *this.spare = None;
        }
        let Some(running) = this.hedge.as_mut() else {
            return Poll::Pending;
        };
        let hedge = running.as_mut().project();
        if hedge.result.is_some() {
            return Poll::Pending;
        }
        let Poll::Ready(result) = hedge.future.poll(cx) else {
            return Poll::Pending;
        };
        let result = result.map_err(Into::into);
        let (record, first_leg) = (hedge.first.record(), hedge.first.leg());
        if matches!(&result, Err(error) if is_local_refusal(error)) && record.ended(*hedge.leg).is_none() {
            // Nowhere to hedge to: it was none, and costs nothing.
            if let Some(budget) = hedge.paid {
                budget.refund(clock::now());
            }
            // A first that is back already, with no success, has nothing to wait for any more.
            let first = hedge.first_result.take();
            *this.hedge = None;
            return first.map_or(Poll::Pending, Poll::Ready);
        }
        if let Some(first) = hedge.first_result.take() {
            return Poll::Ready(better(record, (first_leg, first), (*hedge.leg, result)));
        }
        if rank(record.ended(*hedge.leg), result.is_ok()) == Rank::Definitive {
            record.stand_in(first_leg, *hedge.leg);
            return Poll::Ready(result);
        }
        // An absence or a failure waits for the first, which is still out.
        *hedge.result = Some(result);
        Poll::Pending
    }
}

/// The better of two results that both came back; the first's where they are equal.
fn better<T>(
    record: &CallRecord,
    (first_leg, first): (Leg, Result<T, BoxError>),
    (hedge_leg, hedge): (Leg, Result<T, BoxError>),
) -> Result<T, BoxError> {
    if rank(record.ended(first_leg), first.is_ok()) <= rank(record.ended(hedge_leg), hedge.is_ok()) {
        return first;
    }
    record.stand_in(first_leg, hedge_leg);
    hedge
}
