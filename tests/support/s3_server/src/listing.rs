//! Pages of keys, of uploads and of parts.

use crate::store::{Object, Store};
use s3s::{
    S3Result,
    dto::{
        ChecksumAlgorithm, CommonPrefix, EncodingType, ListMultipartUploadsInput, ListMultipartUploadsOutput,
        ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput, MultipartUpload, ObjectStorageClass,
        Part, StorageClass, Timestamp,
    },
    s3_error,
};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// The most that a page has.
const PAGE: i32 = 1_000;

/// A page of a listing.
#[derive(Default)]
struct Page {
    objects: Vec<(String, Arc<Object>)>,
    prefixes: Vec<String>,
    /// After what the next page begins, if there is more.
    next: Option<String>,
}

fn page(
    objects: &BTreeMap<String, Arc<Object>>,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<&str>,
    is_continued: bool,
    most: usize,
) -> Page {
    let mut page = Page::default();
    if most == 0 {
        return page;
    }
    // A page that ended with a common prefix goes on behind all its keys.
    let folded = after.filter(|after| is_continued && delimiter.is_some_and(|end| after.ends_with(end)));
    let start = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    let mut last = String::new();
    for (key, object) in objects.range::<str, _>((start, Bound::Unbounded)) {
        let Some(rest) = key.strip_prefix(prefix) else {
            break;
        };
        let common = delimiter.and_then(|end| rest.find(end).map(|at| &key[..prefix.len() + at + end.len()]));
        let is_known = |common: &str| page.prefixes.last().is_some_and(|last| last == common);
        if common.is_some_and(|common| folded == Some(common) || is_known(common)) {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == most {
            page.next = Some(last);
            return page;
        }
        match common {
            Some(common) => page.prefixes.push(common.to_owned()),
            None => page.objects.push((key.clone(), object.clone())),
        }
        last = common.unwrap_or(key).to_owned();
    }
    page
}

pub(crate) fn objects(store: &Store, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let most = input.max_keys.unwrap_or(PAGE).min(PAGE);
    let Ok(count) = usize::try_from(most) else {
        return Err(s3_error!(InvalidArgument, "max-keys must not be negative"));
    };
    let after = match &input.continuation_token {
        Some(token) => Some(untoken(token)?),
        None => input.start_after.clone(),
    };
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let page = {
        let mut state = store.lock();
        let objects = &state.bucket(&input.bucket)?.objects;
        let is_continued = input.continuation_token.is_some();
        page(objects, &prefix, delimiter, after.as_deref(), is_continued, count)
    };
    let name = |text: &str| encoded(text, input.encoding_type.as_ref());
    let contents = page.objects.iter().map(|(key, object)| s3s::dto::Object {
        key: Some(name(key)),
        e_tag: Some(object.tag()),
        size: Some(object.size() as i64),
        last_modified: Some(Timestamp::from(object.modified)),
        storage_class: Some(ObjectStorageClass::from(class(object))),
        checksum_type: object.sums.checksum_type.clone(),
        checksum_algorithm: crate::sums::Algorithm::in_use(&object.sums)
            .map(|algorithm| vec![ChecksumAlgorithm::from_static(algorithm.name())]),
        ..s3s::dto::Object::default()
    });
    let prefixes = page.prefixes.iter().map(|prefix| CommonPrefix {
        prefix: Some(name(prefix)),
    });
    Ok(ListObjectsV2Output {
        key_count: Some((page.objects.len() + page.prefixes.len()) as i32),
        max_keys: Some(most),
        contents: Some(contents.collect()),
        common_prefixes: Some(prefixes.collect()),
        delimiter: input.delimiter.as_deref().map(name),
        prefix: Some(name(&prefix)),
        start_after: input.start_after.as_deref().map(name),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(token),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        ..ListObjectsV2Output::default()
    })
}

pub(crate) fn uploads(store: &Store, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
    if input.delimiter.is_some() {
        return Err(s3_error!(NotImplemented, "uploads are listed without a delimiter only"));
    }
    let most = input.max_uploads.unwrap_or(PAGE).clamp(1, PAGE);
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = (
        input.key_marker.clone().unwrap_or_default(),
        input.upload_id_marker.clone(),
    );
    // With a key alone, what comes after all uploads of that key.
    let is_after = |key: &str, id: &str| match &after {
        (marker, _) if marker.is_empty() => true,
        (marker, None) => key > marker.as_str(),
        (marker, Some(upload)) => (key, id) > (marker.as_str(), upload.as_str()),
    };
    let name = |text: String| encoded(&text, input.encoding_type.as_ref());
    let mut found: Vec<_> = {
        let mut state = store.lock();
        let uploads = state.bucket(&input.bucket)?.uploads.iter();
        let uploads = uploads.filter(|(id, upload)| upload.key.starts_with(&prefix) && is_after(&upload.key, id));
        let shown = uploads.map(|(id, upload)| MultipartUpload {
            key: Some(upload.key.clone()),
            upload_id: Some(id.clone()),
            initiated: Some(Timestamp::from(upload.initiated)),
            storage_class: Some(StorageClass::from(
                upload
                    .attributes
                    .storage_class
                    .clone()
                    .unwrap_or_else(|| "STANDARD".to_owned()),
            )),
            checksum_algorithm: upload
                .is_named
                .then(|| ChecksumAlgorithm::from_static(upload.algorithm.name())),
            ..MultipartUpload::default()
        });
        shown.collect()
    };
    found.sort_by(|a, b| (&a.key, &a.upload_id).cmp(&(&b.key, &b.upload_id)));
    let is_truncated = found.len() > most as usize;
    found.truncate(most as usize);
    let last = found.last().filter(|_| is_truncated);
    let next = last.map(|upload| (upload.key.clone().map(name), upload.upload_id.clone()));
    let (next_key_marker, next_upload_id_marker) = next.unwrap_or_default();
    for upload in &mut found {
        upload.key = upload.key.take().map(name);
    }
    Ok(ListMultipartUploadsOutput {
        prefix: input.prefix.map(name),
        key_marker: input.key_marker.map(name),
        bucket: Some(input.bucket),
        upload_id_marker: input.upload_id_marker,
        max_uploads: Some(most),
        is_truncated: Some(is_truncated),
        next_key_marker,
        next_upload_id_marker,
        uploads: Some(found),
        encoding_type: input.encoding_type.clone(),
        ..ListMultipartUploadsOutput::default()
    })
}

pub(crate) fn parts(store: &Store, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    let most = input.max_parts.unwrap_or(PAGE).clamp(1, PAGE);
    let after = input.part_number_marker.unwrap_or(0);
    let mut state = store.lock();
    let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
    let mut parts: Vec<_> = upload
        .parts
        .range((Bound::Excluded(after), Bound::Unbounded))
        .take(most as usize + 1)
        .map(|(&number, part)| Part {
            part_number: Some(number),
            size: Some(part.size() as i64),
            e_tag: Some(part.tag()),
            last_modified: Some(Timestamp::from(part.modified)),
            checksum_crc32: part.sums.checksum_crc32.clone(),
            checksum_crc32c: part.sums.checksum_crc32c.clone(),
            checksum_crc64nvme: part.sums.checksum_crc64nvme.clone(),
            checksum_sha1: part.sums.checksum_sha1.clone(),
            checksum_sha256: part.sums.checksum_sha256.clone(),
        })
        .collect();
    let is_truncated = parts.len() > most as usize;
    parts.truncate(most as usize);
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        max_parts: Some(most),
        part_number_marker: Some(after),
        next_part_number_marker: parts.last().filter(|_| is_truncated).and_then(|part| part.part_number),
        is_truncated: Some(is_truncated),
        parts: Some(parts),
        checksum_algorithm: upload
            .is_named
            .then(|| ChecksumAlgorithm::from_static(upload.algorithm.name())),
        storage_class: Some(StorageClass::from(
            upload
                .attributes
                .storage_class
                .clone()
                .unwrap_or_else(|| "STANDARD".to_owned()),
        )),
        ..ListPartsOutput::default()
    })
}

fn class(object: &Object) -> String {
    let class = object.attributes.storage_class.clone();
    class.unwrap_or_else(|| StorageClass::STANDARD.to_owned())
}

/// Opaque, so that nobody takes it for a key.
fn token(last: &str) -> String {
    format!("1{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(last))
}

fn untoken(token: &str) -> S3Result<String> {
    let decoded = token
        .strip_prefix('1')
        .and_then(|token| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token).ok());
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

fn encoded(text: &str, encoding: Option<&EncodingType>) -> String {
    if encoding.is_none() {
        return text.to_owned();
    }
    let mut all = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'*' => all.push(char::from(byte)),
            _ => all.push_str(&format!("%{byte:02X}")),
        }
    }
    all
}
