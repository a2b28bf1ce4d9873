use crate::telemetry::unix_millis;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// What stands beside the body: who approved the drill, and when it was, by the clock on the wall. `attestation.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Attestation {
    /// The version of this form: [`Attestation::VERSION`].
    pub version: u32,
    /// Who approved the drill, as the producer was told. `None`: nobody was named.
    pub approved_by: Option<String>,
    /// The public key that signed the manifest, in hexadecimal digits. `None`: it is not signed.
    pub key: Option<String>,
    /// When the criteria were recorded, in milliseconds since 1970 (UTC).
    pub planned_wall_ms: u64,
    /// When the scenario began. `None`: it never did.
    pub started_wall_ms: Option<u64>,
    /// When the report was made.
    pub finished_wall_ms: u64,
}

impl Attestation {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;
}

/// The clock on the wall, as the journal saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallTimes {
    pub(super) planned: SystemTime,
    pub(super) started: Option<SystemTime>,
    pub(super) finished: SystemTime,
}

impl WallTimes {
    pub(super) fn attested(self, approved_by: Option<&str>, key: Option<&str>) -> Attestation {
        Attestation {
            version: Attestation::VERSION,
            approved_by: approved_by.map(str::to_owned),
            key: key.map(str::to_owned),
            planned_wall_ms: unix_millis(self.planned),
            started_wall_ms: self.started.map(unix_millis),
            finished_wall_ms: unix_millis(self.finished),
        }
    }
}
