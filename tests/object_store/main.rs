//! A client as an `object_store::ObjectStore`: `object_store`'s own tests of a store, and what they leave open.

#![allow(clippy::unwrap_used)] // it is all test code

mod conditions;
mod integration;
mod listings;
mod reads;
#[path = "../support/store.rs"]
mod store;
mod worlds;
mod writes;
