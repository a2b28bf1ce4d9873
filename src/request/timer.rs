use super::After;
use crate::clock::{self, Instant};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::time::Sleep;

/// The one timer of a call, shared by its attempt limits, its hedge and its deadline.
///
/// Registering a timer costs more than everything else in the stack together, so there is one per call, and it is
/// created only when the answer is not there at the first poll. This works because all stations of one call are polled by
/// the same task in the same pass; for that reason, too, its words of memory need no more than to be read and written.
///
/// Under a [deadline](crate::deadline) it is set once a pass: each station says until when it waits, and the deadline, which
/// is polled last and has the timer itself, sets it to the *earliest* of these. Where there is no deadline, each station sets
/// it for itself.
#[derive(Debug)]
pub(crate) struct CallTimer {
    collects: AtomicBool,
    /// The earliest moment that somebody waits for in this pass, in nanoseconds after the call's start.
    earliest: AtomicU64,
    /// Every moment before this one has passed.
    passed: AtomicU64,
    /// Where nobody collects.
    own: Mutex<Option<Pin<Box<Timer>>>>,
}

/// Nobody waits.
const NOBODY: u64 = u64::MAX;

impl Default for CallTimer {
    #[inline]
    fn default() -> Self {
        Self {
            collects: AtomicBool::new(false),
            earliest: AtomicU64::new(NOBODY),
            passed: AtomicU64::new(0),
            own: Mutex::default(),
        }
    }
}

impl CallTimer {
    /// From now on instants are collected; [`poll_collected`](Self::poll_collected) must end every pass.
    #[inline]
    pub(super) fn collect(&self) {
        self.collects.store(true, Ordering::Relaxed);
    }

    /// Ready once `at` has passed; until then the task will be woken no later than `at` (timers resolve to 1 ms). The call
    /// began at `start`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn poll_until(&self, start: Instant, at: After, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_passed(at) {
            return Poll::Ready(());
        }
        if self.collects.load(Ordering::Relaxed) {
            if at.nanos() < self.earliest.load(Ordering::Relaxed) {
                self.earliest.store(at.nanos(), Ordering::Relaxed);
            }
            return Poll::Pending;
        }
        self.poll_own(start, at, cx)
    }

    #[cold]
    fn poll_own(&self, start: Instant, at: After, cx: &mut Context<'_>) -> Poll<()> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let timer = own.get_or_insert_with(|| Box::pin(Timer::default()));
        while !self.has_passed(at) {
            ready!(self.poll_timer(start, at, timer.as_mut(), cx));
        }
        Poll::Ready(())
    }

    /// Ready once anything has passed that was waited for in this pass, or `at`: then those who wait are to be polled
    /// again. The inner value says whether it was `at`.
    #[inline]
    pub(super) fn poll_collected(
        &self,
        start: Instant,
        at: After,
        timer: Pin<&mut Timer>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let earliest = self.earliest.load(Ordering::Relaxed).min(at.nanos());
        self.earliest.store(NOBODY, Ordering::Relaxed);
        ready!(self.poll_timer(start, After::of_nanos(earliest), timer, cx));
        Poll::Ready(self.has_passed(at))
    }

    #[inline]
    fn has_passed(&self, at: After) -> bool {
        at.nanos() < self.passed.load(Ordering::Relaxed)
    }

    /// Ready at `at` or earlier, when an earlier moment went by for which it was set before.
    #[inline]
    fn poll_timer(&self, start: Instant, at: After, timer: Pin<&mut Timer>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = timer.project();
        let when = || start + at.since(After::START);
        let set = match (*timer.set, timer.sleep.as_mut().as_pin_mut()) {
            (Some(set), Some(_)) if set <= at && !self.has_passed(set) => set,
            (_, Some(sleep)) => {
                sleep.reset(when());
                at
            }
            (_, None) => {
                timer.sleep.set(Some(tokio::time::sleep_until(when())));
                at
            }
        };
        *timer.set = Some(set);
        let Some(sleep) = timer.sleep.as_pin_mut() else {
            return Poll::Pending;
        };
        ready!(sleep.poll(cx));
        let now = After::from(clock::now().saturating_duration_since(start));
        self.passed
            .store(set.max(now).nanos().saturating_add(1), Ordering::Relaxed);
        Poll::Ready(())
    }
}

pin_project! {
    /// A timer that is registered when it is first needed.
    #[derive(Debug, Default)]
    pub(crate) struct Timer {
        #[pin]
        sleep: Option<Sleep>,
        // For when.
        set: Option<After>,
    }
}
