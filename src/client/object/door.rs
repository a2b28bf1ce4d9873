//! Checks that run before anything is sent. The adapters have the same rules.

use super::Objects;
use crate::{
    call::{Context, Error},
    provider::{self, ObjectProvider},
    request::{
        InvalidKey, Key,
        key::is_forbidden,
        object::{Attributes, ByteRange, ETag, WriteId},
    },
};

/// A key, or why the key is invalid. The call returns the reason when it is awaited.
pub(super) type Checked = Result<Key, String>;

pub(super) fn key_of(key: impl Into<String>) -> Checked {
    let key = key.into();
    if key.starts_with(Key::RESERVED) {
        return Err(format!("keys that start with `{}` are reserved", Key::RESERVED));
    }
    Key::new(key).map_err(|invalid: InvalidKey| invalid.to_string())
}

/// Checks that every endpoint keeps the key as it is: an object stored today can follow to the standby tomorrow.
pub(super) fn addressable(cx: &Context<Objects>, key: Checked) -> Result<Key, Error> {
    let key = cx.checked(key)?;
    for (profile, provider) in cx.core.providers() {
        let checked = provider.check_key(&key);
        cx.checked(checked.map_err(|refused| format!("{}: {refused}", profile.name())))?;
    }
    Ok(key)
}

pub(super) fn attributes(attributes: &Attributes, write_id: &WriteId) -> Result<(), String> {
    provider::attributes_wrong(attributes, Some(write_id)).map_or(Ok(()), Err)
}

/// Checks the tag of a conditional write.
pub(super) fn condition(tag: &ETag) -> Result<(), String> {
    tag.unfit().map_or(Ok(()), |why| Err(why.to_owned()))
}

pub(super) fn range(range: &ByteRange) -> Result<(), String> {
    provider::check_range(Some(range)).map_err(|refused| refused.to_string())
}

/// Checks a prefix or the place to start after: like a key, but possibly empty, and not bound to end at a segment.
pub(super) fn part_of_a_key(what: &str, part: &str) -> Result<(), String> {
    if part.len() > Key::MAX_BYTES {
        return Err(format!("a {what} must be at most {} bytes long", Key::MAX_BYTES));
    }
    if part.chars().any(is_forbidden) {
        return Err(format!(
            "a {what} must not contain control characters, U+FFFE or U+FFFF"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn empty_ranges_are_refused() {
        assert!(range(&(0..1).into()).is_ok());
        assert!(range(&(5..5).into()).is_err());
        assert!(range(&(5..4).into()).is_err());
        assert!(range(&ByteRange::Suffix(0)).is_err());
    }
}
