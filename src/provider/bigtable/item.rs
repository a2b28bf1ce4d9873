//! How a row keeps a value, and the filters that read rows.
//!
//! Everything that conditions depend on is in one cell, the *stamp*. Bigtable's filters look at cells one by one and
//! cannot require that two cells hold together.

use super::{error::foreign, rows::Row};
use crate::{
    provider::ProviderError,
    request::{
        WriteId,
        kv::{Expiry, Put, Value, Version},
    },
};
use googleapis_tonic_google_bigtable_v2::google::bigtable::v2::{
    Mutation, RowFilter, ValueRange,
    mutation::{DeleteFromFamily, Mutation as Change, SetCell},
    row_filter::{Chain, Filter},
    value_range::{EndValue, StartValue},
};
use std::time::{Duration, SystemTime};

pub(super) const FAMILY: &str = "kv";
pub(super) const STAMP: &[u8] = b"s";
pub(super) const VALUE: &[u8] = b"v";
const NEVER: u64 = u64::MAX;

/// When a value expires, and which write stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// In milliseconds since 1970. The value is absent from then on.
    expires: u64,
    write_id: String,
}

impl Stamp {
    /// The stamp of a put that replaces a value with the stamp `met`. (A condition on that stamp is a condition on its
    /// expiry, too.)
    pub(super) fn of(put: &Put, met: Option<&Self>, now: SystemTime) -> Self {
        let expires = match put.expiry() {
            Expiry::Never => NEVER,
            // Beyond the clock's end it is none.
            Expiry::After(life) => now.checked_add(life).map_or(NEVER, |at| millis(at, true)),
            Expiry::Kept => met.map_or(NEVER, |met| met.expires),
        };
        Self {
            expires,
            write_id: put.write_id.as_str().to_owned(),
        }
    }

    /// The cell's bytes: the expiry in eight bytes that sort by time, then the write id.
    fn cell(&self) -> Vec<u8> {
        [&self.expires.to_be_bytes(), self.write_id.as_bytes()].concat()
    }

    fn read(cell: &[u8]) -> Option<Self> {
        let (expires, write_id) = cell.split_first_chunk()?;
        Some(Self {
            expires: u64::from_be_bytes(*expires),
            write_id: std::str::from_utf8(write_id).ok()?.to_owned(),
        })
    }

    /// The version has both parts, because the whole cell is compared with the version.
    pub(super) fn version(&self) -> Version {
        let expires = match self.expires {
            NEVER => String::new(),
            at => at.to_string(),
        };
        Version::new(format!("{expires}:{}", self.write_id), "")
    }

    pub(super) fn of_version(version: &Version) -> Result<Self, ProviderError> {
        let parts = version.token().split_once(':').and_then(|(expires, write_id)| {
            Some(Self {
                expires: if expires.is_empty() {
                    NEVER
                } else {
                    expires.parse().ok()?
                },
                write_id: write_id.to_owned(),
            })
        });
        parts.ok_or_else(|| ProviderError::unsupported("the version is none of Bigtable's"))
    }

    pub(super) fn is_alive(&self, now: SystemTime) -> bool {
        millis(now, false) < self.expires
    }
}

/// Since 1970, in whole milliseconds.
fn millis(at: SystemTime, up: bool) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = match up {
        true => since.as_nanos().div_ceil(1_000_000),
        false => since.as_millis(),
    };
    u64::try_from(whole).unwrap_or(NEVER - 1).min(NEVER - 1)
}

/// evenkeel's value in a row. `None`: evenkeel has no value there.
pub(super) fn value(row: &Row) -> Result<Option<(Stamp, Value)>, ProviderError> {
    let cell = |qualifier: &[u8]| {
        row.cells
            .iter()
            .find(|cell| cell.family == FAMILY && cell.qualifier == qualifier)
    };
    let (stamp, bytes) = match (cell(STAMP), cell(VALUE)) {
        (None, None) => return Ok(None),
        (Some(stamp), Some(value)) => (Stamp::read(&stamp.value).ok_or_else(foreign)?, value.value.clone()),
        _ => return Err(foreign()),
    };
    let expires_at = match stamp.expires {
        NEVER => None,
        at => SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(at)),
    };
    let value = Value {
        expires_at,
        write_id: Some(WriteId::new(stamp.write_id.as_str())),
        ..Value::new(bytes, stamp.version())
    };
    Ok(Some((stamp, value)))
}

