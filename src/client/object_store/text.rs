//! Text in which a name or a list of pairs travels: percent-encoding, and pairs as in a query. Pure.

use crate::provider::percent_decoded;

/// Letters, digits, `-`, `.`, `_` and `~` stay; every other byte becomes `%XX`.
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

pub(super) fn decoded(text: &str) -> Option<String> {
    percent_decoded(text)
}

/// `name=value&name=value`.
pub(super) fn query<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The pairs of a query, in which `+` may stand for a blank. `None`: this is no query.
pub(super) fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let part = |text: &str| decoded(&text.replace('+', " "));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        pair.split_once('=')
            .and_then(|(name, value)| Some((part(name)?, part(value)?)))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::TagSet;

    #[test]
    fn pairs_round_trip() {
        let given = [("a", "1"), ("b&=", "x+y z%"), ("ü", "")];
        let read = pairs(&query(given)).unwrap();
        assert!(read.iter().map(|(name, value)| (&**name, &**value)).eq(given));
        assert_eq!(pairs(""), Some(Vec::new()));
        assert_eq!(pairs("a"), None);
        assert_eq!(pairs("a=%2"), None);
    }

    #[test]
    fn a_set_of_tags_is_read_as_object_store_writes_it() {
        let mut tags = TagSet::default();
        tags.push("test/foo", "value sdlks");
        tags.push("foo", " sdf _ /+./sd");
        let read = pairs(tags.encoded()).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(read, [("test/foo", "value sdlks"), ("foo", " sdf _ /+./sd")]);
    }
}
