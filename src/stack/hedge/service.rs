use super::Delay;
use crate::{
    BoxError,
    model::clock,
    request::{After, Call, CallRecord, Ended, Leg, LegKind, Own, Safety},
    stack::{
        is_local_refusal,
        retry::{Budget, Grant, Purse},
        station::{Apart, Behind, Served, Station},
    },
    telemetry::Reporter,
    verdict::Verdict,
};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::Layer;

/// Puts hedging before a service.
#[derive(Clone, Debug)]
pub struct HedgeLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    delay: Delay,
    purse: Purse,
    /// Whether the layer hedges reads that do not set hedging themselves.
    by_default: bool,
}

impl HedgeLayer {
    /// Hedges after `delay`, paid from `budget`.
    pub fn new(delay: Delay, budget: Budget) -> Self {
        Self::paying_from(Purse::new(budget, Reporter::silent()), delay)
    }

    pub(crate) fn paying_from(purse: Purse, delay: Delay) -> Self {
        Self::by_default(true, purse, delay)
    }

    /// `by_default`: whether the layer hedges reads that do not set hedging themselves.
    pub(crate) fn by_default(by_default: bool, purse: Purse, delay: Delay) -> Self {
        Self {
            shared: Arc::new(Shared {
                delay,
                purse,
                by_default,
            }),
        }
    }

    /// The station before this one.
    pub(crate) fn before<N>(&self, inner: N) -> Hedge<N> {
        Hedge {
            inner,
            shared: self.shared.clone(),
        }
    }
}

impl<S: Clone> Layer<S> for HedgeLayer {
    type Service = Served<Hedge<Behind<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.before(Behind::new(inner)))
    }
}

/// Hedges late reads. See the [module](self).
#[derive(Debug)]
pub struct Hedge<N> {
    inner: N,
    shared: Arc<Shared>,
}

/// One or two attempts under way.
pub struct Attempt<R, N: Station<R>> {
    first: N::Attempt,
    /// Boxed: few calls have a hedge, and every call would be twice as large.
    hedge: Option<Pin<Box<Running<R, N>>>>,
    /// One hedge per attempt, or none.
    may_hedge: bool,
    due: Option<After>,
    own: Own,
}

pin_project! {
    struct Running<R, N>
    where
        N: Station<R>,
    {
        #[pin]
        attempt: Apart<R, N>,
        // A result of the hedge that waits for the first.
        result: Option<Result<N::Response, BoxError>>,
        // A result of the first that waits for the hedge.
        first_result: Option<Result<N::Response, BoxError>>,
        grant: Grant,
    }
}

impl<R, N: Station<R>> std::fmt::Debug for Attempt<R, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("hedge::Attempt").finish_non_exhaustive()
    }
}

/// How good a result is, best first, when both attempts return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Wins at once.
    Definitive,
    /// Waits for the other attempt, and loses only against a definitive result.
    Absent,
    /// Waits for the other attempt.
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

impl<R, N> Station<R> for Hedge<N>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<R, N>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        let may_hedge = call.safety() == Safety::ReadOnly
            && call.record().pin().is_none()
            && call.record().options().hedging.unwrap_or(self.shared.by_default)
            && self.shared.delay.floor < Duration::MAX;
        if !call.leg().is_first() {
            // That was the last one's.
            call.record().note_watched(false);
        }
        Attempt {
            first: self.inner.enter(call),
            hedge: None,
            may_hedge,
            due: None,
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
    ) -> Poll<Result<N::Response, BoxError>> {
        let result = ready!(self.race(call, attempt, pinned.as_mut(), cx));
        if attempt.hedge.is_some() {
            // The loser.
            self.note_overtaken(call, attempt);
            self.abandon(call, attempt, pinned);
        }
        Poll::Ready(result)
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        self.inner.abandon(call, &mut attempt.first, pinned);
        if let Some(running) = &mut attempt.hedge {
            running.as_mut().project().attempt.abandon(&self.inner);
        }
    }
}

