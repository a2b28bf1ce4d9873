mod attempts;

use super::{
    After, LegKind, OpClass, Options, Safety, Told, Work,
    first::First,
    leg::LegRecord,
    timer::{CallTimer, Collecting, Own, Timer},
};
use crate::model::clock::{self, Instant};
use std::{
    pin::Pin,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
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
    /// The bytes that it sends, as far as they are known beforehand.
    bytes: u64,
    proves_absences: bool,
    /// An attempt that may have been applied is not followed by another.
    gives_back_lost: bool,
    /// Attempts before this pass.
    spent: u32,
    /// What its caller says of its attempts.
    told: Told,
    /// Most calls have just this attempt.
    first: First,
    /// Those after it, in their order, once there is one.
    more: OnceLock<Box<Mutex<Vec<LegRecord>>>>,
    /// One of its attempts is a breaker's probe.
    probe: AtomicBool,
    /// The budget has refused a further attempt.
    withheld: AtomicBool,
    /// Nanoseconds: how long the attempt took that was back before another; 0 while none was.
    overtaken: AtomicU64,
    /// Whether that was late by its own endpoint's measure; `UNKNOWN`: there is none.
    overtaken_late: AtomicU8,
    /// Another endpoint is asked beside an attempt that is late, or will be.
    watched: AtomicBool,
    timer: CallTimer,
}

/// No deadline yet.
const UNDECIDED: u64 = u64::MAX;

const UNKNOWN: u8 = 2;

