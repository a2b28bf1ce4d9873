//! Tables: the conformance suite on every adapter and on whole clients.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod conformance;
