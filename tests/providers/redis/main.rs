//! Redis: the conformance suite before a real server, and what its answers and its misbehaviour become.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![expect(clippy::disallowed_methods, reason = "the crate's clock is its own")]

#[path = "../support/authority.rs"]
mod authority;
mod cluster;
mod conformance;
mod faults;
#[path = "../support/races.rs"]
mod races;
#[path = "../../support/raw.rs"]
mod raw;
#[path = "../support/redis_cluster.rs"]
mod redis_cluster;
#[path = "../support/redis_server.rs"]
mod redis_server;
#[path = "../support/relay.rs"]
mod relay;
mod responses;
mod tls;
#[path = "../../support/tried.rs"]
mod tried;
