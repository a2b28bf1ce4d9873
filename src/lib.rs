//! Client-side multi-cloud failover.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
#[cfg(feature = "drill")]
pub mod drill;
pub mod endpoint;
pub mod provider;
pub mod request;
pub mod verdict;

pub use endpoint::Endpoint;

/// What layers speak: any error, boxed. The same type as tower's.
pub type BoxError = tower::BoxError;
