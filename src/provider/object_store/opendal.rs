//! OpenDAL's bridge, the crate `object_store_opendal` (0.60).
//!
//! The bridge decodes the path of a request, and encodes the paths of a listing. A path is therefore not the key's text
//! there: `50%25` would name the object `50%`. And the bridge compares encoded paths where a listing starts after one.
//! That is another order than the keys'. This module translates, so that nobody else has to know.

use crate::provider::percent_decoded;
use object_store::path::Path;

/// Whether the store is the bridge, by its `Debug`, which shows beneath a wrapper, too.
pub(super) fn is_shown_in(debug: &str) -> bool {
    debug.contains("OpendalStore {")
}

/// The path that the bridge decodes to this text. `None`: OpenDAL would name another object, because it cuts blanks off.
pub(super) fn path(text: &str) -> Option<Path> {
    let path = Path::from(text);
    let is_whole = Path::parse(text).is_ok() && text.trim() == text;
    (is_whole && percent_decoded(path.as_ref()).as_deref() == Some(text)).then_some(path)
}

/// The text of a listed path.
pub(super) fn text(path: &Path) -> String {
    percent_decoded(path.as_ref()).unwrap_or_else(|| path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_decodes_to_its_key() {
        for key in ["a/b", "50%", "50%25", "a~b c", "ü#?*", "a%2Fb"] {
            let path = path(key).unwrap();
            assert_eq!(text(&path), key);
        }
    }

    #[test]
    fn a_key_that_opendal_would_change_has_no_path() {
        for key in [" a", "a ", "a//b", "/a", "a/", "a/../b", "a\nb"] {
            assert_eq!(path(key), None, "{key:?}");
        }
    }
}
