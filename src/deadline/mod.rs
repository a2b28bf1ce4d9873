//! The whole call's time limit.

mod refusal;

pub use refusal::Elapsed;
