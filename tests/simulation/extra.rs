//! Counts this thread's attempts by their reason, from their spans: dropped calls, too, which no explanation covers.

use std::{cell::Cell, fmt::Debug, sync::Once};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

thread_local! {
    static EXTRA: Cell<u64> = const { Cell::new(0) };
    static OTHERS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

struct Reason;

impl Visit for Reason {
    fn record_str(&mut self, field: &Field, value: &str) {
        match (field.name(), value) {
            ("attempt.reason", "retry" | "hedge") => EXTRA.set(EXTRA.get() + 1),
            // From the background: nobody's call.
            ("attempt.reason", "probe") => {}
            ("attempt.reason", _) => OTHERS.set(OTHERS.get() + 1),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Reason);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Begins to count at zero on this thread.
pub(crate) fn start() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| tracing::subscriber::set_global_default(Counting).expect("the only subscriber"));
    EXTRA.set(0);
    OTHERS.set(0);
}

/// Retries and hedges since then. Proofs of absence and confirmations are none.
pub(crate) fn attempts() -> u64 {
    EXTRA.get()
}

/// First attempts, proofs and confirmations since then.
pub(crate) fn others() -> u64 {
    OTHERS.get()
}
