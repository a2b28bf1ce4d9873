//! Requests to an object store and their answers.
//!
//! A provider's adapter receives these requests and returns these answers. Applications use
//! [`ObjectClient`](crate::ObjectClient). Every type here is cheap to clone (reference counts), because every attempt
//! gets a copy of its own.
//!
//! ```
//! use evenkeel::request::{Key, OpClass, object::{Get, ObjectRequest}};
//!
//! let request = ObjectRequest::Get(Get::new(Key::new("a/b").unwrap()));
//! assert_eq!(request.class(), OpClass::Read);
//! ```

use super::{Key, OpClass, Progress};
use crate::model::ProviderError;

pub use super::{
    WriteId,
    terms::{Encryption, Terms},
    upload::{
        AbortUpload, BeginUpload, CompleteUpload, Copy, DeleteMany, ListUploads, OpenUpload, PartTag, Presign,
        PresignMethod, PresignedUrl, PutPart, UploadId, UploadPage,
    },
};
use bytes::Bytes;
use std::{collections::BTreeMap, fmt, ops::Range, sync::Arc, time::SystemTime};

/// One operation on an object store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ObjectRequest {
    /// Store a body under a key.
    Put(Put),
    /// Fetch a body.
    Get(Get),
    /// Fetch an object's metadata without its body.
    Head(Head),
    /// Remove an object.
    Delete(Delete),
    /// One page of a listing.
    List(List),
    /// Begin an upload.
    BeginUpload(BeginUpload),
    /// Store one part of an upload.
    PutPart(PutPart),
    /// Make an upload's object visible.
    CompleteUpload(CompleteUpload),
    /// Give an upload up.
    AbortUpload(AbortUpload),
    /// One page of the uploads under way.
    ListUploads(ListUploads),
    /// Copy an object within the store.
    Copy(Copy),
    /// Remove many objects.
    DeleteMany(DeleteMany),
}

impl ObjectRequest {
    /// The length of the request's body: of what is stored, without attributes.
    pub(crate) const fn body(&self) -> u64 {
        match self {
            Self::Put(put) => put.body.len() as u64,
            Self::PutPart(part) => part.body.len() as u64,
            _ => 0,
        }
    }

    /// The class of work for which health is kept.
    pub const fn class(&self) -> OpClass {
        match self {
            Self::Get(_) | Self::Head(_) => OpClass::Read,
            Self::Put(_)
            | Self::Delete(_)
            | Self::BeginUpload(_)
            | Self::PutPart(_)
            | Self::CompleteUpload(_)
            | Self::AbortUpload(_)
            | Self::Copy(_)
            | Self::DeleteMany(_) => OpClass::Write,
            Self::List(_) | Self::ListUploads(_) => OpClass::List,
        }
    }

    /// The operation's name: `put`, `get`, `head`, `delete`, `list`, `begin_upload`, `put_part`, `complete_upload`,
    /// `abort_upload`, `list_uploads`, `copy`, `delete_many`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Put(_) => "put",
            Self::Get(_) => "get",
            Self::Head(_) => "head",
            Self::Delete(_) => "delete",
            Self::List(_) => "list",
            Self::BeginUpload(_) => "begin_upload",
            Self::PutPart(_) => "put_part",
            Self::CompleteUpload(_) => "complete_upload",
            Self::AbortUpload(_) => "abort_upload",
            Self::ListUploads(_) => "list_uploads",
            Self::Copy(_) => "copy",
            Self::DeleteMany(_) => "delete_many",
        }
    }
}

/// A request to store `body` under `key`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Put {
    /// The object's key.
    pub key: Key,
    /// The object's bytes.
    pub body: Bytes,
    /// The condition of the put.
    pub mode: PutMode,
    /// Content type, cache control, user metadata.
    pub attributes: Arc<Attributes>,
    /// Storage class, encryption, tags. An adapter sees the terms of its endpoint here.
    pub terms: Arc<Terms>,
    /// By an endpoint's name: the terms there, in place of `terms`. The stack looks them up once it has chosen the
    /// endpoint.
    pub terms_at: Arc<BTreeMap<Arc<str>, Arc<Terms>>>,
    /// The id that travels as metadata, so that a retry recognises its own earlier success. `None`: nothing is added.
    pub write_id: Option<WriteId>,
    /// Reports to the stack how the body moves; see [`Progress`].
    pub progress: Progress,
}

impl Put {
    /// A create (fails if the key exists), without attributes, on the endpoint's own terms.
    pub fn new(key: Key, body: impl Into<Bytes>) -> Self {
        Self {
            key,
            body: body.into(),
            mode: PutMode::Create,
            attributes: Arc::default(),
            terms: Arc::default(),
            terms_at: Arc::default(),
            write_id: None,
            progress: Progress::unheard(),
        }
    }
}

