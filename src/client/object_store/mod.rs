//! An [`ObjectClient`] as an [`object_store::ObjectStore`].
mod convert;
mod error;
mod list;
mod parts;
mod ranges;
mod read;
#[cfg(feature = "object_store_http")]
mod sign;
mod store;
mod tag;
mod text;
mod traits;
mod transfer;
mod write;

pub use store::FailoverStore;
pub use transfer::Transfer;
