use super::After;
use crate::clock::{self, Instant};
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
/// created only when the answer is not there at the first poll. This works because all layers of one call are polled by
/// the same task in the same pass; for that reason, too, its words of memory need no more than to be read and written.
///
/// Under a [deadline](crate::deadline) it is set once a pass: each layer says until when it waits, and the deadline, which
/// is polled last, sets it to the *earliest* of these. Where there is no deadline, each layer sets it for itself.
#[derive(Debug)]
pub(crate) struct CallTimer {
    collects: AtomicBool,
    /// The earliest moment that somebody waits for in this pass, in nanoseconds after the call's start.
    earliest: AtomicU64,
    /// Every moment before this one has passed.
    passed: AtomicU64,
    sleep: Mutex<Option<Pin<Box<Sleep>>>>,
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
            sleep: Mutex::default(),
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
    #[inline]
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
        while !self.has_passed(at) {
            ready!(self.poll_sleep(start, at, cx));
        }
        Poll::Ready(())
    }

    /// Ready once anything has passed that was waited for in this pass, or `at`: then those who wait are to be polled
    /// again. The inner value says whether it was `at`.
    pub(super) fn poll_collected(&self, start: Instant, at: After, cx: &mut Context<'_>) -> Poll<bool> {
        let earliest = self.earliest.load(Ordering::Relaxed).min(at.nanos());
        self.earliest.store(NOBODY, Ordering::Relaxed);
        ready!(self.poll_sleep(start, After::of_nanos(earliest), cx));
        Poll::Ready(self.has_passed(at))
    }

    #[inline]
    fn has_passed(&self, at: After) -> bool {
        at.nanos() < self.passed.load(Ordering::Relaxed)
    }

    /// Ready at `at` or earlier, when an earlier moment went by for which it was set before.
    fn poll_sleep(&self, start: Instant, at: After, cx: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        let until = start + at.since(After::START);
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        let spent = self.has_passed(After::from(sleep.deadline().saturating_duration_since(start)));
        if spent || sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        ready!(sleep.as_mut().poll(cx));
        let passed = clock::now().max(sleep.deadline()).saturating_duration_since(start);
        self.passed
            .store(After::from(passed).nanos().saturating_add(1), Ordering::Relaxed);
        Poll::Ready(())
    }
}
