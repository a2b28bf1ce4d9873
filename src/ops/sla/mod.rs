//! Evidence for a claim under a service level agreement: every attempt as a row of a CSV file, while it is on.
//!
//! A provider pays credits to whoever proves the errors, from logs of their own and within a deadline. The metrics of a
//! service do not prove anything: they have no request ids. An [`SlaLog`] writes down each attempt with its time,
//! status, code and request id, also of those that succeeded, because an error rate is a share of all requests.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, ops::sla::SlaLog, provider::Memory};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let evidence = SlaLog::start(folder)?;
//! let photos = ObjectClient::builder()
//!     .client_name("photos")
//!     .endpoint(Endpoint::new("frankfurt", Memory::new()).provider("aws").region("eu-central-1"))
//!     .on_attempt_end(evidence.listener())
//!     .build()?;
//! photos.put("cat", "purr").await?;
//! evidence.flush(Duration::from_secs(5))?;
//!
//! let file = std::fs::read_dir(folder)?.next().ok_or("no file")??;
//! let rows = std::fs::read_to_string(file.path())?;
//! let row = rows.lines().nth(1).ok_or("no row")?;
//! assert!(row.contains(",photos,frankfurt,aws,eu-central-1,put,first,"));
//! assert!(!rows.contains("cat"));
//! # Ok(()) }
//! ```
//!
//! **Leaving early shrinks the evidence.** This crate leaves an endpoint within a second or two, and a request that was
//! never sent is no error of the provider's. Amazon's text counts an interval without requests as one without errors.
//! Whoever fails over well has little to claim: the evidence shows the errors before the leaving, and those that probes
//! met. It is worth more than the credit all the same, as a record of what happened.
//!
//! # The rows
//!
//! | column | what it holds |
//! |---|---|
//! | `ended_utc` | when the attempt ended (RFC 3339, milliseconds) |
//! | `client`, `endpoint`, `provider`, `region` | the client's name, and what the endpoint declares |
//! | `operation` | the request: `get`, `head`, `put`, `put_part` … |
//! | `attempt` | why the attempt was made: `first`, `retry`, `hedge`, `proof`, `confirm`, `probe` |
//! | `status` | the HTTP status of the last answer, if the adapter tells |
//! | `code` | the provider's code, or the symptom (`connect timeout`, `dns-empty`) |
//! | `request_id` | the provider's request id, if the adapter tells |
//! | `verdict` | how this crate judged the end: a value of `verdict` in [`telemetry`](crate::telemetry) |
//! | `took_ms` | how long the attempt took |
//! | [`counts_aws_s3_2023_11`](COUNTS_AWS_S3) | what Amazon's text counts, for objects at endpoints of the provider `aws`; else empty |
//! | `dropped` | in a row of its own: how many rows are missing before this one, because the disk was too slow or full |
//!
//! `S3` and `DynamoDb` tell status and request id of every answer. `AzureBlob` tells the request ids of successes, too.
//! Other adapters tell of failures only.
//!
//! # What Amazon S3 counts
//! The [agreement](https://aws.amazon.com/s3/sla/) (text of 28 November 2023) divides, for each request type and each
//! interval of five minutes, the internal server errors that S3 *returned* as `InternalError` or `ServiceUnavailable`
//! by the number of requests. The column says
//!
//! - `error`: the store returned one of these two codes,
//! - `apart`: the attempt failed otherwise. `SlowDown` is a limit of your own rate; a name that does not resolve, a
//!   connection that is refused or reset, and a timeout returned nothing. They may be the same outage, and stand apart.
//!   So does an error to a HEAD, whose answer has no code,
//! - `request`: any other answer, `404` and `412` too. It counts as a request.
//!
//! The column's name has the date of the text. When Amazon changes it, a later version of this crate adds a column.
//! `docs/SLA.md` says how to file a claim.
//!
//! # Promises
//! - **No cost while off**: without a listener, an attempt costs nothing. With one, each attempt costs a few
//!   allocations and a place in a queue. Calls never wait for the disk.
//! - **A queue of 8,192 rows** waits for the disk. What finds no place is dropped, and counted in the file.
//! - **A file for each process and month** (UTC; billing cycles are months): `evenkeel-sla-2026-11-<process>.csv`. A
//!   new file is never an old one, and nothing is deleted. A file has at most [`LIMIT`](SlaLog::LIMIT) bytes; rows
//!   beyond that are dropped until the next month, and counted.
//! - **Spreadsheets**: quoted as in RFC 4180. A cell that begins as a formula (`=`, `+`, `-`, `@`) gets an apostrophe
//!   before it.
//! - **No keys, no secrets**: request ids are neither.
//!
//! What is written survives the process. It is handed to the operating system when the queue is empty, or in pieces of
//! 64 KiB. A process that is killed loses what waits, and its last row may be torn; a crash of the machine may cost
//! what the system had not stored.

