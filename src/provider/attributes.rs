use super::{ProviderError, ProviderErrorKind};
use crate::{
    request::object::{Attributes, ByteRange, ETag, PartTag, Put, PutMode, WriteId},
    verdict::{Outcome, Sent, Verdict},
};

/// Names with this prefix are evenkeel's own.
const RESERVED: &str = "evenkeel-";

/// What S3 allows for all user metadata of one object, names and values together. The smallest bound among the big
/// providers, so what passes here passes everywhere.
const METADATA_BYTES: usize = 2048;

/// Checks that every store can give these attributes back unchanged, by the rules of [`Attributes`]. The rules come
/// from HTTP, because all attributes travel as headers: names lose their case, values lose blanks at both ends, and
/// some proxies drop a header without a value.
///
/// Every adapter calls this function first. All adapters thus refuse what one store would take and another would
/// garble. The client makes the same checks before it sends a put.
///
/// # Errors
/// [`ProviderErrorKind::Invalid`](super::ProviderErrorKind::Invalid), with what is wrong. For a tag that can never
/// match, [`Unsupported`](super::ProviderErrorKind::Unsupported).
pub fn check(put: &Put) -> Result<(), ProviderError> {
    check_mode(&put.mode)?;
    check_attributes(&put.attributes, put.write_id.as_ref())
}

/// Checks the attributes of an upload or a copy, as [`check`] does those of a put.
///
/// # Errors
/// As [`check`].
pub fn check_attributes(attributes: &Attributes, write_id: Option<&WriteId>) -> Result<(), ProviderError> {
    wrong(attributes, write_id).map_or(Ok(()), |wrong| Err(invalid(wrong)))
}

/// Checks the condition of a write: a tag in it must be one that can hold.
///
/// # Errors
/// As [`check_condition`].
pub fn check_mode(mode: &PutMode) -> Result<(), ProviderError> {
    match mode {
        PutMode::IfMatch(tag) => check_condition(tag),
        PutMode::Create | PutMode::Overwrite => Ok(()),
    }
}

/// Checks the parts of a completion: at least one, ascending, each number once.
///
/// # Errors
/// [`ProviderErrorKind::Invalid`](super::ProviderErrorKind::Invalid), with what is wrong.
pub fn check_parts(parts: &[PartTag]) -> Result<(), ProviderError> {
    if parts.is_empty() {
        return Err(invalid("an upload needs at least one part"));
    }
    match parts.is_sorted_by(|a, b| a.number < b.number) && parts[0].number > 0 {
        true => Ok(()),
        false => Err(invalid(
            "the parts of an upload must be in the order of their numbers, from 1, each number once",
        )),
    }
}

/// What no store takes.
pub(crate) fn wrong(attributes: &Attributes, write_id: Option<&WriteId>) -> Option<String> {
    let Attributes {
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        metadata,
    } = attributes;
    let values = [
        ("content type", content_type),
        ("cache control", cache_control),
        ("content disposition", content_disposition),
        ("content encoding", content_encoding),
        ("content language", content_language),
    ];
    let values = values.iter().filter_map(|(what, value)| Some((*what, value.as_ref()?)));
    let values = values.chain(metadata.values().map(|value| ("metadata value", value)));
    for (what, value) in values {
        if !is_value(value) {
            return Some(format!(
                "a {what} must be visible ASCII, not empty, and without blanks at its ends"
            ));
        }
    }
    for name in metadata.keys() {
        if !is_name(name) {
            return Some("a metadata name must consist of lower-case ASCII letters, digits, `-` and `_`".to_owned());
        }
        if name.starts_with(RESERVED) {
            return Some(format!("metadata names that start with `{RESERVED}` are reserved"));
        }
    }
    if let Some(Err(wrong)) = write_id.map(WriteId::check) {
        return Some(wrong);
    }
    let own = write_id.map_or(0, |id| WriteId::METADATA_KEY.len() + id.as_str().len());
    let bytes = own + metadata.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
    (bytes > METADATA_BYTES).then(|| {
        format!("names and values of all metadata must be at most {METADATA_BYTES} bytes together; these have {bytes}")
    })
}

/// Refuses a tag that cannot be a condition: a weak tag, `*`, a list. [`check`] refuses such a tag for a put. An
/// adapter with conditional deletes calls this function for deletes.
///
/// # Errors
/// [`ProviderErrorKind::Unsupported`](super::ProviderErrorKind::Unsupported), with what is wrong.
pub fn check_condition(tag: &ETag) -> Result<(), ProviderError> {
    tag.unfit().map_or(Ok(()), |why| Err(ProviderError::unsupported(why)))
}

