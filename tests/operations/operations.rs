//! `docs/operations`, tried: which alerts each incident of the past fires, that a healthy hour fires none, and that every
//! metric that an alert or a panel names is emitted.
//!
//! Each incident is played at its true length in virtual time. Every half minute the process' metrics are noted, as
//! Prometheus would scrape them, and `promtool` evaluates the rules over what was noted.

// All of it is test code, which clippy only sees where a function is marked as a test.
#![allow(clippy::unwrap_used)]
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

mod docs;
mod health;
mod incidents;
mod lint;
mod promtool;
mod recorder;
mod service;
