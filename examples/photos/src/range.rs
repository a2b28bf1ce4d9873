use axum::http::HeaderValue;
use evenkeel::request::object::ByteRange;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    All,
    Part(ByteRange),
}

/// One range of bytes (RFC 9110, 14.1.2). A header of another unit, of several ranges or without sense is ignored, as the
/// RFC allows: the whole photo is a right answer.
pub(crate) fn asked(header: Option<&HeaderValue>) -> Asked {
    let part = header.and_then(|header| part(header.to_str().ok()?));
    part.map_or(Asked::All, Asked::Part)
}

fn part(header: &str) -> Option<ByteRange> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => Some(ByteRange::Suffix(last.parse().ok()?)),
        (first, "") => Some(ByteRange::From(first.parse().ok()?)),
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then(|| ByteRange::Bounded(first..last.saturating_add(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_read_and_anything_else_is_the_whole() {
        let asked = |header: &'static str| asked(Some(&HeaderValue::from_static(header)));
        assert_eq!(asked("bytes=0-99"), Asked::Part(ByteRange::Bounded(0..100)));
        assert_eq!(asked("bytes=100-"), Asked::Part(ByteRange::From(100)));
        assert_eq!(asked("bytes=-5"), Asked::Part(ByteRange::Suffix(5)));
        for whole in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=a-b",
            "lines=0-9",
            "bytes=0-1,3-4",
        ] {
            assert_eq!(asked(whole), Asked::All, "{whole}");
        }
    }
}
