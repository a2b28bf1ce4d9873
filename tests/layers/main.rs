//! The generic layers: tower's contract, and the stories that each of them exists for.

mod contract;
#[cfg(feature = "drill")]
mod faults;
mod hedge;
mod large;
