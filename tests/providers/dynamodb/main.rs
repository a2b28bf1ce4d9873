//! DynamoDB: the conformance suite before moto and dynoxide, the faults before moto, and what its own words mean.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests are tests

mod conformance;
mod faults;
mod global_table;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/races.rs"]
mod races;
#[path = "../../support/raw.rs"]
mod raw;
mod responses;
mod table;
#[path = "../../support/tried.rs"]
mod tried;
