//! An object that is stored in parts, and what a store does with objects on its own side.

use super::{
    Key, Progress, WriteId,
    object::{Attributes, ETag, PutMode, Terms},
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A request to begin an upload: an object whose body comes in parts. Nothing is visible under the key before
/// [`CompleteUpload`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BeginUpload {
    /// The object's key.
    pub key: Key,
    /// Content type, cache control, user metadata. S3 fixes them here, others when the upload is completed.
    pub attributes: Arc<Attributes>,
    /// Storage class, encryption, tags. An adapter sees the terms of its endpoint here.
    pub terms: Arc<Terms>,
    /// As [`Put::terms_at`](super::object::Put::terms_at).
    pub terms_at: Arc<BTreeMap<Arc<str>, Arc<Terms>>>,
    /// As [`Put::write_id`](super::object::Put::write_id).
    pub write_id: Option<WriteId>,
}

impl BeginUpload {
    /// An upload without attributes, on the endpoint's own terms.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            attributes: Arc::default(),
            terms: Arc::default(),
            terms_at: Arc::default(),
            write_id: None,
        }
    }
}

/// A store's name for an upload under way. Valid for its own key at its own endpoint. Whoever knows the name, and may
/// write to the bucket, can add parts: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Arc<str>);

impl UploadId {
    /// The store's text.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The store's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UploadId(…)")
    }
}

/// A request to store one part of an upload. A part that is sent again under its number replaces the earlier one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PutPart {
    /// The object's key.
    pub key: Key,
    /// The upload.
    pub upload: UploadId,
    /// The part's place, from 1. The object is the parts in the order of their numbers.
    pub number: u32,
    /// The part's bytes.
    pub body: Bytes,
    /// Reports to the stack how the body moves; see [`Progress`].
    pub progress: Progress,
}

impl PutPart {
    /// Part `number` of an upload.
    pub fn new(key: Key, upload: UploadId, number: u32, body: impl Into<Bytes>) -> Self {
        Self {
            key,
            upload,
            number,
            body: body.into(),
            progress: Progress::unheard(),
        }
    }
}

/// A stored part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartTag {
    /// The part's number.
    pub number: u32,
    /// The part's length in bytes.
    pub size: u64,
    /// What the store needs to know the part again: an ETag, a block's name, a temporary object's name and generation.
    pub tag: Arc<str>,
}

impl PartTag {
    /// The tag of the part with this number.
    pub fn new(number: u32, size: u64, tag: impl Into<Arc<str>>) -> Self {
        Self {
            number,
            size,
            tag: tag.into(),
        }
    }
}

/// A request to make the object of an upload visible: all of its parts, at once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompleteUpload {
    /// The object's key.
    pub key: Key,
    /// The upload.
    pub upload: UploadId,
    /// The parts, ascending by number. At least one.
    pub parts: Vec<PartTag>,
    /// The condition on which the object becomes visible.
    pub mode: PutMode,
    /// The attributes that the upload began with.
    pub attributes: Arc<Attributes>,
    /// The terms that the upload began with.
    pub terms: Arc<Terms>,
    /// As [`BeginUpload::terms_at`].
    pub terms_at: Arc<BTreeMap<Arc<str>, Arc<Terms>>>,
    /// The id that the upload began with.
    pub write_id: Option<WriteId>,
}

impl CompleteUpload {
    /// Completes what `begun` began, as a create.
    pub fn new(begun: &BeginUpload, upload: UploadId, parts: Vec<PartTag>) -> Self {
        Self {
            key: begun.key.clone(),
            upload,
            parts,
            mode: PutMode::Create,
            attributes: begun.attributes.clone(),
            terms: begun.terms.clone(),
            terms_at: begun.terms_at.clone(),
            write_id: begun.write_id.clone(),
        }
    }

    /// The object's size in bytes.
    pub fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }
}

/// A request to give an upload up and to free what its parts occupy. Succeeds if there is no such upload (any more).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AbortUpload {
    /// The object's key.
    pub key: Key,
    /// The upload.
    pub upload: UploadId,
}

impl AbortUpload {
    /// Gives up this upload.
    pub const fn new(key: Key, upload: UploadId) -> Self {
        Self { key, upload }
    }
}

/// A request for one page of the uploads under way, in the store's own order.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ListUploads {
    /// Only keys with this prefix.
    pub prefix: String,
    /// Goes on where an earlier page ended, with that page's continuation.
    pub continuation: Option<String>,
}

