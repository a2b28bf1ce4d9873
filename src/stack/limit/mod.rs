//! Admission per endpoint, so that failing over never drowns the standby.
//!
//! When a region dies, its whole load arrives at the next one. An endpoint with a
//! [`capacity`](crate::Endpoint::capacity) is sent at most so many calls per second (with a burst of 100 ms worth of
//! them); one without is watched, and when attempts take four times as long as usual, and more than 100 ms, because many are under way, they are
//! limited to what it can do ([`Adaptive`]). Every endpoint is sent at most 4,096 attempts at once, or
//! [as many as you say](crate::Endpoint::max_in_flight). What is above is refused at once with [`Full`]; the router
//! then looks elsewhere.
//!
//! An attempt for which nothing else is left waits for its turn: up to 50 ms where the capacity was given; else up to half of what is
//! left until its call's deadline, unless the wait that is to be expected (those who wait ÷ those that end a second) is longer. Our own queue is not the endpoint's illness, and what would be answered in time is not refused. What
//! [proves an absence](crate::request::LegKind::Proof) is never refused here: without it the caller would hear of an outage.
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
//! **Cancel safety**: a dropped attempt gives back its place among those under way, and its place in the line. The turn that it waited
//! for at a capacity is not given back (the rate stays right, one turn is lost).
//!
//! tower users look for back-pressure in `poll_ready`. It cannot be there: readiness comes before the request is known,
//! and waiting behind one full endpoint would hold up calls that could go elsewhere. So this layer sheds in `call`.

mod adaptive;
mod policy;

#[cfg(all(test, evenkeel_loom))]
mod loom_tests;

pub use super::refusal::Full;
pub use adaptive::Adaptive;
pub use policy::Rate;

