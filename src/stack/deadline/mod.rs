//! The whole call's time limit.
//!
//! However many attempts, hedges and waits a call makes, the call ends by its deadline. A deadline that the caller set
//! on the [`Call`](crate::request::Call)'s record is kept; otherwise this layer's limit counts from the call's start.
//!
//! ```
//! use evenkeel::stack::deadline::{DeadlineLayer, Elapsed};
//! use evenkeel::request::Call;
//! use std::{convert::Infallible, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let hangs = service_fn(|_: Call<()>| std::future::pending::<Result<(), Infallible>>());
//! let service = DeadlineLayer::new(Duration::from_secs(10)).layer(hangs);
//! let error = service.oneshot(Call::read(())).await.unwrap_err();
//! assert_eq!(error.downcast_ref(), Some(&Elapsed { limit: Duration::from_secs(10) }));
//! # }
//! ```
//!
//! **Place in the stack**: outermost, also around the layers that a client's
//! [`layer`](crate::client::StoreBuilder::layer) adds: the deadline covers their waits, their readiness included.
//! **Cancel safety**: the layer holds nothing. An attempt that the deadline cuts off is dropped, and judged by its age
//! at its endpoint.

mod service;

pub(crate) use service::Deadline;
pub use service::DeadlineLayer;

use std::time::Duration;

/// A call's default limit: longer than any single attempt should need, shorter than callers' own callers wait (load
/// balancers give up at 30–60 s).
pub const DEFAULT: Duration = Duration::from_secs(10);

/// The whole call did not end by its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call's deadline of {} ran out", crate::model::Human(*limit))]
pub struct Elapsed {
    /// From the call's start to its deadline.
    pub limit: Duration,
}
