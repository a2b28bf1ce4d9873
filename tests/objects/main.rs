//! Object stores: the conformance suite on every adapter, and what the real SDK makes of real misbehaviour.

mod conformance;
#[path = "../support/raw.rs"]
mod raw;
#[path = "../support/s3s.rs"]
mod s3s_server;
mod sdk;
