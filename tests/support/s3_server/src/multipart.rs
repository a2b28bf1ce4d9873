//! Uploads in parts.

use crate::{
    attributes::attributes,
    conditions::{self, Write},
    objects::{self, Body},
    store::{Bucket, Completed, Object, Part, Store, Upload, cut, joined, now},
    sums::{self, Algorithm, given},
};
use bytes::Bytes;
use s3s::{
    S3Request, S3Result,
    dto::{
        AbortMultipartUploadInput, Checksum, ChecksumAlgorithm, ChecksumType, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CompletedPart, CopyPartResult, CreateMultipartUploadInput,
        CreateMultipartUploadOutput, ETag, Timestamp, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
        UploadPartOutput,
    },
    s3_error,
};
use std::{collections::BTreeMap, sync::Arc};

/// S3's limit on parts.
const PARTS_MAX: i32 = 10_000;

pub(crate) fn create(store: &Store, mut input: CreateMultipartUploadInput) -> S3Result<CreateMultipartUploadOutput> {
    let attributes = attributes!(input)?;
    let named = input.checksum_algorithm.as_ref().map(Algorithm::named).transpose()?;
    let algorithm = named.unwrap_or(Algorithm::Crc64Nvme);
    let wanted = input.checksum_type.as_ref().map(ChecksumType::as_str);
    let is_full_object = match (algorithm, wanted) {
        (Algorithm::Crc64Nvme, None | Some(ChecksumType::FULL_OBJECT)) => true,
        (Algorithm::Crc32 | Algorithm::Crc32c, Some(ChecksumType::FULL_OBJECT)) => true,
        (Algorithm::Crc64Nvme, _) | (_, Some(ChecksumType::FULL_OBJECT)) => {
            return Err(s3_error!(
                InvalidRequest,
                "The {} checksum type cannot be used with the {} checksum algorithm.",
                wanted.unwrap_or_default(),
                algorithm.name()
            ));
        }
        (_, _) => false,
    };
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        checksum_algorithm: named.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: named.map(|_| {
            ChecksumType::from_static(if is_full_object {
                ChecksumType::FULL_OBJECT
            } else {
                ChecksumType::COMPOSITE
            })
        }),
        ..CreateMultipartUploadOutput::default()
    };
    let mut state = store.lock();
    state.bucket(&input.bucket)?;
    let id = state.next_upload_id();
    let upload = Upload {
        key: input.key,
        attributes,
        algorithm,
        is_named: named.is_some(),
        is_full_object,
        initiated: now(),
        parts: BTreeMap::new(),
    };
    state.bucket(&input.bucket)?.uploads.insert(id.clone(), upload);
    Ok(CreateMultipartUploadOutput {
        upload_id: Some(id),
        ..output
    })
}

pub(crate) async fn upload(store: &Store, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
    let mut input = request.input;
    check_number(input.part_number)?;
    let body = Body::read(input.body.take()).await?;
    let mut given = given!(input);
    sums::add_trailer(&mut given, request.trailing_headers.as_ref());
    let said = sums::verify(
        &body.content,
        &body.md5,
        input.content_md5.as_deref(),
        &given,
        input.checksum_algorithm.as_ref(),
    )?;
    let (algorithm, is_named, is_full_object) = {
        let mut state = store.lock();
        let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
        (upload.algorithm, upload.is_named, upload.is_full_object)
    };
    // An upload that names no algorithm takes a part with any. One with a checksum over checksums needs each part's.
    let is_other = said.is_some_and(|said| said != algorithm);
    if is_named && (is_other || (said.is_none() && !is_full_object)) {
        return Err(s3_error!(
            InvalidRequest,
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            algorithm.name(),
            said.map_or("null", Algorithm::name)
        ));
    }
    let sums = match said {
        Some(_) => given.clone(),
        None => algorithm.as_sums(algorithm.of(std::slice::from_ref(&body.content)), true),
    };
    let part = Part {
        content: vec![body.content],
        md5: body.md5,
        sums,
        modified: now(),
    };
    let tag = part.tag();
    let mut state = store.lock();
    let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
    upload.parts.insert(input.part_number, Arc::new(part));
    Ok(UploadPartOutput {
        e_tag: Some(tag),
        checksum_crc32: given.checksum_crc32,
        checksum_crc32c: given.checksum_crc32c,
        checksum_crc64nvme: given.checksum_crc64nvme,
        checksum_sha1: given.checksum_sha1,
        checksum_sha256: given.checksum_sha256,
        ..UploadPartOutput::default()
    })
}

