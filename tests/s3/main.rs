//! Object stores: the conformance suite on every adapter, and what the real SDK makes of real misbehaviour.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

#[macro_use]
#[path = "../support/through.rs"]
mod through;
mod backfill;
mod bodies;
mod conformance;
mod copies;
mod downloads;
mod migration;
mod outcome;
#[path = "../support/paced.rs"]
mod paced;
mod presigned;
#[path = "../support/raw.rs"]
mod raw;
mod removals;
mod request_id;
mod responses;
#[allow(dead_code)] // without the drill nothing flaps
mod retrying_caller;
#[path = "../support/s3s.rs"]
mod s3s_server;
mod sdk;
#[path = "../support/store.rs"]
mod store;
#[path = "../support/tried.rs"]
mod tried;
mod uploads;
mod verify;
mod whole_client;
