//! Readings of a client's counts, from a task of the user's.

use super::{Inner, PlaceReading, Reading, Record};
use crate::{
    model::clock::Instant,
    ops::{snapshot::Snapshot, view::ClientView},
};
use std::{sync::Weak, time::Duration};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// A reading at least so often, if anything has changed.
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// And so often while an endpoint returns, so that the end of the return is known.
const RETURNING: Duration = Duration::from_secs(10);
/// And when a breaker opens or closes, but at most so often.
const SPACING: Duration = Duration::from_secs(1);
/// So often all places, and not only those that changed.
const ALL: Duration = Duration::from_secs(3_600);
/// So many places are one record.
const PLACES: usize = 64;

pub(super) async fn run(recorder: Weak<Inner>, view: ClientView, mut news: watch::Receiver<u64>) {
    let mut known = Known::default();
    loop {
        let Some(snapshot) = view.snapshot() else { return };
        let Some(inner) = recorder.upgrade() else { return };
        let readings = known.changes(&snapshot);
        readings
            .into_iter()
            .for_each(|reading| inner.shared.add(Record::Reading(reading)));
        drop(inner);
        sleep(SPACING).await;
        let pause = if known.is_returning() { RETURNING } else { EVERY };
        // An error: the recorder is gone.
        let _ = timeout(pause - SPACING, news.changed()).await;
    }
}

#[derive(Default)]
struct Known {
    places: Vec<PlaceReading>,
    all_at: Option<Instant>,
}

impl Known {
    /// What has changed since the last time.
    fn changes(&mut self, snapshot: &Snapshot) -> Vec<Reading> {
        let now: Vec<_> = PlaceReading::each(snapshot).collect();
        let is_due = |at: Instant| snapshot.at.saturating_duration_since(at) >= ALL;
        let news: Vec<_> = if self.all_at.is_none_or(is_due) {
            self.all_at = Some(snapshot.at);
            now.clone()
        } else {
            // A client's endpoints never change.
            let pairs = now.iter().zip(&self.places);
            pairs
                .filter(|(now, before)| now != before)
                .map(|(now, _)| now.clone())
                .collect()
        };
        self.places = now;
        news.chunks(PLACES)
            .map(|places| Reading::of(snapshot, places.to_vec()))
            .collect()
    }

    fn is_returning(&self) -> bool {
        self.places.iter().any(PlaceReading::is_returning)
    }
}
