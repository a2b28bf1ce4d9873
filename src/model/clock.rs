//! The crate's one clock. `clippy.toml` forbids every other file to read time by itself, so that paused time and
//! simulations see the same clock everywhere.

#![allow(clippy::disallowed_methods)]

use std::time::{Duration, SystemTime};

pub(crate) use tokio::time::Instant;

/// Monotonic time, the only kind that policy sees.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Wall-clock time, for texts and for stamps; never for durations.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// A length of time as one number, at most 584 years.
#[inline]
pub(crate) const fn nanos(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(time.subsec_nanos() as u64)
}
