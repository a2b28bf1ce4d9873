//! Pages to read.
pub mod classify;
