//! The drill's two players: every fault in the layer (paused time) and in the proxy (real sockets on loopback).

// Test code, to the last helper, but not marked as such for clippy.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod layer;
mod proxy;
#[cfg(feature = "s3")]
mod resolver;
#[cfg(feature = "s3")]
mod sdk;
mod server;
mod support;
