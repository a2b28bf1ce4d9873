use super::{Event, Field, Instance, fields::millis};
use crate::model::clock::{self, Instant};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// An event, with when and where it happened. Cheap to clone. The function given to a builder's
/// [`on_event_record`](crate::client::StoreBuilder::on_event_record) hears of each.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventRecord {
    /// The process.
    pub instance: Instance,
    /// The event's number, counted from 1 over all clients of the process. Events that happen at once may be heard in
    /// another order than that of their numbers. A listener of one client meets gaps: the numbers of other clients'
    /// events. Where credentials are shared, each of their clients hears of one event, with one number.
    pub sequence: u64,
    /// The wall clock, for people. It may be wrong, and it may jump.
    pub wall: SystemTime,
    /// The monotonic clock, for differences between the events of one process.
    pub at: Instant,
    /// The name of the client. `None` for credentials, which belong to the process.
    pub client: Option<Arc<str>>,
    /// The event.
    pub event: Event,
}

impl EventRecord {
    /// The record of an event that happens now.
    pub(crate) fn now(client: Option<Arc<str>>, wall: SystemTime, event: Event) -> Self {
        Self {
            instance: Instance::current(),
            sequence: Instance::next_sequence(),
            wall,
            at: clock::now(),
            client,
            event,
        }
    }

    /// The same for other processes.
    pub fn entry(&self) -> Entry {
        let fields = self.event.fields().into_iter();
        Entry {
            version: Entry::VERSION,
            instance: self.instance.to_string(),
            sequence: self.sequence,
            wall_ms: unix_millis(self.wall),
            uptime_ms: millis(self.at.saturating_duration_since(self.instance.since())),
            client: self.client.as_deref().map(str::to_owned),
            kind: self.event.kind().to_owned(),
            sentence: self.event.to_string(),
            fields: fields.map(|(name, field)| (name.to_owned(), field)).collect(),
        }
    }
}

/// An event as plain data, to be written and read by other processes and later versions. With the feature `serde` it
/// can be serialized and deserialized; `docs/entry.schema.json` is the JSON schema. Texts may be a user's: escape them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Entry {
    /// The version of this form: [`Entry::VERSION`]. A later version may have more kinds and more fields. The number
    /// changes when what there was means something else.
    pub version: u32,
    /// The instance: 16 hexadecimal digits.
    pub instance: String,
    /// See [`EventRecord::sequence`].
    pub sequence: u64,
    /// The wall clock, in milliseconds since 1970 (UTC).
    pub wall_ms: u64,
    /// The monotonic clock, in milliseconds since the instance started.
    pub uptime_ms: u64,
    /// The name of the client. `None` for credentials, which belong to the process.
    pub client: Option<String>,
    /// See [`Event::kind`].
    pub kind: String,
    /// The event in one sentence.
    pub sentence: String,
    /// See [`Event::fields`].
    pub fields: BTreeMap<String, Field>,
}

impl Entry {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;
}

/// Milliseconds since 1970; 0 before.
pub(crate) fn unix_millis(wall: SystemTime) -> u64 {
    wall.duration_since(UNIX_EPOCH).map_or(0, millis)
}
