//! Getting existing data to a standby, whatever happens meanwhile.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests are tests, and tokio's clock is what they pause

#[macro_use]
#[path = "../support/through.rs"]
mod through;
mod bounds;
mod checkpoints;
mod conditions;
mod killed;
mod objects;
mod support;
mod tables;
mod trouble;