use crate::{
    BoxError,
    evidence::Lesson,
    model::clock::{self, Instant},
    request::{After, Call, Own},
    stack::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    station::{Behind, Served, Station},
};
use std::{
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::sync::Notify;
use tower::Layer;

/// The most that an attempt with no alternative waits for its turn.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// Whoever waits for a place looks so often, too: the one that was called may be asleep, or a limit was forgotten.
const LOOK_EVERY: Duration = PATIENCE;

/// The most attempts under way at one endpoint, so that a hung one takes up at most so many tasks and connections: what 2,000 calls/s
/// need to sit through two seconds of silence, and 5,000 calls/s of objects that take most of a second.
pub const MAX_IN_FLIGHT: u32 = 4_096;

/// The admission to one endpoint. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    in_flight: AtomicU32,
    /// Those that wait for a place. Who ends calls the one that has waited longest.
    waiting: AtomicU32,
    free: Arc<Notify>,
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
            waiting: AtomicU32::new(0),
            free: Arc::default(),
            max_in_flight,
            rate: capacity.map(|capacity| Mutex::new(Rate::new(capacity))),
            learnt: capacity.is_none().then(adaptive::Shared::new),
        }))
    }

    /// Attempts under way.
    pub fn in_flight(&self) -> u32 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// The most attempts that may be under way at the moment, where that was learnt; `None`: no limit but the maximum.
    pub fn learnt_limit(&self) -> Option<u32> {
        self.0.learnt.as_ref().and_then(|learnt| learnt.limit(clock::now()))
    }

    /// There is a learnt limit. Costs one load where there is none.
    pub(crate) fn is_bounded(&self, now: Instant) -> bool {
        self.0.learnt.as_ref().is_some_and(|learnt| learnt.is_bounded(now))
    }

    /// One more attempt, which waits at most so long for its turn: how long it must, and what it is to be learnt from. The other
    /// way: after how long it may come again.
    #[inline]
    fn admit<R>(&self, call: &Call<R>, patience: Duration) -> Result<(Duration, Option<Sample>), Duration> {
        let waiting = self.0.waiting.load(Ordering::Relaxed);
        if waiting > 0 && !call.record().proves() && self.in_flight().saturating_add(waiting) >= self.most() {
            self.note_refused();
            return Err(PATIENCE);
        }
        let admitted = self.enter(call, patience);
        if admitted.is_err() {
            self.note_refused();
        }
        admitted
    }

    /// How many may be under way.
    fn most(&self) -> u32 {
        self.learnt_limit().unwrap_or(u32::MAX).min(self.0.max_in_flight)
    }

    /// Somebody came and found no place.
    #[cold]
    fn note_refused(&self) {
        self.0.learnt.iter().for_each(adaptive::Shared::note_refused);
    }

    /// The same for whoever's turn it is.
    #[inline]
    fn enter<R>(&self, call: &Call<R>, patience: Duration) -> Result<(Duration, Option<Sample>), Duration> {
        // Counted before it is looked at, so that two that race cannot both take the last place.
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        let admitted = self.weigh(call, before, patience);
        if admitted.is_err() {
            self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
        admitted
    }

    #[inline]
    fn weigh<R>(
        &self,
        call: &Call<R>,
        under_way: u32,
        patience: Duration,
    ) -> Result<(Duration, Option<Sample>), Duration> {
        if call.record().proves() {
            return Ok((Duration::ZERO, None));
        }
        if under_way >= self.0.max_in_flight {
            return Err(PATIENCE);
        }
        let sample = match &self.0.learnt {
            None => false,
            Some(learnt) => learnt.admits(|| call.at(), under_way).ok_or(PATIENCE)?,
        };
        let wait = match &self.0.rate {
            None => Duration::ZERO,
            Some(rate) => rate
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .admit(call.at(), patience)?,
        };
        Ok((wait, sample.then_some(Sample { found: under_way })))
    }

    /// How long one that found no room may look for some. `None`: in vain. Where a rate was given it is not others' ends that give
    /// room; where nothing ends there is none.
    #[cold]
    fn patience<R>(&self, call: &Call<R>) -> Option<Duration> {
        let learnt = self.0.learnt.as_ref()?;
        let Some(deadline) = call.record().deadline_after() else {
            return Some(PATIENCE);
        };
        let most = deadline.since(call.at_after()) / 2;
        let rate = learnt.rate().filter(|rate| *rate > 0.0);
        let before = f64::from(self.0.waiting.load(Ordering::Relaxed));
        match rate {
            Some(rate) if before / rate >= most.as_secs_f64() => None,
            _ => Some(most.max(PATIENCE)),
        }
    }

    /// One that was admitted is over.
    #[inline]
    fn leave(&self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.free.notify_one();
        }
    }

    /// One waits from now on. It is to look once more when it is [called](Self::called): a place may have become free before.
    #[cold]
    fn wait(&self) {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
    }

    /// One waits no longer. Where there is room for another, too (a limit has grown, or was forgotten), that one looks next.
    #[cold]
    fn waits_no_longer(&self) {
        let others = self.0.waiting.fetch_sub(1, Ordering::SeqCst) > 1;
        if others && self.in_flight() < self.most() {
            self.0.free.notify_one();
        }
    }

    /// Ready when the one that waits for this is called.
    fn called(&self) -> Pin<Box<Called>> {
        let free = self.0.free.clone();
        Box::pin(async move { free.notified().await })
    }

    /// What a sample met.
    fn learn<R>(&self, call: &Call<R>, sample: Sample) {
        let Some(learnt) = &self.0.learnt else { return };
        let (record, leg) = (call.record(), call.leg());
        if let Some((lesson @ (Lesson::Good | Lesson::Late), took)) = record.lesson(leg) {
            let sent = record.sent_at(leg).unwrap_or_else(|| call.at());
            let waiting = self.0.waiting.load(Ordering::Relaxed);
            learnt.ended(sent + took, took, sample.found, lesson == Lesson::Good, waiting);
        }
    }
}

/// An attempt to learn from: so many were under way before it.
#[derive(Clone, Copy, Debug)]
struct Sample {
    found: u32,
}

/// Puts one endpoint's admission before its service.
#[derive(Clone, Debug)]
pub struct LimitLayer {
    admission: Admission,
}

impl LimitLayer {
    /// Admits by this.
    pub const fn new(admission: Admission) -> Self {
        Self { admission }
    }

    /// The station before this one.
    pub(crate) fn before<N>(self, inner: N) -> Limit<N> {
        Limit {
            inner,
            admission: self.admission,
        }
    }
}

