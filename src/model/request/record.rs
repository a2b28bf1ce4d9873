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
/// Route writes each pick into the record before dispatch. Health writes how each attempt ended. Retry and hedge read
/// both. The record outlives the call in the call's error and explanation.
#[derive(Debug)]
pub struct CallRecord {
    class: OpClass,
    safety: Safety,
    started: Instant,
    /// In nanoseconds after the start. `UNDECIDED` until somebody has set the deadline.
    deadline: AtomicU64,
    /// The only endpoint that may be used (its index in the client's list).
    pin: Option<usize>,
    /// Bit i set: this call must not use endpoint i (because of a constraint, or because it asked endpoint i before).
    barred: u64,
    first_kind: LegKind,
    /// Whether the caller's own constraints leave this call fewer endpoints than the client has.
    narrowed: bool,
    /// Whether the call earns its share of a retry. A pass that is part of a larger call does not.
    earns: bool,
    /// Added to every attempt's limit: the time that the bytes alone need on the wire.
    allowance: Duration,
    /// What the request is called: `get`, `put_part`. Empty: it has no name of its own.
    operation: &'static str,
    /// The bytes that the call sends, as far as they are known beforehand.
    bytes: u64,
    /// Whether whoever carries out the attempts says how long their bodies are.
    is_weighed: bool,
    proves_absences: bool,
    /// Whether no attempt follows an attempt that may have been applied.
    gives_back_lost: bool,
    /// Whether no attempt follows an attempt whose body broke off after a beginning that is worth keeping.
    keeps_beginnings: bool,
    /// The number of attempts before this pass.
    spent: u32,
    /// The caller's options for the attempts.
    told: Told,
    /// Most calls have only this attempt.
    first: First,
    /// The later attempts in their order, once there is one.
    more: OnceLock<Box<Mutex<Vec<LegRecord>>>>,
    /// Whether an attempt of the call is a breaker's probe.
    probe: AtomicBool,
    /// Whether the budget has refused a further attempt.
    withheld: AtomicBool,
    /// In nanoseconds: how long the attempt took that came back before another attempt. 0 while there is none.
    overtaken: AtomicU64,
    /// Whether that attempt was late by its own endpoint's measure. `UNKNOWN`: the endpoint has no measure.
    overtaken_late: AtomicU8,
    /// Whether another endpoint is asked, or will be, beside an attempt that is late.
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
            operation: "",
            bytes: 0,
            is_weighed: false,
            proves_absences: false,
            gives_back_lost: false,
            keeps_beginnings: false,
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

    /// Sets when the whole call must end. The first deadline wins. The deadline layer sets one if nobody did.
    pub(crate) fn set_deadline(&self, at: Instant) {
        self.end_by(self.after(at));
    }

    /// Sets the deadline and returns the deadline that holds. An earlier deadline stays, because it came from nearer
    /// the caller.
    #[inline]
    pub(crate) fn end_by(&self, at: After) -> After {
        // The holder of the call decides before the call is sent, so nobody races: no exchange is needed.
        match self.deadline.load(Ordering::Relaxed) {
            UNDECIDED => {
                let nanos = at.nanos().min(UNDECIDED - 1);
                self.deadline.store(nanos, Ordering::Relaxed);
                After::of_nanos(nanos)
            }
            earlier => After::of_nanos(earlier),
        }
    }

    /// Allows only endpoint `index`.
    #[must_use]
    #[inline]
    pub const fn pinned(mut self, index: Option<usize>) -> Self {
        self.pin = index;
        self
    }

    /// Forbids the endpoints in this bit set (bit i: endpoint i).
    #[must_use]
    #[inline]
    pub const fn barring(mut self, endpoints: u64) -> Self {
        self.barred = endpoints;
        self
    }

    /// Sets why the first attempt is made: [`LegKind::First`], unless the call itself is part of a larger one.
    #[must_use]
    #[inline]
    pub(crate) const fn starting_as(mut self, kind: LegKind) -> Self {
        self.first_kind = kind;
        self
    }

    /// Adds this time to the learnt limit of every attempt: for calls that carry many bytes, if nobody
    /// [reports](super::Progress) how the bytes move. A limit that the [caller set](Options::attempt_limit) gets no
    /// addition.
    #[must_use]
    #[inline]
    pub const fn allowing(mut self, extra: Duration) -> Self {
        self.allowance = extra;
        self
    }

    /// Says that the caller's own constraints leave this call fewer endpoints than the client has. The call's result
    /// then says nothing of *all* endpoints.
    #[must_use]
    #[inline]
    pub(crate) const fn narrowed(mut self, narrowed: bool) -> Self {
        self.narrowed = narrowed;
        self
    }

    #[inline]
    pub(crate) const fn is_narrowed(&self) -> bool {
        self.narrowed
    }

    /// Sets whether the call earns a share of the budget. A part of a larger call does not: the larger call has earned
    /// the share already.
    #[must_use]
    #[inline]
    pub(crate) const fn earning(mut self, earns: bool) -> Self {
        self.earns = earns;
        self
    }

    /// Sets the caller's options for the attempts, in place of the layers' defaults.
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

