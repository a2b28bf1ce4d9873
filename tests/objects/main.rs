//! Object stores: the conformance suite on every adapter, and what the real SDK makes of real misbehaviour.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

#[macro_use]
#[path = "../support/through.rs"]
mod through;
mod answers;
mod backfill;
mod bodies;
mod client;
mod conformance;
mod judged;
mod migration;
#[path = "../support/paced.rs"]
mod paced;
#[allow(dead_code)] // without the drill nothing flaps
mod patient;
#[path = "../support/raw.rs"]
mod raw;
mod request_id;
#[path = "../support/s3s.rs"]
mod s3s_server;
mod sdk;
#[path = "../support/store.rs"]
mod store;
mod suite;
#[path = "../support/tried.rs"]
mod tried;
mod verify;
