//! The doors.
mod stack;
pub use stack::Stack;
