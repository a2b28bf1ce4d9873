//! What an operator can order, and what the platform sees of a service.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

#[macro_use]
#[path = "../support/through.rs"]
mod through;

mod drained_writes;
mod orders;
mod readiness;
#[path = "../support/store.rs"]
mod store;