/// The condition of a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// The put takes place only if the key does not exist (`If-None-Match: *`).
    Create,
    /// The put takes place in any case.
    Overwrite,
    /// The put takes place only if the object still has this ETag (`If-Match`).
    IfMatch(ETag),
}

/// What is stored beside the body and comes back with it. An adapter that cannot keep an attribute refuses the put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`. The store keeps it and no more: bodies are neither compressed nor unpacked.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// The user's own pairs. Names are lower-case ASCII letters, digits, `-` and `_`, and do not start with
    /// `evenkeel-`. Values are visible ASCII, with blanks only inside. At most 2,048 bytes in all (S3's limit); the
    /// write id takes 69 of them. Some proxies before a server drop headers with `_`.
    pub metadata: BTreeMap<String, String>,
}

/// An entity tag, together with the endpoint that gave it. Equal bytes have different tags at different providers, so a
/// tag is shown only to its own endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag {
    value: Arc<str>,
    endpoint: Arc<str>,
}

impl ETag {
    /// `value` is the tag with its quotes, as the provider sent it; `endpoint` is the endpoint's name.
    pub fn new(value: impl Into<Arc<str>>, endpoint: impl Into<Arc<str>>) -> Self {
        Self {
            value: value.into(),
            endpoint: endpoint.into(),
        }
    }

    /// The tag as the provider sent it.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The name of the endpoint that gave the tag.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether this is a weak tag (`W/"…"`). If-Match compares strongly (RFC 9110, 13.1.1), so a condition with a weak
    /// tag never holds.
    pub fn is_weak(&self) -> bool {
        self.value.starts_with("W/")
    }

    /// Why the tag cannot be a condition: If-Match needs one strong tag.
    pub(crate) fn unfit(&self) -> Option<&'static str> {
        let value = &*self.value;
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let visible = |c: char| c.is_ascii_graphic() && c != '"';
        if self.is_weak() {
            Some("a weak ETag (`W/\"…\"`) cannot be a condition because it never holds")
        } else if value == "*" {
            Some("`*` is no ETag: the put would replace any object")
        } else if value.is_empty() || !bare.unwrap_or(value).chars().all(visible) {
            Some("this is no ETag: an ETag is visible ASCII, usually in quotes")
        } else {
            None
        }
    }

    /// The tag without its quotes, as some stores need it in a condition.
    pub(crate) fn unquoted(&self) -> Self {
        Self {
            value: self.value.trim_matches('"').into(),
            endpoint: self.endpoint.clone(),
        }
    }

    /// The same tag under its endpoint's name. Adapters give tags with an empty name.
    #[must_use]
    pub(crate) fn at(self, endpoint: &Arc<str>) -> Self {
        Self {
            endpoint: endpoint.clone(),
            ..self
        }
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

/// A request for an object or a part of an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Get {
    /// The object's key.
    pub key: Key,
    /// The part to fetch. `None` is the whole object.
    pub range: Option<ByteRange>,
    /// Fetches the object only if it still has this tag. Otherwise the get fails with
    /// [`PreconditionFailed`](crate::provider::ProviderErrorKind::PreconditionFailed). Some servers ignore the
    /// condition of a get: so the adapter compares the tag of the answer, too.
    pub if_match: Option<ETag>,
    /// Answers *not modified* if the object still has this tag.
    pub if_none_match: Option<ETag>,
    /// Reports to the stack how the body moves; see [`Progress`].
    pub progress: Progress,
}

impl Get {
    /// Fetches the whole object, unconditionally.
    pub const fn new(key: Key) -> Self {
        Self {
            key,
            range: None,
            if_match: None,
            if_none_match: None,
            progress: Progress::unheard(),
        }
    }
}

/// A part of an object, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From `start` up to, not including, `end`.
    Bounded(Range<u64>),
    /// From this byte to the end.
    From(u64),
    /// This many bytes at the end.
    Suffix(u64),
}

impl ByteRange {
    /// The value of an HTTP `Range` header.
    pub fn to_header(&self) -> String {
        match self {
            Self::Bounded(r) => format!("bytes={}-{}", r.start, r.end.saturating_sub(1)),
            Self::From(start) => format!("bytes={start}-"),
            Self::Suffix(n) => format!("bytes=-{n}"),
        }
    }

    /// The bytes of an object of `size` bytes that this range selects, up to the object's end. `None`: the range
    /// selects nothing (HTTP 416).
    pub fn of(&self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Bounded(r) => r.start..r.end.min(size),
            Self::From(start) => *start..size,
            Self::Suffix(n) => size.saturating_sub(*n)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> Self {
        Self::Bounded(range)
    }
}

impl From<std::ops::RangeFrom<u64>> for ByteRange {
    fn from(range: std::ops::RangeFrom<u64>) -> Self {
        Self::From(range.start)
    }
}

/// A request for an object's metadata.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Head {
    /// The object's key.
    pub key: Key,
    /// As [`Get::if_match`].
    pub if_match: Option<ETag>,
}