/// The attributes that a store gave back, and the write id, which is taken out of the metadata.
#[cfg(any(feature = "s3", feature = "azure_blob", feature = "gcs", feature = "object_store"))]
pub(crate) fn received(mut attributes: Attributes) -> (Attributes, Option<WriteId>) {
    let write_id = attributes.metadata.remove(WriteId::METADATA_KEY).map(WriteId::new);
    (attributes, write_id)
}

/// Refuses a range that selects nothing of any object. Such a range has no header: S3 ignores `bytes=5-4` and answers
/// with the whole object.
///
/// # Errors
/// [`ProviderErrorKind::RangeNotSatisfiable`](super::ProviderErrorKind::RangeNotSatisfiable).
pub fn check_range(range: Option<&ByteRange>) -> Result<(), ProviderError> {
    match range {
        Some(range) if range.of(u64::MAX).is_none() => Err(ProviderError::new(
            ProviderErrorKind::RangeNotSatisfiable,
            Outcome::new(Verdict::Caller, Sent::No),
        )
        .with_message("the range is empty")),
        _ => Ok(()),
    }
}

/// Checks the answer to a get or a head with [`if_match`](crate::request::object::Get::if_match): `found` is the tag in
/// the answer. Some servers ignore the condition, and answer with what they have.
///
/// # Errors
/// [`ProviderErrorKind::PreconditionFailed`] if the tag is another, or there is none.
pub fn check_match(asked: Option<&ETag>, found: Option<&ETag>) -> Result<(), ProviderError> {
    match asked {
        Some(asked) if found.is_none_or(|found| found.value() != asked.value()) => {
            Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed))
        }
        _ => Ok(()),
    }
}

pub(super) fn invalid(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Invalid, Outcome::new(Verdict::Caller, Sent::No)).with_message(message)
}

fn is_name(name: &str) -> bool {
    let permitted = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    !name.is_empty() && name.bytes().all(permitted)
}

/// Whether this is visible ASCII. HTTP keeps blanks inside a value, and drops blanks at the ends and empty values.
fn is_value(value: &str) -> bool {
    let visible = value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    visible && !value.is_empty() && value.trim_ascii().len() == value.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Key;
    use std::sync::Arc;

    fn with(change: impl FnOnce(&mut Attributes)) -> Result<(), ProviderErrorKind> {
        let mut put = Put::new(Key::new("k").unwrap(), "");
        change(Arc::make_mut(&mut put.attributes));
        check(&put).map_err(|e| {
            assert_eq!(e.outcome(), Outcome::new(Verdict::Caller, Sent::No));
            e.kind()
        })
    }

    fn pair(name: &str, value: &str) -> Result<(), ProviderErrorKind> {
        with(|a| drop(a.metadata.insert(name.into(), value.into())))
    }

    #[test]
    fn invalid_metadata_is_refused() {
        assert_eq!(pair("colour-2", "deep blue; q=1"), Ok(()));
        assert_eq!(pair("the_colour", "blue"), Ok(()));
        for (name, value) in [
            ("", "v"),
            ("Colour", "v"),
            ("co lour", "v"),
            ("färbe", "v"),
            ("colour", "blau-grün"),
            ("colour", ""),
            ("colour", " blue"),
            ("colour", "blue "),
            ("colour", "a\r\nx-evil: 1"),
            ("evenkeel-write", "abc"),
        ] {
            assert_eq!(pair(name, value), Err(ProviderErrorKind::Invalid), "{name:?} {value:?}");
        }
        assert_eq!(pair("n", &"v".repeat(2047)), Ok(()));
        assert_eq!(pair("n", &"v".repeat(2048)), Err(ProviderErrorKind::Invalid));
        assert_eq!(
            with(|a| a.content_type = Some("text/plain; charset=utf-8".into())),
            Ok(())
        );
        assert_eq!(
            with(|a| a.content_type = Some(String::new())),
            Err(ProviderErrorKind::Invalid)
        );
        assert_eq!(
            with(|a| a.cache_control = Some("a\nb".into())),
            Err(ProviderErrorKind::Invalid)
        );
    }

    #[test]
    fn empty_ranges_are_refused() {
        assert!(check_range(None).is_ok());
        assert!(check_range(Some(&ByteRange::Suffix(1))).is_ok());
        for empty in [ByteRange::Suffix(0), ByteRange::Bounded(5..5)] {
            assert_eq!(
                check_range(Some(&empty)).unwrap_err().kind(),
                ProviderErrorKind::RangeNotSatisfiable
            );
        }
    }
}
