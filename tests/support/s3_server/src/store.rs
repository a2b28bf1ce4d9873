//! What the server holds: buckets, objects and open uploads, behind one lock. Each operation is one critical section, so
//! that each is atomic.

use crate::sums::Algorithm;
use bytes::{Bytes, BytesMut};
use s3s::{
    S3Result,
    dto::{Checksum, ETag, Timestamp},
    s3_error,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// S3's own: what every part of an upload but the last has at least.
pub const MIN_PART_SIZE: u64 = 5 << 20;

/// Buckets in memory. A clone is another handle on the same buckets.
///
/// A store implements s3s's trait. A test that has an authority of its own builds its own service over it.
#[derive(Clone, Debug)]
pub struct Store {
    state: Arc<Mutex<State>>,
    pub(crate) min_part_size: u64,
    pub(crate) remembers_completions: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<String, Bucket>,
    uploads_begun: u64,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) created: SystemTime,
    pub(crate) objects: BTreeMap<String, Arc<Object>>,
    pub(crate) uploads: BTreeMap<String, Upload>,
    pub(crate) completed: BTreeMap<String, Completed>,
}

/// One version of an object. It never changes; a write puts another in its place.
#[derive(Debug)]
pub(crate) struct Object {
    /// One piece for a put, one for each part of an upload.
    pub(crate) content: Vec<Bytes>,
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    pub(crate) attributes: Attributes,
    pub(crate) sums: Checksum,
    pub(crate) is_multipart: bool,
}

/// What a writer says of an object beside its content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) website_redirect_location: Option<String>,
    pub(crate) encryption: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) key: String,
    pub(crate) attributes: Attributes,
    pub(crate) algorithm: Algorithm,
    /// The one who began it named the algorithm. Otherwise it is S3's default.
    pub(crate) is_named: bool,
    /// One checksum over the whole object, rather than one over the parts' checksums.
    pub(crate) is_full_object: bool,
    pub(crate) initiated: SystemTime,
    pub(crate) parts: BTreeMap<i32, Arc<Part>>,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) content: Vec<Bytes>,
    pub(crate) md5: [u8; 16],
    pub(crate) sums: Checksum,
    pub(crate) modified: SystemTime,
}

/// What a completion answered, for the one that is sent again.
#[derive(Clone, Debug)]
pub(crate) struct Completed {
    pub(crate) key: String,
    pub(crate) parts: Vec<i32>,
    pub(crate) etag: String,
    pub(crate) sums: Checksum,
}

/// An object as a test reads it back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stored {
    /// The content.
    pub body: Bytes,
    /// The ETag, with its quotes.
    pub etag: String,
    /// When it was written, in whole seconds.
    pub modified: SystemTime,
    /// How many parts it was uploaded in; `None` for a put or a copy.
    pub parts: Option<usize>,
    /// The user's metadata.
    pub metadata: BTreeMap<String, String>,
    /// The tags, in the order of the writer.
    pub tags: Vec<(String, String)>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// The storage class, if the writer named one.
    pub storage_class: Option<String>,
}

/// An upload that was begun and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenUpload {
    /// The object's key.
    pub key: String,
    /// The upload's id.
    pub id: String,
    /// The parts' numbers and sizes.
    pub parts: Vec<(i32, u64)>,
}

impl Store {
    /// A store with these empty buckets.
    pub fn new(buckets: &[&str]) -> Self {
        let store = Self {
            state: Arc::default(),
            min_part_size: MIN_PART_SIZE,
            remembers_completions: true,
        };
        for bucket in buckets {
            store.create(bucket);
        }
        store
    }

    /// Makes an empty bucket, unless there is one.
    pub fn create(&self, bucket: &str) {
        self.lock().buckets.entry(bucket.to_owned()).or_insert_with(Bucket::new);
    }

    /// The object, if it is there.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Stored> {
        let object = self.lock().buckets.get(bucket)?.objects.get(key)?.clone();
        Some(object.stored())
    }

    /// All keys of a bucket, in S3's order. None if there is no such bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.lock();
        let bucket = state.buckets.get(bucket);
        bucket.map_or_else(Vec::new, |bucket| bucket.objects.keys().cloned().collect())
    }

    /// All open uploads of a bucket.
    pub fn uploads(&self, bucket: &str) -> Vec<OpenUpload> {
        let state = self.lock();
        let uploads = state.buckets.get(bucket).into_iter().flat_map(|bucket| &bucket.uploads);
        let open = uploads.map(|(id, upload)| OpenUpload {
            key: upload.key.clone(),
            id: id.clone(),
            parts: upload
                .parts
                .iter()
                .map(|(&number, part)| (number, part.size()))
                .collect(),
        });
        open.collect()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // No critical section leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        self.lock().object(bucket, key)
    }

    pub(crate) fn forget_upload(&self, bucket: &str, id: &str) {
        if let Ok(bucket) = self.lock().bucket(bucket) {
            bucket.uploads.remove(id);
        }
    }
}

impl State {
    pub(crate) fn bucket(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets.get_mut(name).ok_or_else(|| s3_error!(NoSuchBucket))
    }

    pub(crate) fn object(&mut self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        let object = self.bucket(bucket)?.objects.get(key);
        object.cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }

    pub(crate) fn next_upload_id(&mut self) -> String {
        self.uploads_begun += 1;
        format!("upload-{:08}", self.uploads_begun)
    }
}

impl Bucket {
    pub(crate) fn new() -> Self {
        Self {
            created: now(),
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
            completed: BTreeMap::new(),
        }
    }

    pub(crate) fn upload(&mut self, key: &str, id: &str) -> S3Result<&mut Upload> {
        let upload = self.uploads.get_mut(id).filter(|upload| upload.key == key);
        upload.ok_or_else(|| s3_error!(NoSuchUpload))
    }
}

impl Object {
    pub(crate) fn size(&self) -> u64 {
        size(&self.content)
    }

    pub(crate) fn tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    fn stored(&self) -> Stored {
        let attributes = self.attributes.clone();
        Stored {
            body: joined(&self.content),
            etag: format!("\"{}\"", self.etag),
            modified: self.modified,
            parts: self.is_multipart.then_some(self.content.len()),
            metadata: attributes.metadata,
            tags: attributes.tags,
            cache_control: attributes.cache_control,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_type: attributes.content_type,
            storage_class: attributes.storage_class,
        }
    }
}

impl Part {
    pub(crate) fn size(&self) -> u64 {
        size(&self.content)
    }

    pub(crate) fn tag(&self) -> ETag {
        ETag::Strong(hex(&self.md5))
    }
}

pub(crate) fn size(content: &[Bytes]) -> u64 {
    content.iter().map(|piece| piece.len() as u64).sum()
}

pub(crate) fn joined(content: &[Bytes]) -> Bytes {
    if let [one] = content {
        return one.clone();
    }
    let mut all = BytesMut::new();
    content.iter().for_each(|piece| all.extend_from_slice(piece));
    all.freeze()
}

/// A part of the content, without a copy.
pub(crate) fn cut(content: &[Bytes], range: std::ops::Range<u64>) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for piece in content {
        let end = at + piece.len() as u64;
        let (from, to) = (range.start.max(at), range.end.min(end));
        if from < to {
            pieces.push(piece.slice((from - at) as usize..(to - at) as usize));
        }
        at = end;
    }
    pieces
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In whole seconds, as S3 has it.
#[expect(clippy::disallowed_methods, reason = "a server of its own has a clock of its own")]
pub(crate) fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
