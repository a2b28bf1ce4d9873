//! Stories in paused time: the mistakes that others made, and what the outages teach.

// All of it is test code, which clippy only sees where a function is marked as a test.
#![allow(clippy::unwrap_used)]
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

#[macro_use]
#[path = "../support/through.rs"]
mod through;
mod carried;
mod client;
mod constraints;
mod control;
mod credentials;
mod endpoint_layer;
mod explained;
mod failover;
mod game_day;
mod kv;
mod kv_drill;
mod kv_many;
mod kv_neighbours;
mod lessons;
mod mistakes;
mod objects;
mod probes;
#[path = "../support/store.rs"]
mod store;
mod telemetry;
