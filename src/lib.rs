//! Client-side multi-cloud failover.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod breaker;
pub mod client;
mod clock;
pub mod deadline;
#[cfg(feature = "drill")]
pub mod drill;
pub mod endpoint;
mod error;
pub mod guide;
pub mod health;
pub mod hedge;
pub mod limit;
pub mod operator;
pub mod provider;
mod replicate;
pub mod request;
pub mod retry;
pub mod route;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeout;
pub mod verdict;

pub use client::{BuildError, Explanation, Failover, ObjectClient};
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind, NotAsked};
pub use replicate::Replication;

/// What layers speak: any error, boxed. The same type as tower's.
pub type BoxError = tower::BoxError;
