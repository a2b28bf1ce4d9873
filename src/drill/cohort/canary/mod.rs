mod clean;
mod ledger;
mod place;
mod readback;
mod rounds;
mod sweep;

pub(super) use clean::clean;
pub(super) use place::Place;
pub(super) use readback::read_back;
pub(super) use rounds::{Notes, Rounds};
pub use sweep::SweptCanaries;

use std::{sync::Arc, time::Duration};

/// The start of every canary's key. Callers cannot use such keys, and no listing shows them.
pub const CANARY_PREFIX: &str = ".evenkeel/drill/";

/// Objects that a drill writes by itself through the cohort's client, to see whether an acknowledged write is ever
/// lost.
///
/// One canary at a time is written, and one that was acknowledged is read. Under `write_once` every canary is a new
/// object; where objects can be replaced, every second write replaces one, so that an older version in its place is
/// seen. When the drill is over, each canary that was acknowledged is read back, and all are removed at every endpoint
/// to which the client writes.
///
/// Canaries pass the constraints, breakers and budget of the cohort's client. They are no callers' calls: neither the
/// [guard](crate::drill::Guard) nor the availability counts them, and no listener of calls hears of them.
///
/// ```
/// use evenkeel::drill::cohort::Canary;
/// use std::time::Duration;
///
/// let canary = Canary::default().every(Duration::from_millis(500)).bytes(4096);
/// assert_eq!(canary.wrong(), None);
/// assert!(Canary::default().bytes(1 << 30).wrong().is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canary {
    pub(super) every: Duration,
    pub(super) bytes: usize,
    pub(super) most: u32,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            every: Self::EVERY,
            bytes: Self::BYTES,
            most: Self::MOST,
        }
    }
}

impl Canary {
    /// The time from one canary to the next: an outage of a few seconds meets some, and nobody notices the load.
    pub const EVERY: Duration = Duration::from_secs(1);
    /// The size of a canary: cheap, and more than a store keeps beside its metadata.
    pub const BYTES: usize = 4 << 10;
    /// The most canaries of one drill: a quarter of an hour of them, removed in some seconds. After that canaries are
    /// only read and, where that is possible, replaced.
    pub const MOST: u32 = 1_000;

    /// Sets the time from one canary to the next: 50 ms to 10 min. A canary that takes longer delays the next.
    #[must_use]
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets the size of a canary: 256 bytes to 1 MiB.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the most objects that one drill stores: 1 to 10,000.
    #[must_use]
    pub const fn most(mut self, objects: u32) -> Self {
        self.most = objects;
        self
    }

    /// For people.
    pub(super) fn sentence(&self) -> String {
        format!("{} bytes every {:?}, at most {}", self.bytes, self.every, self.most)
    }

    /// The number that makes no sense, as a sentence.
    pub fn wrong(&self) -> Option<String> {
        let Self { every, bytes, most } = self;
        if !(Duration::from_millis(50)..=Duration::from_secs(600)).contains(every) {
            return Some(format!("canary.every must lie between 50 ms and 10 min, not {every:?}"));
        }
        if !(256..=1 << 20).contains(bytes) {
            return Some(format!("canary.bytes must lie between 256 and 1,048,576, not {bytes}"));
        }
        if !(1..=10_000).contains(most) {
            return Some(format!("canary.most must lie between 1 and 10,000, not {most}"));
        }
        None
    }
}

/// What became of a drill's canaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CanaryFindings {
    /// The start of their keys.
    pub prefix: String,
    /// How many writes were begun.
    pub writes: u64,
    /// How many of them were acknowledged.
    pub acknowledged: u64,
    /// How many of them failed, and may have been applied.
    pub uncertain: u64,
    /// How many reads of acknowledged canaries were begun during the drill.
    pub reads: u64,
    /// How many of them failed.
    pub reads_failed: u64,
    /// How many of them showed something older than was acknowledged and did not say so, or said that nothing is there.
    pub reads_wrong: u64,
    /// How many acknowledged canaries could be read back after the drill.
    pub read_back: u64,
    /// How many of them were not there, or were not what was written.
    pub lost: u64,
    /// How many of them were an older version.
    pub stale: u64,
    /// How many acknowledged canaries could not be read back.
    pub unread: u64,
    /// The endpoints at which canaries may be left. [`Canary::sweep`] removes them later.
    pub left: Vec<LeftBehind>,
}

/// Canaries that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftBehind {
    /// The endpoint's name.
    pub endpoint: Arc<str>,
    /// How many there may be.
    pub objects: u32,
    /// Why, as a clause.
    pub why: String,
}
