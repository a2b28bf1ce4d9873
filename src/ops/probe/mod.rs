//! Checks the endpoints that get no calls.
//!
//! A standby can die silently: nobody calls it until the day it is needed. And an endpoint whose breaker is open should
//! not be tested with a caller's call. So each client has one task in the background that sends cheap reads:
//!
//! - *idle*: to an endpoint that has had no read for a minute. The probe keeps connections and credentials warm. After
//!   a failed probe others follow at once, until the breaker opens or all is well. An idle endpoint is also probed when
//!   a neighbour in the provider's region was left: the trouble may be the region's.
//! - *open*: to an endpoint whose breaker has been open for long enough, beside the calls, which are served elsewhere.
//!   When the first such probe succeeds, calls lend the further probes (each is hedged like any call), because a cheap
//!   read does not prove that real reads succeed. Without calls for a second, the background goes on by itself.
//!
//! While the cheap read says that an endpoint is out, no call is lent as a probe of its writes or listings either:
//! reads heal before writes (S3, 2017).
//!
//! An [`ObjectClient`](crate::ObjectClient) asks for the key `.evenkeel/probe` (a HEAD; the absence of the object is a
//! healthy answer). On S3 without permission to list, the answer is a 403, which says nothing; then calls are lent as
//! probes. A [`Failover`](crate::Failover) sends the read that its builder's
//! [`probe`](crate::client::FailoverBuilder::probe) was given. Without that read, a `Failover` does not probe.
//!
//! ```
//! use evenkeel::{Endpoint, Failover};
//! use std::{io, time::Duration};
//!
//! #[derive(Clone)]
//! struct Table;
//! impl Table {
//!     async fn describe(&self) -> Result<(), io::Error> { Ok(()) }
//! }
//!
//! let mut probes = evenkeel::ops::probe::ProbeSettings::default();
//! probes.idle = Some(Duration::from_secs(30));
//! let tables = Failover::builder()
//!     .endpoint(Endpoint::new("virginia", Table))
//!     .endpoint(Endpoint::new("ireland", Table))
//!     .probes(probes)
//!     .probe(|table| async move { table.describe().await })
//!     .build();
//! assert!(tables.is_ok());
//! ```
//!
//! # Promises
//! - A probe passes the endpoint's whole stack, from breaker to provider. A probe has an attempt's limit, is evidence
//!   for health and breaker, and is refused where a call would be. A probe earns and costs no retry budget, and counts
//!   in no metric of calls or attempts (probes have their own, `evenkeel_probes_total`). A probe teaches no latency: a
//!   cheap read's latency would be too short for other reads.
//! - An endpoint has at most one probe at a time. An endpoint that calls exercise, that a constraint bars, or that the
//!   operator drained or froze gets none.
//! - The task starts when the client is built, if that happens within a tokio runtime; otherwise with the first call.
//!   The task ends with [`close`](crate::ObjectClient::close), with the last clone of the client, or with its runtime
//!   (the next call from another runtime starts the task again).

mod policy;
mod task;

pub(crate) use task::{Prober, Sender, Sent, lanes};

use crate::model::bounds::{Bounded, Bounds, TICK, YEAR};
use std::time::Duration;

/// The settings of the probes in the background.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProbeSettings {
    /// An endpoint without reads for this long gets a cheap read. Default 60 s: a standby's death is known within some
    /// 70 s, credentials (15 min) and most idle connections (60–350 s at load balancers) do not go stale, and 43,000
    /// requests a month cost a few cents. `None`: no idle probes. 1 ms to a year. Jittered by 10 %, so that a fleet
    /// does not probe in step.
    pub idle: Option<Duration>,
    /// Whether endpoints whose breaker is open are probed beside the calls. Default `true`. With `false`, calls are
    /// lent as probes, as for a [`Failover`](crate::Failover) without a probe.
    pub open: bool,
    /// Whether an [`ObjectClient`](crate::ObjectClient) probes an endpoint that is out for *writes* by storing a few
    /// bytes under `.evenkeel/probe` there, instead of lending the endpoint a caller's write. Default `false`: a write
    /// probe leaves an object in the bucket, needs permission, adds a version or a notification where those are on, and
    /// costs money. Reads and listings of the client never show the object.
    pub writes: bool,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self {
            idle: Some(Duration::from_secs(60)),
            open: true,
            writes: false,
        }
    }
}

impl Bounded for ProbeSettings {
    fn bound(&mut self, bounds: &mut Bounds) {
        if let Some(idle) = &mut self.idle {
            bounds.time("probes.idle", idle, TICK, YEAR);
        }
    }
}

impl ProbeSettings {
    /// No probes in the background at all.
    pub const fn off() -> Self {
        Self {
            idle: None,
            open: false,
            writes: false,
        }
    }
}
