use crate::model::clock::{self, Instant};
use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// This process, from its start to its end. A process that starts again is another instance. The operating system draws
/// the id (if it gives no random bytes: the clock and the thread do), and no seed. `Display` is 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    id: u64,
    since: Instant,
}

/// The number of the next event of this process.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Instance {
    /// This process. It counts as started when this is first called; building a client does so.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Instance> = OnceLock::new();
        *CURRENT.get_or_init(|| Self {
            id: getrandom::u64().unwrap_or_else(|_| fastrand::u64(..)),
            since: clock::now(),
        })
    }

    /// When the instance counts as started.
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// Draws the number of an event.
    pub(super) fn next_sequence() -> u64 {
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.id)
    }
}
