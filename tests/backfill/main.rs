//! Getting existing data to a standby, whatever happens meanwhile.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests are tests, and tokio's clock is what they pause

#[macro_use]
#[path = "../support/through.rs"]
mod through;
mod checkpoints;
mod faults;
mod limits;
mod nightly;
mod objects;
mod resume;
mod support;
mod tables;
mod unverified_targets;