pub(crate) fn copy(store: &Store, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
    check_number(input.part_number)?;
    let (bucket, key) = objects::source(&input.copy_source)?;
    let source = store.get(bucket, key)?;
    let conditions = conditions::Read {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    conditions.check_source(&source)?;
    let range = match &input.copy_source_range {
        None => 0..source.size(),
        Some(range) => whole_range(range, source.size())?,
    };
    let content = cut(&source.content, range);
    let algorithm = {
        let mut state = store.lock();
        let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
        upload.algorithm
    };
    let part = Part {
        md5: sums::md5(&content),
        sums: algorithm.as_sums(algorithm.of(&content), true),
        content,
        modified: now(),
    };
    let result = CopyPartResult {
        e_tag: Some(part.tag()),
        last_modified: Some(Timestamp::from(part.modified)),
        checksum_crc32: part.sums.checksum_crc32.clone(),
        checksum_crc32c: part.sums.checksum_crc32c.clone(),
        checksum_crc64nvme: part.sums.checksum_crc64nvme.clone(),
        checksum_sha1: part.sums.checksum_sha1.clone(),
        checksum_sha256: part.sums.checksum_sha256.clone(),
    };
    let mut state = store.lock();
    let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
    upload.parts.insert(input.part_number, Arc::new(part));
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..UploadPartCopyOutput::default()
    })
}

pub(crate) fn complete(
    store: &Store,
    mut input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let given = given!(input);
    let wanted = input.multipart_upload.take().and_then(|upload| upload.parts);
    let wanted = wanted.unwrap_or_default();
    let conditions = Write {
        if_match: input.if_match.take(),
        if_none_match: input.if_none_match.take(),
    };
    // A checksum over the whole object is worked out without the lock; again, where a part was replaced meanwhile.
    let mut known: Option<(Vec<Arc<Part>>, String)> = None;
    loop {
        let (algorithm, parts) = {
            let mut state = store.lock();
            let bucket = state.bucket(&input.bucket)?;
            let Some(upload) = bucket
                .uploads
                .get(&input.upload_id)
                .filter(|upload| upload.key == input.key)
            else {
                return repeated(bucket, &input, &wanted, &conditions);
            };
            conditions.check(bucket.objects.get(&input.key).map(|object| &**object))?;
            let parts = chosen(upload, &wanted, store.min_part_size)?;
            let total: u64 = parts.iter().map(|part| part.size()).sum();
            if input.mpu_object_size.is_some_and(|said| said != total as i64) {
                return Err(s3_error!(
                    InvalidRequest,
                    "The provided 'x-amz-mp-object-size' header value does not match what was computed."
                ));
            }
            let sum = if upload.is_full_object {
                known.take().filter(|(of, _)| is_same(of, &parts)).map(|(_, sum)| sum)
            } else {
                Some(upload.algorithm.composite(parts.iter().map(|part| &part.sums)))
            };
            match sum {
                Some(sum) => return finish(store, bucket, &input, &parts, sum, &given, &wanted),
                None => (upload.algorithm, parts),
            }
        };
        let sum = algorithm.of(&content(&parts));
        known = Some((parts, sum));
    }
}

fn finish(
    store: &Store,
    bucket: &mut Bucket,
    input: &CompleteMultipartUploadInput,
    parts: &[Arc<Part>],
    sum: String,
    given: &Checksum,
    wanted: &[CompletedPart],
) -> S3Result<CompleteMultipartUploadOutput> {
    let upload = bucket.upload(&input.key, &input.upload_id)?;
    if upload.algorithm.value(given).is_some_and(|said| said != sum) {
        return Err(s3_error!(
            BadDigest,
            "The {} you specified did not match the calculated checksum.",
            upload.algorithm.name()
        ));
    }
    let md5s: Vec<_> = parts.iter().map(|part| part.md5).collect();
    let completed = Completed {
        key: input.key.clone(),
        parts: wanted.iter().filter_map(|part| part.part_number).collect(),
        etag: sums::multipart_etag(&md5s),
        sums: upload.algorithm.as_sums(sum, upload.is_full_object),
    };
    let object = Object {
        // One piece for each part, so that a read of one part finds it.
        content: parts.iter().map(|part| joined(&part.content)).collect(),
        etag: completed.etag.clone(),
        modified: now(),
        attributes: upload.attributes.clone(),
        sums: completed.sums.clone(),
        is_multipart: true,
    };
    let output = answer(input, &completed);
    bucket.uploads.remove(&input.upload_id);
    bucket.objects.insert(input.key.clone(), Arc::new(object));
    if store.remembers_completions {
        bucket.completed.insert(input.upload_id.clone(), completed);
    }
    Ok(output)
}

