//! Where the canaries of one drill lie, and what is in them. Pure.

use crate::{drill::cohort::CANARY_PREFIX, request::Key};
use bytes::Bytes;
use std::time::{Duration, SystemTime};

/// The place of one drill's canaries: when the drill is over at the latest, and a name that no other drill has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Seconds since 1970.
    over: u64,
    name: String,
}

/// How many digits a canary's number has. See [`Canary::most`](super::Canary::most).
const DIGITS: usize = 6;

impl Place {
    /// `name`: 32 hex digits.
    pub(crate) fn new(over: SystemTime, name: String) -> Self {
        let over = over.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            over: over.as_secs().min(MAX_SECONDS),
            name,
        }
    }

    /// The start of all keys of the drill.
    pub(crate) fn prefix(&self) -> String {
        format!("{CANARY_PREFIX}{:010x}-{}/", self.over, self.name)
    }

    /// The key of a canary.
    pub(crate) fn key(&self, number: u32) -> Option<Key> {
        Key::new(format!("{}{number:0DIGITS$}", self.prefix())).ok()
    }

    /// What a canary holds in this version: its key, its version, and dots up to the size.
    pub(crate) fn body(&self, number: u32, version: u32, bytes: usize) -> Bytes {
        let mut body = format!("{}{version}\n", self.first_line(number)).into_bytes();
        body.resize(bytes.max(body.len()), b'.');
        body.into()
    }

    /// The version of this canary that the body is. `None`: it is nothing that was written.
    pub(crate) fn version(&self, number: u32, body: &[u8], bytes: usize) -> Option<u32> {
        let rest = body.strip_prefix(self.first_line(number).as_bytes())?;
        let digits = rest.split(|byte| *byte == b'\n').next()?;
        let version = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (self.body(number, version, bytes) == body).then_some(version)
    }

    fn first_line(&self, number: u32) -> String {
        format!(
            "a canary of a drill; it may be deleted\n{}{number:0DIGITS$}\nversion ",
            self.prefix()
        )
    }

    /// Place and number of the canary with this key. `None`: it is not a canary's.
    pub(crate) fn parse(key: &str) -> Option<(Self, u32)> {
        let (place, number) = key.strip_prefix(CANARY_PREFIX)?.split_once('/')?;
        let (over, name) = place.split_once('-')?;
        let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_number = number.len() == DIGITS && number.bytes().all(|b| b.is_ascii_digit());
        if over.len() != 10 || name.len() != 32 || !is_hex(over) || !is_hex(name) || !is_number {
            return None;
        }
        let place = Self {
            over: u64::from_str_radix(over, 16).ok()?,
            name: name.to_owned(),
        };
        Some((place, number.parse().ok()?))
    }

    /// Whether this canary, of whatever size and version, is in the body.
    pub(crate) fn is_in(&self, number: u32, body: &[u8]) -> bool {
        self.version(number, body, body.len()).is_some()
    }

    /// Whether the drill has been over for so long.
    pub(crate) fn is_older(&self, than: Duration, now: SystemTime) -> bool {
        // A key says what its writer likes: some systems have no date as late as that.
        let over = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.over));
        over.and_then(|over| now.duration_since(over).ok())
            .is_some_and(|age| age >= than)
    }
}

/// What ten hex digits hold.
const MAX_SECONDS: u64 = (1 << 40) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(seconds: u64) -> Place {
        let over = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        Place::new(over, "0123456789abcdef".repeat(2))
    }

    proptest! {
        #[test]
        fn a_key_leads_back_to_its_place(seconds in 0_u64..1 << 40, number in 0_u32..1_000_000) {
            let key = place(seconds).key(number).unwrap();
            prop_assert_eq!(Place::parse(key.as_str()), Some((place(seconds), number)));
        }

        #[test]
        fn a_body_tells_its_version_and_a_changed_one_none(
            number in 0_u32..1_000_000, version: u32, bytes in 0_usize..2_000, at: prop::sample::Index, flip in 1_u8..
        ) {
            let place = place(1);
            let body = place.body(number, version, bytes);
            prop_assert_eq!(place.version(number, &body, bytes), Some(version));
            prop_assert!(place.is_in(number, &body));
            prop_assert_eq!(place.version(number.wrapping_add(1) % 1_000_000, &body, bytes), None);
            let mut changed = body.to_vec();
            changed[at.index(body.len())] ^= flip;
            prop_assert_ne!(place.version(number, &changed, bytes), Some(version));
        }

        #[test]
        fn no_text_makes_parsing_panic(key: String) {
            let _ = Place::parse(&format!("{CANARY_PREFIX}{key}"));
            let _ = Place::parse(&key);
        }
    }

    #[test]
    fn other_keys_are_no_canaries() {
        let good = place(77).key(5).unwrap().as_str().to_owned();
        assert!(Place::parse(&good).is_some());
        for (from, to) in [
            (".evenkeel/drill/", ".evenkeel/drills/"),
            ("000005", "5"),
            ("000005", "+00005"),
            ("000005", "000005/1"),
            ("00000004d", "00000004D"),
            ("000000004d", "00000000_d"),
            ("-", "--"),
        ] {
            assert!(good.contains(from), "{from}");
            assert_eq!(Place::parse(&good.replace(from, to)), None, "{from} {to}");
        }
    }

    #[test]
    fn the_age_counts_from_the_end_of_the_drill() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let minute = Duration::from_secs(60);
        assert!(!place(100).is_older(Duration::ZERO, at(99)));
        assert!(place(100).is_older(Duration::ZERO, at(100)));
        assert!(!place(100).is_older(minute, at(159)));
        assert!(place(100).is_older(minute, at(160)));
        assert!(!place(u64::MAX >> 1).is_older(minute, at(160)));
        // Later than any `SystemTime`.
        let never = Place {
            over: u64::MAX,
            ..place(1)
        };
        assert!(!never.is_older(Duration::ZERO, at(160)));
    }
}
