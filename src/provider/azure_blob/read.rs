use super::{error, etag, located, metadata};
use crate::{
    provider::{
        ProviderError, ProviderErrorKind,
        attributes::{check_match, received},
        body::Arriving,
        part::{UNSAID, is_whole},
        refusal::{Asked, wrong},
    },
    request::object::{Attributes, Get, Object, ObjectMeta},
    verdict::table::Symptom,
};
use azure_core::http::{NoFormat, Response};
use azure_storage_blob::models::{
    BlobClientDownloadResult, BlobClientGetPropertiesResult, BlobClientGetPropertiesResultHeaders as _,
};
use futures_util::StreamExt as _;

/// The metadata in the answer to a HEAD.
pub(super) fn meta(
    key: &str,
    known: &Response<BlobClientGetPropertiesResult, NoFormat>,
) -> Result<ObjectMeta, ProviderError> {
    let id = error::request_id(known.headers());
    // A header that cannot be read is as good as none.
    let nonsense = |_| wrong(Symptom::Nonsense, id);
    let tag = known.etag().map_err(nonsense)?;
    let tag = tag.ok_or_else(|| wrong(Symptom::ErrorDocument, id))?;
    let size = known.content_length().map_err(nonsense)?;
    let pairs = metadata::received(known.metadata().map_err(nonsense)?);
    let (attributes, write_id) = received(Attributes {
        content_type: known.content_type().map_err(nonsense)?,
        cache_control: known.cache_control().map_err(nonsense)?,
        content_disposition: known.content_disposition().map_err(nonsense)?,
        content_encoding: known.content_encoding().map_err(nonsense)?,
        content_language: known.content_language().map_err(nonsense)?,
        metadata: pairs.collect(),
    });
    Ok(ObjectMeta {
        etag: Some(etag(tag.as_ref())),
        last_modified: known.last_modified().map_err(nonsense)?.map(Into::into),
        attributes,
        write_id,
        ..ObjectMeta::new(key, size.ok_or_else(|| wrong(Symptom::Nonsense, id))?)
    })
}

/// The object in the answer to a GET, with its body collected and measured.
pub(super) async fn object(get: &Get, got: BlobClientDownloadResult) -> Result<Object, ProviderError> {
    let BlobClientDownloadResult {
        mut body,
        properties,
        headers,
        ..
    } = got;
    let id = error::request_id(&headers);
    let tag = properties.etag.ok_or_else(|| wrong(Symptom::ErrorDocument, id))?;
    check_match(get.if_match.as_ref(), Some(&etag(tag.as_ref())))?;
    let content_range = headers.get_optional_str(&"content-range".into());
    let (attributes, write_id) = received(Attributes {
        content_type: properties.content_type,
        cache_control: properties.cache_control,
        content_disposition: properties.content_disposition,
        content_encoding: properties.content_encoding,
        content_language: properties.content_language,
        metadata: metadata::received(properties.metadata).collect(),
    });
    // Chunks announce none.
    let announced = properties.content_length;
    let meta = ObjectMeta {
        etag: Some(etag(tag.as_ref())),
        last_modified: properties.last_modified.map(Into::into),
        attributes,
        write_id,
        ..ObjectMeta::new(get.key.as_str(), announced.unwrap_or_default())
    };
    let mut arriving = Arriving::behind_its_head(&get.progress, announced);
    if get.range.is_none() && is_whole(content_range, announced) {
        arriving.of_whole(|| meta.clone());
    }
    while let Some(piece) = body.next().await {
        arriving.push(piece.map_err(|error| error::failed(Asked::Read, &error))?);
    }
    let body = arriving.whole().ok_or_else(|| wrong(Symptom::ShortBody, id))?;
    // The SDK asks for an empty blob as a whole, whatever part was asked for.
    if body.is_empty() && get.range.is_some() && content_range != Some(UNSAID) {
        return Err(ProviderError::answer(ProviderErrorKind::RangeNotSatisfiable));
    }
    let (range, size, body) =
        located(get.range.as_ref(), content_range, body).ok_or_else(|| wrong(Symptom::Nonsense, id))?;
    Ok(Object::new(ObjectMeta { size, ..meta }, range, body))
}
