//! Copies existing data to a standby, which is empty on its first day.
//!
//! A [`Backfill`] lists a source and copies, key by key, what the target does not have. It copies objects with content
//! type, cache control and user metadata, and a table's values with the rest of their time to live. A backfill can be
//! killed at any moment and resumed. It never overwrites or deletes what another program wrote.
//!
//! ```
//! use evenkeel::{Endpoint, backfill::Backfill, provider::{Memory, ObjectProvider}};
//! use evenkeel::request::{Key, object::Put};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (virginia, ireland) = (Memory::new(), Memory::new());
//! virginia.put(Put::new(Key::new("orders/42.json")?, "{}")).await?;
//!
//! let backfill = || {
//!     Backfill::objects(Endpoint::new("virginia", virginia.clone()), Endpoint::new("ireland", ireland.clone()))
//!         .prefix("orders/")
//! };
//! let estimate = backfill().estimate().await?; // a listing only
//! assert_eq!((estimate.keys, estimate.bytes), (1, 2));
//!
//! let report = backfill()
//!     .on_event(move |event, progress| println!("{event}, {:?} to go", progress.remaining(&estimate)))
//!     .run()
//!     .await?;
//! assert!(report.is_clean());
//! assert_eq!((report.counts.copied, report.source_requests), (1, estimate.source_requests));
//! # Ok(()) }
//! ```
//!
//! # How a key is copied
//!
//! 1. The backfill reads the source. (A table's values come with the scan.)
//! 2. The backfill writes to the target **on the condition that the target has no such key**, under an id that has
//!    the source's [stamp](crate::request::Stamp), and a mark by which this backfill recognises its own copies.
//! 3. The backfill reads the target back and compares SHA-256, length and attributes, as far as [`Verify`] demands. If
//!    the target held the key already, the same content is [`Fate::Skipped`]. Other content is a [`Fate::Conflict`] and
//!    is left alone.
//! 4. The backfill asks the source again. If the source was overwritten meanwhile, the backfill copies again, on the
//!    condition that the target still has the backfill's own first copy.
//!
//! An object takes two requests to each side. A value takes one request to the source and two to the target. Pages of
//! the listing come on top.
//!
//! # What is promised
//!
//! - **A backfill overwrites or deletes nobody's data.** It reports what was in the way. Before it copies, it asks a
//!   target that is not known to keep to conditions, as [`verify`](crate::ObjectClient::verify) does (small objects
//!   under `.evenkeel/verify/`). If the target does not keep to conditions, or does not when many requests come at
//!   once, no key is copied, unless the target's adapter was told to trust it (`S3::trusting_conditions`).
//! - **A copy that is counted was right at the target after it was written**, and the source was the same before and
//!   after, as far as the source tells its versions apart: objects by ETag, time and length, values by version. With
//!   [`Verify::Length`] *right* means the right length and the right attributes.
//! - **Cancel safety.** Everything happens in the future that [`run`](Backfill::run) returns. A future that is dropped
//!   at any await, or killed with the process, leaves whole copies and whole checkpoints. The next run with the same
//!   checkpoint repeats at most 1,000 keys. It recognises the copies that the backfill had made among them, and renews
//!   copies whose source has changed.
//! - **A backfill waits for trouble to pass, within bounds.** Throttling pauses all requests to that endpoint for as
//!   long as the endpoint asks, and halves the pace afterwards. A request that fails or hangs is sent up to 6 times.
//!   Then the key is reported as failed. After 20 such keys in a row, or when an endpoint has served nothing for 5
//!   minutes, the backfill ends with [`Stopped`], whose report says where the next run goes on. The next run tries the
//!   keys of that last row again.
//! - **Memory is bounded**, whatever the number of keys: a page of the listing, 1,000 names, and the bodies under way.
//!
//! # What is not promised
//!
//! - **Writes during the backfill** to keys that it has passed, deletes included. The application, or a
//!   [`Replication`](crate::Replication), must bring these writes to both sides. A key that is deleted at the source
//!   just after its copy was made stays at the target ([`Fate::Gone`]).
//! - **A store that stops keeping to conditions after it was asked**, or that you trust wrongly
//!   (`S3::trusting_conditions`). Such a store overwrites and answers 200, and no client can tell.
//! - **Data that evenkeel's requests do not carry**: tags, ACLs, storage classes, retention, earlier
//!   versions. The backfill neither sees nor copies them. Bodies are sent in one put, so an object that is larger than
//!   a store takes in one put (5 GB at S3) fails.
//! - **Listings that lag.** A key that the source's listing does not show is not copied.
//! - Under [`Verify::Length`], that the bytes are right.
//!
//! # The checkpoint
//!
//! A checkpoint is a few lines of text: the last key up to which all keys are done, the counts so far, and what
//! identifies the backfill (kind, the endpoints' names, prefix, verification). A checkpoint of another backfill, or a
//! truncated one, is refused before anything is sent ([`InvalidCheckpoint`]). A checkpoint names keys: protect it as
//! you protect your data. Without the checkpoint the next run goes over all keys again. It skips existing copies, at
//! the price of comparing them.

mod builder;
mod checkpoint;
mod conditions;
mod estimate;
mod fate;
mod keeper;
mod pace;
mod page;
mod progress;
mod run;
mod settings;
mod shared;
mod side;
mod stopped;
mod stores;
mod window;

pub use crate::replicate::copy::{Checksum, Fate, Verify};
pub use builder::Backfill;
pub use checkpoint::InvalidCheckpoint;
pub use estimate::Estimate;
pub use fate::{Counts, KeyName};
pub use keeper::{CheckpointFile, CheckpointKeeper};
pub use progress::{Event, Progress};
pub use stopped::{Report, StopReason, Stopped};