impl<S: Clone> Layer<S> for LimitLayer {
    type Service = Served<Limit<Behind<S>>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.clone().before(Behind::new(inner)))
    }
}

/// One endpoint behind its admission. See the [module](self).
#[derive(Debug)]
pub struct Limit<N> {
    inner: N,
    admission: Admission,
}

impl<R, N> Station<R> for Limit<N>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<R, N::Attempt>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        let patience = if call.may_queue() { PATIENCE } else { Duration::ZERO };
        match self.admission.admit(call, patience) {
            Err(retry_after) => Attempt {
                place: None,
                state: match self.admission.patience(call).filter(|_| call.may_queue()) {
                    Some(patience) => {
                        self.admission.wait();
                        State::Waiting {
                            called: self.admission.called(),
                            next: call.at_after(),
                            until: call.at_after().plus(patience),
                            own: Own::default(),
                        }
                    }
                    None => State::Refused { retry_after },
                },
            },
            Ok((wait, sample)) => Attempt {
                place: Some(Place { sample }),
                state: if wait.is_zero() {
                    State::Sent {
                        inner: self.inner.enter(call),
                        later: None,
                    }
                } else {
                    State::Queued {
                        turn: call.at_after().plus(wait),
                        own: Own::default(),
                    }
                },
            },
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
        let Attempt { place, state } = attempt;
        while let State::Waiting {
            called,
            next,
            until,
            own,
        } = state
        {
            let admission = &self.admission;
            if called.as_mut().poll(cx).is_ready() {
                *called = admission.called();
                *next = call.at_after();
                continue;
            }
            ready!(call.record().poll_until(*next, own, cx));
            let later = call.clone().handed_down(clock::now());
            match admission.enter(&later, Duration::ZERO) {
                Ok((_, sample)) => {
                    *place = Some(Place { sample });
                    *state = State::Sent {
                        inner: self.inner.enter(&later),
                        later: Some(Box::new(later)),
                    };
                    admission.waits_no_longer();
                }
                Err(retry_after) if later.at_after() >= *until => {
                    *state = State::Refused { retry_after };
                    admission.waits_no_longer();
                }
                Err(_) => *next = later.at_after().plus(LOOK_EVERY).min(*until),
            }
        }
        if let State::Queued { turn, own } = state {
            ready!(call.record().poll_until(*turn, own, cx));
            let later = call.clone().handed_down(clock::now());
            *state = State::Sent {
                inner: self.inner.enter(&later),
                later: Some(Box::new(later)),
            };
        }
        match state {
            State::Sent { inner, later } => {
                let sent = later.as_deref().unwrap_or(call);
                let result = ready!(self.inner.poll(sent, inner, pinned, cx));
                self.give_back(call, place);
                Poll::Ready(result.map_err(Into::into))
            }
            State::Refused { retry_after } => {
                let retry_after = *retry_after;
                Poll::Ready(Err(Full { retry_after }.into()))
            }
            State::Queued { .. } | State::Waiting { .. } => Poll::Pending,
        }
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        let Attempt { place, state } = attempt;
        match state {
            State::Sent { inner, later } => self.inner.abandon(later.as_deref().unwrap_or(call), inner, pinned),
            State::Waiting { .. } => {
                *state = State::Refused { retry_after: PATIENCE };
                self.admission.waits_no_longer();
            }
            State::Refused { .. } | State::Queued { .. } => {}
        }
        self.give_back(call, place);
    }
}

impl<N> Limit<N> {
    #[inline]
    fn give_back<R>(&self, call: &Call<R>, place: &mut Option<Place>) {
        let Some(place) = place.take() else { return };
        self.admission.leave();
        if let Some(sample) = place.sample {
            self.admission.learn(call, sample);
        }
    }
}

/// A place among the attempts under way.
#[derive(Debug)]
struct Place {
    /// One attempt in eight is one.
    sample: Option<Sample>,
}

/// An attempt on its way, waiting for its turn, or refused.
pub struct Attempt<R, A> {
    /// Until it is given back.
    place: Option<Place>,
    state: State<R, A>,
}

type Called = dyn Future<Output = ()> + Send + Sync;

