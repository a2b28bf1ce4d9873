//! A second attempt elsewhere when the first is late.
//!
//! A read that has been silent for longer than its endpoint's own p99 (and a tenth, and at least 1 ms) is asked a second time, at
//! another endpoint that is closed and that this call has not tried. The first success or definitive answer wins, and the
//! loser is dropped; an absence or a failure waits for the other. ("The Tail at Scale", Dean and Barroso, 2013.)
//!
//! While nothing is learnt of the endpoint, a read is late after a second, and the attempt that is then made elsewhere *stands
//! beside* it: the first goes on for up to half of what is left until the deadline ([`timeout`](crate::timeout)), as nobody knows
//! whether it is dead or far away. What the budget refuses then is asked for again each second.
//!
//! A body that flows is not late. Once an answer has begun, and its adapter [tells](crate::request::Progress) of it, a quarter of a
//! second of silence is.
//!
//! A read that serves as the first probe of an endpoint that was late when it last failed is asked elsewhere at the same
//! time, so that its caller does not wait for nothing. (One that fails at once costs the caller no time.)
//!
//! Hedges draw on the client's one [`Budget`], so that they never double the load. Writes are never hedged: two racing
//! copies of one write answer each other's preconditions. A read that says so is not hedged either
//! ([`Options::hedging`](crate::request::Options::hedging)).
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
    BoxError,
    health::Tracker,
    model::clock,
    request::{After, Call, CallRecord, Ended, Leg, LegKind, Own, Safety, Work, bit},
    retry::{Budget, Grant, Purse},
    route::neighbours,
    stack::is_local_refusal,
    station::{Apart, Behind, Served, Station},
    telemetry::Reporter,
    timeout::Limit,
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

/// How long an attempt may take before it is hedged.
#[derive(Clone, Debug)]
pub struct Delay {
    trackers: Arc<[Arc<Tracker>]>,
    /// The endpoints' tiers; empty: their positions.
    tiers: Arc<[u8]>,
    floor: Duration,
    unlearnt: Duration,
}

impl Delay {
    /// While an endpoint's p99 is not known: longer than it takes to connect to and ask a healthy one at the other end of the
    /// world (0.5 s), as an endpoint that is only far away must not be left.
    pub const UNLEARNT: Duration = Limit::UNLEARNT;
    /// Within a body that flows, so much silence is late, or more where the endpoint is: a retransmission (200 ms) fits in.
    pub const WITHIN_A_BODY: Duration = Limit::FLOOR;
    /// Never earlier than this: twice the timer's resolution.
    pub const FLOOR: Duration = Duration::from_millis(2);

    /// Always the same.
    pub fn fixed(delay: Duration) -> Self {
        Self {
            trackers: Arc::default(),
            tiers: Arc::default(),
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
            tiers: Arc::default(),
            floor: Self::FLOOR,
            unlearnt: Self::UNLEARNT,
        }
    }

    /// Of endpoints with these tiers.
    pub(crate) fn tiered(mut self, tiers: impl Into<Arc<[u8]>>) -> Self {
        self.tiers = tiers.into();
        self
    }

    fn tier(&self, index: usize) -> usize {
        self.tiers.get(index).map_or(index, |tier| usize::from(*tier))
    }

    /// An attempt at an endpoint that is [left](crate::route::neighbours) as a less preferred one is so much faster is late when it would
    /// be late there.
    fn beside_a_faster(&self, endpoint: Option<usize>, work: Work) -> Option<Duration> {
        let index = endpoint?;
        let p50 = self.trackers.get(index)?.p50(work);
        let others = self.trackers.iter().enumerate();
        let faster = |(other, tracker): &(usize, &Arc<Tracker>)| {
            self.tier(*other) > self.tier(index) && neighbours::is_slower(p50, tracker.p99(work))
        };
        let late = others.filter(faster).map(|(_, tracker)| tracker.late_after(work));
        late.min()
    }

    /// The delay for an attempt at this endpoint.
    #[inline]
    pub fn of(&self, endpoint: Option<usize>, work: impl Into<Work>) -> Duration {
        let work = work.into();
        match self.learnt_of(endpoint, work) {
            Some(tracker) => tracker.late_after(work).max(self.floor),
            None => self.unlearnt,
        }
    }

    /// What was learnt of this endpoint, if anything was.
    #[inline]
    fn learnt_of(&self, endpoint: Option<usize>, work: Work) -> Option<&Tracker> {
        let tracker = self.trackers.get(endpoint?)?;
        tracker.p99(work).map(|_| &**tracker)
    }

