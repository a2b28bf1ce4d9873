//! Suites that an adapter or a layer of your own must pass. Feature `testing`.
//!
//! This is a library for tests. A check that fails panics with the store's name, the check's name, and what the check
//! saw.
//!
//! ```
//! use evenkeel::{provider::Memory, testing::objects::{self, Claims}};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let report = objects::run("memory", &Memory::new(), &Claims::all()).await;
//! assert!(report.skipped.iter().all(|skip| skip.check == "equal_bytes_have_equal_tags"));
//! # }
//! ```

pub mod claims;
pub mod contract;
mod errors;
pub mod kv;
pub mod objects;
mod refused;
pub mod uploads;

pub use errors::error;
pub use refused::Refused;
