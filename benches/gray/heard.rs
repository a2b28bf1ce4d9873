//! What evenkeel told of while a case was played.

use crate::ours::NAMES;
use evenkeel::telemetry::Event;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// One event: when it was told, since the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) at: Duration,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The breaker of the endpoint at this place.
    Opened(usize),
    HalfOpened(usize),
    Closed(usize),
    Other,
}

/// Keeps all events of a run. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Told>>>);

impl Heard {
    pub(crate) fn listener(&self, start: Instant) -> impl Fn(&Event) + Send + Sync + use<> {
        let heard = self.clone();
        move |event| {
            let place = |name: &str| NAMES.iter().position(|known| *known == name).expect("one of ours");
            let what = match event {
                Event::BreakerOpened { endpoint, .. } => What::Opened(place(endpoint)),
                Event::BreakerHalfOpened { endpoint, .. } => What::HalfOpened(place(endpoint)),
                Event::BreakerClosed { endpoint, .. } => What::Closed(place(endpoint)),
                _ => What::Other,
            };
            let at = start.elapsed();
            heard.0.lock().unwrap().push(Told { at, what });
        }
    }

    pub(crate) fn events(&self) -> Vec<Told> {
        self.0.lock().unwrap().clone()
    }
}