enum State<R, A> {
    Refused {
        retry_after: Duration,
    },
    Queued {
        turn: After,
        own: Own,
    },
    /// There was no place, and nowhere else to go.
    Waiting {
        called: Pin<Box<Called>>,
        next: After,
        until: After,
        own: Own,
    },
    Sent {
        inner: A,
        /// The call as it was when its turn came, if it was queued: its time counts from there. Boxed: few were.
        later: Option<Box<Call<R>>>,
    },
}

impl<R, A> std::fmt::Debug for Attempt<R, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("limit::Attempt").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Endpoint, Failover,
        request::{CallRecord, OpClass, Safety},
    };
    use tower::{ServiceExt, service_fn};

    #[tokio::test(start_paused = true)]
    async fn who_has_nowhere_else_to_go_waits_for_a_place() {
        let slow = service_fn(|_: Call<()>| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, BoxError>(())
        });
        let service = LimitLayer::new(Admission::with(None, 1)).layer(slow);
        let call = |may_queue| service.clone().oneshot(Call::read(()).dispatched(false, may_queue));
        let (first, waits, turns) = tokio::join!(call(false), call(true), call(false));
        assert!(first.is_ok() && waits.is_ok());
        assert!(turns.unwrap_err().is::<Full>());
        // Not for ever.
        let (first, second, third, last) = tokio::join!(call(true), call(true), call(true), call(true));
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
        assert!(last.unwrap_err().is::<Full>());
    }

    /// A hundred at once where one is served at a time, with nowhere else to go: each is sent when its turn comes, in the order in which
    /// they came, and those that leave meanwhile cost the others nothing.
    #[tokio::test(start_paused = true)]
    async fn who_waits_comes_in_turn() {
        let served = Arc::new(std::sync::Mutex::new(Vec::new()));
        let all = served.clone();
        let slow = service_fn(move |call: Call<usize>| {
            let served = all.clone();
            async move {
                served.lock().unwrap().push(*call.request());
                tokio::time::sleep(Duration::from_millis(10)).await;
                Ok::<_, BoxError>(())
            }
        });
        let admission = Admission::with(None, 1);
        let service = LimitLayer::new(admission.clone()).layer(slow);
        let call = |number: usize| {
            let service = service.clone();
            async move {
                let record = CallRecord::new(OpClass::Read, Safety::ReadOnly);
                record.set_deadline(clock::now() + Duration::from_secs(10));
                let call = Call::on_record(number, record).dispatched(false, true);
                // Every fourth leaves.
                let patience = Duration::from_millis(if number % 4 == 3 { 5 } else { 60_000 });
                tokio::time::timeout(patience, service.oneshot(call))
                    .await
                    .is_ok_and(|answer| answer.is_ok())
            }
        };
        //
        let answered = futures_util::future::join_all((0..8).map(call)).await;
        assert_eq!(answered.iter().filter(|ok| **ok).count(), 6);
        assert_eq!(*served.lock().unwrap(), [0, 1, 2, 4, 5, 6]);
        assert_eq!(
            (admission.in_flight(), admission.0.waiting.load(Ordering::Relaxed)),
            (0, 0)
        );
    }

    /// The standby has one place, which is free again after 50 ms. A hedge that waited for it would be back before the first.
    #[tokio::test(start_paused = true)]
    async fn a_hedge_waits_in_no_line() {
        let ms = Duration::from_millis;
        let client = Failover::builder()
            .endpoint(Endpoint::new("home", 100))
            .endpoint(Endpoint::new("away", 5).max_in_flight(1))
            .seed(1)
            .build()
            .unwrap();
        let takes = |time: u64| async move {
            tokio::time::sleep(ms(time)).await;
            Ok::<_, std::io::Error>(())
        };
        for _ in 0..50 {
            client.read(move |_| takes(5)).await.unwrap();
        }
        let holds = client.read(move |_| takes(50)).pin("away");
        let start = clock::now();
        let slow = async {
            client.read(takes).await.unwrap();
            start.elapsed()
        };
        let (held, took) = tokio::join!(holds, slow);
        held.unwrap();
        assert_eq!(took, ms(100));
    }
}
