//! One attempt's limit on silence, learnt from what the endpoint does.
//!
//! A hang is the commonest symptom of an outage, and a fixed limit on the whole of an attempt is either too long for it or too
//! short for a large object. So what is limited is *silence*:
//!
//! - Until the answer begins: eight times the endpoint's own p99 for the class of operation, at least 250 ms; 1 s while nothing
//!   was learnt. Where a body is sent first, this counts from its last byte, and what lies in the system's buffers is given
//!   time to arrive.
//! - Between two pieces of a body: the same, and at least 1 s. So a body may take as long as the call's deadline allows, but one
//!   that moves at less than [16 KiB a second](Limit::LEAST_RATE) is as good as silent. A body that is sent moves in the steps of
//!   the system's buffers, for which there is time, too: it is given up some seconds after a line went dead, not one.
//!
//! That is seen where the adapter [tells](crate::request::Progress) of it, as this crate's adapters for objects do. Where nobody does
//! (tables, whose values are small; puts through an `object_store` client over another transport than `NoRedirects`; a
//! [`Failover`](crate::Failover)'s closures without a handle), the whole attempt has the first limit, and 1 s more for each MiB
//! that it is known to move.
//!
//! Where the call may be repeated, no silence is borne beyond half of what is left until its deadline, unless it is usual there. What has run into a limit
//! gets a longer one *within its call*: four times as long after each attempt that did. What must happen once, and so has one
//! attempt, has that at once. A read that is [asked
//! elsewhere](crate::hedge) as well, where nobody else is left to ask, has that at once. And while nothing was learnt, it goes on
//! until half of what is left has passed: that it is slow is not known.
//!
//! A call may say its own limit ([`attempt_limit`](crate::client::object::ObjectCall::attempt_limit)), and so may a builder for all
//! of its client's calls:
//!
//! | who says it | an attempt has | one that runs into it |
//! |---|---|---|
//! | nobody | the learnt limit, half of what is left at most (four times the limit where nothing could follow: a write that must happen once, a read that everybody else is asked beside), and [what many bytes need](crate::request::CallRecord::allowing) | is late by the endpoint's own measure |
//! | the builder | just this | is late: this is the measure |
//! | the call | just this | is like one that its caller left: late only if the endpoint's own limit is no longer |
//!
//! What the builder or the call says is the whole time of an attempt, whatever moves. The call's deadline ends it with the call.
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::timeout::{Error, Limit, TimeoutLayer};
//! use std::{convert::Infallible, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! let hangs = service_fn(|_: Call<()>| std::future::pending::<Result<(), Infallible>>());
//! let service = TimeoutLayer::new(Limit::fixed(Duration::from_millis(20))).layer(hangs);
//! let error = service.oneshot(Call::read(())).await.unwrap_err();
//! assert!(matches!(error, Error::Elapsed(_)));
//! # }
//! ```
//!
//! **Place in the stack**: inside `health`, so that a hang is judged. It covers the inner service's readiness and its call,
//! from the pick on.
//!
//! **Cancel safety**: nothing is held.
//!
//! Its verdict ([`Timed`]) is faulty and *maybe sent*: a write may have been applied.

mod elapsed;
mod patience;
#[cfg(test)]
mod tests;

pub use elapsed::{Elapsed, WaitedFor};

mod limit;
mod service;

pub use limit::Limit;
pub(crate) use service::Timeout;
pub use service::{Error, Timed, TimeoutLayer};
