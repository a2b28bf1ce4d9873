//! Versions that contain the expiry of their value: for stores that replace an item as a whole. A write that replaces a
//! version thus knows which expiry to keep. No token of such a store ends in a blank and digits.

use crate::request::kv::Version;

/// The version with this token, of a value that expires this many seconds after 1970.
pub(super) fn version(token: &str, expires: Option<u64>) -> Version {
    match expires {
        None => Version::new(token, ""),
        Some(at) => Version::new(format!("{token} {at}"), ""),
    }
}

/// The token, and the expiry of the value.
pub(super) fn parts(version: &Version) -> (&str, Option<u64>) {
    let whole = version.token();
    let dated = whole
        .rsplit_once(' ')
        .and_then(|(token, at)| Some((token, at.parse().ok()?)));
    dated.map_or((whole, None), |(token, at)| (token, Some(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_round_trips_to_its_parts() {
        for token in ["0af3", "\"00-11\"", "w:1", "5", ""] {
            for expires in [None, Some(0), Some(u64::MAX)] {
                assert_eq!(parts(&version(token, expires)), (token, expires));
            }
        }
        assert_eq!(parts(&Version::new("a b", "")), ("a b", None));
    }
}
