//! What an operator can do, and what a fleet does.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod fleet;
mod neighbours;
mod orders;
