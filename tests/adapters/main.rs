//! Adapters before real servers that are processes of their own, and those on SDKs other than Amazon's: the conformance
//! suite, and faults on the way.
//!
//! Azurite and moto are processes that the tests start themselves, on free ports, and end. Where one is not installed the
//! test says so and passes; `./test` installs both and prints what ran.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![allow(dead_code)] // a feature alone needs a part of the helpers

#[cfg(feature = "azure_blob")]
mod azure;
mod faults;
#[cfg(feature = "gcs")]
mod gcs;
#[cfg(feature = "gcs")]
mod gcs_server;
#[cfg(feature = "object_store")]
mod generic;
mod process;
#[path = "../support/raw.rs"]
mod raw;
#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "s3")]
#[path = "../support/s3s.rs"]
mod s3s_server;