mod csv;
mod disk;

pub use csv::COUNTS_AWS_S3;

use crate::telemetry::AttemptEnd;
use disk::{Shared, Work};
use std::{
    fmt, io,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, SyncSender, TrySendError},
    },
    time::Duration,
};

/// Writes down every attempt. See the [module](self). Clones write to the same file; clients that have the
/// [listener](Self::listener) keep it open.
#[derive(Clone)]
pub struct SlaLog {
    rows: SyncSender<Work>,
    shared: Arc<Shared>,
}

/// What became of the rows of an [`SlaLog`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlaStats {
    /// How many rows are in files.
    pub written: u64,
    /// How many rows found no place in the queue or on the disk.
    pub dropped: u64,
}

/// Why a flush did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk did not take all rows in time")]
pub struct NotFlushed;

impl SlaLog {
    /// The most bytes of a file: some seven million rows.
    pub const LIMIT: u64 = 1 << 30;

    /// How many rows wait for the disk at most.
    #[cfg(test)]
    pub(crate) const QUEUE: usize = disk::QUEUE;

    /// Starts a log in this folder, and opens its first file.
    ///
    /// # Errors
    /// The operating system refuses the file or the thread.
    pub fn start(folder: impl AsRef<Path>) -> io::Result<Self> {
        Self::bounded(folder.as_ref(), Self::LIMIT)
    }

    fn bounded(folder: &Path, limit: u64) -> io::Result<Self> {
        let (rows, taken) = mpsc::sync_channel(disk::QUEUE);
        let shared = Arc::<Shared>::default();
        disk::start(folder.to_owned(), limit, taken, shared.clone())?;
        Ok(Self { rows, shared })
    }

    /// The listener for a builder's [`on_attempt_end`](crate::client::StoreBuilder::on_attempt_end).
    pub fn listener(&self) -> impl Fn(&AttemptEnd) + Send + Sync + use<> {
        let log = self.clone();
        move |end| {
            if log.rows.try_send(Work::Row(Box::new(end.clone()))).is_err() {
                log.shared.drop_rows(1);
            }
        }
    }

    /// What became of the rows so far.
    pub fn stats(&self) -> SlaStats {
        self.shared.stats()
    }

    /// Waits until what was heard before is in the file. Blocks the thread: call it from a thread that may wait.
    ///
    /// # Errors
    /// It takes longer than `within`, or the disk refused rows since the flush before.
    pub fn flush(&self, within: Duration) -> Result<(), NotFlushed> {
        /// How long a place in the queue is waited for, each time.
        const STEP: Duration = Duration::from_millis(5);
        let (tell, told) = mpsc::sync_channel(1);
        let mut work = Work::Flush(tell);
        let mut left = within;
        loop {
            match self.rows.try_send(work) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if !left.is_zero() => {
                    work = back;
                    std::thread::sleep(STEP);
                    left = left.saturating_sub(STEP);
                }
                Err(_) => return Err(NotFlushed),
            }
        }
        match told.recv_timeout(left) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(NotFlushed),
        }
    }
}

impl fmt::Debug for SlaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlaLog")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
