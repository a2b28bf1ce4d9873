//! Streams, while their endpoint is killed, stalled, cut or crawling at a random byte. All of it is seeded.
//!
//! ```text
//! cargo test --test streams --features s3,drill
//! EVENKEEL_SEED=<seed> cargo test --test streams --features s3,drill    # that one seed of each test
//! ```

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

mod downloads;
mod line;
mod processes;
#[path = "../support/s3s.rs"]
mod s3s_server;
mod seeds;
mod small;
mod socket_uploads;
mod sockets;
mod uploads;
