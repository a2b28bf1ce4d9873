//! A second attempt elsewhere when the first is late.
//!
//! A read is late when it has been silent for longer than its endpoint's own p99 (plus a tenth, and at least 1 ms). The
//! hedge then asks a second time, at another endpoint whose breaker is closed and that this call has not tried. The
//! first success or definitive answer wins, and the loser is dropped. An absence or a failure waits for the other
//! attempt. ("The Tail at Scale", Dean and Barroso, 2013.)
//!
//! While nothing is learnt of the endpoint, a read is late after a second. The attempt that is then made elsewhere
//! *stands beside* the first. The first goes on for up to half of what is left until the deadline
//! ([`timeout`](crate::stack::timeout)): nobody knows whether its endpoint is dead or far away. While the budget refuses the
//! second attempt, the hedge asks the budget again each second.
//!
//! A body that flows is not late. Once an answer has begun, and its adapter [tells](crate::request::Progress) of the
//! progress, a quarter of a second of silence is late. But a large body that the client goes on from if it
//! breaks off ([`get`](crate::ObjectClient::get)) is not hedged: a hedge would fetch its beginning again.
//!
//! A read may serve as the first probe of an endpoint whose last failure was late. Such a read is asked elsewhere at
//! the same time, so that its caller does not wait in vain. (An endpoint that fails at once costs the caller no time.)
//!
//! Hedges draw on the client's one [`Budget`](crate::stack::retry::Budget), so they never double the load. Writes are never
//! hedged: two racing copies of one write answer each other's preconditions. A read can opt out of hedging
//! ([`Options::hedging`](crate::request::Options::hedging)).
//!
//! ```
//! use evenkeel::stack::hedge::{Delay, HedgeLayer};
//! use evenkeel::request::Call;
//! use evenkeel::stack::retry::Budget;
//! use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let calls = AtomicU32::new(0);
//! let first_hangs = service_fn(|_: Call<()>| {
//!     let n = calls.fetch_add(1, Ordering::Relaxed);
//!     async move {
//!         if n == 0 { std::future::pending::<()>().await }
//!         Ok::<_, evenkeel::BoxError>(n)
//!     }
//! });
//! let service = HedgeLayer::new(Delay::fixed(Duration::from_millis(20)), Budget::default()).layer(first_hangs);
//! assert_eq!(service.oneshot(Call::read(())).await.unwrap(), 1);
//! # }
//! ```
//!
//! **Place in the stack**: inside `retry`, around `route`. **Cancel safety**: dropping the call drops both attempts;
//! each is judged by its age.

mod delay;
mod service;

pub use delay::Delay;
pub(crate) use service::Hedge;
pub use service::HedgeLayer;
