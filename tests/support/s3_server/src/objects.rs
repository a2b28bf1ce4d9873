//! Whole objects: written, read, copied, deleted.

use crate::{
    attributes::{self, attributes},
    conditions::{self, Read, Write},
    store::{Object, Store, cut, hex, now},
    sums::{self, Algorithm, given},
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Result,
    dto::{
        Checksum, ChecksumMode, ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource,
        DeleteObjectInput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, Error,
        GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, MetadataDirective, PutObjectInput,
        PutObjectOutput, Range, ServerSideEncryption, StorageClass, StreamingBlob, TaggingDirective, Timestamp,
    },
    s3_error,
    stream::ByteStream,
};
use std::sync::Arc;

/// S3's limit on one request's deletes.
const DELETES_MAX: usize = 1_000;

/// A body that was read to its end.
pub(crate) struct Body {
    pub(crate) content: Bytes,
    pub(crate) md5: [u8; 16],
}

impl Body {
    pub(crate) async fn read(body: Option<StreamingBlob>) -> S3Result<Self> {
        let Some(mut body) = body else {
            return Err(s3_error!(IncompleteBody));
        };
        let mut content = BytesMut::with_capacity(body.remaining_length().exact().unwrap_or(0));
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => content.extend_from_slice(&piece),
                Err(error) => {
                    let mut incomplete = s3_error!(IncompleteBody, "The request body terminated unexpectedly");
                    incomplete.set_source(error);
                    return Err(incomplete);
                }
            }
        }
        let content = content.freeze();
        let md5 = sums::md5(std::slice::from_ref(&content));
        Ok(Self { content, md5 })
    }
}

