use super::patience::Patience;
use super::{Elapsed, WaitedFor};
use crate::{
    model::clock::nanos,
    request::{After, Call, CallRecord, LegKind, OpClass, Safety, Stage, Work},
    stack::health::{self, Tracker, late_after},
};
use std::{sync::Arc, time::Duration};

/// How long an attempt may take.
#[derive(Clone, Debug)]
pub struct Limit {
    tracker: Option<Arc<Tracker>>,
    floor: Duration,
    unlearnt: Duration,
}

impl Limit {
    /// The learnt limit is this many times the p99. Less than one attempt in ten thousand lies beyond, in any latency
    /// distribution seen in practice, and the limit is far shorter than a caller would wait.
    pub const TIMES_P99: u32 = health::TIMES_P99;
    /// The learnt limit is at least this: garbage collection and TCP's retransmission (200 ms) must fit in.
    pub const FLOOR: Duration = health::LIMIT_FLOOR;
    /// The limit while nothing was learnt, and the least limit between two pieces of a body: two retransmissions in a
    /// row (200 and 400 ms) fit in.
    pub const UNLEARNT: Duration = health::UNLEARNT;
    /// After an attempt that ran into its limit, the next attempt of the call has this many times the limit.
    pub const LENGTHENING: u32 = 4;
    /// How often the timeout looks at an attempt that goes on beside another.
    const LOOKED_AFTER: Duration = Duration::from_millis(50);
    /// A body that moves fewer bytes a second than this is as good as silent: 16 KiB, a quarter of what a voice call
    /// takes.
    pub const LEAST_RATE: f64 = (16 << 10) as f64;

    /// A limit that is always the same, for the whole attempt, however many bytes move. A call's own limit still takes
    /// its place.
    pub const fn fixed(limit: Duration) -> Self {
        Self {
            tracker: None,
            floor: limit,
            unlearnt: limit,
        }
    }

    /// A limit learnt from this tracker.
    pub const fn learnt(tracker: Arc<Tracker>) -> Self {
        Self {
            tracker: Some(tracker),
            floor: Self::FLOOR,
            unlearnt: Self::UNLEARNT,
        }
    }

    /// The limit that the caller or the builder set, which is the attempt's whole time.
    #[inline]
    fn said(&self, record: &CallRecord) -> Option<u64> {
        let fixed = || self.tracker.is_none().then_some(self.unlearnt);
        record.options().attempt_limit.or_else(fixed).map(nanos)
    }

    /// The learnt limit, as of now.
    pub fn of(&self, work: impl Into<Work>) -> Duration {
        Duration::from_nanos(self.learnt_nanos(work.into()))
    }

    /// The learnt limit in nanoseconds, as every attempt needs it.
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

    /// How long this attempt may be silent before its answer begins. Where the call may be repeated, at most half of
    /// what is left until the deadline, so that there is time to ask another endpoint. (Silence that is not yet late
    /// there is allowed beyond that half: the next attempt would take as long.)
    #[inline]
    pub(super) fn within<R>(&self, call: &Call<R>) -> u64 {
        if let Some(said) = self.said(call.record()) {
            return said;
        }
        if let Some(stall) = call.record().options().stall_limit {
            return nanos(stall);
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

    /// The silence that is allowed in any case.
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

    /// The learnt limit, lengthened after attempts of this call that ran into theirs: four times for each. Three cases
    /// differ. A proof of an absence has no longer limit: *not found* is of no use to a caller who waits that long. A
    /// hedge has no longer limit either, while the call could ask yet another endpoint. A call that must happen once
    /// has only one attempt, which gets the longer limit at once: else a call that is only slow would fail each time,
    /// and nobody would learn how slow.
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

    /// The attempt was to end at `until`. Returns a later end, if progress since then allows one; else the limit that
    /// was met.
    #[cold]
    pub(super) fn looked_at_again<R>(&self, call: &Call<R>, until: After) -> Result<After, Elapsed> {
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
        let said = call.record().options().stall_limit;
        Patience {
            answer,
            body: said.unwrap_or(answer.max(self.unlearnt)),
            rate: self.learnt_rate(call.class()),
            deadline: Self::must_leave_time(call),
            floor: said.unwrap_or_default().max(self.bearable(call)),
        }
    }

    /// Lets a watched read go on for a little longer. While nothing is learnt, nobody knows whether the read is late,
    /// and waiting costs the call nothing while another endpoint is asked: up to half of what is left until the
    /// deadline. While the budget refuses the other attempt, up to the deadline: the budget would refuse the attempt
    /// after this one, too. The extension is short each time, as the other attempt may fail.
    ///
    /// Where much is learnt, and the last possible endpoint is asked as well, ending this attempt would only mean to
    /// ask its endpoint again, with the longer limit. So this attempt has the longer limit at once. A request that is
    /// slow at both endpoints is slow by itself, and the longer limit shows how slow.
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

/// The later end, if it is later than `until`; else the attempt has waited for `waited_for` since `since`.
fn later(ends: After, until: After, since: After, waited_for: WaitedFor) -> Result<After, Elapsed> {
    if ends > until {
        return Ok(ends);
    }
    Err(Elapsed {
        limit: until.since(since),
        waited_for,
    })
}
