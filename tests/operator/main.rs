//! What an operator can order, and what the platform sees of a service.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests are tests; the crate's clock is its own

#[macro_use]
#[path = "../support/through.rs"]
mod through;

#[cfg(feature = "serde")]
mod concentration;
mod drained_writes;
mod events;
mod impact;
mod orders;
mod readiness;
#[cfg(feature = "serde")]
mod schema;
#[cfg(feature = "serde")]
mod status;
#[path = "../support/store.rs"]
mod store;
