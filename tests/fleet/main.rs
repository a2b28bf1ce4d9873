//! What many clients do together: overload, whole outages, and what they tell each other of an endpoint.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

#[macro_use]
#[path = "../support/through.rs"]
mod through;

mod outages;
mod overload;
mod shared_health;
#[path = "../support/store.rs"]
mod store;
