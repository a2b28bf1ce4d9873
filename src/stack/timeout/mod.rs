//! One attempt's limit on silence, learnt from what the endpoint does.
//!
//! A hang is the commonest symptom of an outage, and a fixed limit on the whole of an attempt is either too long for it or too
//! short for a large object. So what is limited is *silence*:
//!
//! - Until the answer begins: eight times the endpoint's own p99 for the class of operation, at least 250 ms; 1 s while nothing
//!   was learnt. Where a body is sent first, this counts from its last byte, and what lies in the system's buffers is given
//!   time to arrive.
//! - Between two pieces of a body: the same, and at least 1 s. So a body may take as long as the call's deadline allows, but one
//!   that moves at less than [16 KiB a second](Limit::LEAST_RATE) is as good as silent. A body that is sent moves in the steps of
//!   the system's buffers, for which there is time, too: it is given up some seconds after a line went dead, not one.
//!
//! That is seen where the adapter [tells](crate::request::Progress) of it, as this crate's adapters for objects do. Where nobody does
//! (tables, whose values are small; puts through an `object_store` client over another transport than `NoRedirects`; a
//! [`Failover`](crate::Failover)'s closures without a handle), the whole attempt has the first limit, and 1 s more for each MiB
//! that it is known to move.
//!
//! Where the call may be repeated, no silence is borne beyond half of what is left until its deadline, unless it is usual there. What has run into a limit
//! gets a longer one *within its call*: four times as long after each attempt that did. What must happen once, and so has one
//! attempt, has that at once. A read that is [asked
//! elsewhere](crate::hedge) as well, where nobody else is left to ask, has that at once. And while nothing was learnt, it goes on
//! until half of what is left has passed: that it is slow is not known.
//!
//! A call may say its own limit ([`attempt_limit`](crate::client::object::ObjectCall::attempt_limit)), and so may a builder for all
//! of its client's calls:
//!
//! | who says it | an attempt has | one that runs into it |
//! |---|---|---|
//! | nobody | the learnt limit, half of what is left at most (four times the limit where nothing could follow: a write that must happen once, a read that everybody else is asked beside), and [what many bytes need](crate::request::CallRecord::allowing) | is late by the endpoint's own measure |
//! | the builder | just this | is late: this is the measure |
//! | the call | just this | is like one that its caller left: late only if the endpoint's own limit is no longer |
//!
//! What the builder or the call says is the whole time of an attempt, whatever moves. The call's deadline ends it with the call.
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::timeout::{Error, Limit, TimeoutLayer};
//! use std::{convert::Infallible, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let hangs = service_fn(|_: Call<()>| std::future::pending::<Result<(), Infallible>>());
//! let service = TimeoutLayer::new(Limit::fixed(Duration::from_millis(20))).layer(hangs);
//! let error = service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(matches!(error, Error::Elapsed(_)));
//! # }
//! ```
//!
//! **Place in the stack**: inside `health`, so that a hang is judged. It covers the inner service's readiness and its call,
//! from the pick on.
//!
//! **Cancel safety**: nothing is held.
//!
//! Its verdict ([`Timed`]) is faulty and *maybe sent*: a write may have been applied.

mod elapsed;
mod patience;
#[cfg(test)]
mod tests;

pub use elapsed::{Elapsed, WaitedFor};

use crate::{
    BoxError,
    health::{self, Tracker, late_after},
    model::clock::{self, nanos},
    request::{After, Call, CallRecord, LegKind, OpClass, Own, Safety, Stage, Work},
    station::{Behind, Served, Station},
    verdict::{Classify, Detail, Outcome},
};
use patience::Patience;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::Layer;

/// How long an attempt may take.
#[derive(Clone, Debug)]
pub struct Limit {
    tracker: Option<Arc<Tracker>>,
    floor: Duration,
    unlearnt: Duration,
}

impl Limit {
    /// The learnt limit is so many times the p99: beyond it lies less than one attempt in ten thousand of any latency
    /// distribution seen in practice, and far less than a caller would wait.
    pub const TIMES_P99: u32 = health::TIMES_P99;
    /// The learnt limit is at least this: garbage collection and TCP's retransmission (200 ms) must fit in.
    pub const FLOOR: Duration = health::LIMIT_FLOOR;
    /// The limit while nothing was learnt, and the least one between two pieces of a body: two retransmissions in a row (200 and
    /// 400 ms) fit in.
    pub const UNLEARNT: Duration = health::UNLEARNT;
    /// An attempt's limit is so many times as long as that of the one before it in its call, where that one ran into it.
    pub const LENGTHENING: u32 = 4;
    /// An attempt that goes on beside another is looked at so often.
    const LOOKED_AFTER: Duration = Duration::from_millis(50);
    /// A body that moves at fewer bytes a second than this is as good as silent: 16 KiB, a quarter of what a voice call takes.
    pub const LEAST_RATE: f64 = (16 << 10) as f64;

