use super::{etag, read::time};
use crate::{
    provider::{
        ProviderError, percent,
        refusal::{Asked, unreadable_listing, wrong},
    },
    request::object::{List, ListEntry, ListPage, ObjectMeta, OpenUpload, UploadId, UploadPage},
    verdict::table::Symptom,
};
use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, list_multipart_uploads::ListMultipartUploadsOutput, list_objects_v2::ListObjectsV2Output},
    types::EncodingType,
};
use std::error::Error;

/// The most that S3 gives in one page.
pub(super) const PAGE: usize = 1000;

/// How a listing of objects begins.
pub(super) const OBJECTS: &[u8] = b"<ListBucketResult";
/// How a listing of uploads begins.
pub(super) const UPLOADS: &[u8] = b"<ListMultipartUploadsResult";

/// Whether the answer is such a listing that the SDK cannot read: S3 writes keys with characters that XML 1.0 forbids.
pub(super) fn is_unreadable<E>(error: &SdkError<E>, root: &[u8]) -> bool {
    let answer = error.raw_response().filter(|answer| answer.status().is_success());
    let body = answer.and_then(|answer| answer.body().bytes()).unwrap_or_default();
    body.windows(root.len()).any(|at| at == root)
}

/// Why there is no page. A success that the SDK cannot read is a failure.
pub(super) fn failed<E>(error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(read) if read.raw().status().is_success() && error.code().is_none() => {
            unreadable_listing(crate::provider::aws::finding(error).detail.request_id.as_deref())
        }
        _ => super::failed(Asked::List, error),
    }
}

/// S3 gives objects and common prefixes apart; here they are one ascending list.
pub(super) fn page(list: &List, page: ListObjectsV2Output) -> Result<ListPage, ProviderError> {
    let request_id = page.request_id().map(str::to_owned);
    let nonsense = || wrong(Symptom::Nonsense, request_id.as_deref());
    let name = |name: &str| plain(name, page.encoding_type()).ok_or_else(nonsense);

    let mut entries = Vec::with_capacity(page.contents().len() + page.common_prefixes().len());
    for object in page.contents() {
        let key = name(object.key().ok_or_else(nonsense)?)?;
        let size = object
            .size()
            .and_then(|size| u64::try_from(size).ok())
            .ok_or_else(nonsense)?;
        entries.push(ListEntry::Object(ObjectMeta {
            etag: object.e_tag().map(etag),
            last_modified: object.last_modified().and_then(time),
            ..ObjectMeta::new(key, size)
        }));
    }
    for prefix in page.common_prefixes() {
        entries.push(ListEntry::CommonPrefix(name(prefix.prefix().ok_or_else(nonsense)?)?));
    }
    entries.sort_by(|a, b| a.name().cmp(b.name()));
    // Stores differ on whether a common prefix is listed when start-after lies within it. Here it is not, so that a
    // listing can be taken up again after any of its entries.
    if let Some(after) = &list.start_after {
        entries.retain(|entry| entry.name() > after.as_str());
    }
    let continuation = match (page.is_truncated(), page.next_continuation_token) {
        (Some(true), None) => return Err(nonsense()),
        (Some(true), token) => token,
        _ => None,
    };
    Ok(ListPage::new(entries, continuation))
}

/// The uploads under way, in S3's order: by key, and by their beginning.
pub(super) fn uploads(page: &ListMultipartUploadsOutput) -> Result<UploadPage, ProviderError> {
    let nonsense = || wrong(Symptom::Nonsense, page.request_id());
    let name = |name: &str| plain(name, page.encoding_type()).ok_or_else(nonsense);
    let open = page.uploads().iter().map(|open| {
        let key = name(open.key().ok_or_else(nonsense)?)?;
        let id = open.upload_id().filter(|id| !id.is_empty()).ok_or_else(nonsense)?;
        Ok(OpenUpload::new(key, UploadId::new(id), open.initiated().and_then(time)))
    });
    let open = open.collect::<Result<_, ProviderError>>()?;
    let continuation = match (page.is_truncated(), page.next_key_marker()) {
        (Some(true), None) => return Err(nonsense()),
        (Some(true), Some(key)) => Some(continuation(&name(key)?, page.next_upload_id_marker())),
        _ => None,
    };
    Ok(UploadPage::new(open, continuation))
}

/// Both of S3's markers in one text: the length of the upload's name, the name, and the key.
fn continuation(key: &str, upload: Option<&str>) -> String {
    let upload = upload.unwrap_or_default();
    format!("{}:{upload}{key}", upload.len())
}

/// The key and the upload behind which a page begins. `None`: this is no [`continuation`].
pub(super) fn markers(continuation: &str) -> Option<(&str, Option<&str>)> {
    let (length, rest) = continuation.split_once(':')?;
    let (upload, key) = rest.split_at_checked(length.parse().ok()?)?;
    (!key.is_empty()).then_some((key, Some(upload).filter(|upload| !upload.is_empty())))
}

/// A name as it is. Encoded in a query's way: a blank is a plus.
fn plain(name: &str, encoding: Option<&EncodingType>) -> Option<String> {
    match encoding {
        Some(EncodingType::Url) => percent::decoded(&name.replace('+', " ")),
        _ => Some(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continuation_holds_both_markers() {
        for (key, upload) in [("a:b/ü 3", Some("2~x:y")), ("12:a", None), ("é", Some("ä"))] {
            assert_eq!(markers(&continuation(key, upload)), Some((key, upload)));
        }
        for foreign in ["", "a", "3:abc", "1:äb", "1:ä", "-1:ab", "99:ab"] {
            assert_eq!(markers(foreign), None, "{foreign}");
        }
    }
}
