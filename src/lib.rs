//! Client-side multi-cloud failover.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
pub mod endpoint;
pub mod guide;
pub mod provider;
pub mod request;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verdict;

pub use endpoint::Endpoint;

/// What layers speak: any error, boxed. The same type as tower's.
pub type BoxError = tower::BoxError;