    /// Always the same, for the whole attempt, however many bytes move. A call's own limit still takes its place.
    pub const fn fixed(limit: Duration) -> Self {
        Self {
            tracker: None,
            floor: limit,
            unlearnt: limit,
        }
    }

    /// Learnt from this tracker.
    pub const fn learnt(tracker: Arc<Tracker>) -> Self {
        Self {
            tracker: Some(tracker),
            floor: Self::FLOOR,
            unlearnt: Self::UNLEARNT,
        }
    }

    /// A limit that somebody said, which is the attempt's whole time: the caller, or whoever made this.
    #[inline]
    fn said(&self, record: &CallRecord) -> Option<u64> {
        let fixed = || self.tracker.is_none().then_some(self.unlearnt);
        record.options().attempt_limit.or_else(fixed).map(nanos)
    }

    /// The limit now, as far as it is learnt.
    pub fn of(&self, work: impl Into<Work>) -> Duration {
        Duration::from_nanos(self.learnt_nanos(work.into()))
    }

    /// In nanoseconds, as it is asked for every attempt.
    #[inline]
    fn learnt_nanos(&self, work: Work) -> u64 {
        match self.p99(work) {
            Some(p99) => nanos(p99)
                .saturating_mul(u64::from(Self::TIMES_P99))
                .max(nanos(self.floor)),
            None => nanos(self.unlearnt),
        }
    }

    #[inline]
    fn p99(&self, work: Work) -> Option<Duration> {
        self.tracker.as_ref()?.p99(work)
    }

    /// How long this attempt may be silent before it is answered: where it may be repeated at most half of what is left until the
    /// deadline, so that there is time to ask somebody else. (Not where it need not be late yet: the next one would take as long.)
    #[inline]
    fn within<R>(&self, call: &Call<R>) -> u64 {
        if let Some(said) = self.said(call.record()) {
            return said;
        }
        let limit = match (call.leg().is_first(), call.safety()) {
            (true, Safety::ReadOnly | Safety::Idempotent) => self.learnt_nanos(call.record().work()),
            _ => self.lengthened_nanos(call),
        };
        match Self::must_leave_time(call) {
            Some(deadline) => {
                let half = deadline.nanos().saturating_sub(call.at_after().nanos()) / 2;
                if limit <= half {
                    return limit;
                }
                limit.min(half.max(nanos(self.bearable(call))))
            }
            None => limit,
        }
    }

    /// So much silence is borne in any case.
    #[cold]
    fn bearable<R>(&self, call: &Call<R>) -> Duration {
        let late = |tracker: &Arc<Tracker>| tracker.p99(call.record().work()).map(late_after);
        self.tracker.as_ref().and_then(late).unwrap_or_default().max(self.floor)
    }

    /// The deadline, if the call may be repeated until then.
    #[inline]
    fn must_leave_time<R>(call: &Call<R>) -> Option<After> {
        match call.safety() {
            Safety::Once => None,
            Safety::ReadOnly | Safety::Idempotent => call.record().deadline_after(),
        }
    }

    /// What was too short for this call before is longer: four times for each attempt that ran into it. Not where an absence is
    /// to be proven: *not found* is of no use to a caller who waits for it that long. Nor for a hedge, while there is somebody else whom
    /// the call could ask. What must happen once has no other attempt after it, so that it has the longer limit at once: else what is only
    /// slow would fail each time, and nobody would learn how slow.
    #[cold]
    fn lengthened_nanos<R>(&self, call: &Call<R>) -> u64 {
        let (record, leg) = (call.record(), call.leg());
        let hedges = record.kind(leg) == LegKind::Hedge && !record.is_watched();
        let times = match call.safety() {
            _ if record.proves() || hedges => 1,
            Safety::Once => Self::LENGTHENING,
            Safety::ReadOnly | Safety::Idempotent => Self::LENGTHENING.saturating_pow(record.limits_met_before(leg)),
        };
        self.learnt_nanos(record.work()).saturating_mul(u64::from(times))
    }

