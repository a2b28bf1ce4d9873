//! The drill's two players: every fault in the layer (paused time) and in the proxy (real sockets on loopback).
//! Drills in production for a cohort.

// All of it is test code, which clippy only sees where a function is marked as a test.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod canaries;
mod cohort;
#[cfg(feature = "s3")]
mod cohort_sockets;
mod cohort_world;
mod guard;
mod layer;
mod proxy;
mod relay;
#[cfg(feature = "s3")]
mod resolver;
#[cfg(feature = "s3")]
mod sdk;
mod server;
#[cfg(feature = "s3")]
mod shares;
#[cfg(feature = "s3")]
mod sla;
mod support;