impl<N> Hedge<N> {
    /// One of the two attempts is back, and the other is dropped. Notes after how long the winner was back, and
    /// whether that was late at the winner's endpoint.
    #[cold]
    fn note_overtaken<R>(&self, call: &Call<R>, attempt: &Attempt<R, N>)
    where
        N: Station<R>,
    {
        let record = call.record();
        let Some(hedge) = &attempt.hedge else { return };
        let hedge = hedge.attempt.call.leg();
        let (winner, loser) = match record.ended(hedge) {
            Some(_) => (hedge, call.leg()),
            None => (call.leg(), hedge),
        };
        // Both may be back.
        if record.ended(loser).is_some() {
            return;
        }
        let Some((_, took)) = record.lesson(winner) else { return };
        let tracker = record
            .endpoint(winner)
            .and_then(|index| self.shared.delay.trackers.get(index));
        let late = tracker.and_then(|tracker| {
            let known = tracker.p99(record.work()).is_some();
            known.then(|| took >= tracker.late_after(record.work()))
        });
        record.note_overtaken(took, late);
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn race<R>(
        &self,
        call: &Call<R>,
        this: &mut Attempt<R, N>,
        pinned: Pin<&mut N::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, BoxError>>
    where
        N: Station<R>,
        N::Error: Into<BoxError>,
    {
        let (record, shared) = (call.record(), &self.shared);
        let first_is_back = |hedge: &Pin<Box<Running<R, N>>>| hedge.first_result.is_some();
        if !this.hedge.as_ref().is_some_and(first_is_back)
            && let Poll::Ready(result) = self.inner.poll(call, &mut this.first, pinned, cx)
        {
            let result = result.map_err(Into::into);
            // Unhedged calls, nearly all, end here.
            let Some(hedge) = this.hedge.as_mut() else {
                return Poll::Ready(result);
            };
            let hedge = hedge.as_mut().project();
            match hedge.result.take() {
                Some(other) => {
                    let other = (hedge.attempt.call.leg(), other);
                    return Poll::Ready(self.better(record, (call.leg(), result), other));
                }
                None if rank(record.ended(call.leg()), result.is_ok()) == Rank::Definitive => {
                    return Poll::Ready(result);
                }
                None => *hedge.first_result = Some(result),
            }
        }
        if this.may_hedge {
            let mut due = *this.due.get_or_insert_with(|| shared.delay.due(call));
            while due > call.at_after() {
                ready!(record.poll_until(due, &mut this.own, cx));
                // This process stood still, and the answer is likely there.
                if let Some(later) = record.again_after_a_pause(call.at_after(), due) {
                    (due, this.due) = (later, Some(later));
                    continue;
                }
                // A body that has begun to flow meanwhile is late when it stops.
                match shared.delay.within_a_body(call).filter(|later| *later > due) {
                    Some(later) => due = later,
                    None => break,
                }
                this.due = Some(due);
            }
            if record.has_beginning_of(call.leg()) {
                // A hedge would fetch again what is kept. If the body breaks off, the rest is fetched elsewhere.
                this.may_hedge = false;
                return Poll::Pending;
            }
            let now = clock::now();
            let granted = shared.purse.grants(record, now);
            if granted.is_none() && record.is_watched() {
                // It goes on for long, and the budget grows meanwhile.
                let again = due.max(record.after(now)).plus(shared.delay.unlearnt);
                this.due = Some(again);
                if record.poll_until(again, &mut this.own, cx).is_pending() {
                    return Poll::Pending;
                }
            }
            if let Some(grant) = granted {
                let leg = record.next_leg(LegKind::Hedge);
                let running = Apart::enter(&self.inner, call.clone().on_leg(leg, now));
                // With nobody else to ask, ending the first would only mean to ask it again.
                if !shared.delay.has_another(record) {
                    record.note_watched(true);
                }
                this.hedge = Some(Box::pin(Running {
                    grant,
                    attempt: running,
                    result: None,
                    first_result: None,
                }));
            }
            this.may_hedge = false;
            this.own = Own::default();
        }
        let Some(running) = this.hedge.as_mut() else {
            return Poll::Pending;
        };
        let hedge = running.as_mut().project();
        if hedge.result.is_some() {
            return Poll::Pending;
        }
        let leg = hedge.attempt.call.leg();
        let Poll::Ready(result) = hedge.attempt.poll(&self.inner, cx) else {
            return Poll::Pending;
        };
        let result = result.map_err(Into::into);
        if matches!(&result, Err(error) if is_local_refusal(error)) && record.ended(leg).is_none() {
            // Nowhere to hedge to: it was none, and costs nothing.
            record.note_watched(false);
            shared.purse.give_back(*hedge.grant, clock::now());
            // A first that is back already, with no success, has nothing to wait for any more.
            let first = hedge.first_result.take();
            this.hedge = None;
            return first.map_or(Poll::Pending, Poll::Ready);
        }
        if let Some(first) = hedge.first_result.take() {
            return Poll::Ready(self.better(record, (call.leg(), first), (leg, result)));
        }
        if rank(record.ended(leg), result.is_ok()) == Rank::Definitive {
            self.won(record, call.leg(), leg);
            return Poll::Ready(result);
        }
        // An absence or a failure waits for the first, which is still out, and from now on alone: where its endpoint is asked again
        // for a proof, it need not wait for long.
        *hedge.result = Some(result);
        let learnt = shared
            .delay
            .learnt_of(record.endpoint(call.leg()), record.work())
            .is_some();
        if record.proves_absences() || learnt {
            record.note_watched(false);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// The better of two results. Of equal ones, the first attempt's.
    fn better<T>(
        &self,
        record: &CallRecord,
        (first_leg, first): (Leg, Result<T, BoxError>),
        (hedge_leg, hedge): (Leg, Result<T, BoxError>),
    ) -> Result<T, BoxError> {
        if rank(record.ended(first_leg), first.is_ok()) <= rank(record.ended(hedge_leg), hedge.is_ok()) {
            return first;
        }
        self.won(record, first_leg, hedge_leg);
        hedge
    }

    /// The result of `hedge` is the better one.
    fn won(&self, record: &CallRecord, first: Leg, hedge: Leg) {
        record.stand_in(first, hedge);
        let tracker = record
            .endpoint(hedge)
            .and_then(|index| self.shared.delay.trackers.get(index));
        tracker.iter().for_each(|tracker| tracker.hedge_won(record.class()));
    }
}