pub(crate) async fn put(store: &Store, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let mut input = request.input;
    let attributes = attributes!(input)?;
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
    let content = vec![body.content];
    let sums = match said {
        Some(_) => Checksum {
            checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            ..given
        },
        None => Algorithm::Crc64Nvme.as_sums(Algorithm::Crc64Nvme.of(&content), true),
    };
    let conditions = Write {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let output = PutObjectOutput {
        server_side_encryption: attributes.encryption.clone().map(ServerSideEncryption::from),
        ssekms_key_id: attributes.kms_key.clone(),
        checksum_crc32: sums.checksum_crc32.clone(),
        checksum_crc32c: sums.checksum_crc32c.clone(),
        checksum_crc64nvme: sums.checksum_crc64nvme.clone(),
        checksum_sha1: sums.checksum_sha1.clone(),
        checksum_sha256: sums.checksum_sha256.clone(),
        checksum_type: sums.checksum_type.clone(),
        ..PutObjectOutput::default()
    };
    let object = Object {
        content,
        etag: hex(&body.md5),
        modified: now(),
        attributes,
        sums,
        is_multipart: false,
    };
    let tag = object.tag();
    let mut state = store.lock();
    let bucket = state.bucket(&input.bucket)?;
    conditions.check(bucket.objects.get(&input.key).map(|object| &**object))?;
    bucket.objects.insert(input.key, Arc::new(object));
    Ok(PutObjectOutput {
        e_tag: Some(tag),
        ..output
    })
}

/// What of an object is read.
struct Window {
    range: std::ops::Range<u64>,
    /// `Content-Range`, where it is not the whole.
    shown: Option<String>,
}

fn window(object: &Object, range: Option<Range>, part: Option<i32>) -> S3Result<Window> {
    let size = object.size();
    let range = match (range, part) {
        (Some(_), Some(_)) => return Err(s3_error!(InvalidRequest, "Cannot specify both Range and partNumber")),
        (None, None) => {
            return Ok(Window {
                range: 0..size,
                shown: None,
            });
        }
        (Some(_), None) if size == 0 => return Err(unsatisfiable()),
        (Some(range), None) => range.check(size).map_err(|_| unsatisfiable())?,
        (None, Some(number)) => {
            let index = usize::try_from(number - 1).map_err(|_| s3_error!(InvalidArgument))?;
            let before: u64 = object.content.iter().take(index).map(|piece| piece.len() as u64).sum();
            match object.content.get(index) {
                Some(piece) => before..before + piece.len() as u64,
                None if number == 1 => 0..size,
                None => {
                    let message = "The requested partnumber is not satisfiable";
                    return Err(custom("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE, message));
                }
            }
        }
    };
    let shown = match range.is_empty() {
        true => None,
        false => Some(format!("bytes {}-{}/{size}", range.start, range.end - 1)),
    };
    Ok(Window { range, shown })
}

/// An error that s3s has no name for.
pub(crate) fn custom(code: &'static str, status: StatusCode, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}

fn unsatisfiable() -> S3Error {
    s3_error!(InvalidRange, "The requested range is not satisfiable")
}

/// What GET and HEAD say of an object.
macro_rules! described {
    ($output:ident, $object:expr, $window:expr, $mode:expr) => {{
        let (object, window): (&Object, &Window) = ($object, $window);
        let attributes = object.attributes.clone();
        let is_asked = $mode.is_some_and(|mode: ChecksumMode| mode.as_str() == ChecksumMode::ENABLED);
        // Of a part of the content S3 has no checksum.
        let sums = if is_asked && window.shown.is_none() {
            object.sums.clone()
        } else {
            Checksum::default()
        };
        $output {
            accept_ranges: Some("bytes".to_owned()),
            e_tag: Some(object.tag()),
            last_modified: Some(Timestamp::from(object.modified)),
            content_length: Some((window.range.end - window.range.start) as i64),
            content_range: window.shown.clone(),
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_type: attributes.content_type,
            expires: attributes.expires,
            metadata: Some(attributes.metadata.into_iter().collect()),
            // Of the standard one S3 says nothing.
            storage_class: attributes
                .storage_class
                .filter(|class| class != StorageClass::STANDARD)
                .map(StorageClass::from),
            website_redirect_location: attributes.website_redirect_location,
            server_side_encryption: attributes.encryption.map(ServerSideEncryption::from),
            ssekms_key_id: attributes.kms_key,
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            checksum_type: sums.checksum_type,
            ..$output::default()
        }
    }};
}

fn parts_count(object: &Object, part: Option<i32>) -> Option<i32> {
    (object.is_multipart && part.is_some()).then_some(object.content.len() as i32)
}

pub(crate) fn get(store: &Store, input: GetObjectInput) -> S3Result<GetObjectOutput> {
    let object = store.get(&input.bucket, &input.key)?;
    let conditions = Read {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    conditions.check(&object)?;
    let window = window(&object, input.range, input.part_number)?;
    let mut output = described!(GetObjectOutput, &object, &window, input.checksum_mode);
    let pieces = cut(&object.content, window.range).into_iter();
    output.body = Some(StreamingBlob::wrap(stream::iter(pieces.map(Ok::<_, std::io::Error>))));
    output.parts_count = parts_count(&object, input.part_number);
    output.tag_count = Some(object.attributes.tags.len() as i32).filter(|count| *count > 0);
    Ok(output)
}

pub(crate) fn head(store: &Store, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
    let object = store.get(&input.bucket, &input.key)?;
    let conditions = Read {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    conditions.check(&object)?;
    let window = window(&object, input.range, input.part_number)?;
    let mut output = described!(HeadObjectOutput, &object, &window, input.checksum_mode);
    output.parts_count = parts_count(&object, input.part_number);
    Ok(output)
}

pub(crate) fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket {
            bucket,
            key,
            version_id: None,
        } => Ok((bucket, key)),
        _ => Err(s3_error!(NotImplemented)),
    }
}

pub(crate) fn copy(store: &Store, request: S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
    let mut input = request.input;
    let destination = Write::of_headers(&request.headers)?;
    let copy_source = input.copy_source.clone();
    let (from_bucket, from_key) = source(&copy_source)?;
    // Held to the end: between the read and the write there is nothing.
    let mut state = store.lock();
    let from = state.object(from_bucket, from_key)?;
    let conditions = Read {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    conditions.check_source(&from)?;
    let replaces = input.metadata_directive.take();
    let replaces = replaces.is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let replaces_tags = input.tagging_directive.take();
    let replaces_tags = replaces_tags.is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
    let is_onto_itself = (from_bucket, from_key) == (&input.bucket, &input.key);
    let changes = replaces
        || input.storage_class.is_some()
        || input.server_side_encryption.is_some()
        || input.website_redirect_location.is_some();
    if is_onto_itself && !changes {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
             metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    let algorithm = input.checksum_algorithm.as_ref().map(Algorithm::named).transpose()?;
    let mut attributes = attributes!(input)?;
    if !replaces {
        // Class, encryption and redirection are the request's, or S3's defaults, whatever the source had.
        let own = attributes.clone();
        attributes = from.attributes.clone();
        attributes.storage_class = own.storage_class;
        attributes.encryption = own.encryption;
        attributes.kms_key = own.kms_key;
        attributes.website_redirect_location = own.website_redirect_location;
        attributes.tags = own.tags;
    }
    if !replaces_tags {
        attributes.tags.clone_from(&from.attributes.tags);
    }
    let algorithm = algorithm.or_else(|| Algorithm::in_use(&from.sums));
    let algorithm = algorithm.unwrap_or(Algorithm::Crc64Nvme);
    // A copy of an upload is in one piece, and its ETag is the content's.
    let content = vec![crate::store::joined(&from.content)];
    let is_kept = !from.is_multipart && algorithm.value(&from.sums).is_some();
    let sums = if is_kept {
        from.sums.clone()
    } else {
        algorithm.as_sums(algorithm.of(&content), true)
    };
    let etag = if from.is_multipart {
        hex(&sums::md5(&content))
    } else {
        from.etag.clone()
    };
    let object = Object {
        content,
        etag,
        modified: now(),
        attributes,
        sums: sums.clone(),
        is_multipart: false,
    };
    let result = CopyObjectResult {
        e_tag: Some(object.tag()),
        last_modified: Some(Timestamp::from(object.modified)),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
    };
    let bucket = state.bucket(&input.bucket)?;
    destination.check(bucket.objects.get(&input.key).map(|object| &**object))?;
    bucket.objects.insert(input.key, Arc::new(object));
    Ok(CopyObjectOutput {
        copy_object_result: Some(result),
        ..CopyObjectOutput::default()
    })
}

pub(crate) fn delete(store: &Store, input: &DeleteObjectInput) -> S3Result<()> {
    let mut state = store.lock();
    let objects = &mut state.bucket(&input.bucket)?.objects;
    let current = objects.get(&input.key).map(|object| &**object);
    conditions::check_delete(input.if_match.as_ref(), current)?;
    objects.remove(&input.key);
    Ok(())
}

pub(crate) fn delete_many(store: &Store, request: S3Request<DeleteObjectsInput>) -> S3Result<DeleteObjectsOutput> {
    let is_sum = |name: &str| name == "content-md5" || name.starts_with("x-amz-checksum-") || name == "x-amz-trailer";
    if !request.headers.keys().any(|name| is_sum(name.as_str())) {
        return Err(s3_error!(
            InvalidRequest,
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        ));
    }
    let wanted = request.input.delete;
    if wanted.objects.is_empty() || wanted.objects.len() > DELETES_MAX {
        return Err(s3_error!(MalformedXML));
    }
    let is_quiet = wanted.quiet.unwrap_or(false);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    let mut state = store.lock();
    let objects = &mut state.bucket(&request.input.bucket)?.objects;
    for one in wanted.objects {
        let condition = one.e_tag.map(ETagCondition::ETag);
        let current = objects.get(&one.key).map(|object| &**object);
        match conditions::check_delete(condition.as_ref(), current) {
            Ok(()) => {
                objects.remove(&one.key);
                deleted.push(DeletedObject {
                    key: Some(one.key),
                    ..DeletedObject::default()
                });
            }
            Err(error) => errors.push(Error {
                code: Some(error.code().as_str().to_owned()),
                message: error.message().map(str::to_owned),
                key: Some(one.key),
                ..Error::default()
            }),
        }
    }
    Ok(DeleteObjectsOutput {
        deleted: (!is_quiet).then_some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    })
}

/// Puts these tags in the place of the object's.
pub(crate) fn tag(store: &Store, bucket: &str, key: &str, tags: Vec<(String, String)>) -> S3Result<()> {
    let tags = attributes::tags(tags)?;
    let mut state = store.lock();
    let objects = &mut state.bucket(bucket)?.objects;
    let Some(object) = objects.get_mut(key) else {
        return Err(s3_error!(NoSuchKey));
    };
    let mut attributes = object.attributes.clone();
    attributes.tags = tags;
    *object = Arc::new(Object {
        content: object.content.clone(),
        etag: object.etag.clone(),
        modified: object.modified,
        attributes,
        sums: object.sums.clone(),
        is_multipart: object.is_multipart,
    });
    Ok(())
}
