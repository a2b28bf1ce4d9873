use super::super::{Timeline, timeline::Run};
use crate::model::clock;
use futures_util::future::{Either, select};
use std::{future::pending, pin::pin, time::Duration};
use tokio::{
    sync::watch,
    time::{sleep, sleep_until},
};

/// Tells, for a call that meets a fault, whether the drill ends while the fault holds the call.
#[derive(Debug)]
pub(super) struct Ending {
    timeline: Timeline,
    changes: watch::Receiver<Option<Run>>,
}

impl Ending {
    pub(super) fn of(timeline: &Timeline) -> Self {
        Self {
            changes: timeline.changes(),
            timeline: timeline.clone(),
        }
    }

    /// Holds the call for this long (`None`: for ever). Returns false if the drill was stopped, expired or started anew
    /// before.
    pub(super) async fn holds_for(&mut self, wait: Option<Duration>) -> bool {
        let held = async {
            match wait {
                Some(Duration::ZERO) => {}
                Some(wait) => sleep(wait).await,
                None => pending().await,
            }
        };
        // The end first: a call that is due when the drill ends is spared.
        match select(pin!(self.ended()), pin!(held)).await {
            Either::Left(_) => false,
            Either::Right(_) => true,
        }
    }

    async fn ended(&mut self) {
        let run = *self.changes.borrow();
        if let Some(expires) = run.and_then(|run| run.expires) {
            let changed = pin!(self.changes.changed());
            if let Either::Right(_) = select(changed, pin!(sleep_until(expires))).await {
                self.timeline.end_if_expired(clock::now());
            }
        } else {
            // Cannot fail: the timeline is held here.
            let _ = self.changes.changed().await;
        }
    }
}
