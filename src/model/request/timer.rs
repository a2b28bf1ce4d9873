use super::After;
use crate::model::clock::{self, Instant};
use pin_project_lite::pin_project;
use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    ptr,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, Waker, ready},
};
use tokio::time::Sleep;

/// The waits of a call: its attempt limits, its hedge, its deadline.
///
/// To register a timer costs more than everything else in the stack together. There is therefore one timer per call,
/// and it is created only if the answer is not there at the first poll. Under a [deadline](crate::stack::deadline) the timer
/// is set once a pass. Each station says until when it waits. The deadline, which is polled last and has the timer,
/// sets the timer to the *earliest* of these moments.
///
/// That works for stations that the same task polls within the deadline's own poll. Anything may lie between deadline
/// and station: a task of its own, or a set of futures that polls a future only when that future's waker is called. A
/// pass is therefore identified by its thread and its waker. A station that is polled in any other way has a timer of
/// its own ([`Own`]).
#[derive(Debug, Default)]
pub(crate) struct CallTimer {
    /// Every moment before this one has passed.
    passed: AtomicU64,
    /// When the timer that was set last is to fire. 0: no timer was set.
    armed: AtomicU64,
    /// When a timer last fired far behind its time. 0: no timer did.
    far_behind: AtomicU64,
}

/// A timer that fires this much later than it was set for shows that this process stood still: the process was stopped,
/// or all its threads were busy. (A timer's resolution is 1 ms. A merely busy executor is some 10 ms behind.)
const FAR_BEHIND: u64 = 50_000_000;

/// A deadline's poll while it lasts.
#[derive(Clone, Copy)]
struct Pass {
    /// The call: the address of its timer.
    call: usize,
    /// The waker of the task that polls, as far as [`Waker::will_wake`] tells it from others.
    waker: (usize, usize),
    /// The earliest moment for which a station waits, in nanoseconds after the call's start.
    earliest: u64,
}

/// No station waits.
const NOBODY: u64 = u64::MAX;

thread_local!(static PASS: Cell<Pass> = const { Cell::new(Pass { call: 0, waker: (0, 0), earliest: NOBODY }) });

impl Pass {
    #[inline]
    fn of(timer: &CallTimer, waker: &Waker) -> Self {
        Self {
            call: ptr::from_ref(timer).addr(),
            waker: (waker.data().addr(), ptr::from_ref(waker.vtable()).addr()),
            earliest: NOBODY,
        }
    }

    #[inline]
    fn is_the_same(&self, other: &Self) -> bool {
        (self.call, self.waker) == (other.call, other.waker)
    }
}

/// While this value lives, a deadline collects. When this value is dropped, even by a panic, an interrupted collection
/// goes on.
pub(crate) struct Collecting {
    outer: Pass,
}

impl Collecting {
    /// The earliest moment for which the polled stations wait.
    #[inline]
    pub(crate) fn earliest(&self) -> After {
        After::of_nanos(PASS.get().earliest)
    }
}

impl Drop for Collecting {
    #[inline]
    fn drop(&mut self) {
        PASS.set(self.outer);
    }
}

impl CallTimer {
    /// Until the returned value is dropped, the stations that this task polls only say until when they wait.
    #[inline]
    pub(super) fn collect(&self, cx: &Context<'_>) -> Collecting {
        Collecting {
            outer: PASS.replace(Pass::of(self, cx.waker())),
        }
    }

    /// Ready once `at` has passed. Until then the task will be woken no later than `at` (timers resolve to 1 ms). The
    /// call began at `start`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn poll_until(&self, start: Instant, at: After, own: &mut Own, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_passed(at) {
            return Poll::Ready(());
        }
        let pass = PASS.get();
        if pass.is_the_same(&Pass::of(self, cx.waker())) {
            if at.nanos() < pass.earliest {
                let earliest = at.nanos();
                PASS.set(Pass { earliest, ..pass });
            }
            return Poll::Pending;
        }
        self.poll_own(start, at, own, cx)
    }

    #[cold]
    fn poll_own(&self, start: Instant, at: After, own: &mut Own, cx: &mut Context<'_>) -> Poll<()> {
        let timer = own.0.get_or_insert_with(|| Box::pin(Timer::default()));
        while !self.has_passed(at) {
            ready!(self.poll_timer(start, at, timer.as_mut(), cx));
        }
        Poll::Ready(())
    }

    /// Ready once `earliest`, which was collected in this pass, or `at` has passed: then the waiting stations must be
    /// polled again. The inner value says whether it was `at`.
    #[inline]
    pub(super) fn poll_collected(
        &self,
        start: Instant,
        at: After,
        earliest: After,
        timer: Pin<&mut Timer>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        ready!(self.poll_timer(start, earliest.min(at), timer, cx));
        Poll::Ready(self.has_passed(at))
    }

    /// Whether this process is known to have stood still between `since` and `now`: a timer fired far behind its time,
    /// or should have fired long ago.
    #[inline]
    pub(super) fn stood_still(&self, since: After, now: After) -> bool {
        let armed = self.armed.load(Ordering::Relaxed);
        let overdue =
            armed >= self.passed.load(Ordering::Relaxed).max(1) && now.nanos() >= armed.saturating_add(FAR_BEHIND);
        let fired = self.far_behind.load(Ordering::Relaxed);
        overdue || (fired != 0 && fired > since.nanos())
    }

    /// Whether `due` passed so long ago that this process must have stood still.
    pub(super) fn is_far_behind(&self, due: After, now: After) -> bool {
        now.nanos() >= due.nanos().saturating_add(FAR_BEHIND)
    }

    #[inline]
    fn has_passed(&self, at: After) -> bool {
        at.nanos() < self.passed.load(Ordering::Relaxed)
    }

    /// Ready at `at`, or earlier if an earlier moment passed for which the timer was set before.
    #[inline]
    fn poll_timer(&self, start: Instant, at: After, timer: Pin<&mut Timer>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timer = timer.project();
        let when = || start + at.since(After::START);
        let set = match (*timer.set, timer.sleep.as_mut().as_pin_mut()) {
            (Some(set), Some(_)) if set <= at && !self.has_passed(set) => set,
            (_, Some(sleep)) => {
                self.armed.store(at.nanos(), Ordering::Relaxed);
                sleep.reset(when());
                at
            }
            (_, None) => {
                self.armed.store(at.nanos(), Ordering::Relaxed);
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
        if now.nanos() >= set.nanos().saturating_add(FAR_BEHIND) {
            self.far_behind.store(now.nanos(), Ordering::Relaxed);
        }
        // Several tasks may wait, and none takes back what another has seen.
        self.passed
            .fetch_max(set.max(now).nanos().saturating_add(1), Ordering::Relaxed);
        Poll::Ready(())
    }
}

/// One station's own timer, for passes that no deadline collects. Boxed, because few stations need one.
#[derive(Debug, Default)]
pub(crate) struct Own(Option<Pin<Box<Timer>>>);

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
