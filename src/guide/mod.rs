//! Pages to read. This module has no code: each page is documentation with an example that compiles.
//!
//! - [`migration`]: moving an existing service, before and after.
//! - [`classify`]: teaching evenkeel what your own client's errors mean.
//! - [`evidence`]: what an attempt's end teaches, and about whom.
//! - [`layers`]: the layers by hand, around services of your own.
//! - [`provider`]: a store of your own as an endpoint.
//!
//! ```
//! use evenkeel::verdict::{Verdict, table};
//!
//! // What every such page ends in: a symptom has one verdict.
//! assert_eq!(table::for_status(502).verdict, Verdict::Faulty);
//! ```

pub mod classify;
pub mod evidence;
pub mod layers;
pub mod migration;
pub mod provider;

#[cfg(test)]
mod defaults;
