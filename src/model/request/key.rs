use std::{fmt, sync::Arc};

/// An object's key. A key is checked once, when it is made, so that every provider accepts it and no provider
/// reinterprets it.
///
/// The rules, and why:
/// - 1 to 1,024 bytes of UTF-8: S3's and GCS's limit.
/// - No NUL or other control character, and neither U+FFFE nor U+FFFF. XML cannot hold them: one such key makes every
///   listing with this key unreadable.
/// - No segment that is `.` or `..`. HTTP clients and file-backed stores collapse them.
/// - No `/` at either end and no empty segment (`a//b`). Several S3-compatible stores fold empty segments. Some take a
///   key that ends in `/` for a directory, and silently drop the body.
///
/// A single store may take a key for another key. The store's adapter refuses such a key:
/// [`ObjectProvider::check_key`](crate::provider::ObjectProvider::check_key).
///
/// ```
/// use evenkeel::request::Key;
///
/// assert!(Key::new("2026/11/20/42.json").is_ok());
/// assert_eq!(
///     Key::new("../etc/passwd").unwrap_err().to_string(),
///     "an object key must not have a `.` or `..` segment",
/// );
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The key is empty.
    #[error("an object key must not be empty")]
    Empty,
    /// The key has more than 1,024 bytes.
    #[error("an object key must be at most 1024 bytes long; this key has {0}")]
    TooLong(usize),
    /// The key has NUL or another control character.
    #[error("an object key must not contain control characters; this key has {0:?}")]
    ControlCharacter(char),
    /// The key has U+FFFE or U+FFFF.
    #[error("an object key must not contain U+FFFE or U+FFFF, which no listing in XML can show")]
    NotInXml,
    /// The key has `.` or `..` between slashes.
    #[error("an object key must not have a `.` or `..` segment")]
    DotSegment,
    /// The key has a slash at either end, or two in a row.
    #[error("an object key must not start or end with `/` or contain `//`")]
    EmptySegment,
}

impl Key {
    /// The longest key in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Prefix of the client's own keys. A client refuses such a key from a caller, and leaves such keys out of
    /// listings.
    pub const RESERVED: &str = ".evenkeel/";

    /// The object that [probes](crate::ops::probe) read. Only write probes, which are off by default, ever store this
    /// object.
    pub const PROBE: &str = ".evenkeel/probe";

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
        if let Some(c) = key.chars().find(|c| is_forbidden(*c)) {
            return Err(if c.is_control() {
                InvalidKey::ControlCharacter(c)
            } else {
                InvalidKey::NotInXml
            });
        }
        if key.starts_with('/') || key.ends_with('/') || key.contains("//") {
            return Err(InvalidKey::EmptySegment);
        }
        if key.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(InvalidKey::DotSegment);
        }
        Ok(Self(key))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether no key, and no part of a key, may have this character: a control character, or one of the two other
/// characters that XML 1.0 cannot hold.
pub(crate) fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')
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
    fn invalid_object_keys_are_refused() {
        assert_eq!(Key::new("").unwrap_err(), InvalidKey::Empty);
        assert!(Key::new("k".repeat(1024)).is_ok());
        assert_eq!(Key::new("k".repeat(1025)).unwrap_err(), InvalidKey::TooLong(1025));
        assert_eq!(Key::new("a\0b").unwrap_err(), InvalidKey::ControlCharacter('\0'));
        assert_eq!(Key::new("a/../b").unwrap_err(), InvalidKey::DotSegment);
        assert_eq!(Key::new(".").unwrap_err(), InvalidKey::DotSegment);
        assert_eq!(Key::new("/a").unwrap_err(), InvalidKey::EmptySegment);
        assert_eq!(Key::new("a//b").unwrap_err(), InvalidKey::EmptySegment);
        assert_eq!(Key::new("folder/").unwrap_err(), InvalidKey::EmptySegment);
        for unreadable in ["\u{FFFE}", "a\u{FFFF}b"] {
            assert_eq!(Key::new(unreadable).unwrap_err(), InvalidKey::NotInXml);
        }
        for good in ["a", "a/b.json", "..a", "a...b", "ünïcode/键", "\u{FFFD}", "\u{1FFFE}"] {
            assert!(Key::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Key::new("secret").unwrap()), "Key(6 bytes)");
    }
}
