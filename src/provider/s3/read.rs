use super::etag;
use crate::{
    provider::{
        ProviderError,
        attributes::{check_match, received},
        body::Arriving,
        part::{is_whole, located},
        refusal::wrong,
    },
    request::object::{Attributes, ETag, Get, Object, ObjectMeta},
    verdict::{chain, table::Symptom},
};
use aws_sdk_s3::{
    operation::{RequestId, get_object::GetObjectOutput, head_object::HeadObjectOutput},
    primitives::{ByteStreamError, DateTime},
};
use std::{collections::HashMap, time::SystemTime};

/// The tag that every real 200 carries. An answer without a tag is an error document, or not from S3.
pub(super) fn tag(value: Option<&str>, request_id: Option<&str>) -> Result<ETag, ProviderError> {
    value.map(etag).ok_or_else(|| wrong(Symptom::ErrorDocument, request_id))
}

/// The metadata in the answer to a HEAD.
pub(super) fn meta(key: &str, known: &HeadObjectOutput) -> Result<ObjectMeta, ProviderError> {
    let id = known.request_id();
    let size = known.content_length().and_then(|length| u64::try_from(length).ok());
    let (attributes, write_id) = received(Attributes {
        content_type: known.content_type().map(str::to_owned),
        cache_control: known.cache_control().map(str::to_owned),
        content_disposition: known.content_disposition().map(str::to_owned),
        content_encoding: known.content_encoding().map(str::to_owned),
        content_language: known.content_language().map(str::to_owned),
        metadata: pairs(known.metadata()).collect(),
    });
    Ok(ObjectMeta {
        etag: Some(tag(known.e_tag(), id)?),
        last_modified: known.last_modified().and_then(time),
        attributes,
        write_id,
        ..ObjectMeta::new(key, size.ok_or_else(|| wrong(Symptom::Nonsense, id))?)
    })
}

/// The object in the answer to a GET, with its body collected and measured.
pub(super) async fn object(get: &Get, mut got: GetObjectOutput) -> Result<Object, ProviderError> {
    let id = got.request_id().map(str::to_owned);
    let id = id.as_deref();
    let tag = tag(got.e_tag(), id)?;
    check_match(get.if_match.as_ref(), Some(&tag))?;
    let (attributes, write_id) = received(Attributes {
        content_type: got.content_type().map(str::to_owned),
        cache_control: got.cache_control().map(str::to_owned),
        content_disposition: got.content_disposition().map(str::to_owned),
        content_encoding: got.content_encoding().map(str::to_owned),
        content_language: got.content_language().map(str::to_owned),
        metadata: pairs(got.metadata()).collect(),
    });
    // Chunks announce none.
    let announced = match got.content_length().map(u64::try_from) {
        Some(Err(_)) => return Err(wrong(Symptom::ShortBody, id)),
        Some(Ok(announced)) => Some(announced),
        None => None,
    };
    let meta = ObjectMeta {
        etag: Some(tag),
        last_modified: got.last_modified().and_then(time),
        attributes,
        write_id,
        ..ObjectMeta::new(get.key.as_str(), announced.unwrap_or_default())
    };
    let mut arriving = Arriving::behind_its_head(&get.progress, announced);
    if get.range.is_none() && is_whole(got.content_range(), announced) {
        arriving.of_whole(|| meta.clone());
    }
    while let Some(piece) = got.body.next().await {
        arriving.push(piece.map_err(|error| broken(&error, id))?);
    }
    let body = arriving.whole().ok_or_else(|| wrong(Symptom::ShortBody, id))?;
    let (range, size, body) =
        located(get.range.as_ref(), got.content_range(), body).ok_or_else(|| wrong(Symptom::Nonsense, id))?;
    Ok(Object::new(ObjectMeta { size, ..meta }, range, body))
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

fn pairs(metadata: Option<&HashMap<String, String>>) -> impl Iterator<Item = (String, String)> {
    let pairs = metadata.into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.clone()))
}

pub(super) fn time(at: &DateTime) -> Option<SystemTime> {
    SystemTime::try_from(*at).ok()
}
