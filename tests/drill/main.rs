//! The drill's two players: every fault in the layer (paused time) and in the proxy (real sockets on loopback).

mod layer;
mod proxy;
#[cfg(feature = "s3")]
mod resolver;
mod server;
mod support;