impl Head {
    /// Fetches the metadata of this key.
    pub const fn new(key: Key) -> Self {
        Self { key, if_match: None }
    }
}

/// A request to remove an object. The delete of an absent object succeeds, also on a condition.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delete {
    /// The object's key.
    pub key: Key,
    /// Removes the object only if it still has this tag (`If-Match`). Otherwise the delete fails with
    /// [`PreconditionFailed`](crate::provider::ProviderErrorKind::PreconditionFailed). An adapter that cannot pass the
    /// condition on refuses the delete, and never leaves the condition out.
    pub if_match: Option<ETag>,
}

impl Delete {
    /// Removes this key in any case.
    pub const fn new(key: Key) -> Self {
        Self { key, if_match: None }
    }

    /// Makes the delete conditional on this tag.
    #[must_use]
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.if_match = Some(tag);
        self
    }
}

/// A request for one page of a listing, in ascending order of the keys' UTF-8 bytes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct List {
    /// Only keys with this prefix.
    pub prefix: String,
    /// Only keys above this key.
    pub start_after: Option<String>,
    /// Keys that share everything up to the next delimiter after the prefix are folded into one common prefix.
    pub delimiter: Option<String>,
    /// The most entries in the page (objects and common prefixes together). The provider may return fewer.
    pub limit: Option<usize>,
    /// Goes on where an earlier page ended, with that page's continuation. A continuation is valid only at the endpoint
    /// that returned it.
    pub continuation: Option<String>,
}

/// A provider's answer to an [`ObjectRequest`]. The variants correspond.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ObjectResponse {
    /// The answer to a put.
    Put(PutAnswer),
    /// The answer to a get.
    Get(Object),
    /// The answer to a head.
    Head(ObjectMeta),
    /// The answer to a delete.
    Delete,
    /// The answer to a list.
    List(ListPage),
    /// The answer to a begun upload.
    BeginUpload(UploadId),
    /// The answer to a part.
    PutPart(PartTag),
    /// The answer to a completed upload.
    CompleteUpload(PutAnswer),
    /// The answer to an abort.
    AbortUpload,
    /// The answer to a list of uploads.
    ListUploads(UploadPage),
    /// The answer to a copy.
    Copy(PutAnswer),
    /// The answer to a delete of many: one for each key, in the order of the request.
    DeleteMany(Vec<Result<(), ProviderError>>),
}

/// The answer to a put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutAnswer {
    /// The tag of the stored object.
    pub etag: Option<ETag>,
}

impl PutAnswer {
    /// An answer with this tag.
    pub const fn new(etag: Option<ETag>) -> Self {
        Self { etag }
    }
}

/// An object's metadata, without the body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectMeta {
    /// The object's key.
    pub key: String,
    /// The object's whole size in bytes.
    pub size: u64,
    /// The object's tag.
    pub etag: Option<ETag>,
    /// When the object was last written, by the provider's clock.
    pub last_modified: Option<SystemTime>,
    /// Content type, cache control, user metadata. Empty in listings.
    pub attributes: Attributes,
    /// The id of the write that stored the object, if evenkeel stored it.
    pub write_id: Option<WriteId>,
}

impl ObjectMeta {
    /// The metadata of an object of which only key and size are known.
    pub fn new(key: impl Into<String>, size: u64) -> Self {
        Self {
            key: key.into(),
            size,
            etag: None,
            last_modified: None,
            attributes: Attributes::default(),
            write_id: None,
        }
    }
}

/// An object, or the requested part of an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Object {
    /// The object's metadata.
    pub meta: ObjectMeta,
    /// Which bytes of the object `body` holds.
    pub range: Range<u64>,
    /// The bytes.
    pub body: Bytes,
}

impl Object {
    /// `body` are the bytes `range` of the object described by `meta`.
    pub const fn new(meta: ObjectMeta, range: Range<u64>, body: Bytes) -> Self {
        Self { meta, range, body }
    }
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListPage {
    /// Objects and common prefixes, ascending.
    pub entries: Vec<ListEntry>,
    /// Present when there are more entries.
    pub continuation: Option<String>,
}

impl ListPage {
    /// A page with these entries and this continuation.
    pub const fn new(entries: Vec<ListEntry>, continuation: Option<String>) -> Self {
        Self { entries, continuation }
    }
}

/// One line of a listing.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "an entry is an object nearly always")]
pub enum ListEntry {
    /// An object.
    Object(ObjectMeta),
    /// All keys with this prefix, folded by the delimiter.
    CommonPrefix(String),
}

impl ListEntry {
    /// The key, or the common prefix. Listings are ordered by name.
    pub fn name(&self) -> &str {
        match self {
            Self::Object(meta) => &meta.key,
            Self::CommonPrefix(prefix) => prefix,
        }
    }
}
