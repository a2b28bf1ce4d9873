use crate::{
    request::{After, Call, CallRecord, Work, bit},
    stack::{health::Tracker, route::neighbours, timeout::Limit},
};
use std::{sync::Arc, time::Duration};

/// How long an attempt may take before it is hedged.
#[derive(Clone, Debug)]
pub struct Delay {
    pub(super) trackers: Arc<[Arc<Tracker>]>,
    /// The endpoints' tiers. Empty: each endpoint's position is its tier.
    tiers: Arc<[u8]>,
    pub(super) floor: Duration,
    pub(super) unlearnt: Duration,
}

impl Delay {
    /// The delay while an endpoint's p99 is not known. Connecting to a healthy endpoint at the other end of the world,
    /// and asking it, takes less (0.5 s): an endpoint that is only far away must not be left.
    pub const UNLEARNT: Duration = Limit::UNLEARNT;
    /// The silence after which a body that flows is late, or more where the endpoint's own delay is longer. A
    /// retransmission (200 ms) fits in.
    pub const WITHIN_A_BODY: Duration = Limit::FLOOR;
    /// The shortest delay: twice the timer's resolution.
    pub const FLOOR: Duration = Duration::from_millis(2);

    /// A delay that is always the same.
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

    /// A delay learnt from the endpoints' trackers, in the router's order.
    pub fn learnt(trackers: impl Into<Arc<[Arc<Tracker>]>>) -> Self {
        Self {
            trackers: trackers.into(),
            tiers: Arc::default(),
            floor: Self::FLOOR,
            unlearnt: Self::UNLEARNT,
        }
    }

    /// Sets the endpoints' tiers.
    pub(crate) fn tiered(mut self, tiers: impl Into<Arc<[u8]>>) -> Self {
        self.tiers = tiers.into();
        self
    }

    fn tier(&self, index: usize) -> usize {
        self.tiers.get(index).map_or(index, |tier| usize::from(*tier))
    }

    /// The delay at an endpoint so slow that it is [left](crate::stack::route::neighbours) beside a less preferred, faster
    /// one: an attempt is then late when it would be late at the faster endpoint.
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

    /// The tracker of this endpoint, if anything was learnt of it.
    #[inline]
    pub(super) fn learnt_of(&self, endpoint: Option<usize>, work: Work) -> Option<&Tracker> {
        let tracker = self.trackers.get(endpoint?)?;
        tracker.p99(work).map(|_| &**tracker)
    }

    /// Whether another endpoint may be asked beside attempt `leg`, while nothing is learnt of that attempt's own
    /// endpoint.
    pub(super) fn has_another(&self, record: &CallRecord) -> bool {
        let out = record.barred() | record.picked();
        (0..self.trackers.len()).any(|index| out & bit(index) == 0)
    }

    /// When this attempt is late, if nothing is heard of it.
    pub(super) fn due<R>(&self, call: &Call<R>) -> After {
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

    /// Whether this call's endpoint has become so slow that another endpoint is to be compared with it.
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

    /// When an attempt whose answer has begun is late: after how much silence.
    pub(super) fn within_a_body<R>(&self, call: &Call<R>) -> Option<After> {
        let (record, leg) = (call.record(), call.leg());
        let seen = record.flow(leg)?.seen();
        let silence = self.of(record.endpoint(leg), record.work()).max(Self::WITHIN_A_BODY);
        seen.answered.and(seen.last).map(|last| last.plus(silence))
    }

    /// The delay for an attempt that serves as the first probe of this endpoint, which was silent. The hedge is sent
    /// early enough to be back when the probe is late, and not before: a probe that is dropped young teaches nothing.
    /// Where the other endpoint is slower than that, the hedge is sent at once. Either way the caller does not notice
    /// the probe.
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
