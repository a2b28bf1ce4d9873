//! Admission per endpoint, so that failing over never drowns the standby.
//!
//! When a region dies, its whole load arrives at the next region.
//!
//! - An endpoint with a [`capacity`](crate::Endpoint::capacity) is sent at most that many calls per second, with a
//!   burst of 100 ms worth of calls.
//! - An endpoint without a capacity is watched. When many attempts are under way, and attempts therefore take four
//!   times as long as usual and more than 100 ms, they are limited to what the endpoint can do.
//! - Every endpoint is sent at most 4,096 attempts at once, or [as many as you say](crate::Endpoint::max_in_flight).
//!
//! Attempts above a limit are refused at once with [`Full`]; the router then looks elsewhere.
//!
//! An attempt for which no other endpoint is left waits for its turn. Where the capacity was given, the attempt waits
//! up to 50 ms. Elsewhere the attempt waits up to half of what is left until its call's deadline, and is refused at
//! once when the expected wait (attempts waiting ÷ attempts that end a second) is longer. Our own queue is no illness
//! of the endpoint, and an attempt that would be answered in time is not refused. A [proof of
//! absence](crate::request::LegKind::Proof) is never refused here: without the proof the caller would hear of an
//! outage.
//!
//! ```
//! use evenkeel::stack::limit::{Admission, Full, LimitLayer};
//! use evenkeel::request::Call;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let one_per_second = Admission::new(Some(1.0));
//! let service = LimitLayer::new(one_per_second)
//!     .layer(service_fn(|_: Call<()>| async { Ok::<_, evenkeel::BoxError>(()) }));
//! service.clone().oneshot(Call::read(())).await.unwrap();
//! let refused = service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(refused.is::<Full>());
//! # }
//! ```
//!
//! **Place in the stack**: inside `breaker`, outside `health`: a refusal is no evidence about the endpoint.
//!
//! **Cancel safety**: a dropped attempt gives back its place among the attempts under way, and its place in the line.
//! Its turn at a capacity is not given back: the rate stays right, and one turn is lost.
//!
//! tower users look for back-pressure in `poll_ready`. This layer cannot apply it there. Readiness comes before the
//! request is known, and waiting behind one full endpoint would hold up calls that could go elsewhere. So this layer
//! sheds in `call`.

mod adaptive;
mod policy;

#[cfg(all(test, evenkeel_loom))]
mod loom_tests;

pub use super::refusal::Full;
pub(crate) use policy::Rate;

mod admission;
mod service;

pub use admission::{Admission, MAX_IN_FLIGHT};
pub(crate) use service::Limit;
pub use service::LimitLayer;

use std::time::Duration;

/// The longest time that an attempt with no alternative waits for its turn.
pub const PATIENCE: Duration = Duration::from_millis(50);
