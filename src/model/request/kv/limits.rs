use super::Key;
use std::fmt;

/// The limits of a store. A client checks every write against the limits of *all* its endpoints before it sends the
/// write. No value is thus stored today that cannot follow to the standby tomorrow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest key in bytes.
    pub key_bytes: usize,
    /// The most bytes of key and value together, without what the adapter stores beside them.
    pub item_bytes: usize,
    /// Characters that a key must not contain.
    pub forbidden: &'static [char],
    /// The most keys in one [`GetMany`](super::GetMany).
    pub get_many: usize,
    /// The most values in one [`PutMany`](super::PutMany).
    pub put_many: usize,
}

/// A limit that a request exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// The key is too long.
    Key {
        /// The key's length in bytes.
        bytes: usize,
        /// The most that the endpoint takes.
        most: usize,
    },
    /// Key and value together are too large.
    Item {
        /// Their length in bytes.
        bytes: usize,
        /// The most that the endpoint takes.
        most: usize,
    },
    /// The key has a character that the endpoint cannot keep.
    Character(char),
}

impl Limits {
    /// The usual size of a batch if a provider does not limit batches: large enough to save round trips, small enough
    /// that the loss of a batch does not hurt.
    pub const BATCH: usize = 100;

    /// These limits for a key and an item in bytes, with batches of [`Limits::BATCH`], and without forbidden
    /// characters.
    pub const fn new(key_bytes: usize, item_bytes: usize) -> Self {
        Self {
            key_bytes,
            item_bytes,
            forbidden: &[],
            get_many: Self::BATCH,
            put_many: Self::BATCH,
        }
    }

    /// Forbids these characters in keys.
    #[must_use]
    pub const fn forbidding(mut self, characters: &'static [char]) -> Self {
        self.forbidden = characters;
        self
    }

    /// Sets the most keys in a batch of gets and the most values in a batch of puts. Zero counts as one.
    #[must_use]
    pub const fn with_batches(mut self, get_many: usize, put_many: usize) -> Self {
        self.get_many = if get_many == 0 { 1 } else { get_many };
        self.put_many = if put_many == 0 { 1 } else { put_many };
        self
    }

    /// Checks that the store takes a key.
    ///
    /// # Errors
    /// The exceeded limit.
    pub fn check_key(&self, key: &Key) -> Result<(), LimitExceeded> {
        let text = key.as_str();
        if text.len() > self.key_bytes {
            return Err(LimitExceeded::Key {
                bytes: text.len(),
                most: self.key_bytes,
            });
        }
        match text.chars().find(|c| self.forbidden.contains(c)) {
            Some(c) => Err(LimitExceeded::Character(c)),
            None => Ok(()),
        }
    }

    /// Checks that the store takes a value of this many bytes under a key.
    ///
    /// # Errors
    /// The exceeded limit.
    pub fn check_item(&self, key: &Key, value_bytes: usize) -> Result<(), LimitExceeded> {
        self.check_key(key)?;
        let bytes = key.as_str().len().saturating_add(value_bytes);
        if bytes > self.item_bytes {
            return Err(LimitExceeded::Item {
                bytes,
                most: self.item_bytes,
            });
        }
        Ok(())
    }
}

/// The end of a sentence about an endpoint: `… takes keys of at most 1023 bytes; this key has 1500`.
impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { bytes, most } => write!(f, "takes keys of at most {most} bytes; this key has {bytes}"),
            Self::Item { bytes, most } => {
                write!(
                    f,
                    "takes key and value of at most {most} bytes together; these have {bytes}"
                )
            }
            Self::Character(c) => write!(f, "takes no key with {c:?} in it"),
        }
    }
}

impl std::error::Error for LimitExceeded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive() {
        let limits = Limits::new(4, 10).forbidding(&['#']);
        let key = |text: &str| Key::new(text).unwrap();
        assert_eq!(limits.check_item(&key("four"), 6), Ok(()));
        assert_eq!(
            limits.check_item(&key("four"), 7).unwrap_err().to_string(),
            "takes key and value of at most 10 bytes together; these have 11"
        );
        assert_eq!(
            limits.check_key(&key("fives")).unwrap_err().to_string(),
            "takes keys of at most 4 bytes; this key has 5"
        );
        assert_eq!(limits.check_key(&key("a#b")), Err(LimitExceeded::Character('#')));
    }
}
