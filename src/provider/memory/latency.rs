use std::{
    fmt,
    ops::Range,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A service time: drawn uniformly, from a seed.
pub(in crate::provider) struct Latency {
    range: Range<Duration>,
    rng: Mutex<fastrand::Rng>,
}

impl Latency {
    pub(in crate::provider) fn new(range: Range<Duration>, seed: u64) -> Self {
        Self {
            range,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
        }
    }

    /// Waits for a drawn time.
    pub(in crate::provider) async fn pass(&self) {
        let share = self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64();
        // A reversed range counts as its start.
        let width = self.range.end.saturating_sub(self.range.start);
        let more = Duration::try_from_secs_f64(width.as_secs_f64() * share).unwrap_or(width);
        tokio::time::sleep(self.range.start.saturating_add(more)).await;
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Latency").field(&self.range).finish()
    }
}
