use super::{etag, read::time};
use crate::{
    provider::{
        ProviderError, percent,
        refusal::{Asked, unreadable_listing, wrong},
    },
    request::object::{List, ListEntry, ListPage, ObjectMeta},
    verdict::table::Symptom,
};
use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        RequestId,
        list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output},
    },
    types::EncodingType,
};

/// The most that S3 gives in one page.
pub(super) const PAGE: usize = 1000;

/// Whether the answer is a listing that the SDK cannot read: S3 writes keys with characters that XML 1.0 forbids.
pub(super) fn is_unreadable(error: &SdkError<ListObjectsV2Error>) -> bool {
    const ROOT: &[u8] = b"<ListBucketResult";
    let answer = error.raw_response().filter(|answer| answer.status().is_success());
    let body = answer.and_then(|answer| answer.body().bytes()).unwrap_or_default();
    body.windows(ROOT.len()).any(|at| at == ROOT)
}

/// Why there is no page. A success that the SDK cannot read is a failure.
pub(super) fn failed(error: &SdkError<ListObjectsV2Error>) -> ProviderError {
    match error {
        SdkError::ServiceError(read) if read.raw().status().is_success() && error.code().is_none() => {
            unreadable_listing(error.request_id())
        }
        _ => super::failed(Asked::List, error),
    }
}

/// S3 gives objects and common prefixes apart; here they are one ascending list.
pub(super) fn page(list: &List, page: ListObjectsV2Output) -> Result<ListPage, ProviderError> {
    let request_id = page.request_id().map(str::to_owned);
    let nonsense = || wrong(Symptom::Nonsense, request_id.as_deref());
    let is_encoded = page.encoding_type() == Some(&EncodingType::Url);
    // In a query's way: a blank is a plus.
    let name = |name: &str| match is_encoded {
        true => percent::decoded(&name.replace('+', " ")).ok_or_else(nonsense),
        false => Ok(name.to_owned()),
    };

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
