use std::{borrow::Borrow, fmt, sync::Arc};

/// A key of a table, checked once, when it is made.
///
/// 1 to 2,048 bytes of UTF-8 (DynamoDB's limit for a partition key), without control characters such as NUL. Control
/// characters do not survive every provider's ids, and never a log line. A provider's own, wider or narrower, rules are
/// in its [`Limits`](super::Limits).
///
/// ```
/// use evenkeel::request::kv::Key;
///
/// assert!(Key::new("session/4711").is_ok());
/// assert_eq!(Key::new("").unwrap_err().to_string(), "a key must not be empty");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The key is empty.
    #[error("a key must not be empty")]
    Empty,
    /// The key has more than 2,048 bytes.
    #[error("a key must be at most 2048 bytes long; this key has {0}")]
    TooLong(usize),
    /// The key has NUL or another control character.
    #[error("a key must not contain control characters; this key has {0:?}")]
    ControlCharacter(char),
}

impl Key {
    /// The longest key in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Prefix of evenkeel's own keys. A client refuses such a key, and leaves such keys out of scans.
    pub const RESERVED: &str = ".evenkeel:";

    /// The key that probes read.
    pub const PROBE: &str = ".evenkeel:probe";

    /// Checks a key.
    ///
    /// # Errors
    /// [`InvalidKey`] says which rule the key breaks.
    pub fn new(key: impl Into<Arc<str>>) -> Result<Self, InvalidKey> {
        let key = key.into();
        if key.is_empty() {
            return Err(InvalidKey::Empty);
        }
        if key.len() > Self::MAX_BYTES {
            return Err(InvalidKey::TooLong(key.len()));
        }
        match key.chars().find(|c| c.is_control()) {
            Some(c) => Err(InvalidKey::ControlCharacter(c)),
            None => Ok(Self(key)),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Allows look-ups and ranges by text in a map by key. (The derived order and hash are the text's.)
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Shows only the length: keys can contain personal data, and Debug output ends up in logs.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_keys_are_refused() {
        assert_eq!(Key::new("").unwrap_err(), InvalidKey::Empty);
        assert!(Key::new("k".repeat(2048)).is_ok());
        assert_eq!(Key::new("k".repeat(2049)).unwrap_err(), InvalidKey::TooLong(2049));
        assert_eq!(Key::new("a\0b").unwrap_err(), InvalidKey::ControlCharacter('\0'));
        assert_eq!(Key::new("a\nb").unwrap_err(), InvalidKey::ControlCharacter('\n'));
        for good in ["a", "/", "..", "a//b", "{tag}:k", "ünïcode 键"] {
            assert!(Key::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Key::new("secret").unwrap()), "Key(6 bytes)");
    }
}
