use std::{fmt, sync::Arc};

/// An object's key, checked once at the door so that every provider accepts it and none reinterprets it.
///
/// 1 to 1,024 bytes of UTF-8 (S3's and GCS's limit); no NUL or other control character, and neither U+FFFE nor U+FFFF (XML
/// cannot hold them, and one such key makes every listing that it is in unreadable); no segment that is `.` or `..` (HTTP
/// clients and file-backed stores collapse them); no `/` at either end and no empty segment (`a//b`): several S3-compatible
/// stores fold the empty ones, and some take what ends in `/` for a directory and drop the body without a word.
///
/// What a single store takes for another key its adapter refuses:
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
    /// No bytes at all.
    #[error("an object key must not be empty")]
    Empty,
    /// More than 1,024 bytes.
    #[error("an object key must be at most 1024 bytes long, this one has {0}")]
    TooLong(usize),
    /// NUL or another control character.
    #[error("an object key must not contain control characters, this one has {0:?}")]
    ControlCharacter(char),
    /// U+FFFE or U+FFFF.
    #[error("an object key must not contain U+FFFE or U+FFFF, which no listing in XML can show")]
    NotInXml,
    /// `.` or `..` between slashes.
    #[error("an object key must not have a `.` or `..` segment")]
    DotSegment,
    /// A slash at either end, or two in a row.
    #[error("an object key must not start or end with `/` or contain `//`")]
    EmptySegment,
}

impl Key {
    /// The longest key in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Keys that start with this are the client's own: it takes none from a caller, and its listings leave them out.
    pub const RESERVED: &str = ".evenkeel/";

    /// The object that [probes](crate::probe) ask for. Only write probes, which are off by default, ever store it.
    pub const PROBE: &str = ".evenkeel/probe";

    /// Checks a key.
    ///
    /// # Errors
    /// [`InvalidKey`] says which rule it breaks.
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

/// A character that no key, and no part of one, may have: a control character, or one that XML 1.0 cannot hold (of which
/// these two are all that are no control characters).
pub(crate) fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// Only the length: keys can carry personal data, and Debug output ends up in logs.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules() {
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
