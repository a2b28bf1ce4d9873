use crate::clock::{self, Instant};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::time::Sleep;

/// The one timer of a call, shared by its attempt limits, its hedge and its deadline.
///
/// Registering a timer costs more than everything else in the stack together, so there is one per call, and it is
/// created only when the answer is not there at the first poll. This works because all layers of one call are polled by
/// the same task in the same pass.
///
/// Under a [deadline](crate::deadline) it is set once a pass: each layer says until when it waits, and the deadline, which
/// is polled last, sets it to the *earliest* of these. Where there is no deadline, each layer sets it for itself.
#[derive(Debug, Default)]
pub(crate) struct CallTimer {
    collects: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sleep: Option<Pin<Box<Sleep>>>,
    /// The earliest instant that somebody waits for in this pass.
    earliest: Option<Instant>,
    /// Everything up to here has passed.
    passed: Option<Instant>,
}

impl CallTimer {
    /// From now on instants are collected; [`poll_collected`](Self::poll_collected) must end every pass.
    pub(crate) fn collect(&self) {
        self.collects.store(true, Ordering::Relaxed);
    }

    /// Ready once `at` has passed; until then the task will be woken no later than `at` (timers resolve to 1 ms).
    pub(crate) fn poll_until(&self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.passed.is_some_and(|passed| passed >= at) {
            return Poll::Ready(());
        }
        if self.collects.load(Ordering::Relaxed) {
            state.earliest = Some(state.earliest.map_or(at, |earliest| earliest.min(at)));
            return Poll::Pending;
        }
        while state.passed.is_none_or(|passed| passed < at) {
            ready!(state.sleep_until(at, cx));
        }
        Poll::Ready(())
    }

    /// Ready once anything has passed that was waited for in this pass, or `at`: then those who wait are to be polled
    /// again. The inner value says whether it was `at`.
    pub(crate) fn poll_collected(&self, at: Instant, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        let earliest = state.earliest.take().map_or(at, |earliest| earliest.min(at));
        ready!(state.sleep_until(earliest, cx));
        Poll::Ready(state.passed.is_some_and(|passed| passed >= at))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Ready at `at` or earlier, when an earlier instant went by for which it was set before.
    fn sleep_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let passed = self.passed;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        let spent = passed.is_some_and(|passed| passed >= sleep.deadline());
        if spent || sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        ready!(sleep.as_mut().poll(cx));
        self.passed = Some(clock::now().max(sleep.deadline()));
        Poll::Ready(())
    }
}
