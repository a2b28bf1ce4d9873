//! A client as an `object_store::ObjectStore`: `object_store`'s own tests of a store, and what they leave open.

#![allow(clippy::unwrap_used)] // it is all test code
#![allow(clippy::single_range_in_vec_init)] // a list of ranges may have one
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

mod conditions;
mod creates;
#[macro_use]
#[path = "../support/demands.rs"]
mod demands;
mod integration;
mod listings;
mod reads;
#[cfg(feature = "s3")]
#[path = "../support/s3s.rs"]
mod s3s_server;
#[cfg(all(feature = "s3", feature = "object_store_http"))]
mod signed;
#[path = "../support/store.rs"]
mod store;
mod worlds;
mod writes;