/// The value that a row holds, if it has not expired.
pub(super) fn alive(row: &Row, now: SystemTime) -> Result<Option<Value>, ProviderError> {
    let there = value(row)?.filter(|(stamp, _)| stamp.is_alive(now));
    Ok(there.map(|(_, value)| value))
}

/// Stores a value in place of the earlier value. Bigtable makes the changes of one row in order and all at once.
pub(super) fn store(put: &Put, stamp: &Stamp, now: SystemTime) -> Vec<Mutation> {
    // Bigtable's tables count in milliseconds and are told in microseconds.
    let timestamp_micros = i64::try_from(millis(now, false))
        .unwrap_or_default()
        .saturating_mul(1_000);
    let set = |qualifier: &[u8], value: Vec<u8>| {
        change(Change::SetCell(SetCell {
            family_name: FAMILY.to_owned(),
            column_qualifier: qualifier.to_vec(),
            timestamp_micros,
            value,
        }))
    };
    let mut changes = remove();
    changes.push(set(STAMP, stamp.cell()));
    changes.push(set(VALUE, put.value.to_vec()));
    changes
}

/// Removes evenkeel's columns from a row.
pub(super) fn remove() -> Vec<Mutation> {
    vec![change(Change::DeleteFromFamily(DeleteFromFamily {
        family_name: FAMILY.to_owned(),
    }))]
}

const fn change(change: Change) -> Mutation {
    Mutation { mutation: Some(change) }
}

/// Selects evenkeel's columns of a row: the newest version of each cell.
pub(super) fn ours() -> RowFilter {
    chain(vec![
        Filter::FamilyNameRegexFilter(FAMILY.to_owned()),
        Filter::CellsPerColumnLimitFilter(1),
    ])
}

/// Lets something through if the row has a value that has not expired.
pub(super) fn is_alive(now: SystemTime) -> RowFilter {
    let least = millis(now, false).saturating_add(1).to_be_bytes().to_vec();
    stamp_within(ValueRange {
        start_value: Some(StartValue::StartValueClosed(least)),
        end_value: None,
    })
}

/// Lets something through if the row has this stamp.
pub(super) fn is_at(stamp: &Stamp) -> RowFilter {
    stamp_within(ValueRange {
        start_value: Some(StartValue::StartValueClosed(stamp.cell())),
        end_value: Some(EndValue::EndValueClosed(stamp.cell())),
    })
}

fn stamp_within(range: ValueRange) -> RowFilter {
    chain(vec![
        Filter::FamilyNameRegexFilter(FAMILY.to_owned()),
        Filter::ColumnQualifierRegexFilter(STAMP.to_vec()),
        Filter::CellsPerColumnLimitFilter(1),
        Filter::ValueRangeFilter(range),
    ])
}

fn chain(filters: Vec<Filter>) -> RowFilter {
    let filters = filters.into_iter().map(|filter| RowFilter { filter: Some(filter) });
    RowFilter {
        filter: Some(Filter::Chain(Chain {
            filters: filters.collect(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::kv::{Condition, Key};

    #[test]
    fn a_version_round_trips_to_its_stamp() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros(10_000_001);
        let mut put = Put::new(Key::new("k").unwrap(), "v", WriteId::new("w:1"));
        let stays = Stamp::of(&put, None, now);
        put.time_to_live = Some(Duration::from_millis(5));
        let expires = Stamp::of(&put, None, now);
        // Rounded up.
        assert_eq!(expires.expires, 10_006);
        let on = Put::new(put.key.clone(), "w", WriteId::new("w:2")).on(Condition::Version(expires.version()));
        let kept = Stamp::of(&on, Some(&expires), now);
        assert_eq!(kept.expires, 10_006);
        assert_eq!(Stamp::of(&on.without_expiry(), Some(&expires), now).expires, NEVER);
        for stamp in [stays, kept, expires.clone()] {
            assert_eq!(Stamp::of_version(&stamp.version()).unwrap(), stamp);
            assert_eq!(Stamp::read(&stamp.cell()).unwrap(), stamp);
        }
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert!(expires.is_alive(at(10_005)) && !expires.is_alive(at(10_006)));
        for foreign in ["", "abc", "x:y"] {
            assert!(Stamp::of_version(&Version::new(foreign, "")).is_err(), "{foreign}");
        }
    }
}
