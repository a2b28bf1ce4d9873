//! Watches and steers the stack from outside of a call: a person's orders, probes in the background, and the snapshot.

pub mod operator;
pub mod probe;
pub mod snapshot;
