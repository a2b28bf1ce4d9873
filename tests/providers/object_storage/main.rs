//! Adapters before real servers that are processes of their own, and those on SDKs other than Amazon's: the conformance
//! suite, and faults on the way.
//!
//! Azurite and moto are processes that the tests start themselves, on free ports, and end. Where one is not installed the
//! test says so and passes; `./test` installs both and prints what ran.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod attributes;
mod azure;
mod bodies;
#[macro_use]
#[path = "../../support/demands.rs"]
mod demands;
mod failover;
mod faults;
mod gateways;
mod gcs;
mod gcs_server;
mod generic;
mod integration;
mod opendal;
#[path = "../../support/paced.rs"]
mod paced;
#[path = "../support/process.rs"]
mod process;
#[path = "../../support/raw.rs"]
mod raw;
mod s3;
#[path = "../../support/s3s.rs"]
mod s3s_server;
#[path = "../../support/script.rs"]
mod script;
#[path = "../../support/tried.rs"]
mod tried;
mod two_clouds;
mod uploads;
#[allow(dead_code, clippy::disallowed_methods)] // its own clock, which is the real one
#[path = "../../../examples/gray/wire.rs"]
mod wire;