    /// Whether another endpoint may be asked beside attempt `leg`, of whose own endpoint nothing is learnt.
    fn has_another(&self, record: &CallRecord) -> bool {
        let out = record.barred() | record.picked();
        (0..self.trackers.len()).any(|index| out & bit(index) == 0)
    }

    /// When this attempt is late, if nothing is heard of it.
    fn due<R>(&self, call: &Call<R>) -> After {
        let record = call.record();
        let (endpoint, work) = (record.endpoint(call.leg()), record.work());
        // Said where it matters alone: a plain call need not write it down.
        if self.learnt_of(endpoint, work).is_none() {
            record.note_watched(self.has_another(record));
        }
        if self.compares(call) {
            return call.at_after();
        }
        call.at_after().plus(match record.is_probe() {
            true => self.beside_a_probe_of(endpoint, work),
            false => self
                .beside_a_faster(endpoint, work)
                .unwrap_or_else(|| self.of(endpoint, work)),
        })
    }

    /// Whether this call's endpoint has become so slow that another is to be compared with it.
    fn compares<R>(&self, call: &Call<R>) -> bool {
        let record = call.record();
        let work = record.work();
        let Some(tracker) = record.endpoint(call.leg()).and_then(|index| self.trackers.get(index)) else {
            return false;
        };
        let others = || self.trackers.iter().filter(|other| !Arc::ptr_eq(other, tracker));
        let known = || others().any(|other| other.p99(work).is_some());
        // One that throttles, or was found to do no more, has none to spare.
        let spares = || others().any(|other| other.is_sound(work.class) && !other.is_bounded(call.at()));
        tracker.is_rising(work)
            && self.has_another(record)
            && spares()
            && tracker.wants_comparison(work.class, known(), call.at())
    }

    /// When an attempt is late whose answer has begun: after so much silence.
    fn within_a_body<R>(&self, call: &Call<R>) -> Option<After> {
        let (record, leg) = (call.record(), call.leg());
        let seen = record.flow(leg)?.seen();
        let silence = self.of(record.endpoint(leg), record.work()).max(Self::WITHIN_A_BODY);
        seen.answered.and(seen.last).map(|last| last.plus(silence))
    }

    /// The delay for an attempt that serves as the first probe of this endpoint, which was silent: the hedge is sent so early that it is
    /// back when the probe is late, not before (nothing would be learnt from a probe that is dropped young). Where
    /// another endpoint is slower than that, it is sent at once, and the caller does not notice the probe.
    fn beside_a_probe_of(&self, endpoint: Option<usize>, work: Work) -> Duration {
        let others = self.trackers.iter().enumerate();
        let fastest = others
            .filter(|(index, _)| endpoint != Some(*index))
            .filter_map(|(_, tracker)| tracker.quick(work))
            .min();
        // Timers wake up to a millisecond late, and the hedge must not be the one that is early.
        let ahead = fastest.unwrap_or_default().saturating_sub(Duration::from_millis(1));
        // Late as the breaker sees it: of a probe nobody need think well.
        let late = match endpoint.and_then(|index| self.trackers.get(index)) {
            Some(tracker) => tracker.probe_late_after(work).max(self.floor),
            None => self.unlearnt,
        };
        late.saturating_sub(ahead)
    }
}

/// Puts a [`Hedge`] before a service.
#[derive(Clone, Debug)]
pub struct HedgeLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    delay: Delay,
    purse: Purse,
    /// Reads that say nothing of it are hedged.
    by_default: bool,
}

impl HedgeLayer {
    /// Hedges after `delay`, from `budget`.
    pub fn new(delay: Delay, budget: Budget) -> Self {
        Self::paying_from(Purse::new(budget, Reporter::silent()), delay)
    }

    pub(crate) fn paying_from(purse: Purse, delay: Delay) -> Self {
        Self::by_default(true, purse, delay)
    }

    /// Whether reads are hedged that say nothing of it.
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
    /// Boxed: few calls have one, and all would be twice as large for it.
    hedge: Option<Pin<Box<Running<R, N>>>>,
    /// One hedge an attempt, or none.
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
    /// One of the two is back, and the other is let go: says after how long, and whether that was late where it went.
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
                    return Poll::Ready(better(record, (call.leg(), result), other));
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
            return Poll::Ready(better(record, (call.leg(), first), (leg, result)));
        }
        if rank(record.ended(leg), result.is_ok()) == Rank::Definitive {
            record.stand_in(call.leg(), leg);
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
