//! What an operator can do, and what a fleet does.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

#[macro_use]
#[path = "../support/through.rs"]
mod through;

mod drowning;
mod fleet;
mod neighbours;
mod orders;
mod service;
#[path = "../support/store.rs"]
mod store;
mod writes;