    /// The work with which the call's attempts are compared.
    #[inline]
    pub(crate) fn work(&self) -> Work {
        Work {
            class: self.class,
            name: self.told.name(),
        }
    }

    /// See [`told`](Self::told).
    #[inline]
    pub(crate) fn options(&self) -> &Options {
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

    /// Sets how many bytes every attempt sends.
    #[must_use]
    #[inline]
    pub(crate) const fn carrying(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets what the request is called.
    #[must_use]
    #[inline]
    pub(crate) const fn called(mut self, operation: &'static str) -> Self {
        self.operation = operation;
        self
    }

    /// What the request is called. Without a name of its own, the name that the caller gave the call, or its class.
    pub(crate) fn operation(&self) -> &'static str {
        match self.operation {
            "" => self.told.name().unwrap_or(self.class.as_str()),
            own => own,
        }
    }

    /// Says that the attempts go to adapters, through a bridge that says how long their bodies are. An attempt of which
    /// the bridge says nothing did not get there.
    #[must_use]
    #[inline]
    pub(crate) const fn weighed(mut self) -> Self {
        self.is_weighed = true;
        self
    }

    /// Whether this is a write of a megabyte or more. A proxy on the way may refuse or lose such writes while small
    /// writes pass.
    #[inline]
    pub(crate) const fn is_large(&self) -> bool {
        const LARGE: u64 = 1_000_000;
        matches!(self.class, OpClass::Write) && self.bytes >= LARGE
    }

    /// Makes retry give back an attempt that may have been applied, although the write may be repeated: the maker of
    /// this record first looks what became of the attempt.
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

    /// Makes the attempts keep the beginning of a large body that breaks off, and makes retry give such an attempt back:
    /// the maker of this record goes on from there.
    #[must_use]
    #[inline]
    pub(crate) const fn keeping_beginnings(mut self, keeps: bool) -> Self {
        self.keeps_beginnings = keeps;
        self
    }

    /// Sets how many attempts were made before this pass. They count towards the most that one call may make.
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

    /// What may be done when the fate of an attempt is unknown.
    #[inline]
    pub const fn safety(&self) -> Safety {
        self.safety
    }

    /// When the call began.
    #[inline]
    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    /// When the whole call must have ended. `None` if no deadline was set.
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

    /// `now` as this call counts.
    #[inline]
    pub(crate) fn after(&self, now: Instant) -> After {
        now.saturating_duration_since(self.started).into()
    }

    /// The clock's value at this moment.
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

    /// Notes that an attempt of the call serves as a breaker's probe.
    pub(crate) fn note_probe(&self) {
        self.probe.store(true, Ordering::Relaxed);
    }

    /// Notes that the budget has refused a further attempt. The error then says so.
    pub(crate) fn note_withheld(&self) {
        self.withheld.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_withheld(&self) -> bool {
        self.withheld.load(Ordering::Relaxed)
    }

    /// Notes whether another endpoint is asked, or will be, beside an attempt that is late. The late attempt then need
    /// not end. See [`hedge`](crate::stack::hedge).
    pub(crate) fn note_watched(&self, watched: bool) {
        self.watched.store(watched, Ordering::Relaxed);
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Says that the maker of this record asks again, for a proof, if the answer is that something does not exist.
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

    /// Whether absences are proven.
    #[inline]
    pub(crate) const fn proves(&self) -> bool {
        matches!(self.first_kind, LegKind::Proof)
    }

    /// Whether this is a probe from the background, which belongs to no call.
    #[inline]
    pub(crate) const fn is_background(&self) -> bool {
        matches!(self.first_kind, LegKind::Probe)
    }

    /// Whether the call lends an attempt as a probe. The budget must not refuse the further attempts that this costs
    /// the call (its hedge, its retry): a call must not suffer because it lends a probe.
    #[inline]
    pub(crate) fn is_probe(&self) -> bool {
        self.probe.load(Ordering::Relaxed) || self.is_background()
    }

    /// Ready once `at` has passed. See [`CallTimer`].
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn poll_until(&self, at: After, own: &mut Own, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_until(self.started, at, own, cx)
    }

    /// Whether this process is known to have stood still between `since` and `now`.
    #[inline]
    pub(crate) fn stood_still(&self, since: After, now: Instant) -> bool {
        self.timer.stood_still(since, self.after(now))
    }

    /// A wait that began at `since` was to end at `due`. If the wait ended far behind `due` because this process stood
    /// still, returns until when to wait again. The second wait is as long as the first, and a second at most, so that
    /// what arrived meanwhile is seen.
    pub(crate) fn again_after_a_pause(&self, since: After, due: After) -> Option<After> {
        let now = self.after(clock::now());
        self.timer
            .is_far_behind(due, now)
            .then(|| now.plus(due.since(since).min(Duration::from_secs(1))))
    }

    /// Until the returned value is dropped, each station that this task polls only says until when it waits.
    #[inline]
    pub(crate) fn collect_waits(&self, cx: &Context<'_>) -> Collecting {
        self.timer.collect(cx)
    }

    /// Ready once `earliest`, which was collected in this pass, or `at` has passed. The inner value says whether it was
    /// `at`.
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
