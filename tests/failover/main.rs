//! Failover in paused time: incidents, antipatterns, and what each kind of client promises.

// All of it is test code, which clippy only sees where a function is marked as a test.
#![allow(clippy::unwrap_used)]
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

#[macro_use]
#[path = "../support/through.rs"]
mod through;
mod antipatterns;
mod call_options;
mod calls;
mod constraints;
mod copies;
mod credentials;
mod downloads;
mod endpoint_layer;
mod error_types;
mod explanation;
mod future_size;
mod game_day;
mod hedge;
mod incidents;
mod kv;
mod lost_hosts;
mod objects;
mod probes;
mod removals;
mod scripted;
#[path = "../support/store.rs"]
mod store;
mod telemetry;
mod uploads;
