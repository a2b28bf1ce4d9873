//! The part of an object that an HTTP answer carries, compared with the request.

use crate::request::object::ByteRange;
use bytes::Bytes;
use std::ops::Range;

/// The content range of a part (206) that does not say which part it is, and of an answer without content (204). The
/// SDKs do not tell either from a whole object.
pub(super) const UNSAID: &str = "unsaid";

/// The content range of an answer that ends with its connection. If no bytes came, nobody knows whether that was all.
pub(super) const UNFRAMED: &str = "unframed";

/// Which bytes these are, of how many, after a check that they are the requested bytes. If a server ignored the range
/// and sent the whole object, the part is cut out here.
pub(super) fn located(
    range: Option<&ByteRange>,
    content_range: Option<&str>,
    body: Bytes,
) -> Option<(Range<u64>, u64, Bytes)> {
    let length = body.len() as u64;
    let (sent, size) = match content_range {
        Some(UNFRAMED) if length > 0 => (0..length, length),
        Some(header) => parse(header)?,
        None => (0..length, length),
    };
    let asked = match range {
        Some(range) => range.of(size)?,
        None => 0..size,
    };
    if sent.end - sent.start != length {
        return None;
    }
    if sent == asked {
        return Some((sent, size, body));
    }
    (sent == (0..size)).then(|| {
        let part = body.slice(asked.start as usize..asked.end as usize);
        (asked, size, part)
    })
}

/// Whether an answer to a request for the whole object is that, by its head.
pub(super) fn is_whole(content_range: Option<&str>, announced: Option<u64>) -> bool {
    match (content_range, announced) {
        (None, Some(_)) => true,
        (Some(header), Some(announced)) => parse(header) == Some((0..announced, announced)),
        (_, None) => false,
    }
}

/// `bytes 0-4/10`. An unknown size (`*`) is refused: without it a suffix cannot be checked.
fn parse(header: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (start, size): (u64, u64) = (first.parse().ok()?, size.parse().ok()?);
    let end = last.parse::<u64>().ok()?.checked_add(1)?;
    (start < end && end <= size).then_some((start..end, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_by_its_head() {
        for (header, announced, whole) in [
            (None, Some(5), true),
            (None, None, false),
            (Some("bytes 0-4/5"), Some(5), true),
            (Some("bytes 0-4/9"), Some(5), false),
            (Some("bytes 2-6/7"), Some(5), false),
            (Some(UNSAID), Some(5), false),
            (Some(UNFRAMED), Some(5), false),
        ] {
            assert_eq!(is_whole(header, announced), whole, "{header:?} {announced:?}");
        }
    }

    #[test]
    fn a_part_must_match_the_requested_range() {
        let part = |range: Option<ByteRange>, header: Option<&str>, body: &'static str| {
            located(range.as_ref(), header, Bytes::from_static(body.as_bytes()))
                .map(|(range, size, body)| (range, size, String::from_utf8(body.to_vec()).unwrap()))
        };
        let middle = || Some(ByteRange::Bounded(2..5));
        assert_eq!(part(None, None, "0123456789"), Some((0..10, 10, "0123456789".into())));
        assert_eq!(
            part(middle(), Some("bytes 2-4/10"), "234"),
            Some((2..5, 10, "234".into()))
        );
        assert_eq!(
            part(middle(), None, "0123456789"),
            Some((2..5, 10, "234".into())),
            "range ignored"
        );
        assert_eq!(
            part(Some(ByteRange::Suffix(3)), Some("bytes 7-9/10"), "789"),
            Some((7..10, 10, "789".into()))
        );
        assert_eq!(part(middle(), Some("bytes 3-5/10"), "345"), None, "another part");
        assert_eq!(part(middle(), Some("bytes 2-4/10"), "23"), None, "too short");
        assert_eq!(
            part(None, Some("bytes 2-4/10"), "234"),
            None,
            "a part of the whole that was asked for"
        );
        assert_eq!(part(middle(), Some("bytes 2-4/*"), "234"), None);
        assert_eq!(part(middle(), Some("bytes 4-2/10"), ""), None);
    }
}