/// A completion that comes again soon after the first has the first's answer and changes nothing, whatever became of the
/// object. Its condition is looked at before: what it created stands in the way of the same create.
fn repeated(
    bucket: &Bucket,
    input: &CompleteMultipartUploadInput,
    wanted: &[CompletedPart],
    conditions: &Write,
) -> S3Result<CompleteMultipartUploadOutput> {
    let numbers: Vec<_> = wanted.iter().filter_map(|part| part.part_number).collect();
    let completed = bucket.completed.get(&input.upload_id);
    let completed = completed.filter(|completed| completed.key == input.key && completed.parts == numbers);
    let Some(completed) = completed else {
        return Err(s3_error!(NoSuchUpload));
    };
    conditions.check(bucket.objects.get(&input.key).map(|object| &**object))?;
    Ok(answer(input, completed))
}

fn answer(input: &CompleteMultipartUploadInput, completed: &Completed) -> CompleteMultipartUploadOutput {
    let sums = completed.sums.clone();
    CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        e_tag: Some(ETag::Strong(completed.etag.clone())),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
        ..CompleteMultipartUploadOutput::default()
    }
}

/// The parts that the completion names, in its order, which must be theirs.
fn chosen(upload: &Upload, wanted: &[CompletedPart], min_part_size: u64) -> S3Result<Vec<Arc<Part>>> {
    if wanted.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let numbers: Vec<_> = wanted.iter().map(|part| part.part_number.unwrap_or_default()).collect();
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(s3_error!(
            InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        ));
    }
    let mut parts = Vec::new();
    for named in wanted {
        let number = named.part_number.unwrap_or_default();
        let algorithm = upload.algorithm;
        let said = algorithm.value_of_part(named);
        if upload.is_named && !upload.is_full_object && said.is_none() {
            return Err(s3_error!(
                InvalidRequest,
                "The upload was created using a {} checksum. The complete request must include the checksum for each \
                 part. It was missing for part {number} in the request.",
                algorithm.name().to_lowercase()
            ));
        }
        let part = upload.parts.get(&number).filter(|part| {
            let is_same = said.is_none_or(|said| algorithm.value(&part.sums) == Some(said));
            is_same
                && named
                    .e_tag
                    .as_ref()
                    .is_some_and(|tag| tag.value() == part.tag().value())
        });
        let Some(part) = part else {
            return Err(s3_error!(
                InvalidPart,
                "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
                 specified entity tag may not match the part's entity tag."
            ));
        };
        parts.push(part.clone());
    }
    let all_but_the_last = &parts[..parts.len() - 1];
    if all_but_the_last.iter().any(|part| part.size() < min_part_size) {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ));
    }
    Ok(parts)
}

pub(crate) fn abort(store: &Store, input: &AbortMultipartUploadInput) -> S3Result<()> {
    let mut state = store.lock();
    let bucket = state.bucket(&input.bucket)?;
    bucket.upload(&input.key, &input.upload_id)?;
    bucket.uploads.remove(&input.upload_id);
    Ok(())
}

fn content(parts: &[Arc<Part>]) -> Vec<Bytes> {
    parts.iter().flat_map(|part| part.content.iter().cloned()).collect()
}

fn is_same(a: &[Arc<Part>], b: &[Arc<Part>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

fn check_number(number: i32) -> S3Result<()> {
    if (1..=PARTS_MAX).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(
        InvalidArgument,
        "Part number must be an integer between 1 and 10000, inclusive"
    ))
}

/// The range of a copy has both ends, and lies in the source.
fn whole_range(range: &str, size: u64) -> S3Result<std::ops::Range<u64>> {
    let ends = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match ends {
        Some((first, last)) if first <= last && last < size => Ok(first..last + 1),
        Some(_) => Err(s3_error!(
            InvalidArgument,
            "Range specified is not valid for source object of size: {size}"
        )),
        None => Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy"
        )),
    }
}
