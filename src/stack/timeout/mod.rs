//! One attempt's limit on silence, learnt from what the endpoint does.
//!
//! A hang is the commonest symptom of an outage. A fixed limit on the whole of an attempt is either too long for a
//! hang or too short for a large object. So the limit is on *silence*:
//!
//! - Until the answer begins: eight times the endpoint's own p99 for the class of operation, at least 250 ms; 1 s
//!   while nothing was learnt. Where the request has a body, this time counts from the body's last byte, and bytes in
//!   the system's buffers get time to arrive.
//! - Between two pieces of a body: the same, and at least 1 s. So a body may take as long as the call's deadline
//!   allows, but a body that moves at less than [16 KiB a second](Limit::LEAST_RATE) is as good as silent. A request's
//!   body moves in the steps of the system's buffers, and gets time for these steps, too: the attempt is given up some
//!   seconds after a line went dead, not one second.
//!
//! The timeout sees progress where the adapter [tells](crate::request::Progress) of it, as this crate's adapters for
//! objects do. Other attempts tell of no progress: tables, whose values are small; puts through an `object_store`
//! client over another transport than `NoRedirects`; a [`Failover`](crate::Failover)'s closures without a handle. There
//! the whole attempt has the first limit, and 1 s more for each MiB that the attempt is known to move.
//!
//! Where the call may be repeated, an attempt may be silent for at most half of what is left until the deadline,
//! unless longer silence is usual there. After an attempt that ran into a limit, the next one gets a longer limit
//! *within its call*: four times as long for each such attempt. Three cases differ:
//!
//! - A call that must happen once has only one attempt, which gets the longer limit at once.
//! - A read that is also [asked elsewhere](crate::stack::hedge) gets the longer limit at once when no other endpoint is left
//!   to ask.
//! - While nothing was learnt, such a read goes on until half of what is left has passed: nobody knows whether the
//!   endpoint is slow.
//!
//! A call may set its own limit ([`attempt_limit`](crate::client::object::ObjectCall::attempt_limit)), and a builder
//! may set one for all of its client's calls:
//!
//! | who sets it | an attempt has | an attempt that runs into it |
//! |---|---|---|
//! | nobody | the learnt limit, half of what is left at most (four times the limit where no attempt could follow: a write that must happen once, a read for which every other endpoint is asked, too), and [what many bytes need](crate::request::CallRecord::allowing) | is late by the endpoint's own measure |
//! | the builder | just this | is late: this is the measure |
//! | the call | just this | is like an attempt that its caller left: late only if the endpoint's own limit is no longer |
//!
//! A limit set by the builder or the call covers the whole time of an attempt, whatever moves. The call's deadline
//! ends the attempt with the call.
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::stack::timeout::{Error, Limit, TimeoutLayer};
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
//! **Place in the stack**: inside `health`, so that a hang is judged. The timeout covers the inner service's readiness
//! and its call, from the pick on.
//!
//! **Cancel safety**: the timeout holds nothing.
//!
//! The timeout's verdict ([`Timed`]) is faulty and *maybe sent*: a write may have been applied.

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
