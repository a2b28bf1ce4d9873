use crate::clock::Instant;
use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::time::Sleep;

/// The one timer of a call, shared by its attempt limits, its hedge and its deadline.
///
/// Registering a timer costs more than everything else in the stack together, so there is one per call, and it is
/// created only when the answer is not there at the first poll. It sleeps until the *earliest* instant that anyone asked
/// for; who asked for a later one is woken too, finds it not reached, and asks again. This works because all layers of
/// one call are polled by the same task in the same pass.
#[derive(Debug, Default)]
pub(crate) struct CallTimer {
    sleep: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl CallTimer {
    /// Ready once `at` has passed; until then the task will be woken no later than `at` (timers resolve to 1 ms).
    pub(crate) fn poll_until(&self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut slot = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if sleep.deadline() >= at || crate::clock::now() >= at {
            return Poll::Ready(());
        }
        // Someone's earlier instant went by: arm it again for ours.
        sleep.as_mut().reset(at);
        sleep.as_mut().poll(cx)
    }
}
