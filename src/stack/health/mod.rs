//! An endpoint's health: what its attempts show.
//!
//! The health layer stands near the client and judges every attempt (with a [`Classify`](crate::verdict::Classify)),
//! *before* its error is boxed. The layer writes the outcome into the call's record, where breaker, hedge and retry
//! find the outcome. The layer also writes the outcome into the endpoint's [`Tracker`], from which router, timeout and
//! hedge learn: fault share, latency, attempts under way. [`evidence`](crate::guide::evidence) alone decides what counts.
//! Health is kept per class of operation, because reads heal before writes (S3, 2017).
//!
//! ```
//! use evenkeel::stack::health::{HealthLayer, Tracker};
//! use evenkeel::request::{Call, OpClass};
//! use evenkeel::verdict::IoVerdicts;
//! use std::{io, sync::Arc};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let tracker = Arc::new(Tracker::new());
//! let service = HealthLayer::new(tracker.clone(), IoVerdicts)
//!     .layer(service_fn(|_: Call<()>| async { Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)) }));
//! service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(tracker.fault_share(OpClass::Read) > 0.0);
//! # }
//! ```
//!
//! # Names
//! Calls of one class may still be as different as a look-up and a report. [Named](crate::request::Options::name)
//! calls have a latency of their own, per endpoint and class, and with that latency their own limits, hedge times and
//! costs:
//!
//! | learnt under the name | learnt from all calls together |
//! |---|---|
//! | median and p99, and what follows: the limit of an attempt, when it is late, when it is hedged, what it costs at an endpoint | the share of faults, throttling, the breaker, attempts under way, whether credentials work |
//!
//! The first [`NAMES`] at an endpoint are told apart, and later names share one place. Each place takes about 1 KiB.
//!
//! **Place in the stack**: around `timeout`, so that health sees a hang as a hang; inside `breaker` and `limit`, so
//! that a local refusal never counts as the endpoint's.
//!
//! **Cancel safety**: a dropped attempt is judged by its age and by who dropped it. The age of a dropped attempt is
//! never a latency sample.
//!
//! **Counted**: one span, one counter and one duration per attempt; see [`telemetry`](crate::telemetry).

mod class;
mod counts;
mod fault_share;
mod late;
mod latency;
mod ramp;
mod throttle;
mod tracker;
mod window;

#[cfg(test)]
mod tests;

pub use crate::model::NAMES;
pub use counts::{AttemptCounts, ByteCounts};
pub(crate) use late::{LIMIT_FLOOR, TIMES_P99, UNLEARNT, late_after, limit_after};
pub(crate) use ramp::Ramp;
pub use tracker::Tracker;

pub(crate) use window::Window;

mod service;

pub(crate) use service::Health;
pub use service::HealthLayer;
