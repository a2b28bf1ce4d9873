//! Getting existing data to a standby: on its first day nothing lies there.
//!
//! A [`Backfill`] lists a source and copies, key by key, what the target does not have: objects with content type, cache
//! control and user metadata, a table's values with what remains of their time to live. It can be killed at any moment and
//! resumed, and it never overwrites or deletes what somebody else wrote.
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
//! 1. The source is read. (A table's values come with the scan.)
//! 2. The target is written to **on the condition that it has no such key**, under an id by which this backfill knows its
//!    own copies again.
//! 3. The target is read back and compared by SHA-256, length and attributes: what [`Verify`] says. If it held the key
//!    already: the same content is [`Fate::Skipped`], another is a [`Fate::Conflict`] and left alone.
//! 4. The source is asked again. If it was overwritten meanwhile, the copy is made again, on the condition that the target
//!    still has our own first copy.
//!
//! That is two requests to each side for an object, for a value one to the source and two to the target, and a page of the listing now and then.
//!
//! # What is promised
//!
//! - **Nobody's data is overwritten or deleted.** What was in the way is reported. A target of which nobody knows whether it
//!   keeps to conditions is asked beforehand, as by [`verify`](crate::ObjectClient::verify) (small objects under
//!   `.evenkeel/verify/`). Where it does not, or not when many
//!   ask at once, no key is copied, unless its adapter was told to trust it (`S3::trusting_conditions`).
//! - **What is counted as copied was right at the target after it was written**, and the source was the same before and
//!   after, as far as it tells its versions apart: objects by ETag, time and length, values by version. With
//!   [`Verify::Length`] *right* means as long as it should be, with the right attributes.
//! - **Cancel safety.** Everything happens in the future that [`run`](Backfill::run) returns. Dropped at any await, or
//!   killed with the process, it leaves whole copies and whole checkpoints. The next run with the same checkpoint repeats
//!   at most 1,000 keys, recognises the copies that it had made among them, and renews those whose source has changed.
//! - **Trouble is waited for, within bounds.** Throttling pauses all requests to that endpoint for as long as it asks, and
//!   halves the pace afterwards. A request that fails or hangs is made up to 6 times. Then the key is reported as failed;
//!   after 20 such keys in a row, or when an endpoint has served nothing for 5 minutes, the backfill ends with
//!   [`Stopped`], whose report says where the next run goes on. Keys of that last row are tried again by it.
//! - **Memory is bounded**, whatever the number of keys: a page of the listing, 1,000 names, and the bodies under way.
//!
//! # What is not promised
//!
//! - **Writes during the backfill** to keys it has passed, deletes included: those are the application's, or a
//!   [`Replication`](crate::Replication)'s, to bring to both. A key that is deleted at the source just after its copy was made stays at the
//!   target ([`Fate::Gone`]).
//! - **A store that keeps to conditions when it is asked and not later**, or that you trust wrongly
//!   (`S3::trusting_conditions`), overwrites and says 200; no client can tell.
//! - **What evenkeel's requests do not carry** is not seen and not copied: tags, ACLs, storage classes, retention, content
//!   encoding, earlier versions. Bodies are sent in one put, so what is larger than a store takes in one (5 GB at S3) fails.
//! - **Listings that lag.** A key that the source's listing does not show is not copied.
//! - Under [`Verify::Length`], that the bytes are right.
//!
//! # The checkpoint
//!
//! A few lines of text with the last key before which all are done, the counts so far, and what tells whether it belongs to
//! this backfill: kind, the endpoints' names, prefix, verification. One that does not, or is truncated, is refused before
//! anything is sent ([`InvalidCheckpoint`]). It names keys; keep it as you keep your data. Removed, everything is gone over
//! again: copies that are there are skipped, at the price of comparing them.

mod builder;
mod checkpoint;
mod checksum;
mod copier;
mod estimate;
mod fate;
mod keeper;
mod objects;
mod pace;
mod page;
mod policy;
mod progress;
mod run;
mod settings;
mod shared;
mod side;
mod stopped;
mod table;
mod window;

pub use builder::Backfill;
pub use checkpoint::InvalidCheckpoint;
pub use checksum::Checksum;
pub use estimate::Estimate;
pub use fate::{Counts, Fate, KeyName};
pub use keeper::{CheckpointFile, CheckpointKeeper};
pub use progress::{Event, Progress};
pub use settings::Verify;
pub use stopped::{Report, StopReason, Stopped};