impl CallRecord {
    /// A record for a call that starts now.
    #[inline]
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
            bytes: 0,
            proves_absences: false,
            gives_back_lost: false,
            spent: 0,
            told: Told::default(),
            first: First::default(),
            more: OnceLock::new(),
            probe: AtomicBool::new(false),
            withheld: AtomicBool::new(false),
            overtaken: AtomicU64::new(0),
            overtaken_late: AtomicU8::new(UNKNOWN),
            watched: AtomicBool::new(false),
            timer: CallTimer::default(),
        }
    }

    /// The whole call must end by then. The first to set it wins; the deadline layer sets it where nobody did.
    pub(crate) fn set_deadline(&self, at: Instant) {
        self.end_by(self.after(at));
    }

    /// The same, and gives back what holds: a deadline that is already there stays, as it came from nearer the caller.
    #[inline]
    pub(crate) fn end_by(&self, at: After) -> After {
        // Whoever has the call decides before it is sent, so nobody races: no exchange is needed.
        match self.deadline.load(Ordering::Relaxed) {
            UNDECIDED => {
                let nanos = at.nanos().min(UNDECIDED - 1);
                self.deadline.store(nanos, Ordering::Relaxed);
                After::of_nanos(nanos)
            }
            earlier => After::of_nanos(earlier),
        }
    }

    /// The same record with this deadline.
    #[must_use]
    #[inline]
    pub fn due(self, at: Instant) -> Self {
        self.set_deadline(at);
        self
    }

    /// Only endpoint `index` may be used.
    #[must_use]
    #[inline]
    pub const fn pinned(mut self, index: Option<usize>) -> Self {
        self.pin = index;
        self
    }

    /// The endpoints in this bit set (bit i: endpoint i) must not be used.
    #[must_use]
    #[inline]
    pub const fn barring(mut self, endpoints: u64) -> Self {
        self.barred = endpoints;
        self
    }

    /// Why the first attempt is made: [`LegKind::First`] unless the call itself is part of a larger one.
    #[must_use]
    #[inline]
    pub(crate) const fn starting_as(mut self, kind: LegKind) -> Self {
        self.first_kind = kind;
        self
    }

    /// Every attempt may take so much longer than the learnt limit: for calls that carry many bytes, where nobody
    /// [tells](super::Progress) how they move. Nothing is added to a limit that was [said](Options::attempt_limit).
    #[must_use]
    #[inline]
    pub const fn allowing(mut self, extra: Duration) -> Self {
        self.allowance = extra;
        self
    }

    /// The caller's own constraints leave this call fewer endpoints than the client has: what it meets says nothing of
    /// *all* endpoints.
    #[must_use]
    #[inline]
    pub const fn narrowed(mut self, narrowed: bool) -> Self {
        self.narrowed = narrowed;
        self
    }

    #[inline]
    pub(crate) const fn is_narrowed(&self) -> bool {
        self.narrowed
    }

    /// Part of a larger call that has earned its share of the budget already.
    #[must_use]
    #[inline]
    pub(crate) const fn earning(mut self, earns: bool) -> Self {
        self.earns = earns;
        self
    }

    /// What the caller says of its attempts in place of what the layers do by default.
    #[must_use]
    pub fn told(self, options: Options) -> Self {
        self.heeding(options.into())
    }

    #[must_use]
    #[inline]
    pub(crate) fn heeding(mut self, told: Told) -> Self {
        self.told = told;
        self
    }

    /// What its attempts are measured with.
    #[inline]
    pub(crate) fn work(&self) -> Work {
        Work {
            class: self.class,
            name: self.told.name(),
        }
    }

    /// See [`told`](Self::told).
    #[inline]
    pub fn options(&self) -> &Options {
        self.told.options()
    }

    /// See [`earning`](Self::earning).
    #[inline]
    pub(crate) const fn earns(&self) -> bool {
        self.earns
    }

    /// See [`allowing`](Self::allowing).
    #[inline]
    pub(crate) const fn allowance(&self) -> Duration {
        self.allowance
    }

    /// So many bytes are sent with every attempt.
    #[must_use]
    #[inline]
    pub(crate) const fn carrying(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// A write of a megabyte and more: something on the way may refuse or lose those while small ones pass.
    #[inline]
    pub(crate) const fn is_large(&self) -> bool {
        const LARGE: u64 = 1_000_000;
        matches!(self.class, OpClass::Write) && self.bytes >= LARGE
    }

    /// Retry gives back an attempt that may have been applied, though the write may be repeated: whoever made this record
    /// looks first what became of it.
    #[must_use]
    #[inline]
    pub(crate) const fn giving_back_lost(mut self, gives_back: bool) -> Self {
        self.gives_back_lost = gives_back;
        self
    }

    #[inline]
    pub(crate) const fn gives_back_lost(&self) -> bool {
        self.gives_back_lost
    }

    /// So many attempts were made before this pass: they count towards the most that one call may make.
    #[must_use]
    #[inline]
    pub(crate) const fn having_spent(mut self, attempts: u32) -> Self {
        self.spent = attempts;
        self
    }

    #[inline]
    pub(crate) const fn spent(&self) -> u32 {
        self.spent
    }

    /// The class of work.
    #[inline]
    pub const fn class(&self) -> OpClass {
        self.class
    }

    /// What may be done when an attempt's fate is unknown.
    #[inline]
    pub const fn safety(&self) -> Safety {
        self.safety
    }

    /// When the call began.
    #[inline]
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// When the whole call must have ended, if that was decided.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline_after().map(|at| self.instant(at))
    }

    #[inline]
    pub(crate) fn deadline_after(&self) -> Option<After> {
        match self.deadline.load(Ordering::Relaxed) {
            UNDECIDED => None,
            nanos => Some(After::of_nanos(nanos)),
        }
    }

    /// How this call counts `now`.
    #[inline]
    pub(crate) fn after(&self, now: Instant) -> After {
        now.saturating_duration_since(self.started).into()
    }

    /// What the clock says (or will say) then.
    #[inline]
    pub(crate) fn instant(&self, at: After) -> Instant {
        self.started + at.since(After::START)
    }

    /// The endpoint that the call is pinned to.
    #[inline]
    pub const fn pin(&self) -> Option<usize> {
        self.pin
    }

    /// Endpoints (bit i: endpoint i) that this call must not use.
    #[inline]
    pub(crate) const fn barred(&self) -> u64 {
        self.barred
    }

    /// One of its attempts serves as a breaker's probe.
    pub(crate) fn note_probe(&self) {
        self.probe.store(true, Ordering::Relaxed);
    }

    /// The budget has refused a further attempt, which the error then says.
    pub(crate) fn note_withheld(&self) {
        self.withheld.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_withheld(&self) -> bool {
        self.withheld.load(Ordering::Relaxed)
    }

    /// Somebody asks elsewhere beside an attempt that is late, or will: it need not end for that. See
    /// [`hedge`](crate::hedge).
    pub(crate) fn note_watched(&self, watched: bool) {
        self.watched.store(watched, Ordering::Relaxed);
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Whoever made this record asks again, for a proof, where an answer is that something does not exist.
    #[must_use]
    #[inline]
    pub(crate) const fn proving_absences(mut self, proves: bool) -> Self {
        self.proves_absences = proves;
        self
    }

    #[inline]
    pub(crate) const fn proves_absences(&self) -> bool {
        self.proves_absences
    }

    /// It proves that something does not exist.
    #[inline]
    pub(crate) const fn proves(&self) -> bool {
        matches!(self.first_kind, LegKind::Proof)
    }

    /// A probe from the background: nobody's call.
    #[inline]
    pub(crate) const fn is_background(&self) -> bool {
        matches!(self.first_kind, LegKind::Probe)
    }

    /// Whether the call lends an attempt as a probe. What that costs it (its hedge, its retry) is not the budget's to
    /// refuse: a call must not suffer for being the one that asks.
    #[inline]
    pub(crate) fn is_probe(&self) -> bool {
        self.probe.load(Ordering::Relaxed) || self.is_background()
    }

    /// Ready once `at` has passed. See [`CallTimer`].
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn poll_until(&self, at: After, own: &mut Own, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_until(self.started, at, own, cx)
    }

    /// Whether this process is known to have stood still between then and now.
    #[inline]
    pub(crate) fn stood_still(&self, since: After, now: Instant) -> bool {
        self.timer.stood_still(since, self.after(now))
    }

    /// A wait that began then was to end at `due`. Where it ended far behind because this process stood still: until when it is waited
    /// again, as long as the first time and a second at most, so that what arrived meanwhile is seen.
    pub(crate) fn again_after_a_pause(&self, since: After, due: After) -> Option<After> {
        let now = self.after(clock::now());
        self.timer
            .is_far_behind(due, now)
            .then(|| now.plus(due.since(since).min(Duration::from_secs(1))))
    }

    /// Until what it gives is dropped, each station that this task polls only says until when it waits.
    #[inline]
    pub(crate) fn collect_waits(&self, cx: &Context<'_>) -> Collecting {
        self.timer.collect(cx)
    }

    /// Ready once `earliest` has passed, which was collected in this pass, or `at`. The inner value says whether it was `at`.
    #[inline]
    pub(crate) fn poll_collected(
        &self,
        at: After,
        earliest: After,
        timer: Pin<&mut Timer>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        self.timer.poll_collected(self.started, at, earliest, timer, cx)
    }
}

/// The bit of endpoint `index` in a set of endpoints.
pub(crate) const fn bit(index: usize) -> u64 {
    1 << (index & 63)
}

/// The endpoints of a set, ascending.
pub(crate) fn members(set: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |&index| set & bit(index) != 0)
}
