//! A flight recorder: what the clients of this process decided and why, in memory and in a file, for the time after.
//!
//! Status pages and dashboards can be down with the provider. A recorder is in your process, and its file on your disk:
//! both can be read with every provider dead. [`incident_report`](super::incident::incident_report) makes a report of it.
//!
//! ```
//! use evenkeel::{
//!     Endpoint, ObjectClient, Replication,
//!     ops::{incident::incident_report, recorder::FlightRecorder},
//!     provider::Memory,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?; let path = folder.path().join("photos.flight");
//! // A file of its own for each process.
//! let recorder = FlightRecorder::builder().file(path).start()?;
//! let photos = ObjectClient::builder()
//!     .client_name("photos")
//!     .endpoint(Endpoint::new("virginia", Memory::new()))
//!     .endpoint(Endpoint::new("ireland", Memory::new()))
//!     .replication(Replication::write_once())
//!     .on_event_record(recorder.listener())
//!     .build()?;
//! // For figures: who was affected, and when a return was complete.
//! tokio::spawn(recorder.watch(photos.view()));
//!
//! println!("{}", incident_report(&recorder.recording())); // Markdown
//! # Ok(()) }
//! ```
//!
//! # What is recorded
//! - Every [event](crate::telemetry::Event), except those that only repeat what is known (the hundredth failed probe):
//!   of a run of equal ones the first is kept, the second, the fourth, the eighth and so on, and one an hour. A kept
//!   event says how many were left out.
//! - With [`watch`](FlightRecorder::watch): how many attempts ended how, by endpoint and class; when a breaker opens or
//!   closes, every 10 s while an endpoint returns, and every minute otherwise, if anything has changed.
//!
//! A recording holds names of clients, endpoints and credentials' keepers, hosts that endpoints share, and the reasons
//! and authors of orders as they were given. It holds no key or content of an object, no credentials, and no text that
//! a server sent.
//!
//! # What is lost, and when
//! Memory holds the last 4,096 records, unless you say otherwise; at least half of it is for events. The file holds the last 8 to 16 MiB, in two segments.
//! A thread of its own writes it: a call never waits for the disk.
//!
//! - **The process is killed** (SIGKILL, out of memory): what the thread had not yet written is lost. That is what waits
//!   for the disk ([`RecorderStats::waiting`]): mostly nothing, or the events of some milliseconds. What a
//!   [`flush`](FlightRecorder::flush) returned for is kept, and so is all that was written before; at most the last line
//!   is torn.
//! - **The machine crashes**: also what was written in the last second. The thread has the operating system store the
//!   file (`fdatasync`) once a second, and at each flush.
//! - **The disk hangs**: 4,096 records wait for it in memory. Further ones are lost to the file, and counted.
//! - **The disk is full, or the folder is gone**: records are lost, and counted, until the disk takes them again. The
//!   file then says how many are missing. Memory keeps its records through all of this.
//! - **A line is damaged**: readers pass it over and count it.
//!
//! # The file
//! Text, one record a line: the CRC-32 of the record's JSON in eight hexadecimal digits, a space, the JSON. The first
//! line is `evenkeel-flight-recorder 1`, with the version of the format; lines that begin with `#` say what the file
//! holds. When `PATH` is full (half of the limit), it becomes `PATH.1` in place of the one before, and a new `PATH`
//! begins. Its first lines say how many records the file has lost by that so far; [`Gaps`] tells it on. `PATH.lock` is
//! locked as long as a process records. On Unix all three are readable for their owner only (mode 0600).
//!
//! A process that starts again goes on in the same file: what its predecessor wrote before it died is kept. A file that
//! is no recording, or that a later version wrote, is left as it is, and the recorder does not start. Nor does it where
//! one of the three is a symbolic link: somebody else may have put it there to have a file of theirs, or of yours,
//! written to. A folder may be one.

mod builder;
mod disk;
mod error;
mod line;
mod record;
mod recording;
mod segments;
mod state;
mod thin;
mod watch;

pub use builder::RecorderBuilder;
pub use error::{FlushError, RecorderError};
pub use record::{End, Lost, Noted, PlaceReading, Reading, Record, Rotated, Start};
pub use recording::{Gaps, Recording};
pub use state::RecorderStats;

use super::view::ClientView;
use crate::telemetry::{Event, EventRecord};
use state::{Shared, Unflushed};
use std::{sync::Arc, time::Duration};

/// Keeps what the clients of this process decided. Clones are one recorder. When the last one is dropped, with the
/// clients that have its listeners, the thread writes what waits, and ends.
#[derive(Clone, Debug)]
pub struct FlightRecorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    /// Counts changes of a breaker.
    news: tokio::sync::watch::Sender<u64>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl FlightRecorder {
    /// A recorder in memory only, of the last 4,096 records.
    pub fn in_memory() -> Self {
        Self::of(Arc::new(Shared::new(RecorderBuilder::RECORDS, false)))
    }

    /// Sets up a recorder: with a file, or with another size.
    pub fn builder() -> RecorderBuilder {
        RecorderBuilder::new()
    }

    fn of(shared: Arc<Shared>) -> Self {
        let news = tokio::sync::watch::Sender::new(0);
        Self {
            inner: Arc::new(Inner { shared, news }),
        }
    }

    /// The function for a builder's [`on_event_record`](crate::client::StoreBuilder::on_event_record). Any number of
    /// clients can have it. It never waits for the disk.
    pub fn listener(&self) -> impl Fn(&EventRecord) + Send + Sync + 'static + use<> {
        let recorder = self.clone();
        move |record| recorder.note(record)
    }

    /// Records an event. The [listener](Self::listener) does so.
    pub fn note(&self, record: &EventRecord) {
        self.inner.shared.note(record);
        if matches!(
            record.event,
            Event::BreakerOpened { .. } | Event::BreakerClosed { .. } | Event::AllBad { .. }
        ) {
            self.inner.news.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Records how many attempts of a client ended how, until the client or the recorder is gone. Spawn it, once for each
    /// client; neither is kept alive by it. Without it, a report has no figures, and cannot say when a return was
    /// complete.
    pub fn watch(&self, view: ClientView) -> impl Future<Output = ()> + Send + 'static + use<> {
        watch::run(Arc::downgrade(&self.inner), view, self.inner.news.subscribe())
    }

    /// What is in memory.
    pub fn recording(&self) -> Recording {
        self.inner.shared.recording()
    }

    /// The recorder's own figures.
    pub fn stats(&self) -> RecorderStats {
        self.inner.shared.stats()
    }

    /// Waits until everything recorded before is in the file, and stored. Blocks the thread for at most `within`: in
    /// async code call it through `spawn_blocking`. Call it before the process ends. Without a file there is nothing to
    /// wait for.
    ///
    /// # Errors
    /// The disk is too slow, records were lost since the flush before, or the operating system could not store the file.
    pub fn flush(&self, within: Duration) -> Result<(), FlushError> {
        self.inner.shared.flush(within).map_err(|why| match why {
            None => FlushError::Late,
            Some(Unflushed::Lost(count)) => FlushError::Lost(count),
            Some(Unflushed::NotStored) => FlushError::NotStored,
        })
    }
}
