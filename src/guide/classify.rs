//! How to write a `Classify`.
