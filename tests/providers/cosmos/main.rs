//! Cosmos DB: the conformance suite, the faults and a region that goes offline, before the SDK's own emulator, in memory and
//! over sockets.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod account;
mod conformance;
mod faults;
#[path = "../support/races.rs"]
mod races;
#[path = "../../support/raw.rs"]
mod raw;
mod sockets;
#[path = "../../support/tried.rs"]
mod tried;
