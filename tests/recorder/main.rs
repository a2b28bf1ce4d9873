//! The flight recorder, its file, and the reports that are made of it.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

#[allow(dead_code, unreachable_pub)] // its `main` is not called here
#[path = "../../examples/incident.rs"]
mod example;
mod files;
#[cfg(unix)]
mod processes;
mod replays;
mod reports;
#[path = "../support/schema.rs"]
mod schema;
mod support;
