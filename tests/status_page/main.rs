//! The status page before a bare hyper server, and in a browser.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

mod browser;
mod events;
mod hostile;
mod orders;
mod reading;
#[path = "../support/schema.rs"]
mod schema;
mod served;
#[path = "../support/store.rs"]
mod store;
