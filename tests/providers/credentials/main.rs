//! Credentials over real sockets: token services that fail, providers that refuse what just worked, and whom a client
//! contacts.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![allow(clippy::disallowed_methods)] // the crate's clock is its own

#[path = "../support/authority.rs"]
mod authority;
mod dependencies;
mod inferred;
mod issuer;
#[path = "../support/redis_server.rs"]
mod redis_server;
mod refused;
mod store;
mod token_service;
mod web;
