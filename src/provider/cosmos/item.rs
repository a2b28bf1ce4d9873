//! Items in Cosmos DB's form.

use crate::{
    provider::{ProviderError, ProviderErrorKind, dated},
    request::{
        WriteId,
        kv::{Condition, Expiry, Key, Put, Value, Version},
    },
    verdict::{Outcome, Sent, Verdict},
};
use azure_core::base64;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// An id has at most 1,023 bytes, and base64 makes four bytes of three.
pub(super) const KEY_BYTES: usize = 1023 / 4 * 3 + 2;
/// An item has at most 2 MB of JSON: the value in base64, the key twice (escaped, and in base64), and the other
/// properties.
pub(super) const ITEM_BYTES: usize = (2 * 1024 * 1024 - 8 * 1024) / 4 * 3;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    pub(super) write_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

/// The id under which a key is kept.
pub(super) fn id(key: &Key) -> String {
    base64::encode_url_safe(key.as_str()).trim_end_matches('=').to_owned()
}

impl Item {
    /// The item that a put stores.
    pub(super) fn new(put: &Put, now: SystemTime) -> Self {
        let up = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let since_1970 = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).ok();
        let expires = match (put.expiry(), &put.condition) {
            // Beyond the clock's end it is none.
            (Expiry::After(life), _) => now.checked_add(life).and_then(since_1970).map(up),
            (Expiry::Kept, Condition::Version(version)) => dated::parts(version).1,
            (Expiry::Kept | Expiry::Never, _) => None,
        };
        // The service counts anew from every write. Beyond its longest, 68 years, it is absent by `expires` alone.
        let left = |at: u64| match put.expiry() {
            Expiry::After(life) => up(life),
            _ => at.saturating_sub(since_1970(now).unwrap_or_default().as_secs()),
        };
        let ttl = expires.map(|at| i64::from(i32::try_from(left(at).max(1)).unwrap_or(i32::MAX)));
        Self {
            id: id(&put.key),
            key: Some(put.key.as_str().to_owned()),
            value: Some(base64::encode(&put.value)),
            write_id: Some(put.write_id.as_str().to_owned()),
            expires,
            ttl,
        }
    }

    /// Whether the item has not expired.
    pub(super) fn is_alive(&self, now: SystemTime) -> bool {
        self.expires_at().is_none_or(|at| now < at)
    }

    fn expires_at(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.expires?))
    }

    /// The version of this item with this ETag.
    pub(super) fn version(&self, etag: &str) -> Version {
        dated::version(etag, self.expires)
    }

    pub(super) fn into_value(self, version: Version) -> Result<Value, ProviderError> {
        let bytes = self.value.as_ref().and_then(|value| base64::decode(value).ok());
        Ok(Value {
            expires_at: self.expires_at(),
            write_id: self.write_id.map(WriteId::new),
            ..Value::new(bytes.ok_or_else(foreign)?, version)
        })
    }
}

/// The item was written by another program: the application's configuration is wrong, not the store.
fn foreign() -> ProviderError {
    let outcome = Outcome::new(Verdict::Caller, Sent::Maybe);
    ProviderError::new(ProviderErrorKind::Invalid, outcome).with_message("an item of this container has another layout")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_key_fits_an_id() {
        let key = |bytes: usize| Key::new("k".repeat(bytes)).unwrap();
        assert_eq!(KEY_BYTES, 767);
        assert_eq!(id(&key(KEY_BYTES)).len(), 1023);
        assert!(id(&key(KEY_BYTES + 1)).len() > 1023);
        assert_eq!(id(&Key::new("a/b?c#d\\").unwrap()), "YS9iP2MjZFw");
    }

    #[test]
    fn the_largest_item_fits() {
        let key = Key::new("\"".repeat(KEY_BYTES)).unwrap();
        let value = vec![7; ITEM_BYTES - KEY_BYTES];
        let mut put = Put::new(key, value, WriteId::new("w".repeat(64)));
        put.time_to_live = Some(Duration::from_secs(1_000_000));
        let item = Item::new(&put, SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000));
        assert!(serde_json::to_vec(&item).unwrap().len() < 2 * 1024 * 1024 - 1024);
    }

    #[test]
    fn an_expiry_is_rounded_up() {
        let mut put = Put::new(Key::new("k").unwrap(), "v", WriteId::new("w"));
        put.time_to_live = Some(Duration::from_millis(1_500));
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(10_700);
        let item = Item::new(&put, now);
        assert_eq!((item.expires, item.ttl), (Some(13), Some(2)));
        assert!(item.is_alive(SystemTime::UNIX_EPOCH + Duration::from_millis(12_999)));
        assert!(!item.is_alive(SystemTime::UNIX_EPOCH + Duration::from_secs(13)));

        // Kept: the same moment, and what is left until then.
        let later = SystemTime::UNIX_EPOCH + Duration::from_millis(12_100);
        let swap =
            |id| Put::new(Key::new("k").unwrap(), "w", WriteId::new(id)).on(Condition::Version(item.version("e")));
        let kept = Item::new(&swap("x"), later);
        assert_eq!((kept.expires, kept.ttl), (Some(13), Some(1)));
        let stays = Item::new(&swap("y").without_expiry(), later);
        assert_eq!((stays.expires, stays.ttl), (None, None));
    }
}
