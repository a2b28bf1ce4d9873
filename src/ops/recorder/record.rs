use crate::{
    ops::snapshot::{ClassSnapshot, EndpointSnapshot, Snapshot},
    request::LegKind,
    telemetry::{Entry, Instance, millis, unix_millis},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::SystemTime};

/// One record of a flight recorder. A later version may have more kinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Record {
    /// A process began to record.
    Start(Start),
    /// An event.
    Event(Noted),
    /// How many attempts had ended, and how.
    Reading(Reading),
    /// Records are missing here.
    Lost(Lost),
    /// Newer records have pushed older ones out of the file, before this.
    Rotated(Rotated),
    /// The process stopped recording by itself. A process that is killed writes no end.
    End(End),
}

/// A process began to record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Start {
    /// The process: 16 hexadecimal digits.
    pub instance: String,
    /// The wall clock, in milliseconds since 1970 (UTC).
    pub wall_ms: u64,
    /// The version of evenkeel.
    pub evenkeel: String,
}

impl Start {
    pub(super) fn now(wall: SystemTime) -> Self {
        Self {
            instance: Instance::current().to_string(),
            wall_ms: unix_millis(wall),
            evenkeel: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// An event that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Noted {
    /// The event.
    pub entry: Entry,
    /// How many events like this one were left out since the last one that was kept: they only repeat it.
    pub left_out: u64,
}

/// What one client's endpoints had seen at one moment. Only what changed since the reading before, and once an hour all
/// of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reading {
    /// The process: 16 hexadecimal digits.
    pub instance: String,
    /// The wall clock, in milliseconds since 1970 (UTC).
    pub wall_ms: u64,
    /// The monotonic clock, in milliseconds since the instance started.
    pub uptime_ms: u64,
    /// The name of the client.
    pub client: String,
    /// By endpoint and class.
    pub places: Vec<PlaceReading>,
}

impl Reading {
    /// A reading without places.
    pub(super) fn of(snapshot: &Snapshot, places: Vec<PlaceReading>) -> Self {
        Self {
            instance: snapshot.instance.to_string(),
            wall_ms: unix_millis(snapshot.wall),
            uptime_ms: millis(snapshot.at.saturating_duration_since(snapshot.instance.since())),
            client: snapshot.client.to_string(),
            places,
        }
    }
}

/// What was seen of one endpoint, for one class of calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlaceReading {
    /// The endpoint's name.
    pub endpoint: String,
    /// `read`, `write` or `list`.
    pub class: String,
    /// The breaker: `closed`, `half-open` or `open`.
    pub breaker: String,
    /// The share of its normal traffic that the endpoint may carry, in whole per cent, rounded down.
    pub share: u8,
    /// How many attempts had ended since the client was built, by the words of the label `verdict` in
    /// [metrics](crate::telemetry). Background probes are left out, and what did not happen.
    pub attempts: BTreeMap<String, u64>,
    /// How many hedges had ended. They are among the attempts.
    pub hedges: u64,
    /// How many hedges brought the answer that their call took.
    pub hedges_won: u64,
}

impl PlaceReading {
    /// Every endpoint that no constraint bars.
    pub(super) fn each(snapshot: &Snapshot) -> impl Iterator<Item = Self> {
        let used = snapshot.endpoints.iter().filter(|endpoint| endpoint.barred.is_none());
        used.flat_map(|endpoint| endpoint.classes.iter().map(move |class| Self::of(endpoint, class)))
    }

    fn of(endpoint: &EndpointSnapshot, class: &ClassSnapshot) -> Self {
        let mut attempts = BTreeMap::new();
        for (kind, how, count) in class.attempts.iter() {
            if kind != LegKind::Probe {
                *attempts.entry(how.to_owned()).or_default() += count;
            }
        }
        Self {
            endpoint: endpoint.profile.name().to_owned(),
            class: class.class.as_str().to_owned(),
            breaker: class.breaker.as_str().to_owned(),
            share: (class.share * 100.0) as u8,
            attempts,
            hedges: class.attempts.of_kind(LegKind::Hedge),
            hedges_won: class.attempts.hedges_won(),
        }
    }

    /// Whether the endpoint gets more and more of its traffic.
    pub(super) fn is_returning(&self) -> bool {
        self.breaker == "closed" && self.share < 100
    }
}

/// Records are missing here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lost {
    /// How many.
    pub count: u64,
    /// When this was found out, in milliseconds since 1970 (UTC).
    pub wall_ms: u64,
}

/// Newer records have pushed older ones out of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rotated {
    /// How many, since the file was begun by whichever process.
    pub pushed_out: u64,
    /// When this happened, in milliseconds since 1970 (UTC).
    pub wall_ms: u64,
}

/// The process stopped recording by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct End {
    /// The process: 16 hexadecimal digits.
    pub instance: String,
    /// The wall clock, in milliseconds since 1970 (UTC).
    pub wall_ms: u64,
}
