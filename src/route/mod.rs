//! Chooses among endpoints.

mod refusal;

pub use refusal::Exhausted;
