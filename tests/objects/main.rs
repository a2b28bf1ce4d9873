//! Object stores: the conformance suite on every adapter, and what the real SDK makes of real misbehaviour.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod conformance;
#[path = "../support/raw.rs"]
mod raw;
#[path = "../support/s3s.rs"]
mod s3s_server;
mod sdk;
