use super::Value;
use std::{borrow::Cow, fmt, ops::Bound};

/// A request for one page of a scan, in ascending order of the keys' UTF-8 bytes.
///
/// All bounds apply together. There is no provider's cursor: a scan goes on after the last key, at any endpoint.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// Only keys with this prefix. Empty: all keys.
    pub prefix: String,
    /// Only this key and keys above it.
    pub from: Option<String>,
    /// Only keys below this key.
    pub until: Option<String>,
    /// Only keys above this key: the place where the previous page ended.
    pub after: Option<String>,
    /// The most entries in the page. The provider may return fewer.
    pub limit: Option<usize>,
}

/// A page of a scan.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanPage {
    /// The entries in ascending order. No key appears twice, and no value has expired.
    pub entries: Vec<Entry>,
    /// Present when there may be more entries. The page covers all keys up to and including this key, so the next page
    /// starts after it. This key is at least the last entry's key. It is above that key if the provider skipped expired
    /// values.
    pub next: Option<String>,
    /// The number of items within the bounds that are not in the page, because they are not in the form that the
    /// adapter stores. Another program wrote them.
    pub foreign: u64,
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The key's value.
    pub value: Value,
}

impl Scan {
    /// Whether `key` lies within all bounds.
    pub fn contains(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
            && self.from.as_deref().is_none_or(|from| key >= from)
            && self.until.as_deref().is_none_or(|until| key < until)
            && self.after.as_deref().is_none_or(|after| key > after)
    }

    /// The lowest key that can be in the page: by prefix, `from` and `after` together.
    pub fn lower(&self) -> Bound<&str> {
        let from = self.from.as_deref().unwrap_or_default().max(&*self.prefix);
        match self.after.as_deref() {
            Some(after) if after >= from => Bound::Excluded(after),
            _ if from.is_empty() => Bound::Unbounded,
            _ => Bound::Included(from),
        }
    }

    /// The lowest key above all keys that can be in the page: by prefix and `until` together. `None`: there is no such
    /// bound.
    pub fn upper(&self) -> Option<Cow<'_, str>> {
        let of_the_prefix = successor(&self.prefix);
        match (&self.until, of_the_prefix) {
            (Some(until), Some(end)) if end < *until => Some(end.into()),
            (Some(until), _) => Some(until.into()),
            (None, end) => end.map(Cow::Owned),
        }
    }

    /// Whether no key can be in the page.
    pub fn is_empty(&self) -> bool {
        let Some(upper) = self.upper() else { return false };
        match self.lower() {
            Bound::Included(lower) | Bound::Excluded(lower) => *lower >= *upper,
            Bound::Unbounded => upper.is_empty(),
        }
    }
}

impl ScanPage {
    /// A page with these entries, and the key after which to go on.
    pub const fn new(entries: Vec<Entry>, next: Option<String>) -> Self {
        Self {
            entries,
            next,
            foreign: 0,
        }
    }
}

impl Entry {
    /// An entry: `key` holds `value`.
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        Self { key: key.into(), value }
    }
}

/// Shows no keys.
impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Shows no keys.
impl fmt::Debug for ScanPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanPage")
            .field("entries", &self.entries)
            .field("more", &self.next.is_some())
            .field("foreign", &self.foreign)
            .finish()
    }
}

/// Shows only the length of the key.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} bytes: {:?})", self.key.len(), self.value)
    }
}

/// The lowest text above everything that starts with `prefix`. The last character that has a successor is replaced by
/// the successor, and everything after it is dropped. UTF-8 sorts as the characters do.
fn successor(prefix: &str) -> Option<String> {
    let mut kept = prefix;
    loop {
        let last = kept.chars().next_back()?;
        kept = &kept[..kept.len() - last.len_utf8()];
        let next = match last {
            // What lies between are no characters (UTF-16's surrogates).
            '\u{D7FF}' => Some('\u{E000}'),
            char::MAX => None,
            other => char::from_u32(other as u32 + 1),
        };
        if let Some(next) = next {
            return Some(format!("{kept}{next}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The two ways to say what is in the page agree.
        #[test]
        fn scan_bounds_agree_with_contains(
            prefix in "[ab\u{D7FF}\u{10FFFF}]{0,2}",
            from in prop::option::of("[abc]{0,2}"),
            until in prop::option::of("[abc]{0,2}"),
            after in prop::option::of("[abc]{0,2}"),
            key in "[abc\u{D7FF}\u{E000}\u{10FFFF}]{0,4}",
        ) {
            let scan = Scan { prefix, from, until, after, limit: None };
            let above = match scan.lower() {
                Bound::Included(lower) => *key >= *lower,
                Bound::Excluded(lower) => *key > *lower,
                Bound::Unbounded => true,
            };
            let below = scan.upper().is_none_or(|upper| *key < *upper);
            prop_assert_eq!(above && below, scan.contains(&key));
            prop_assert!(!(scan.is_empty() && scan.contains(&key)));
        }
    }

    #[test]
    fn the_upper_bound_of_a_prefix_follows_its_last_character() {
        assert_eq!(successor("a").as_deref(), Some("b"));
        assert_eq!(successor("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!((successor(""), successor("\u{10FFFF}")), (None, None));
    }
}
