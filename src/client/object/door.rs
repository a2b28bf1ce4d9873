//! What is checked before anything is sent.

use crate::request::object::{Attributes, ByteRange, ETag, WriteId};

/// S3's limit for all user metadata of an object, names and values together; GCS and Azure allow 8 KiB.
const METADATA_BYTES: usize = 2048;

pub(super) fn attributes(attributes: &Attributes, write_id: Option<&WriteId>) -> Result<(), String> {
    for (what, value) in [
        ("content type", &attributes.content_type),
        ("cache control", &attributes.cache_control),
    ] {
        if let Some(value) = value {
            header_value(what, value)?;
        }
    }
    let mut bytes = write_id.map_or(0, |id| WriteId::METADATA_KEY.len() + id.as_str().len());
    for (name, value) in &attributes.metadata {
        let permitted = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(permitted) {
            return Err("a metadata name must consist of lower-case ASCII letters, digits and `-`".to_owned());
        }
        if name == WriteId::METADATA_KEY {
            return Err(format!("the metadata name `{name}` is reserved"));
        }
        header_value("metadata value", value)?;
        bytes += name.len() + value.len();
    }
    if bytes > METADATA_BYTES {
        return Err(format!(
            "all metadata together must be at most {METADATA_BYTES} bytes long, this is {bytes}"
        ));
    }
    Ok(())
}

/// HTTP strips white space around a header's value, so it would not round-trip.
fn header_value(what: &str, value: &str) -> Result<(), String> {
    if value.is_empty() || value.trim() != value || !value.bytes().all(|b| (0x20..=0x7e).contains(&b)) {
        return Err(format!(
            "a {what} must be visible ASCII, not empty, and without space around it"
        ));
    }
    Ok(())
}

/// Of a tag that a write is to meet.
pub(super) fn condition(tag: &ETag) -> Result<(), String> {
    tag.unfit().map_or(Ok(()), |why| Err(why.to_owned()))
}

pub(super) fn range(range: &ByteRange) -> Result<(), String> {
    let empty = match range {
        ByteRange::Bounded(range) => range.start >= range.end,
        ByteRange::From(_) => false,
        ByteRange::Suffix(bytes) => *bytes == 0,
    };
    if empty {
        return Err("a range must select at least one byte".to_owned());
    }
    Ok(())
}

/// Of a prefix or the place to start after: like a key, but it may be empty and need not end at a segment.
pub(super) fn part_of_a_key(what: &str, part: &str) -> Result<(), String> {
    if part.len() > crate::request::Key::MAX_BYTES {
        return Err(format!(
            "a {what} must be at most {} bytes long",
            crate::request::Key::MAX_BYTES
        ));
    }
    if part.chars().any(char::is_control) {
        return Err(format!("a {what} must not contain control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Attributes {
        Attributes {
            metadata: [(name.to_owned(), value.to_owned())].into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn metadata_that_would_not_round_trip_is_refused() {
        assert_eq!(attributes(&with("colour-2", "light blue"), None), Ok(()));
        for (name, value) in [
            ("", "v"),
            ("Colour", "v"),
            ("a_b", "v"),
            ("a", ""),
            ("a", " v"),
            ("a", "ü"),
            ("a", "a\r\nb"),
            ("evenkeel-write", "v"),
        ] {
            assert!(attributes(&with(name, value), None).is_err(), "{name}: {value}");
        }
        assert_eq!(
            attributes(&with("a", &"v".repeat(2048)), None).unwrap_err(),
            "all metadata together must be at most 2048 bytes long, this is 2049"
        );
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn empty_ranges_are_refused() {
        assert!(range(&(0..1).into()).is_ok());
        assert!(range(&(5..5).into()).is_err());
        assert!(range(&(5..4).into()).is_err());
        assert!(range(&ByteRange::Suffix(0)).is_err());
    }
}
