//! DynamoDB: the conformance suite and the faults before moto, and what its own words mean.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests are tests

mod answers;
mod conformance;
mod faults;
mod global_table;
#[allow(dead_code)] // Azure's server
#[path = "../support/process.rs"]
mod process;
#[path = "../../support/raw.rs"]
mod raw;
mod table;
