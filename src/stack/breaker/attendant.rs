use crate::request::OpClass;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// What a breaker knows of who probes its endpoint.
#[derive(Debug)]
pub(crate) struct Attendant {
    there: AtomicBool,
    /// Endpoints whose breaker is open are probed, by these classes.
    open: bool,
    writes: bool,
    changed: Notify,
}

impl Attendant {
    /// It is not there yet. `writes`: writes, too, are probed by requests of their own.
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

    /// Calls need not be lent as probes.
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

    /// Until a breaker changes.
    pub(crate) async fn woken(&self) {
        self.changed.notified().await;
    }

    /// A breaker has changed.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }
}
