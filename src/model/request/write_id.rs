use super::stamp::{self, Stamp};
use std::sync::Arc;

/// Identifies one logical write across its attempts.
///
/// An id that a client draws is a [`Stamp`] as text. An id may also be a caller's own text, or what an earlier version
/// stored: 32 hex digits.
///
/// Two ids are equal if their texts are. Whether they name one write, [`names_same_write`](Self::names_same_write)
/// tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WriteId(Arc<str>);

/// The length of what marks a copy's id, behind the dot.
const MARK_BYTES: usize = 8;

impl WriteId {
    /// The name of the id in an object's metadata.
    pub const METADATA_KEY: &'static str = "evenkeel-write";

    /// The longest id in bytes.
    pub const MAX_BYTES: usize = 64;

    /// An id that the caller chose, or that was read back: 1 to 64 visible ASCII characters, without blanks. A put
    /// refuses any other id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the id says about the write, if the id is a stamp. The id of a [`Backfill`](crate::backfill)'s copy has the
    /// stamp of the write that was copied. `None` for a caller's own text, and for what an earlier version stored.
    pub fn stamp(&self) -> Option<Stamp> {
        match self.0.split_once('.') {
            None => Stamp::parse(&self.0),
            Some((stamp, mark)) if mark.len() == MARK_BYTES && stamp::is_base64(mark) => Stamp::parse(stamp),
            Some(_) => None,
        }
    }

    /// Whether both ids name the same write.
    ///
    /// | ids | they name the same write if |
    /// |---|---|
    /// | two stamps | all but `crc` is equal |
    /// | two stamps that are made of ids that callers chose | these ids, the key, and the body's length (as far as it was known) are equal |
    /// | such a stamp, and a text | the stamp is made of this text |
    /// | two texts | they are equal |
    pub fn names_same_write(&self, other: &Self) -> bool {
        match (self.stamp(), other.stamp()) {
            (Some(one), Some(other)) if one.hashed => {
                let bound_alike = one.bind == other.bind || one.bind == 0 || other.bind == 0;
                bound_alike && (one.write, one.kind, true) == (other.write, other.kind, other.hashed)
            }
            (Some(one), Some(other)) => one == other,
            (Some(stamp), None) => stamp.hashed && stamp.write == stamp::hash(&other.0),
            (None, Some(stamp)) => stamp.hashed && stamp.write == stamp::hash(&self.0),
            (None, None) => self == other,
        }
    }

    /// Whether two objects of this key and length with these ids have the same bytes: they come from one write. Of ids
    /// that callers chose the whole stamp counts, too, because a caller may have repeated the write with other bytes.
    pub(crate) fn proves_same_content(&self, other: &Self, key: &str, size: u64) -> bool {
        match (self.stamp(), other.stamp()) {
            (Some(one), Some(other)) => {
                let crcs_differ = one.crc.is_some() && other.crc.is_some() && one.crc != other.crc;
                one == other && !crcs_differ && one.fits(key, size)
            }
            _ => self == other,
        }
    }

    /// Whether the id can tell this object from others: it is no stamp, or one that was made for this key and length.
    pub(crate) fn fits(&self, key: &str, size: u64) -> bool {
        self.stamp().is_none_or(|stamp| stamp.fits(key, size))
    }

    /// The id of a copy: the stamp of the write that was copied, and a mark of who copied. The mark is of three bytes
    /// each of two digests. `None` if the id is no stamp.
    pub(crate) fn of_copy(&self, who: &[u8; 32], what: &[u8; 32]) -> Option<Self> {
        let mark = [who, what].map(|digest| stamp::base64(digest[0], digest[1], digest[2]));
        let mark: String = mark.as_flattened().iter().map(|&digit| char::from(digit)).collect();
        Some(Self::new(format!("{}.{mark}", self.stamp()?)))
    }

    /// Whether the id is that of a copy with this mark of who copied.
    pub(crate) fn is_of_copy_by(&self, who: &[u8; 32]) -> bool {
        let mark = self.stamp().and_then(|_| self.0.split_once('.'));
        mark.is_some_and(|(_, mark)| mark.as_bytes().starts_with(&stamp::base64(who[0], who[1], who[2])))
    }

    /// Checks that the id travels unchanged as a header, an attribute or a field: 1 to 64 characters of visible ASCII.
    pub(crate) fn check(&self) -> Result<(), String> {
        let visible = self.0.bytes().all(|b| b.is_ascii_graphic());
        match visible && (1..=Self::MAX_BYTES).contains(&self.0.len()) {
            true => Ok(()),
            false => Err(format!(
                "a write id must be 1 to {} visible ASCII characters, without blanks",
                Self::MAX_BYTES
            )),
        }
    }
}

impl From<Stamp> for WriteId {
    fn from(stamp: Stamp) -> Self {
        // All of it is ASCII.
        Self::new(std::str::from_utf8(&stamp.text()).unwrap_or_default())
    }
}
