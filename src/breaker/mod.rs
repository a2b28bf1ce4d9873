//! Closed, open, half-open.

mod refusal;

pub use refusal::Open;
