//! The words that all other modules share: requests, the record that travels with a call, the meaning of an outcome,
//! and the clock. This module sends nothing.

pub(crate) mod bounds;
pub(crate) mod clock;
pub(crate) mod crc;
pub(crate) mod evidence;
pub mod request;
pub mod verdict;

mod capabilities;
mod cause;
mod error_kind;
mod human;
mod names;
mod not_loaded;
pub(crate) mod noted;
mod orders;

pub(crate) use capabilities::Conditional;
pub use capabilities::{Capabilities, Capability, PartRule};
pub use cause::Cause;
pub use error_kind::ErrorKind;
pub(crate) use human::Human;
pub use names::NAMES;
pub(crate) use names::Names;
pub use not_loaded::NotLoaded;
pub(crate) use not_loaded::Why;
pub use orders::{Action, Selector};
pub use verdict::provider_error::{ProviderError, ProviderErrorKind};
