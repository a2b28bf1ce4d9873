//! What a client costs beside its calls.

use crate::{
    measure::{CALLS, cpu_nanos},
    stacks::{Client, failover},
};
use serde::Serialize;

/// See each.
#[derive(Debug, Serialize)]
pub(crate) struct Standing {
    /// Heap bytes of a client beside its endpoints.
    pub(crate) bytes_per_client: f64,
    /// Heap bytes of one more endpoint.
    pub(crate) bytes_per_endpoint: f64,
    /// CPU nanoseconds of `snapshot()` over three endpoints.
    pub(crate) snapshot_ns: f64,
}

pub(crate) fn standing() -> Standing {
    let client = Client { suspends: false };
    let bytes = |endpoints| {
        let mut kept = None;
        let counted = allocation_counter::measure(|| kept = Some(failover(client, endpoints)));
        drop(kept);
        counted.bytes_current as f64
    };
    let (one, many) = (bytes(1), bytes(33));
    let bytes_per_endpoint = (many - one) / 32.0;
    let failover = failover(client, 3);
    let begun = cpu_nanos();
    for _ in 0..CALLS {
        std::hint::black_box(failover.snapshot());
    }
    Standing {
        bytes_per_client: one - bytes_per_endpoint,
        bytes_per_endpoint,
        snapshot_ns: (cpu_nanos() - begun) / CALLS as f64,
    }
}