impl ListUploads {
    /// The first page of the uploads of keys with this prefix.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            continuation: None,
        }
    }
}

/// A page of uploads under way.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct UploadPage {
    /// The uploads.
    pub uploads: Vec<OpenUpload>,
    /// Present when there are more uploads.
    pub continuation: Option<String>,
}

impl UploadPage {
    /// A page with these uploads and this continuation.
    pub const fn new(uploads: Vec<OpenUpload>, continuation: Option<String>) -> Self {
        Self { uploads, continuation }
    }
}

/// An upload under way.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenUpload {
    /// The object's key, as the store has it.
    pub key: String,
    /// The upload.
    pub upload: UploadId,
    /// When the upload began, or last received a part, by the store's clock. `None`: the store does not say.
    pub started: Option<SystemTime>,
}

impl OpenUpload {
    /// An upload of this key.
    pub fn new(key: impl Into<String>, upload: UploadId, started: Option<SystemTime>) -> Self {
        Self {
            key: key.into(),
            upload,
            started,
        }
    }
}

/// A request to copy an object within its store, on the store's side.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Copy {
    /// The key of the object to copy.
    pub from: Key,
    /// Copies only this state of the source.
    pub if_match: Option<ETag>,
    /// The key of the copy.
    pub to: Key,
    /// The condition on the key of the copy.
    pub mode: PutMode,
    /// The source's size in bytes, which says how long the copy may take.
    pub size: u64,
    /// The attributes of the copy. The store would carry those of the source along, with its write id.
    pub attributes: Arc<Attributes>,
    /// The terms of the copy.
    pub terms: Arc<Terms>,
    /// As [`BeginUpload::terms_at`].
    pub terms_at: Arc<BTreeMap<Arc<str>, Arc<Terms>>>,
    /// The id of this write. It replaces the id of the source.
    pub write_id: Option<WriteId>,
}

impl Copy {
    /// A copy of an object of `size` bytes, as a create, without attributes.
    pub fn new(from: Key, to: Key, size: u64) -> Self {
        Self {
            from,
            if_match: None,
            to,
            mode: PutMode::Create,
            size,
            attributes: Arc::default(),
            terms: Arc::default(),
            terms_at: Arc::default(),
            write_id: None,
        }
    }
}

/// A request to remove many objects at once, whatever is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeleteMany {
    /// The objects' keys, none of them twice.
    pub keys: Arc<[Key]>,
}

impl DeleteMany {
    /// Removes these keys, each in any case.
    pub fn new(keys: impl Into<Arc<[Key]>>) -> Self {
        Self { keys: keys.into() }
    }
}

/// A request for a URL with which somebody without credentials can do one thing for a while.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Presign {
    /// The object's key.
    pub key: Key,
    /// What the URL allows.
    pub method: PresignMethod,
    /// How long the URL is valid, from now.
    pub expires_in: Duration,
}

impl Presign {
    /// A URL for this key.
    pub const fn new(key: Key, method: PresignMethod, expires_in: Duration) -> Self {
        Self {
            key,
            method,
            expires_in,
        }
    }
}

/// What a presigned URL allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PresignMethod {
    /// To fetch the object: `GET`.
    Get,
    /// To store the object, whatever is there: `PUT`.
    Put,
}

/// A URL that is a secret: whoever has it may use it. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresignedUrl {
    /// The URL.
    pub url: String,
    /// Headers that the request must carry, beside its own. Lower-case names.
    pub headers: Vec<(String, String)>,
}

impl PresignedUrl {
    /// A URL that needs no headers.
    pub const fn new(url: String) -> Self {
        Self {
            url,
            headers: Vec::new(),
        }
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresignedUrl(…)")
    }
}

/// Shows neither the prefix nor the continuation, which may hold a key and an upload's name.
impl fmt::Debug for ListUploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListUploads")
            .field("goes_on", &self.continuation.is_some())
            .finish_non_exhaustive()
    }
}

/// As [`ListUploads`].
impl fmt::Debug for UploadPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadPage")
            .field("uploads", &self.uploads)
            .field("goes_on", &self.continuation.is_some())
            .finish()
    }
}

/// Shows no key.
impl fmt::Debug for OpenUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenUpload")
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}
