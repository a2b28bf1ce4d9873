use super::{PATIENCE, Rate, adaptive};
use crate::{
    model::{
        clock::{self, Instant},
        evidence::Lesson,
    },
    request::Call,
    stack::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};
use std::{
    pin::Pin,
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

pub(super) type Called = dyn Future<Output = ()> + Send + Sync;

/// How often a waiting attempt looks again: the attempt that was called may be asleep, or a limit was forgotten.
pub(super) const LOOK_EVERY: Duration = PATIENCE;

/// The most attempts under way at one endpoint, so that a hung endpoint takes up a bounded number of tasks and
/// connections. 2,000 calls/s need this many to sit through two seconds of silence, and so do 5,000 calls/s of objects
/// that take most of a second each.
pub const MAX_IN_FLIGHT: u32 = 4_096;

/// The admission to one endpoint. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Admission(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    in_flight: AtomicU32,
    /// How many attempts wait for a place. An attempt that ends calls the one that has waited longest.
    pub(super) waiting: AtomicU32,
    free: Arc<Notify>,
    max_in_flight: u32,
    rate: Option<Mutex<Rate>>,
    /// The learnt limit, where no rate was given.
    learnt: Option<adaptive::Shared>,
}

impl Admission {
    /// At most `capacity` calls per second, if given; else as many at once as the endpoint is learnt to bear. Never
    /// more than [`MAX_IN_FLIGHT`] at once.
    pub fn new(capacity: Option<f64>) -> Self {
        Self::with(capacity, MAX_IN_FLIGHT)
    }

    /// Like [`new`](Self::new), with another maximum.
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

    /// The learnt limit on attempts under way at the moment; `None`: no limit but the maximum.
    pub fn learnt_limit(&self) -> Option<u32> {
        self.0.learnt.as_ref().and_then(|learnt| learnt.limit(clock::now()))
    }

    /// Whether there is a learnt limit. Costs one load where there is none.
    pub(crate) fn is_bounded(&self, now: Instant) -> bool {
        self.0.learnt.as_ref().is_some_and(|learnt| learnt.is_bounded(now))
    }

    /// Admits one more attempt, which waits at most `patience` for its turn. Returns how long the attempt must wait,
    /// and its sample. The error says after how long the attempt may come again.
    #[inline]
    pub(super) fn admit<R>(&self, call: &Call<R>, patience: Duration) -> Result<(Duration, Option<Sample>), Duration> {
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
    pub(crate) fn most(&self) -> u32 {
        self.learnt_limit().unwrap_or(u32::MAX).min(self.0.max_in_flight)
    }

    /// Notes an attempt that found no place.
    #[cold]
    fn note_refused(&self) {
        self.0.learnt.iter().for_each(adaptive::Shared::note_refused);
    }

    /// Like [`admit`](Self::admit), for the attempt whose turn it is.
    #[inline]
    pub(super) fn enter<R>(&self, call: &Call<R>, patience: Duration) -> Result<(Duration, Option<Sample>), Duration> {
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

    /// How long an attempt that found no room may look for room. `None`: in vain. Where a rate was given, the end of
    /// other attempts gives no room; where nothing ends, there is no room either.
    #[cold]
    pub(super) fn patience<R>(&self, call: &Call<R>) -> Option<Duration> {
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

    /// An admitted attempt is over.
    #[inline]
    pub(super) fn leave(&self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.free.notify_one();
        }
    }

    /// An attempt begins to wait. It must look once more when it is [called](Self::called): a place may have become
    /// free before.
    #[cold]
    pub(super) fn wait(&self) {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
    }

    /// An attempt stops waiting. Where there is room for another, too (a limit has grown, or was forgotten), that
    /// other attempt looks next.
    #[cold]
    pub(super) fn waits_no_longer(&self) {
        let others = self.0.waiting.fetch_sub(1, Ordering::SeqCst) > 1;
        if others && self.in_flight() < self.most() {
            self.0.free.notify_one();
        }
    }

    /// Ready when the attempt that waits for this is called.
    pub(super) fn called(&self) -> Pin<Box<Called>> {
        let free = self.0.free.clone();
        Box::pin(async move { free.notified().await })
    }

    /// Learns from a sample.
    pub(super) fn learn<R>(&self, call: &Call<R>, sample: Sample) {
        let Some(learnt) = &self.0.learnt else { return };
        let (record, leg) = (call.record(), call.leg());
        if let Some((lesson @ (Lesson::Good | Lesson::Late), took)) = record.lesson(leg) {
            let sent = record.sent_at(leg).unwrap_or_else(|| call.at());
            let waiting = self.0.waiting.load(Ordering::Relaxed);
            learnt.ended(sent + took, took, sample.found, lesson == Lesson::Good, waiting);
        }
    }
}

/// An attempt to learn from, with the number under way before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    found: u32,
}
