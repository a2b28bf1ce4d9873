use super::Key;
use std::fmt;

/// What a store takes. A client checks every write at its door against the limits of *all* its endpoints, so that no value
/// is stored today that cannot follow to the standby tomorrow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest key in bytes.
    pub key_bytes: usize,
    /// The most bytes of key and value together, less what the adapter stores beside them.
    pub item_bytes: usize,
    /// Characters that a key must not contain.
    pub forbidden: &'static [char],
    /// The most keys in one [`GetMany`](super::GetMany).
    pub get_many: usize,
    /// The most values in one [`PutMany`](super::PutMany).
    pub put_many: usize,
}

/// What an endpoint does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitExceeded {
    /// The key is longer than this.
    Key {
        /// Its length in bytes.
        bytes: usize,
        /// The most that the endpoint takes.
        most: usize,
    },
    /// Key and value together are larger than this.
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
    /// The usual size of a batch where a provider does not limit it: large enough to save round trips, small enough that
    /// losing one does not hurt.
    pub const BATCH: usize = 100;

    /// These limits for a key and an item in bytes; batches of [`Limits::BATCH`], and any character.
    pub const fn new(key_bytes: usize, item_bytes: usize) -> Self {
        Self {
            key_bytes,
            item_bytes,
            forbidden: &[],
            get_many: Self::BATCH,
            put_many: Self::BATCH,
        }
    }

    /// With these characters forbidden in keys.
    #[must_use]
    pub const fn forbidding(mut self, characters: &'static [char]) -> Self {
        self.forbidden = characters;
        self
    }

    /// With batches of at most so many keys to get and values to put. Zero counts as one.
    #[must_use]
    pub const fn with_batches(mut self, get_many: usize, put_many: usize) -> Self {
        self.get_many = if get_many == 0 { 1 } else { get_many };
        self.put_many = if put_many == 0 { 1 } else { put_many };
        self
    }

    /// Whether a key can be asked for.
    ///
    /// # Errors
    /// What is exceeded.
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

    /// Whether a value of so many bytes can be stored under a key.
    ///
    /// # Errors
    /// What is exceeded.
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

/// As the end of a sentence about an endpoint: `… takes keys of at most 1023 bytes, this one has 1500`.
impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { bytes, most } => write!(f, "takes keys of at most {most} bytes, this one has {bytes}"),
            Self::Item { bytes, most } => {
                write!(
                    f,
                    "takes key and value of at most {most} bytes together, these have {bytes}"
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
    fn the_bounds_are_inclusive() {
        let limits = Limits::new(4, 10).forbidding(&['#']);
        let key = |text: &str| Key::new(text).unwrap();
        assert_eq!(limits.check_item(&key("four"), 6), Ok(()));
        assert_eq!(
            limits.check_item(&key("four"), 7).unwrap_err().to_string(),
            "takes key and value of at most 10 bytes together, these have 11"
        );
        assert_eq!(
            limits.check_key(&key("fives")).unwrap_err().to_string(),
            "takes keys of at most 4 bytes, this one has 5"
        );
        assert_eq!(limits.check_key(&key("a#b")), Err(LimitExceeded::Character('#')));
    }
}
