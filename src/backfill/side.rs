use super::pace::Pace;
use crate::model::clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::sleep_until;

/// One of the two endpoints, and the pace of the requests to it.
pub(super) struct Side {
    pub(super) name: Arc<str>,
    pace: Mutex<Pace>,
}

impl Side {
    pub(super) fn new(name: Arc<str>, rate: f64) -> Self {
        Self {
            name,
            pace: Mutex::new(Pace::new(rate, clock::now())),
        }
    }

    /// Waits until the pace lets a request leave.
    pub(super) async fn leave(&self) {
        loop {
            let now = clock::now();
            let slot = self.pace().reserve(now);
            if slot > now {
                sleep_until(slot).await;
            }
            // While this one waited, another may have been told to slow down.
            if !self.pace().is_paused(clock::now()) {
                return;
            }
        }
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