    /// The attempt was to end at `until`. By what has been seen of it since, it may go on for longer; else what it ran into.
    #[cold]
    fn looked_at_again<R>(&self, call: &Call<R>, until: After) -> Result<After, Elapsed> {
        let (record, at) = (call.record(), call.at_after());
        // One that was said, and not learnt, is the attempt's whole time, whatever moves.
        if self.said(record).is_some() {
            return later(until, until, at, WaitedFor::Answer);
        }
        let answer = Duration::from_nanos(self.within(call));
        let Some(flow) = record.flow(call.leg()) else {
            let ends = self
                .let_go_on(call, until)
                .max(at.plus(answer).plus(record.allowance()));
            return later(ends, until, at, WaitedFor::Answer);
        };
        let seen = flow.seen();
        if !flow.keeps_up(self.least_rate(call.class())) {
            return later(until, until, seen.answered.unwrap_or(at), WaitedFor::Rate);
        }
        let ends = self.patience(call, answer).ends(&seen);
        match (seen.stage(), seen.last) {
            (Stage::Sending | Stage::Receiving, Some(last)) => later(ends, until, last, WaitedFor::Body),
            _ => later(
                self.let_go_on(call, until).max(ends),
                until,
                seen.asked(),
                WaitedFor::Answer,
            ),
        }
    }

    fn patience<R>(&self, call: &Call<R>, answer: Duration) -> Patience {
        Patience {
            answer,
            body: answer.max(self.unlearnt),
            rate: self.learnt_rate(call.class()),
            deadline: Self::must_leave_time(call),
            floor: self.bearable(call),
        }
    }

    /// While nothing is learnt, nobody knows whether a read is late, and it costs the call nothing to wait for it as long as somebody
    /// else is asked: up to half of what is left until the deadline; or up to that, as long as the budget refuses the other
    /// attempt, for it would refuse the one after this, too. A little at a time, as the other may come to nothing.
    ///
    /// Where much is learnt, and the last that could be asked is being asked as well, ending the one would only mean to ask it again, with
    /// the longer limit: it has that at once. What is slow at both is slow by itself, and then somebody learns how slow.
    fn let_go_on<R>(&self, call: &Call<R>, until: After) -> After {
        let (record, at) = (call.record(), call.at_after());
        let waits = call.safety() == Safety::ReadOnly && record.is_watched() && !record.proves();
        let Some(deadline) = record.deadline_after().filter(|_| waits) else {
            return until;
        };
        let (p99, hedges) = (self.p99(record.work()), record.kind(call.leg()) == LegKind::Hedge);
        let longest = match p99 {
            None if !hedges && record.is_latest(call.leg()) => deadline,
            None if !hedges => at.plus(deadline.since(at) / 2),
            _ => deadline.min(at.plus(health::limit_after(p99).saturating_mul(Self::LENGTHENING))),
        };
        until.plus(Self::LOOKED_AFTER).min(longest)
    }

    /// The rate below which a body is as good as silent, in bytes a second.
    fn least_rate(&self, class: OpClass) -> f64 {
        self.learnt_rate(class)
            .map_or(Self::LEAST_RATE, |rate| rate.max(Self::LEAST_RATE))
    }

    /// See [`Tracker::least_rate`].
    fn learnt_rate(&self, class: OpClass) -> Option<f64> {
        self.tracker.as_ref()?.least_rate(class)
    }
}

/// How an attempt with a time limit fails.
#[derive(Debug)]
pub enum Error<E> {
    /// The limit ran out.
    Elapsed(Elapsed),
    /// The inner service failed within it.
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

/// What was boxed is what the inner service said, or an [`Elapsed`]. (This is why the type is no `std::error::Error`
/// itself: the standard library would then box it whole, and the layers above would have to look inside.)
impl<E: Into<BoxError>> From<Error<E>> for BoxError {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Elapsed(elapsed) => elapsed.into(),
            Error::Inner(inner) => inner.into(),
        }
    }
}

/// [`Classify`] for results that passed a [`Timeout`]: judges its own [`Elapsed`], leaves the rest to `K`.
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

/// Puts a [`Timeout`] before a service.
#[derive(Clone, Debug)]
pub struct TimeoutLayer {
    limit: Limit,
}

impl TimeoutLayer {
    /// With this limit.
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
    /// It has outlived its limit because somebody else was asked beside it.
    let_go_on: bool,
    /// Its limit ran out while this process stood still, and began anew.
    paused: bool,
    own: Own,
}

/// It goes on if that is later; else it has waited for this since then.
fn later(ends: After, until: After, since: After, waited_for: WaitedFor) -> Result<After, Elapsed> {
    if ends > until {
        return Ok(ends);
    }
    Err(Elapsed {
        limit: until.since(since),
        waited_for,
    })
}
