//! The beginning of a large body that broke off, kept for the client that goes on from there.

use std::{
    any::Any,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// A place for the beginning of one attempt's answer. Empty until the body breaks off.
#[derive(Debug)]
pub(crate) struct Kept {
    wanted: bool,
    is_enough: AtomicBool,
    /// Only the adapter that keeps it and the client that takes it know its type.
    beginning: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Kept {
    pub(super) const fn new(wanted: bool) -> Self {
        Self {
            wanted,
            is_enough: AtomicBool::new(false),
            beginning: Mutex::new(None),
        }
    }

    /// Whether the client would go on from a beginning.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Says that enough has arrived to go on from it.
    pub(crate) fn note_enough(&self) {
        self.is_enough.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_enough(&self) -> bool {
        self.is_enough.load(Ordering::Relaxed)
    }

    /// Keeps what has arrived of a body that has broken off.
    pub(crate) fn keep(&self, beginning: impl Any + Send) {
        *self.beginning() = Some(Box::new(beginning));
    }

    /// Whether a beginning waits to be taken.
    pub(super) fn is_there(&self) -> bool {
        self.beginning().is_some()
    }

    pub(super) fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.beginning().take()
    }

    fn beginning(&self) -> MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        self.beginning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
