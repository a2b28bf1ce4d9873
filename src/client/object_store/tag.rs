//! How an ETag shows to the application. Only this file knows. Pure.
//!
//! The text is `"endpoint:tag"`, in quotes as an ETag is, with both names percent-encoded: it has no comma and no blank,
//! so that it can stand in a list of If-Match. Whoever reads it back knows at which endpoint the tag means something.

use super::text;
use crate::request::object::ETag;

/// The tag as the application sees it, in every answer and in every listing.
pub(super) fn shown(tag: Option<&ETag>) -> Option<String> {
    let tag = tag?;
    Some(format!(
        "\"{}:{}\"",
        text::encoded(tag.endpoint()),
        text::encoded(tag.value())
    ))
}

/// The tag behind such a text. `None`: the text is another store's, and matches nothing here.
pub(super) fn read(shown: &str) -> Option<ETag> {
    let (endpoint, value) = shown.strip_prefix('"')?.strip_suffix('"')?.split_once(':')?;
    let tag = ETag::new(text::decoded(value)?, text::decoded(endpoint)?);
    // One tag has one text.
    (self::shown(Some(&tag)).as_deref() == Some(shown)).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_round_trips_as_one_word_without_commas() {
        for (value, endpoint) in [
            ("\"d41d8cd98f00b204e9800998ecf8427e-3\"", "virginia"),
            ("17", "west europe, 2"),
            ("W/\"a b\"", "münchen:1"),
            ("", ""),
            ("%41", "a%3Ab"),
        ] {
            let tag = ETag::new(value, endpoint);
            let text = shown(Some(&tag)).unwrap();
            assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b','), "{text}");
            assert_eq!(read(&text), Some(tag));
        }
        assert_eq!(
            shown(Some(&ETag::new("\"7\"", "home"))).as_deref(),
            Some("\"home:%227%22\"")
        );
    }

    #[test]
    fn another_store_s_text_is_no_tag() {
        for foreign in [
            "",
            "*",
            "invalid",
            "\"7\"",
            "home:7",
            "\"home:%2\"",
            "\"home:%37\"",
            "\"a:b:c\"",
            "\"é:1\"",
        ] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }
}
