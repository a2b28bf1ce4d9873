use super::{After, CallRecord, Leg, Moved, OpClass, Progress, Safety};
use crate::model::clock::Instant;
use std::{fmt, sync::Arc};

/// A request on its way through the stack. A clone is the same call: it shares the request and the record, so a clone
/// is cheap enough for every layer.
pub struct Call<R> {
    shared: Arc<Shared<R>>,
    /// When this attempt was handed down. A read of the clock costs as much as two layers, so the layers share this
    /// moment.
    at: After,
    ticket: Ticket,
}

/// The attempt's number and permissions, in one word. Every station copies this word. A value that was written in parts
/// is slow to read as a whole.
#[derive(Clone, Copy)]
struct Ticket(u64);

impl Ticket {
    /// Retry has waited, and may return to an endpoint that this call has already tried.
    const REVISIT: u64 = 1 << 16;
    /// Route has no better endpoint: the breaker must let this attempt pass.
    const FORCED: u64 = 1 << 17;
    /// Route has no other endpoint: the limiter may let this attempt queue briefly.
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

/// Request and record in one allocation, because both live as long as the call.
struct Shared<R> {
    record: CallRecord,
    request: R,
}

impl<R> Call<R> {
    /// A call of unknown kind: a write that must not be repeated.
    pub fn new(request: R) -> Self {
        Self::with(request, OpClass::Write, Safety::Once)
    }

    /// A call that changes nothing. It may be hedged and repeated.
    #[inline]
    pub fn read(request: R) -> Self {
        Self::with(request, OpClass::Read, Safety::ReadOnly)
    }

    /// A write that may be repeated, because its repetition has no further effect.
    pub fn idempotent_write(request: R) -> Self {
        Self::with(request, OpClass::Write, Safety::Idempotent)
    }

    /// A call of this class and safety.
    #[inline]
    pub fn with(request: R, class: OpClass, safety: Safety) -> Self {
        Self::on_record(request, CallRecord::new(class, safety))
    }

    /// A call with a prepared record (deadline, pin, exclusions).
    #[inline]
    pub fn on_record(request: R, record: CallRecord) -> Self {
        Self {
            shared: Arc::new(Shared { record, request }),
            at: After::START,
            ticket: Ticket(0),
        }
    }

    /// The request.
    pub fn request(&self) -> &R {
        &self.shared.request
    }

    /// The request by value. If another clone of the call exists, a clone of the request.
    pub fn into_request(self) -> R
    where
        R: Clone,
    {
        Arc::try_unwrap(self.shared).map_or_else(|shared| shared.request.clone(), |shared| shared.request)
    }

    /// The record that all attempts of this call share.
    pub fn record(&self) -> &CallRecord {
        &self.shared.record
    }

    /// The number of this attempt.
    pub const fn leg(&self) -> Leg {
        self.ticket.leg()
    }

    /// The class of work.
    pub fn class(&self) -> OpClass {
        self.record().class()
    }

    /// What may be done when the fate of an attempt is unknown.
    pub fn safety(&self) -> Safety {
        self.record().safety()
    }

    /// When the whole call must have ended. `None` if no deadline was set.
    pub fn deadline(&self) -> Option<Instant> {
        self.record().deadline()
    }

    /// When this attempt was handed down to the layer that sees it. Limits and latencies count from this moment.
    pub fn at(&self) -> Instant {
        self.record().instant(self.at)
    }

    /// The moment of [`at`](Self::at), as the record counts.
    pub(crate) const fn at_after(&self) -> After {
        self.at
    }

    /// A handle with which the code that carries out this attempt reports how the attempt's bytes move. See
    /// [`Progress`].
    pub fn progress(&self) -> Progress {
        self.record().progress(self.leg(), self.at)
    }

    /// Says that the body of this attempt's request has this length, and gives a handle for the answer's.
    pub(crate) fn weigh(&self, up: u64) -> Tally
    where
        R: Send + Sync + 'static,
    {
        let tally = Tally {
            up,
            leg: self.leg(),
            call: self.shared.clone(),
        };
        tally.weigh(0);
        tally
    }

    /// The same call as attempt `leg`, handed down at `now`.
    #[must_use]
    pub(crate) fn on_leg(mut self, leg: Leg, now: Instant) -> Self {
        self.ticket = self.ticket.with_leg(leg);
        self.handed_down(now)
    }

    /// The same call, handed down at `now` after a wait.
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

/// A handle with which the bridge says how long the body of an attempt's answer is.
#[derive(Clone)]
pub(crate) struct Tally {
    up: u64,
    leg: Leg,
    /// The call, whatever its request is.
    call: Arc<dyn Recorded>,
}

impl Tally {
    pub(crate) fn weigh(&self, down: u64) {
        self.call.record().has_bodies(self.leg, Moved { up: self.up, down });
    }
}

trait Recorded: Send + Sync {
    fn record(&self) -> &CallRecord;
}

impl<R: Send + Sync> Recorded for Shared<R> {
    fn record(&self) -> &CallRecord {
        &self.record
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
