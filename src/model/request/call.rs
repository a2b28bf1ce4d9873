use super::{After, CallRecord, Leg, OpClass, Progress, Safety};
use crate::model::clock::Instant;
use std::{fmt, sync::Arc};

/// A request on its way through the stack. A clone is the same call: it shares the request and the record, so every layer
/// can afford one.
pub struct Call<R> {
    shared: Arc<Shared<R>>,
    /// When this attempt was handed down. A clock read costs as much as two layers, so they share this one.
    at: After,
    ticket: Ticket,
}

/// Which attempt it is and what it may do, in one word: every station copies it, and what was written in parts is slow to
/// read as a whole.
#[derive(Clone, Copy)]
struct Ticket(u64);

impl Ticket {
    /// Retry has waited and may return to an endpoint that this call already tried.
    const REVISIT: u64 = 1 << 16;
    /// Route has nothing better: the breaker must let this attempt pass.
    const FORCED: u64 = 1 << 17;
    /// Route has nothing else: the limiter may let this attempt queue briefly.
    const MAY_QUEUE: u64 = 1 << 18;

    const fn leg(self) -> Leg {
        Leg(self.0 as u16)
    }

    const fn with_leg(self, leg: Leg) -> Self {
        Self((self.0 & !(u16::MAX as u64)) | leg.0 as u64)
    }

    const fn has(self, right: u64) -> bool {
        self.0 & right != 0
    }

    const fn set(self, right: u64, on: bool) -> Self {
        Self((self.0 & !right) | (right * on as u64))
    }
}

/// In one allocation, as both live as long as the call.
struct Shared<R> {
    record: CallRecord,
    request: R,
}

impl<R> Call<R> {
    /// A call about which nothing is known: a write that must not be repeated.
    pub fn new(request: R) -> Self {
        Self::with(request, OpClass::Write, Safety::Once)
    }

    /// A call that changes nothing: may be hedged and repeated.
    #[inline]
    pub fn read(request: R) -> Self {
        Self::with(request, OpClass::Read, Safety::ReadOnly)
    }

    /// A write that may be repeated, as its repetition has no further effect.
    pub fn idempotent_write(request: R) -> Self {
        Self::with(request, OpClass::Write, Safety::Idempotent)
    }

    /// A call of this class and safety.
    #[inline]
    pub fn with(request: R, class: OpClass, safety: Safety) -> Self {
        Self::on_record(request, CallRecord::new(class, safety))
    }

    /// A call with a record that was prepared beforehand (deadline, pin, exclusions).
    #[inline]
    pub fn on_record(request: R, record: CallRecord) -> Self {
        Self {
            shared: Arc::new(Shared { record, request }),
            at: After::START,
            ticket: Ticket(0),
        }
    }

    /// The request itself.
    pub fn request(&self) -> &R {
        &self.shared.request
    }

    /// A request of one's own: this one where no other clone of the call is left, else a clone.
    pub fn into_request(self) -> R
    where
        R: Clone,
    {
        Arc::try_unwrap(self.shared).map_or_else(|shared| shared.request.clone(), |shared| shared.request)
    }

    /// What all attempts of this call share.
    pub fn record(&self) -> &CallRecord {
        &self.shared.record
    }

    /// Which attempt this is.
    pub const fn leg(&self) -> Leg {
        self.ticket.leg()
    }

    /// The class of work.
    pub fn class(&self) -> OpClass {
        self.record().class()
    }

    /// What may be done when an attempt's fate is unknown.
    pub fn safety(&self) -> Safety {
        self.record().safety()
    }

    /// When the whole call must have ended, if that was decided.
    pub fn deadline(&self) -> Option<Instant> {
        self.record().deadline()
    }

    /// When this attempt was handed down to the layer that sees it: what limits and latencies count from.
    pub fn at(&self) -> Instant {
        self.record().instant(self.at)
    }

    /// The same, as the record counts.
    pub(crate) const fn at_after(&self) -> After {
        self.at
    }

    /// A handle by which whoever carries out this attempt tells how its bytes move. See [`Progress`].
    pub fn progress(&self) -> Progress {
        self.record().progress(self.leg(), self.at)
    }

    /// The same call as attempt `leg`, handed down now.
    #[must_use]
    pub(crate) fn on_leg(mut self, leg: Leg, now: Instant) -> Self {
        self.ticket = self.ticket.with_leg(leg);
        self.handed_down(now)
    }

    /// The same call, handed down now: after it has waited somewhere.
    #[must_use]
    pub(crate) fn handed_down(mut self, now: Instant) -> Self {
        self.at = self.record().after(now);
        self
    }

    #[must_use]
    pub(crate) fn revisiting(mut self, revisit: bool) -> Self {
        self.ticket = self.ticket.set(Ticket::REVISIT, revisit);
        self
    }

    #[must_use]
    pub(crate) fn dispatched(mut self, forced: bool, may_queue: bool) -> Self {
        let ticket = self.ticket.set(Ticket::FORCED, forced);
        self.ticket = ticket.set(Ticket::MAY_QUEUE, may_queue);
        self
    }

    pub(crate) const fn revisit(&self) -> bool {
        self.ticket.has(Ticket::REVISIT)
    }

    pub(crate) const fn forced(&self) -> bool {
        self.ticket.has(Ticket::FORCED)
    }

    pub(crate) const fn may_queue(&self) -> bool {
        self.ticket.has(Ticket::MAY_QUEUE)
    }
}

impl<R> Clone for Call<R> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            ..*self
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("request", self.request())
            .field("record", self.record())
            .field("leg", &self.leg())
            .finish_non_exhaustive()
    }
}
