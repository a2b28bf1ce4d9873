use super::{
    Progress,
    page::Cursor,
    shared::Shared,
    stopped::{StopReason, Stopped},
    stores::Stores,
};
use std::{fmt, time::Duration};

/// The cost of a backfill to an empty target when nothing goes wrong: what providers bill, and what a progress bar
/// needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// Keys in the listing.
    pub keys: u64,
    /// The number of these keys that cannot be copied, as far as the listing shows.
    pub not_copyable: u64,
    /// The total length of the content to copy, in bytes.
    pub bytes: u64,
    /// Requests to the source, including listings.
    pub source_requests: u64,
    /// The number of these requests that fetch pages of the listing. This is the cost of the estimate itself.
    pub listing_requests: u64,
    /// Requests to the target.
    pub target_requests: u64,
    /// Bytes that leave the source, without listings of objects.
    pub source_bytes: u64,
    /// Bytes that leave the target because they are read back for verification.
    pub read_back_bytes: u64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} keys, {} bytes to copy; {} requests and {} bytes at the source, {} requests and {} bytes read back at the target",
            self.keys, self.bytes, self.source_requests, self.source_bytes, self.target_requests, self.read_back_bytes
        )
    }
}

pub(super) async fn estimate(stores: &Stores, shared: &Shared) -> Result<Estimate, Stopped> {
    let mut estimate = Estimate::default();
    let [source_requests, target_requests] = stores.requests();
    let [source_reads, target_reads] = stores.reads(shared.settings.verify);
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor.take() {
        let stopped = |reason: StopReason| Stopped::new(reason, shared.report());
        let page = stores.page(shared, &from).await.map_err(stopped)?;
        estimate.listing_requests += 1;
        for item in &page.items {
            estimate.keys += 1;
            if !stores.is_copyable(shared, item) {
                estimate.not_copyable += 1;
                continue;
            }
            estimate.bytes += item.bytes;
            estimate.source_requests += source_requests;
            estimate.target_requests += target_requests;
        }
        cursor = page.next;
    }
    estimate.source_requests += estimate.listing_requests;
    estimate.source_bytes = estimate.bytes * source_reads;
    estimate.read_back_bytes = estimate.bytes * target_reads;
    Ok(estimate)
}

impl Progress {
    /// The time that the rest of `estimate`'s keys will take at the present pace. `None`: nothing has moved of late.
    pub fn remaining(&self, estimate: &Estimate) -> Option<Duration> {
        let keys = estimate.keys.saturating_sub(self.counts.keys());
        if keys == 0 {
            return Some(Duration::ZERO);
        }
        Duration::try_from_secs_f64(keys as f64 / self.keys_per_second).ok()
    }
}
