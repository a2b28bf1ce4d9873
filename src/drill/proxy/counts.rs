use super::Shared;
use crate::request::OpClass;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The requests that have passed a proxy, by class of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([ClassCounts; 3]);

/// Requests of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassCounts {
    /// Requests whose head arrived.
    pub seen: u64,
    /// Requests that were sent on to the server.
    pub forwarded: u64,
    /// Requests that met a fault, even if only a delay.
    pub faulted: u64,
    /// Bytes of requests' bodies that arrived.
    pub bytes_up: u64,
    /// Bytes of bodies that went to the client with the server's successful answers (2xx). Error documents do not count.
    pub bytes_down: u64,
}

impl Counts {
    /// The counts of this class.
    pub const fn of(&self, class: OpClass) -> ClassCounts {
        self.0[class.index()]
    }

    /// The counts of all classes together.
    pub fn total(&self) -> ClassCounts {
        self.0.iter().fold(ClassCounts::default(), |sum, class| ClassCounts {
            seen: sum.seen + class.seen,
            forwarded: sum.forwarded + class.forwarded,
            faulted: sum.faulted + class.faulted,
            bytes_up: sum.bytes_up + class.bytes_up,
            bytes_down: sum.bytes_down + class.bytes_down,
        })
    }
}

/// The running counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    seen: [AtomicU64; 3],
    forwarded: [AtomicU64; 3],
    faulted: [AtomicU64; 3],
    bytes_up: [AtomicU64; 3],
    bytes_down: [AtomicU64; 3],
}

/// Counts the bytes of one exchange.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    shared: Arc<Shared>,
    class: OpClass,
}

impl Meter {
    pub(super) const fn new(shared: Arc<Shared>, class: OpClass) -> Self {
        Self { shared, class }
    }

    pub(super) fn up(&self, bytes: usize) {
        self.shared.counters.bytes_up[self.class.index()].fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn down(&self, bytes: usize) {
        self.shared.counters.bytes_down[self.class.index()].fetch_add(bytes as u64, Relaxed);
    }
}

impl Counters {
    pub(super) fn saw(&self, class: OpClass) {
        self.seen[class.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn forwarded(&self, class: OpClass) {
        self.forwarded[class.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn faulted(&self, class: OpClass) {
        self.faulted[class.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> Counts {
        Counts(OpClass::ALL.map(|class| ClassCounts {
            seen: self.seen[class.index()].load(Relaxed),
            forwarded: self.forwarded[class.index()].load(Relaxed),
            faulted: self.faulted[class.index()].load(Relaxed),
            bytes_up: self.bytes_up[class.index()].load(Relaxed),
            bytes_down: self.bytes_down[class.index()].load(Relaxed),
        }))
    }
}
