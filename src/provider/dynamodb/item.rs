//! Items in DynamoDB's form.

use super::DynamoDb;
use crate::{
    provider::{ProviderError, ProviderErrorKind, dated},
    request::{
        WriteId,
        kv::{Condition, Expiry, Key, Put, Value, Version},
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

/// The most bytes of an item beside key and value: the names, a write id of 64 bytes, a number (21 bytes as DynamoDB
/// counts).
pub(super) const BESIDE: usize = KEY.len() + VALUE.len() + WRITE_ID.len() + 64 + EXPIRES.len() + 21;

impl DynamoDb {
    /// The attributes that identify the item of this key.
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
        if let Some(at) = expires(put, now) {
            item.insert(EXPIRES.to_owned(), AttributeValue::N(at.to_string()));
        }
        item
    }
}

/// When the value of a put expires, in seconds since 1970. A condition on a version is a condition on that version's
/// expiry, too.
fn expires(put: &Put, now: SystemTime) -> Option<u64> {
    match (put.expiry(), &put.condition) {
        (Expiry::After(life), _) => {
            // Beyond the clock's end it is none.
            let since = since_1970(now.checked_add(life)?);
            Some(since.as_secs() + u64::from(since.subsec_nanos() > 0))
        }
        (Expiry::Kept, Condition::Version(version)) => dated::parts(version).1,
        (Expiry::Kept | Expiry::Never, _) => None,
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

/// The value in an item.
pub(super) fn value(mut item: Item) -> Result<Stored, ProviderError> {
    let Some(AttributeValue::B(bytes)) = item.remove(VALUE) else {
        return Err(foreign());
    };
    let write_id = match item.remove(WRITE_ID) {
        Some(AttributeValue::S(id)) => Some(WriteId::new(id)),
        None => None,
        Some(_) => return Err(foreign()),
    };
    let expires: Option<u64> = match item.remove(EXPIRES) {
        None => None,
        Some(AttributeValue::N(seconds)) => Some(seconds.parse().map_err(|_| foreign())?),
        Some(_) => return Err(foreign()),
    };
    let version = match &write_id {
        None => Version::new("", ""),
        Some(id) => dated::version(id.as_str(), expires),
    };
    Ok(Stored(Value {
        write_id,
        expires_at: expires.and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))),
        ..Value::new(bytes.into_inner(), version)
    }))
}

/// The key of an item.
pub(super) fn key(item: &Item) -> Option<&str> {
    item.get(KEY)?.as_s().ok().map(String::as_str)
}

/// Whether an item was stored by this write.
pub(super) fn is_of(item: &Item, write_id: &WriteId) -> bool {
    let id = item.get(WRITE_ID).and_then(|id| id.as_s().ok());
    id.is_some_and(|id| id == write_id.as_str())
}

/// The version of an item that a put stored. No two writes share a write id, so the write id serves as the version.
pub(super) fn version(item: &Item, write_id: &WriteId) -> Version {
    let expires = item.get(EXPIRES).and_then(|at| at.as_n().ok()?.parse().ok());
    dated::version(write_id.as_str(), expires)
}

/// A moment to compare an expiry with: a value is expired from the second of its expiry on.
pub(super) fn seconds(at: SystemTime) -> AttributeValue {
    AttributeValue::N(since_1970(at).as_secs().to_string())
}

fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The item was written by another program: the application's configuration is wrong, not the store.
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
    fn an_item_is_absent_from_the_second_of_its_expiry() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let expiring = || value(item(&[bytes(), (EXPIRES, AttributeValue::N("100".into()))])).unwrap();
        assert!(expiring().alive(at(99_999)).is_some());
        assert!(expiring().alive(at(100_000)).is_none());
        // The condition says the same: expired if `expires <= :now`.
        assert_eq!(seconds(at(99_999)), AttributeValue::N("99".into()));
        assert_eq!(seconds(at(100_000)), AttributeValue::N("100".into()));
    }

    #[test]
    fn a_foreign_item_is_read_or_refused() {
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
