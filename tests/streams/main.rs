//! Streams, while their endpoint is killed, stalled, cut or crawling at a random byte. All of it is seeded.
//!
//! | | how many | where |
//! |---|---|---|
//! | downloads | 900 | [`downloads`]: in virtual time, over a store behind a line |
//! | | 100 | [`sockets`]: the real SDK before our S3 server and the fault proxy |
//! | uploads | 300 | [`uploads`]: in virtual time |
//! | | 60 | [`socket_uploads`]: the real SDK before our S3 server |
//! | processes that stand still, or are killed | one each | [`processes`]: a child is stopped for five seconds, or killed |
//!
//! Half a minute on two cores. A seed that fails prints itself and its case.
//!
//! ```text
//! cargo test --test streams --features s3,drill
//! EVENKEEL_LONG=1 cargo test --test streams --features s3,drill         # twenty times as many
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
