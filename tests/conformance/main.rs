//! The conformance suites in memory: every layer keeps tower's contract, every table passes the suite, and the suite for objects
//! finds every flaw.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

#[cfg(feature = "drill")]
mod fault_layer;
mod flaws;
mod kv;
#[path = "../support/through.rs"]
#[macro_use]
mod through;
mod tower;
#[path = "../support/tried.rs"]
mod tried;
mod uploads;
