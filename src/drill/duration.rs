//! Durations as a person writes them: `"2h49m"`, `"90s"`, `"250ms"`.

use serde::{Deserializer, Serializer, de};
use std::{fmt, time::Duration};

/// The units, largest first, in milliseconds. No unit is finer: no report of an outage counts microseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads numbers with units, larger units first, each at most once, with or without spaces between them.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, millis) = units.find(|(unit, _)| *unit == &rest[..letters])?;
        total = total.checked_add(number.checked_mul(*millis)?)?;
        rest = rest[letters..].trim_start();
    }
    Some(Duration::from_millis(total))
}

/// Writes the form that [`parse`] reads. Fractions of a millisecond are dropped.
pub(super) fn format(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS {
        if millis >= size {
            text.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    // Parsed inside the visitor, because there serde_json still knows the line.
    deserializer.deserialize_str(Human)
}

struct Human;

impl de::Visitor<'_> for Human {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"2h49m\", \"90s\" or \"250ms\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).ok_or_else(|| {
            E::custom(format_args!(
                "{text:?} is not a duration: write it like \"2h49m\", \"90s\" or \"250ms\""
            ))
        })
    }
}

/// The same for a field that may be absent.
pub(super) mod optional {
    use super::{Deserializer, Duration, Serializer};

    pub(in crate::drill) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::drill) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_parse_as_people_write_them() {
        assert_eq!(parse("2h49m"), Some(Duration::from_secs(2 * 3600 + 49 * 60)));
        assert_eq!(parse("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("1d 2h"), Some(Duration::from_secs(26 * 3600)));
        assert_eq!(parse("1m250ms"), Some(Duration::from_millis(60_250)));
        for bad in [
            "",
            " ",
            "90",
            "h",
            "2x",
            "5m2h",
            "1m1m",
            "-3s",
            "1.5h",
            "99999999999999999999s",
            "999999999999999d",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_formatted_duration_parses_back(millis in 0u64..10_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }
    }
}
