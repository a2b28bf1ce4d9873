use super::{error::wrong, etag};
use crate::{
    provider::ProviderError,
    request::object::{Attributes, ETag, Get, Object, ObjectMeta, WriteId},
    verdict::{chain, table::Symptom},
};
use aws_sdk_s3::{
    operation::{RequestId, get_object::GetObjectOutput, head_object::HeadObjectOutput},
    primitives::{ByteStreamError, DateTime},
};
use bytes::Bytes;
use std::{collections::HashMap, mem, ops::Range, time::SystemTime};

/// The tag that every real 200 carries. Without it the answer is an error document, or no S3's.
pub(super) fn tag(value: Option<&str>, request_id: Option<&str>) -> Result<ETag, ProviderError> {
    value.map(etag).ok_or_else(|| wrong(Symptom::ErrorDocument, request_id))
}

/// What a HEAD says.
pub(super) fn meta(key: &str, known: &HeadObjectOutput) -> Result<ObjectMeta, ProviderError> {
    let id = known.request_id();
    let size = known.content_length().and_then(|length| u64::try_from(length).ok());
    let (attributes, write_id) = attributes(known.content_type(), known.cache_control(), known.metadata());
    Ok(ObjectMeta {
        etag: Some(tag(known.e_tag(), id)?),
        last_modified: known.last_modified().and_then(time),
        attributes,
        write_id,
        ..ObjectMeta::new(key, size.ok_or_else(|| wrong(Symptom::Nonsense, id))?)
    })
}

/// What a GET says, its body collected and measured.
pub(super) async fn object(get: &Get, mut got: GetObjectOutput) -> Result<Object, ProviderError> {
    let id = got.request_id().map(str::to_owned);
    let id = id.as_deref();
    let tag = tag(got.e_tag(), id)?;
    let body = mem::take(&mut got.body)
        .collect()
        .await
        .map_err(|error| broken(&error, id))?;
    let body = body.into_bytes();
    let length = body.len() as u64;
    if got
        .content_length()
        .is_some_and(|announced| u64::try_from(announced) != Ok(length))
    {
        return Err(wrong(Symptom::ShortBody, id));
    }
    let (range, size, body) = located(get, got.content_range(), body).ok_or_else(|| wrong(Symptom::Nonsense, id))?;
    let (attributes, write_id) = attributes(got.content_type(), got.cache_control(), got.metadata());
    let meta = ObjectMeta {
        etag: Some(tag),
        last_modified: got.last_modified().and_then(time),
        attributes,
        write_id,
        ..ObjectMeta::new(get.key.as_str(), size)
    };
    Ok(Object::new(meta, range, body))
}

/// Which bytes of how many these are, and that they are the ones asked for. A server that ignored the range sent the whole
/// object: then the part is cut out here.
fn located(get: &Get, content_range: Option<&str>, body: Bytes) -> Option<(Range<u64>, u64, Bytes)> {
    let length = body.len() as u64;
    let (sent, size) = match content_range {
        Some(header) => parse(header)?,
        None => (0..length, length),
    };
    let asked = match &get.range {
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

/// `bytes 0-4/10`. An unknown size (`*`) is refused: without it a suffix cannot be checked.
fn parse(header: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (start, size): (u64, u64) = (first.parse().ok()?, size.parse().ok()?);
    let end = last.parse::<u64>().ok()?.checked_add(1)?;
    (start < end && end <= size).then_some((start..end, size))
}

/// The body broke off, or was not what it should be.
fn broken(error: &ByteStreamError, request_id: Option<&str>) -> ProviderError {
    let checksum = chain::chain(error).any(|error| error.to_string().contains("checksum"));
    let io = chain::find::<std::io::Error>(error).map(std::io::Error::kind);
    let symptom = match io {
        _ if checksum => Symptom::WrongChecksum,
        Some(std::io::ErrorKind::UnexpectedEof) => Symptom::ShortBody,
        Some(_) => Symptom::Reset,
        None if chain::find::<hyper::Error>(error).is_some() => Symptom::Reset,
        None => Symptom::ShortBody,
    };
    wrong(symptom, request_id)
}

fn attributes(
    content_type: Option<&str>,
    cache_control: Option<&str>,
    metadata: Option<&HashMap<String, String>>,
) -> (Attributes, Option<WriteId>) {
    let mut attributes = Attributes {
        content_type: content_type.map(str::to_owned),
        cache_control: cache_control.map(str::to_owned),
        ..Attributes::default()
    };
    attributes.metadata.extend(
        metadata
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    let write_id = attributes.metadata.remove(WriteId::METADATA_KEY).map(WriteId::new);
    (attributes, write_id)
}

pub(super) fn time(at: &DateTime) -> Option<SystemTime> {
    SystemTime::try_from(*at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Key, object::ByteRange};

    fn get(range: Option<ByteRange>) -> Get {
        Get {
            range,
            ..Get::new(Key::new("k").unwrap())
        }
    }

    #[test]
    fn a_part_is_what_was_asked_for_or_nonsense() {
        let part = |range: Option<ByteRange>, header: Option<&str>, body: &'static str| {
            located(&get(range), header, Bytes::from_static(body.as_bytes()))
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
