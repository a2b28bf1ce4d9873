//! Events to record, as many as wanted, each with a number.

use evenkeel::{
    Endpoint, Failover,
    ops::{
        operator::Selector,
        recorder::{FlightRecorder, Record, Recording},
    },
    telemetry::Field,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A client whose operator gives orders, each of which is an event.
pub(crate) struct Orders(Failover<()>);

impl Orders {
    pub(crate) fn heard_by(recorder: &FlightRecorder) -> Self {
        let client = Failover::builder()
            .client_name("orders")
            .endpoint(Endpoint::new("virginia", ()))
            .endpoint(Endpoint::new("ireland", ()))
            .on_event_record(recorder.listener())
            .build();
        Self(client.unwrap())
    }

    /// Two events: an order with this reason, and its end.
    pub(crate) fn give(&self, reason: impl Into<std::sync::Arc<str>>) {
        let operator = self.0.operator();
        let order = operator.drain(Selector::endpoint("virginia"), reason, SOON);
        operator.lift(order.apply().unwrap());
    }

    pub(crate) fn number(&self, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            self.give(number.to_string());
        }
    }
}

/// The numbers of the orders that were given, in their order.
pub(crate) fn numbers(recording: &Recording) -> Vec<usize> {
    let each = recording.records.iter().filter_map(|record| match record {
        Record::Event(noted) if noted.entry.kind == "order-given" => match &noted.entry.fields["reason"] {
            Field::Text(reason) => reason.parse().ok(),
            _ => None,
        },
        _ => None,
    });
    each.collect()
}

pub(crate) fn to(path: &Path) -> FlightRecorder {
    FlightRecorder::builder().file(path).start().unwrap()
}

pub(crate) fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("photos.flight")
}

/// Waits for another thread's or process's work.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("a minute has passed without: {what}");
}
