//! Tables: the conformance suite on every adapter and on whole clients, and what real misbehaviour becomes.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![cfg_attr(
    feature = "redis",
    expect(clippy::disallowed_methods, reason = "the crate's clock is its own")
)]

mod conformance;
#[cfg(feature = "redis")]
mod redis_answers;
#[cfg(feature = "redis")]
mod redis_faults;
#[cfg(feature = "redis")]
#[path = "../support/redis_server.rs"]
mod redis_server;
#[cfg(feature = "redis")]
#[path = "../support/relay.rs"]
mod relay;
