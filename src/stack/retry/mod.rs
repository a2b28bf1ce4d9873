//! Further attempts, elsewhere first.
//!
//! A failed attempt is made again *at once* at an endpoint that this call has not tried; only when it must return to one
//! that it has tried does it wait, with full jitter, and no shorter than that endpoint asked for in `Retry-After` (but not
//! longer than [`Settings::max_backoff`] for it: one header must not hold up a call for a day). What may be repeated at all follows from the verdict and the call's
//! [`Safety`](crate::request::Safety) (the table at [`decide`]; your own rule may say otherwise where that is safe, see [`Rule`]): a write that must happen once is repeated only when it was provably not sent. All
//! extra attempts, hedges included, draw on one [`Budget`]; when that is empty the failure is returned. Some requests no
//! budget may refuse: see [`Exception`].
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::retry::RetryLayer;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let calls = AtomicU32::new(0);
//! let flaky = service_fn(|_: Call<()>| {
//!     let n = calls.fetch_add(1, Ordering::Relaxed);
//!     async move { if n == 0 { Err("reset") } else { Ok(n) } }
//! });
//! let service = RetryLayer::default().layer(flaky);
//! assert_eq!(service.oneshot(Call::read(())).await.unwrap(), 1);
//! # }
//! ```
//!
//! **Place in the stack**: inside `deadline`, outside `hedge` and `route`. Do not put another retrier under it: three
//! layers of three attempts are 27. The SDKs' own retries are off under ours.
//!
//! **Cancel safety**: nothing is held between polls but the attempt itself; the budget's tokens are spent when an
//! attempt is sent.

mod budget;
mod exception;
mod policy;
mod purse;
mod rule;

pub use crate::request::{Again, Rule};
pub use budget::Budget;
pub use exception::Exception;
pub(crate) use exception::Exceptions;
pub use policy::{Decision, Settings, decide};
pub(crate) use purse::{Grant, Purse};
pub(crate) use rule::decide_by;

mod service;

pub(crate) use service::Retry;
pub use service::RetryLayer;
