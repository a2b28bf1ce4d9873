use super::{
    Leg, LegKind, OpClass, Safety,
    first::First,
    leg::{Ended, LegRecord},
    timer::CallTimer,
};
use crate::{
    clock::{self, Instant},
    verdict::Detail,
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// What all attempts of one call share.
///
/// Route writes each pick into it before dispatch, health writes what each attempt met, retry and hedge read both. It
/// outlives the call in its error and its explanation.
#[derive(Debug)]
pub struct CallRecord {
    class: OpClass,
    safety: Safety,
    started: Instant,
    /// Nanoseconds after the start; `UNDECIDED` while nobody has set it.
    deadline: AtomicU64,
    /// Only this endpoint (its index in the client's list).
    pin: Option<usize>,
    /// Bit i set: endpoint i must not be used by this call (a constraint, or it was asked before).
    barred: u64,
    first_kind: LegKind,
    /// The caller's own constraints leave it fewer endpoints than the client has.
    narrowed: bool,
    /// It earns its share of a retry; a pass that is part of a larger call does not.
    earns: bool,
    /// Added to every attempt's limit: what the bytes alone need on the wire.
    allowance: Duration,
    /// Most calls have just this attempt.
    first: First,
    /// Those after it, in their order.
    more: Mutex<Vec<LegRecord>>,
    /// One of its attempts is a breaker's probe.
    probe: AtomicBool,
    /// And of an endpoint that was silent when it was last heard of.
    silent: AtomicBool,
    timer: CallTimer,
}

/// No deadline yet.
const UNDECIDED: u64 = u64::MAX;

impl CallRecord {
    /// A record for a call that starts now.
    pub fn new(class: OpClass, safety: Safety) -> Self {
        Self {
            class,
            safety,
            started: clock::now(),
            deadline: AtomicU64::new(UNDECIDED),
            pin: None,
            barred: 0,
            first_kind: LegKind::First,
            narrowed: false,
            earns: true,
            allowance: Duration::ZERO,
            first: First::default(),
            more: Mutex::default(),
            probe: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            timer: CallTimer::default(),
        }
    }

    /// The whole call must end by then. The first to set it wins; the deadline layer sets it where nobody did.
    pub fn set_deadline(&self, at: Instant) {
        let left = at.saturating_duration_since(self.started).as_nanos();
        let left = u64::try_from(left).unwrap_or(UNDECIDED - 1);
        // A deadline that is already there stays: it came from nearer the caller.
        let _ = self
            .deadline
            .compare_exchange(UNDECIDED, left, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The same record with this deadline.
    #[must_use]
    pub fn due(self, at: Instant) -> Self {
        self.set_deadline(at);
        self
    }

    /// Only endpoint `index` may be used.
    #[must_use]
    pub const fn pinned(mut self, index: Option<usize>) -> Self {
        self.pin = index;
        self
    }

    /// The endpoints in this bit set (bit i: endpoint i) must not be used.
    #[must_use]
    pub const fn barring(mut self, endpoints: u64) -> Self {
        self.barred = endpoints;
        self
    }

    /// Why the first attempt is made: [`LegKind::First`] unless the call itself is part of a larger one.
    #[must_use]
    pub const fn starting_as(mut self, kind: LegKind) -> Self {
        self.first_kind = kind;
        self
    }

    /// Every attempt may take so much longer than the learnt limit: for calls that carry many bytes.
    #[must_use]
    pub const fn allowing(mut self, extra: Duration) -> Self {
        self.allowance = extra;
        self
    }

    /// The caller's own constraints leave this call fewer endpoints than the client has: what it meets says nothing of
    /// *all* endpoints.
    #[must_use]
    pub const fn narrowed(mut self, narrowed: bool) -> Self {
        self.narrowed = narrowed;
        self
    }

    pub(crate) const fn is_narrowed(&self) -> bool {
        self.narrowed
    }

    /// Part of a larger call that has earned its share of the budget already.
    #[must_use]
    pub const fn earning(mut self, earns: bool) -> Self {
        self.earns = earns;
        self
    }

    /// See [`earning`](Self::earning).
    pub const fn earns(&self) -> bool {
        self.earns
    }

    /// See [`allowing`](Self::allowing).
    pub const fn allowance(&self) -> Duration {
        self.allowance
    }

    /// The class of work.
    pub const fn class(&self) -> OpClass {
        self.class
    }

    /// What may be done when an attempt's fate is unknown.
    pub const fn safety(&self) -> Safety {
        self.safety
    }

    /// When the call began.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// When the whole call must have ended, if that was decided.
    pub fn deadline(&self) -> Option<Instant> {
        match self.deadline.load(Ordering::Relaxed) {
            UNDECIDED => None,
            left => Some(self.started + Duration::from_nanos(left)),
        }
    }

    /// The endpoint that the call is pinned to.
    pub const fn pin(&self) -> Option<usize> {
        self.pin
    }

    /// Endpoints (bit i: endpoint i) that this call must not use.
    pub const fn barred(&self) -> u64 {
        self.barred
    }

    /// A copy of every attempt so far.
    pub fn legs(&self) -> Vec<LegRecord> {
        let more = self.more();
        let mut all = Vec::with_capacity(1 + more.len());
        all.push(self.first());
        all.extend(more.iter().cloned());
        all
    }

    /// Attempts that were dispatched to an endpoint. Local refusals are none.
    pub fn attempts(&self) -> usize {
        let more = self.more();
        usize::from(self.first.was_started()) + more.iter().filter(|leg| leg.started.is_some()).count()
    }

    /// Whether some attempt of this write may have been applied.
    pub fn may_have_been_applied(&self) -> bool {
        self.safety != Safety::ReadOnly
            && self.legs().iter().any(|leg| match leg.ended {
                Some(Ended::Judged(outcome)) => outcome.may_have_been_applied(),
                // Dropped on the way, or still under way: nobody knows.
                Some(Ended::Abandoned(_)) | None => leg.started.is_some(),
            })
    }

    /// One of its attempts serves as a breaker's probe; `silent`: of an endpoint that was late when it last failed.
    pub(crate) fn note_probe(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
        self.probe.store(true, Ordering::Relaxed);
    }

    /// Whether it probes an endpoint from which no answer need be expected.
    pub(crate) fn probes_silence(&self) -> bool {
        self.is_probe() && self.silent.load(Ordering::Relaxed)
    }

    /// A probe from the background: nobody's call.
    pub(crate) const fn is_background(&self) -> bool {
        matches!(self.first_kind, LegKind::Probe)
    }

    /// Whether the call lends an attempt as a probe. What that costs it (its hedge, its retry) is not the budget's to
    /// refuse: a call must not suffer for being the one that asks.
    pub(crate) fn is_probe(&self) -> bool {
        self.probe.load(Ordering::Relaxed) || self.is_background()
    }

    /// Draws the number of a further attempt. The first attempt is number 0 and needs no drawing.
    pub(crate) fn next_leg(&self, kind: LegKind) -> Leg {
        let mut more = self.more();
        more.push(LegRecord {
            kind,
            ..LegRecord::default()
        });
        Leg(u16::try_from(more.len()).unwrap_or(u16::MAX))
    }

    /// Route has picked `endpoint` for attempt `leg`.
    pub(crate) fn pick(&self, leg: Leg, endpoint: usize) {
        match leg.further() {
            None => self.first.pick(Some(endpoint)),
            Some(index) => self.more()[index].endpoint = Some(endpoint),
        }
    }

    /// The pick came to nothing (a local refusal): as if it had never been made.
    pub(crate) fn unpick(&self, leg: Leg) {
        match leg.further() {
            None => self.first.pick(None),
            Some(index) => self.more()[index].endpoint = None,
        }
    }

    /// Endpoints that were picked before attempt `leg`, as a bit set.
    pub(crate) fn picked_before(&self, leg: Leg) -> u64 {
        if leg == Leg::default() {
            return 0;
        }
        self.picked()
    }

    /// Endpoints that were picked so far, as a bit set.
    pub(crate) fn picked(&self) -> u64 {
        let more = self.more();
        let all = self.first.endpoint().into_iter();
        all.chain(more.iter().filter_map(|leg| leg.endpoint))
            .fold(0, |set, index| set | bit(index))
    }

    /// The attempt leaves for its endpoint.
    pub(crate) fn start(&self, leg: Leg, at: Instant) {
        match leg.further() {
            None => self.first.start(at.saturating_duration_since(self.started)),
            Some(index) => {
                let leg = &mut self.more()[index];
                leg.started = Some(at);
                leg.ended = None;
            }
        }
    }

    /// The attempt is over.
    pub(crate) fn end(&self, leg: Leg, elapsed: Duration, ended: Ended, detail: Option<Detail>) {
        match leg.further() {
            None => self.first.end(elapsed, ended, detail),
            Some(index) => {
                let leg = &mut self.more()[index];
                leg.elapsed = Some(elapsed);
                leg.ended = Some(ended);
                leg.detail = detail.map(Box::new);
            }
        }
    }

    /// How attempt `leg` itself ended. `None`: it never left this process, or nobody below judges.
    pub(crate) fn ended(&self, leg: Leg) -> Option<Ended> {
        match leg.further() {
            None => self.first.ended(),
            Some(index) => self.more()[index].ended,
        }
    }

    /// How attempt `leg` itself ended, and after how long.
    pub(crate) fn end_of(&self, leg: Leg) -> (Option<Ended>, Option<Duration>) {
        match leg.further() {
            None => (self.first.ended(), self.first.elapsed()),
            Some(index) => {
                let more = self.more();
                (more[index].ended, more[index].elapsed)
            }
        }
    }

    /// Whether attempt `leg` was handed to its endpoint.
    pub(crate) fn was_started(&self, leg: Leg) -> bool {
        match leg.further() {
            None => self.first.was_started(),
            Some(index) => self.more()[index].started.is_some(),
        }
    }

    /// Why attempt `leg` is made.
    pub(crate) fn kind(&self, leg: Leg) -> LegKind {
        match leg.further() {
            None => self.first_kind,
            Some(index) => self.more()[index].kind,
        }
    }

    /// How the attempt ended whose result came back for `leg`: its own, or its hedge's.
    pub(crate) fn result_of(&self, leg: Leg) -> Option<Ended> {
        let hedge = match leg.further() {
            None => self.first.stands_in(),
            Some(index) => self.more()[index].stands_in,
        };
        self.ended(hedge.unwrap_or(leg))
    }

    /// The result that comes back for attempt `leg` is that of `hedge`.
    pub(crate) fn stand_in(&self, leg: Leg, hedge: Leg) {
        match leg.further() {
            None => self.first.stand_in(hedge),
            Some(index) => self.more()[index].stands_in = Some(hedge),
        }
    }

    /// The endpoint of attempt `leg`.
    pub(crate) fn endpoint(&self, leg: Leg) -> Option<usize> {
        match leg.further() {
            None => self.first.endpoint(),
            Some(index) => self.more()[index].endpoint,
        }
    }

    /// The endpoint whose answer is the call's: the last attempt's, or its hedge's where that one's result stands for it.
    /// (A hedge that came back first with an absence waits for its attempt, and loses against a success.)
    pub(crate) fn answered_by(&self) -> Option<usize> {
        let healthy =
            |ended: Option<Ended>| matches!(ended, Some(Ended::Judged(outcome)) if outcome.verdict.is_healthy());
        if self.more().is_empty() {
            return self.first.endpoint().filter(|_| healthy(self.first.ended()));
        }
        let all = self.legs();
        let attempts = all.iter().rev().filter(|leg| leg.kind != LegKind::Hedge);
        let mut results = attempts.map(|leg| match leg.stands_in {
            Some(Leg(hedge)) => all.get(usize::from(hedge)).unwrap_or(leg),
            None => leg,
        });
        let answer = results.find(|leg| healthy(leg.ended));
        answer.and_then(|leg| leg.endpoint)
    }

    /// The call's one timer.
    pub(crate) const fn timer(&self) -> &CallTimer {
        &self.timer
    }

    /// Ready once `at` has passed. See [`CallTimer`].
    pub(crate) fn poll_until(&self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_until(at, cx)
    }

    fn first(&self) -> LegRecord {
        self.first.to_record(self.first_kind, self.started)
    }

    fn more(&self) -> MutexGuard<'_, Vec<LegRecord>> {
        self.more.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bit of endpoint `index` in a set of endpoints.
pub(crate) const fn bit(index: usize) -> u64 {
    1 << (index & 63)
}
