//! From an endpoint's p99 to the age at which an attempt there is late, and to the attempt's limit.

use crate::model::clock::nanos;
use std::time::Duration;

/// See [`timeout::Limit`](crate::stack::timeout::Limit).
pub(crate) const TIMES_P99: u32 = 8;
pub(crate) const LIMIT_FLOOR: Duration = Duration::from_millis(250);

/// How long an attempt may take at an endpoint with this p99.
pub(crate) fn limit_after(p99: Option<Duration>) -> Duration {
    p99.map_or(UNLEARNT, |p99| p99.saturating_mul(TIMES_P99).max(LIMIT_FLOOR))
}

/// The age at which an attempt is late while its endpoint's p99 is not known: a second of silence. Less would condemn
/// an endpoint that is only far away or whose objects are large.
pub(crate) const UNLEARNT: Duration = Duration::from_secs(1);

/// See [`Tracker::late_after`](super::Tracker::late_after).
#[inline]
pub(crate) fn late_after(p99: Duration) -> Duration {
    let p99 = nanos(p99);
    Duration::from_nanos(p99.saturating_add((p99 / 10).max(1_000_000)))
}
