//! How an ETag shows to the application. Only this file knows. Pure.
//!
//! | at a client | the ETag of an object is |
//! |---|---|
//! | all of whose endpoints show write ids in listings | the [stamp](crate::request::Stamp) of its write, `"~1A…"`: the same at every endpoint that has this content |
//! | all of whose endpoints do so, of an object that has no stamp of its own | as below |
//! | any other | `"endpoint:tag"`, both percent-encoded: the endpoint's own tag, which means nothing elsewhere |
//!
//! So get, head, put and listings agree on the ETag of one object at one endpoint. The text is in quotes, as an ETag is,
//! and has no comma and no blank, so that it can stand in a list of If-Match.

use super::text;
use crate::request::{
    Stamp, WriteId,
    object::{ETag, ObjectMeta},
};

/// Which ETags a client shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    /// Whether every endpoint shows the stamp in every answer.
    pub(super) stamps: bool,
}

/// What an application's text names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Named {
    /// One write, wherever it lies.
    Stamp(Stamp),
    /// What an endpoint gave this tag to.
    At(ETag),
}

impl Tags {
    /// The ETag in every answer about this object, and in every listing.
    pub(super) fn of(self, found: &ObjectMeta) -> Option<String> {
        let own = |id: &WriteId| id.fits(&found.key, found.size);
        self.shown(found.write_id.as_ref().filter(|id| own(id)), found.etag.as_ref())
    }

    /// The same, of what was just stored.
    pub(super) fn shown(self, id: Option<&WriteId>, tag: Option<&ETag>) -> Option<String> {
        let stamp = id.and_then(WriteId::stamp).filter(|_| self.stamps);
        match stamp {
            Some(stamp) => Some(of_stamp(stamp)),
            None => tag.map(of_tag),
        }
    }
}

/// Two stamps of one write may differ in the checksum alone.
fn of_stamp(stamp: Stamp) -> String {
    format!("\"{}\"", Stamp { crc: None, ..stamp })
}

fn of_tag(tag: &ETag) -> String {
    format!("\"{}:{}\"", text::encoded(tag.endpoint()), text::encoded(tag.value()))
}

/// What such a text names. `None`: the text is another store's, and matches nothing here.
pub(super) fn read(shown: &str) -> Option<Named> {
    let bare = shown.strip_prefix('"')?.strip_suffix('"')?;
    let (named, again) = match bare.split_once(':') {
        None => {
            let stamp = WriteId::new(bare).stamp()?;
            let again = of_stamp(stamp);
            (Named::Stamp(stamp), again)
        }
        Some((endpoint, value)) => {
            let tag = ETag::new(text::decoded(value)?, text::decoded(endpoint)?);
            let again = of_tag(&tag);
            (Named::At(tag), again)
        }
    };
    // One thing has one text.
    (again == shown).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "~1ABkNwbL8SQAECAwQFBgcICQoLDA0ODwAAAAAPFvz_GwAAAAAAAAAA";

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
            let text = of_tag(&tag);
            assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b','), "{text}");
            assert_eq!(read(&text), Some(Named::At(tag)));
        }
        assert_eq!(of_tag(&ETag::new("\"7\"", "home")), "\"home:%227%22\"");
    }

    #[test]
    fn a_stamp_is_the_etag_where_all_endpoints_show_it_and_it_fits() {
        let mut found = ObjectMeta::new("orders/42", 5);
        found.etag = Some(ETag::new("7", "home"));
        let (stamps, tags) = (Tags { stamps: true }, Tags { stamps: false });
        assert_eq!(stamps.of(&found).as_deref(), Some("\"home:7\""));
        for id in [STAMP.to_owned(), format!("{STAMP}.abcdefgh")] {
            found.write_id = Some(WriteId::new(id));
            assert_eq!(stamps.of(&found), Some(format!("\"{STAMP}\"")));
            assert_eq!(tags.of(&found).as_deref(), Some("\"home:7\""));
        }
        let Some(Named::Stamp(stamp)) = read(&format!("\"{STAMP}\"")) else {
            panic!("a stamp was not read");
        };
        assert_eq!(of_stamp(stamp), format!("\"{STAMP}\""));
        // It came along with a copy that somebody else made.
        found.size = 6;
        assert_eq!(stamps.of(&found).as_deref(), Some("\"home:7\""));
        found.write_id = Some(WriteId::new("42"));
        assert_eq!(stamps.of(&found).as_deref(), Some("\"home:7\""));
    }

    #[test]
    fn another_store_s_text_names_nothing() {
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
            STAMP,
        ] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
        assert_eq!(read(&format!("\"{STAMP}.abcdefgh\"")), None);
    }
}
