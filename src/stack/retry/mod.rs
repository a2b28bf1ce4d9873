//! Further attempts, at another endpoint first.
//!
//! A failed attempt is repeated *at once* at an endpoint that this call has not tried. Only a return to a tried
//! endpoint waits: with full jitter, and at least as long as that endpoint asked for in `Retry-After`. (For that
//! header a call waits no longer than [`RetrySettings::max_backoff`]: one header must not hold up a call for a day.)
//!
//! The verdict and the call's [`Safety`](crate::request::Safety) decide what may be tried again at all:
//!
//! | outcome | read | idempotent write | write that must happen once |
//! |---|---|---|---|
//! | success, answer, absent, the caller's mistake | return | return | return |
//! | throttled | again | again | return |
//! | unreachable, faulty: not sent | again | again | again |
//! | unreachable, faulty: maybe sent | again | again | return |
//! | denied: not sent (credentials could not be loaded, the clocks differ) | again | again | again |
//! | denied: credentials that just worked were refused | again | again | return |
//! | denied: otherwise | return | return | return |
//!
//! Your own rule may decide otherwise where that is safe, see [`Rule`]. A write that must happen once is repeated only
//! when it was provably not sent.
//!
//! All extra attempts, hedges included, draw on one [`Budget`]. When the budget is empty, the call returns the
//! failure. No budget may refuse certain requests: see [`Exception`].
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::stack::retry::RetryLayer;
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
//! **Place in the stack**: inside `deadline`, outside `hedge` and `route`. Do not put another retrier under this
//! layer: three layers of three attempts are 27. The stack turns the SDKs' own retries off.
//!
//! **Cancel safety**: between polls the layer holds nothing but the attempt itself. The budget's tokens are spent when
//! an attempt is sent.

mod budget;
mod exception;
mod policy;
mod purse;
mod rule;

pub use crate::request::{Again, Rule};
pub use budget::Budget;
pub use exception::Exception;
pub(crate) use exception::Exceptions;
pub use policy::RetrySettings;
pub(crate) use policy::{Decision, decide};
pub(crate) use purse::{Grant, Purse};
pub(crate) use rule::decide_by;

mod service;

pub(crate) use service::Retry;
pub use service::RetryLayer;
