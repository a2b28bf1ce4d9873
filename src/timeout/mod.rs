//! One attempt's limit.

mod refusal;

pub use refusal::Elapsed;
