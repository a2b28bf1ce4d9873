//! Keys that a store takes for other keys. They are refused before anything is sent.

use super::ProviderError;
use crate::request::Key;

/// Azure Blob Storage takes `\` for `/` (its SDKs sign one as the other). It also asks that no part of a name ends in a
/// dot, because some of Azure's clients and services drop the dot.
pub(super) fn azure(key: &Key) -> Result<(), ProviderError> {
    if key.as_str().contains('\\') {
        return Err(ProviderError::unsupported(r"Azure takes `\` in a key for `/`"));
    }
    if key.as_str().split('/').any(|part| part.ends_with('.')) {
        return Err(ProviderError::unsupported(
            "Azure keeps no key with a part that ends in `.`",
        ));
    }
    Ok(())
}

/// `object_store`'s directory of files calls its own unfinished files `name#1`. On Windows `\` is `/`.
#[cfg(feature = "object_store")]
pub(super) fn files(key: &Key, windows: bool) -> Result<(), ProviderError> {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    let unfinished = name.split_once('#').map(|(_, rest)| rest);
    if unfinished.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())) {
        return Err(ProviderError::unsupported(
            "object_store keeps no file with a `#` and a number at its end",
        ));
    }
    if windows && key.as_str().contains('\\') {
        return Err(ProviderError::unsupported(r"Windows takes `\` in a key for `/`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Key {
        Key::new(key).unwrap()
    }

    #[test]
    fn names_that_azure_changes_are_refused() {
        for good in ["a", "a.b/c", "..a", "a b", "ü", "a#1"] {
            assert!(azure(&key(good)).is_ok(), "{good}");
        }
        for bad in [r"a\b", r"\a", "a.", "a./b", "a/b.."] {
            assert!(azure(&key(bad)).is_err(), "{bad}");
        }
    }

    #[cfg(feature = "object_store")]
    #[test]
    fn names_that_files_cannot_keep_are_refused() {
        for good in ["a", r"a\b", "a#", "a#1b", "a#1/b"] {
            assert!(files(&key(good), false).is_ok(), "{good}");
        }
        assert!(files(&key("a#1"), false).is_err());
        assert!(files(&key(r"a\b"), true).is_err());
    }
}
