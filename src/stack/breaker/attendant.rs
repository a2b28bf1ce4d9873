use crate::request::OpClass;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// What a breaker knows of the prober of its endpoint.
#[derive(Debug)]
pub(crate) struct Attendant {
    there: AtomicBool,
    /// Endpoints with an open breaker are probed, by these classes.
    open: bool,
    writes: bool,
    changed: Notify,
}

impl Attendant {
    /// A new attendant, which does not probe yet. `writes`: writes, too, are probed by requests of their own.
    pub(crate) fn new(open: bool, writes: bool) -> Self {
        Self {
            there: AtomicBool::new(false),
            open,
            writes,
            changed: Notify::new(),
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.there.load(Ordering::Relaxed)
    }

    /// Whether the background probes, so that calls need not lend probes.
    pub(crate) fn stands_in(&self) -> bool {
        self.open && self.is_there()
    }

    /// Whether this class is probed by requests of its own.
    pub(crate) const fn probes(&self, class: OpClass) -> bool {
        match class {
            OpClass::Read => true,
            OpClass::Write => self.writes,
            OpClass::List => false,
        }
    }

    pub(crate) fn comes(&self) {
        self.there.store(true, Ordering::Relaxed);
    }

    pub(crate) fn leaves(&self) {
        self.there.store(false, Ordering::Relaxed);
    }

    /// Waits until a breaker changes.
    pub(crate) async fn woken(&self) {
        self.changed.notified().await;
    }

    /// A breaker has changed.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }
}
