//! For tests of adapters and layers, yours and ours.
//!
//! What is here panics where something is wrong, as tests do.

pub mod contract;
