//! Items as DynamoDB keeps them.

use super::DynamoDb;
use crate::{
    provider::{ProviderError, ProviderErrorKind},
    request::{
        WriteId,
        kv::{Key, Put, Value, Version},
    },
    verdict::{Outcome, Sent, Verdict},
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const KEY: &str = "key";
pub(super) const PARTITION: &str = "partition";
const VALUE: &str = "value";
pub(super) const WRITE_ID: &str = "write_id";
pub(super) const EXPIRES: &str = "expires";

/// What stands beside key and value at most: the names, a write id of 64 bytes, a number (21 bytes as DynamoDB counts).
pub(super) const BESIDE: usize = KEY.len() + VALUE.len() + WRITE_ID.len() + 64 + EXPIRES.len() + 21;

impl DynamoDb {
    /// What identifies the item of this key.
    pub(super) fn key(&self, key: &Key) -> Item {
        let mut item = Item::with_capacity(5);
        item.insert(KEY.to_owned(), AttributeValue::S(key.as_str().to_owned()));
        if let Some(partition) = &self.partition {
            item.insert(PARTITION.to_owned(), AttributeValue::S(partition.to_string()));
        }
        item
    }

    /// The item that a put stores.
    pub(super) fn item(&self, put: &Put, now: SystemTime) -> Item {
        let mut item = self.key(&put.key);
        item.insert(VALUE.to_owned(), AttributeValue::B(Blob::new(put.value.to_vec())));
        item.insert(WRITE_ID.to_owned(), AttributeValue::S(put.write_id.as_str().to_owned()));
        // A time to live beyond the clock's end is none.
        if let Some(at) = put.time_to_live.and_then(|after| now.checked_add(after)) {
            let since = since_1970(at);
            let up = since.as_secs() + u64::from(since.subsec_nanos() > 0);
            item.insert(EXPIRES.to_owned(), AttributeValue::N(up.to_string()));
        }
        item
    }
}

/// A value that may have expired.
#[derive(Debug)]
pub(super) struct Stored(Value);

impl Stored {
    /// The value, if it has not expired.
    pub(super) fn alive(self, now: SystemTime) -> Option<Value> {
        let Self(value) = self;
        value.expires_at.is_none_or(|at| now < at).then_some(value)
    }
}

/// What an item holds.
pub(super) fn value(mut item: Item) -> Result<Stored, ProviderError> {
    let Some(AttributeValue::B(bytes)) = item.remove(VALUE) else {
        return Err(foreign());
    };
    let write_id = match item.remove(WRITE_ID) {
        Some(AttributeValue::S(id)) => Some(WriteId::new(id)),
        None => None,
        Some(_) => return Err(foreign()),
    };
    let expires_at = match item.remove(EXPIRES) {
        None => None,
        Some(AttributeValue::N(seconds)) => {
            let seconds = seconds.parse().map_err(|_| foreign())?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
        }
        Some(_) => return Err(foreign()),
    };
    let version = write_id.as_ref().map_or_else(|| Version::new("", ""), version);
    Ok(Stored(Value {
        write_id,
        expires_at,
        ..Value::new(bytes.into_inner(), version)
    }))
}

/// The key of an item.
pub(super) fn key(item: &Item) -> Option<&str> {
    item.get(KEY)?.as_s().ok().map(String::as_str)
}

/// Whether an item was stored by this write.
pub(super) fn is_of(item: Option<&Item>, write_id: &WriteId) -> bool {
    let id = item.and_then(|item| item.get(WRITE_ID)?.as_s().ok());
    id.is_some_and(|id| id == write_id.as_str())
}

/// A write id is used once, so that it serves as the version, too.
pub(super) fn version(write_id: &WriteId) -> Version {
    Version::new(write_id.as_str(), "")
}

/// A moment to compare an expiry with: expired from its second on.
pub(super) fn seconds(at: SystemTime) -> AttributeValue {
    AttributeValue::N(since_1970(at).as_secs().to_string())
}

fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Somebody else's item: the application's configuration is wrong, not the store.
fn foreign() -> ProviderError {
    let outcome = Outcome::new(Verdict::Caller, Sent::Maybe);
    ProviderError::new(ProviderErrorKind::Invalid, outcome).with_message("an item of this table has another layout")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(attributes: &[(&str, AttributeValue)]) -> Item {
        let attributes = attributes.iter().cloned();
        attributes.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn bytes() -> (&'static str, AttributeValue) {
        (VALUE, AttributeValue::B(Blob::new("v")))
    }

    #[test]
    fn it_is_absent_from_the_second_of_its_expiry_on() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let expiring = || value(item(&[bytes(), (EXPIRES, AttributeValue::N("100".into()))])).unwrap();
        assert!(expiring().alive(at(99_999)).is_some());
        assert!(expiring().alive(at(100_000)).is_none());
        // The condition says the same: expired if `expires <= :now`.
        assert_eq!(seconds(at(99_999)), AttributeValue::N("99".into()));
        assert_eq!(seconds(at(100_000)), AttributeValue::N("100".into()));
    }

    #[test]
    fn what_another_wrote_is_read_or_refused() {
        let read = value(item(&[bytes()])).unwrap().alive(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!((read.write_id, read.version.token()), (None, ""));
        for odd in [
            item(&[]),
            item(&[(VALUE, AttributeValue::S("text".into()))]),
            item(&[bytes(), (EXPIRES, AttributeValue::S("never".into()))]),
            item(&[bytes(), (EXPIRES, AttributeValue::N("1.5".into()))]),
            item(&[bytes(), (WRITE_ID, AttributeValue::Bool(true))]),
        ] {
            assert_eq!(value(odd).unwrap_err().kind(), ProviderErrorKind::Invalid);
        }
    }
}
