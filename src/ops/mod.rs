//! What looks at the stack, or is told to it, from outside of a call: a person's orders, and probes from the background.

pub mod operator;
pub mod probe;
pub mod snapshot;
