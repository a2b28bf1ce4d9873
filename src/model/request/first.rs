//! The first attempt of a call, which is the only attempt of nearly all calls. Every layer writes and reads this
//! attempt without a lock.

use super::{
    After, Flow, Leg, LegKind,
    leg::{Ended, LegRecord, Moved},
};
use crate::{
    model::{clock::Instant, evidence::Lesson},
    verdict::{Detail, Outcome},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

/// The state of the first attempt, in atomic words. One task polls the layers of one call in one pass, so each layer
/// sees what the layer below wrote. `ended` is published last.
#[derive(Debug)]
pub(super) struct First {
    /// The endpoint's index.
    endpoint: AtomicU8,
    /// In nanoseconds after the call's start.
    started: AtomicU64,
    /// In nanoseconds.
    elapsed: AtomicU64,
    ended: AtomicU8,
    /// The number of the attempt whose result stands for this one. 0: this attempt's own result.
    stands_in: AtomicU16,
    /// The length of the request's body; `UNSAID` while nobody knows.
    up: AtomicU64,
    /// The length of the answer's body.
    down: AtomicU64,
    /// How the attempt ended, if a single word cannot say that.
    rest: OnceLock<Box<Mutex<Rest>>>,
    /// The reports of the attempt's bytes, if somebody asked for a handle to report them.
    flow: OnceLock<Arc<Flow>>,
}

#[derive(Debug, Default)]
struct Rest {
    ended: Option<Ended>,
    lesson: Option<Lesson>,
    detail: Option<Box<Detail>>,
}

const NO_ENDPOINT: u8 = u8::MAX;
const NEVER: u64 = u64::MAX;
const UNSAID: u64 = u64::MAX;

/// The values of `ended`.
const UNDER_WAY: u8 = 0;
const SUCCEEDED: u8 = 1;
/// See `rest`.
const OTHERWISE: u8 = 2;

impl Default for First {
    #[inline]
    fn default() -> Self {
        Self {
            endpoint: AtomicU8::new(NO_ENDPOINT),
            started: AtomicU64::new(NEVER),
            elapsed: AtomicU64::new(NEVER),
            ended: AtomicU8::new(UNDER_WAY),
            stands_in: AtomicU16::new(0),
            up: AtomicU64::new(UNSAID),
            down: AtomicU64::new(0),
            rest: OnceLock::new(),
            flow: OnceLock::new(),
        }
    }
}

impl First {
    #[inline]
    pub(super) fn pick(&self, endpoint: Option<usize>) {
        let index = endpoint
            .and_then(|index| u8::try_from(index).ok())
            .unwrap_or(NO_ENDPOINT);
        self.endpoint.store(index, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn endpoint(&self) -> Option<usize> {
        match self.endpoint.load(Ordering::Relaxed) {
            NO_ENDPOINT => None,
            index => Some(usize::from(index)),
        }
    }

    /// The attempt leaves for its endpoint.
    #[inline]
    pub(super) fn start(&self, at: After) {
        self.started.store(at.nanos().min(NEVER - 1), Ordering::Relaxed);
        self.ended.store(UNDER_WAY, Ordering::Release);
    }

    #[inline]
    pub(super) fn sent_at(&self) -> Option<After> {
        self.was_started()
            .then(|| After::of_nanos(self.started.load(Ordering::Relaxed)))
    }

    #[inline]
    pub(super) fn was_started(&self) -> bool {
        self.started.load(Ordering::Relaxed) != NEVER
    }

    #[inline]
    pub(super) fn end(&self, elapsed: Duration, ended: Ended, lesson: Lesson, detail: Option<Detail>) {
        self.elapsed
            .store(After::from(elapsed).nanos().min(NEVER - 1), Ordering::Relaxed);
        let plain = detail.is_none()
            && lesson == Lesson::Good
            && matches!(ended, Ended::Judged(outcome) if outcome.is_plain_success());
        if !plain {
            *self.rest() = Rest {
                ended: Some(ended),
                lesson: Some(lesson),
                detail: detail.map(Box::new),
            };
        }
        self.ended
            .store(if plain { SUCCEEDED } else { OTHERWISE }, Ordering::Release);
    }

    #[inline]
    pub(super) fn ended(&self) -> Option<Ended> {
        match self.ended.load(Ordering::Acquire) {
            UNDER_WAY => None,
            SUCCEEDED => Some(Ended::Judged(Outcome::SUCCESS)),
            _ => self.rest().ended,
        }
    }

    #[inline]
    pub(super) fn lesson(&self) -> Option<Lesson> {
        match self.ended.load(Ordering::Acquire) {
            UNDER_WAY => None,
            SUCCEEDED => Some(Lesson::Good),
            _ => self.rest().lesson,
        }
    }

    #[inline]
    pub(super) fn elapsed(&self) -> Option<Duration> {
        duration(&self.elapsed)
    }

    #[inline]
    pub(super) fn has_bodies(&self, bodies: Moved) {
        self.down.store(bodies.down, Ordering::Relaxed);
        self.up.store(bodies.up.min(UNSAID - 1), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn bodies(&self) -> Option<Moved> {
        let up = self.up.load(Ordering::Relaxed);
        (up != UNSAID).then(|| Moved {
            up,
            down: self.down.load(Ordering::Relaxed),
        })
    }

    /// When the attempt was judged a success.
    #[inline]
    pub(super) fn succeeded_at(&self) -> Option<After> {
        if self.ended.load(Ordering::Acquire) != SUCCEEDED {
            return None;
        }
        let started = After::of_nanos(self.started.load(Ordering::Relaxed));
        self.elapsed().map(|elapsed| started.plus(elapsed))
    }

    pub(super) fn stand_in(&self, hedge: Leg) {
        self.stands_in.store(hedge.0, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn stands_in(&self) -> Option<Leg> {
        match self.stands_in.load(Ordering::Relaxed) {
            0 => None,
            number => Some(Leg(number)),
        }
    }

    #[inline]
    pub(super) const fn flow(&self) -> &OnceLock<Arc<Flow>> {
        &self.flow
    }

    /// The whole record of the attempt. `began` is the start of the call.
    pub(super) fn to_record(&self, kind: LegKind, began: Instant) -> LegRecord {
        let ended = self.ended();
        let (lesson, detail) = match self.ended.load(Ordering::Acquire) {
            OTHERWISE => {
                let rest = self.rest();
                (rest.lesson, rest.detail.clone())
            }
            _ => (self.lesson(), None),
        };
        LegRecord {
            kind,
            endpoint: self.endpoint(),
            started: duration(&self.started).map(|after| began + after),
            elapsed: self.elapsed(),
            ended,
            detail,
            stands_in: self.stands_in(),
            lesson,
            bodies: self.bodies(),
            flow: self.flow.get().cloned(),
        }
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest
            .get_or_init(Box::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn duration(nanos: &AtomicU64) -> Option<Duration> {
    match nanos.load(Ordering::Relaxed) {
        NEVER => None,
        nanos => Some(Duration::from_nanos(nanos)),
    }
}
