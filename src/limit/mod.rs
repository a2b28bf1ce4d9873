//! Admission per endpoint.

mod refusal;

pub use refusal::Full;
