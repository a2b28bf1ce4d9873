//! Names that `object_store` has no path for.
//!
//! A listing of `object_store` fails as a whole if one key has an empty or a dot segment or a control character, and
//! shows `dir/` as `dir`. `NoRedirects` therefore writes such names in listings as paths, and this module reads them
//! back.

use crate::provider::percent;
use object_store::path::Path;
use std::{borrow::Cow, fmt::Write as _};

/// No store sorts anything above this character, so that a listing "after" some key does not lose what follows.
const MARK: char = char::MAX;

/// The name behind a listed path.
pub(super) fn of(path: &Path) -> Cow<'_, str> {
    match read(path.as_ref()) {
        Some(name) => Cow::Owned(name),
        None => Cow::Borrowed(path.as_ref()),
    }
}

/// The name behind a listed common prefix. `object_store` gives a common prefix without its last `/`.
pub(super) fn of_prefix(path: &Path) -> String {
    read(path.as_ref()).unwrap_or_else(|| format!("{path}/"))
}

fn read(path: &str) -> Option<String> {
    let hex = path.strip_prefix(MARK)?;
    let bytes: Option<Vec<u8>> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

/// `name` as a path, if `name` itself is not a valid path.
#[cfg_attr(not(feature = "object_store_http"), allow(dead_code))]
fn written(name: &str) -> Option<String> {
    let is_path = Path::parse(name).is_ok_and(|path| path.as_ref() == name) && !name.starts_with(MARK);
    if is_path {
        return None;
    }
    let mut path = String::from(MARK);
    for byte in name.bytes() {
        let _ = write!(path, "{byte:02x}");
    }
    Some(path)
}

/// A listing's document, with every name as a path.
#[cfg_attr(not(feature = "object_store_http"), allow(dead_code))]
pub(super) fn as_paths(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut rest = document;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let Some(end) = tag.find('>') else { break };
        let (tag, after) = tag.split_at(end + 1);
        out.push_str(tag);
        rest = after;
        let element = tag[1..end].split_ascii_whitespace().next().unwrap_or_default();
        // S3's keys, both sorts of prefixes, Azure's names.
        if tag.ends_with("/>") || !matches!(element, "Key" | "Prefix" | "Name") {
            continue;
        }
        let Some(close) = rest.find('<') else { break };
        let (text, after) = rest.split_at(close);
        rest = after;
        let mut name = unescaped(text);
        if tag.contains("Encoded=\"true\"") {
            // Azure's word for a name that XML cannot hold.
            name = percent::decoded(&name).map_or(name, Cow::Owned);
        }
        let without = name
            .strip_suffix('/')
            .filter(|_| element == "Prefix" || is_prefix(&out));
        let path = match without {
            // `object_store` leaves out the last `/` of a common prefix itself.
            Some(without) if written(without).is_none() => None,
            _ if name.is_empty() => None,
            _ => written(&name),
        };
        out.push_str(path.as_deref().unwrap_or(text));
    }
    out.push_str(rest);
    out
}

/// Whether the `<Name>` that was just opened belongs to one of Azure's common prefixes.
fn is_prefix(out: &str) -> bool {
    let before = out.rfind('<').map_or(out, |name| &out[..name]).trim_end();
    before.ends_with("<BlobPrefix>")
}

/// The text behind XML's references. Text that is no reference stays as it is.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';');
        let character = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        let length = match (character, end) {
            (Some(character), Some(end)) => {
                out.push(character);
                end + 1
            }
            _ => {
                out.push('&');
                1
            }
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(path: &str) -> String {
        of(&Path::parse(path).unwrap()).into_owned()
    }

    #[test]
    fn a_valid_path_stays_unchanged() {
        for name in ["a", "a/b", "ünï", "a b", "%2E"] {
            assert_eq!((written(name), back(name).as_str()), (None, name));
        }
    }

    #[test]
    fn a_foreign_name_round_trips() {
        for name in ["m//n", "./q", "a/..", "dir/", "/a", "a\u{1}b", "\u{10FFFF}00", "a\n"] {
            let path = written(name).unwrap();
            assert_eq!(back(&path), name, "{path}");
        }
    }

    #[test]
    fn a_listing_keeps_everything_but_names_unchanged() {
        let s3 = "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><Prefix></Prefix><Contents><Key>a&amp;b</Key><Size>1</Size>\
                  </Contents><CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes></ListBucketResult>";
        assert_eq!(as_paths(s3), s3);
        for broken in ["<Key", "<Key>a", "no document", "<Prefix/>"] {
            assert_eq!(as_paths(broken), broken);
        }
    }

    #[test]
    fn foreign_names_are_written_as_paths() {
        let names = |document: &str| -> Vec<String> {
            let paths = as_paths(document);
            let names = paths.split("<Key>").skip(1).chain(paths.split("<Name>").skip(1));
            let names = names.map(|rest| rest.split('<').next().unwrap().to_owned());
            names.map(|path| back(&path)).collect()
        };
        assert_eq!(
            names("<Key>m//n</Key><Key>dir/</Key><Key>a&#x1;b</Key><Key>x</Key>"),
            ["m//n", "dir/", "a\u{1}b", "x"]
        );
        let azure = as_paths("<BlobPrefix><Name>a/</Name></BlobPrefix><Blob><Name>a/</Name></Blob>");
        assert!(azure.starts_with("<BlobPrefix><Name>a/</Name>"), "{azure}");
        assert!(!azure.contains("<Blob><Name>a/</Name>"), "{azure}");
        let s3 = as_paths("<CommonPrefixes><Prefix>m//</Prefix></CommonPrefixes>");
        let path = s3.split("<Prefix>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(of_prefix(&Path::parse(path).unwrap()), "m//");
    }
}
