//! Requests to an object store and their answers.
//!
//! These are what a provider's adapter receives and returns; applications use [`ObjectClient`](crate::ObjectClient).
//! Everything here is cheap to clone (reference counts), because every attempt gets its own copy.
//!
//! ```
//! use evenkeel::request::{Key, OpClass, object::{Get, ObjectRequest}};
//!
//! let request = ObjectRequest::Get(Get::new(Key::new("a/b").unwrap()));
//! assert_eq!(request.class(), OpClass::Read);
//! ```

use super::{Key, OpClass, Progress};

pub use super::{
    WriteId,
    terms::{Encryption, Terms},
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
    /// Fetch what is known of an object without its body.
    Head(Head),
    /// Remove an object.
    Delete(Delete),
    /// One page of a listing.
    List(List),
}

impl ObjectRequest {
    /// The class under which health is kept.
    pub const fn class(&self) -> OpClass {
        match self {
            Self::Get(_) | Self::Head(_) => OpClass::Read,
            Self::Put(_) | Self::Delete(_) => OpClass::Write,
            Self::List(_) => OpClass::List,
        }
    }

    /// The operation's name: `put`, `get`, `head`, `delete`, `list`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Put(_) => "put",
            Self::Get(_) => "get",
            Self::Head(_) => "head",
            Self::Delete(_) => "delete",
            Self::List(_) => "list",
        }
    }
}

/// Store `body` under `key`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Put {
    /// Where.
    pub key: Key,
    /// What.
    pub body: Bytes,
    /// On which condition.
    pub mode: PutMode,
    /// Content type, cache control, user metadata.
    pub attributes: Arc<Attributes>,
    /// Storage class, encryption, tags. An adapter sees those of its endpoint here.
    pub terms: Arc<Terms>,
    /// By an endpoint's name: the terms there, in the place of `terms`. The stack looks them up once it has chosen.
    pub terms_at: Arc<BTreeMap<Arc<str>, Arc<Terms>>>,
    /// Travels as metadata, so that a retry recognises its own earlier success. `None`: nothing is added.
    pub write_id: Option<WriteId>,
    /// Tells the stack how the body moves; see [`Progress`].
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

/// On which condition a put takes place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// Only if the key does not exist (`If-None-Match: *`).
    Create,
    /// Whatever is there.
    Overwrite,
    /// Only if the object still has this ETag (`If-Match`).
    IfMatch(ETag),
}

/// What is stored beside the body and comes back with it. An adapter that cannot keep one of them refuses the put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// The user's own pairs. Names are lower-case ASCII letters, digits and `-`, and do not start with `evenkeel-`;
    /// values are visible ASCII with blanks only inside. At most 2,048 bytes in all (S3's limit).
    pub metadata: BTreeMap<String, String>,
}

/// An entity tag, together with the endpoint that gave it: equal bytes have different tags at different providers, so a
/// tag is never shown to another endpoint than its own.
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

    /// The name of the endpoint that gave it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A weak tag (`W/"…"`): If-Match compares strongly (RFC 9110, 13.1.1), so that no condition with it ever holds.
    pub fn is_weak(&self) -> bool {
        self.value.starts_with("W/")
    }

    /// Why no condition can be made of it: If-Match asks for one strong tag.
    pub(crate) fn unfit(&self) -> Option<&'static str> {
        let value = &*self.value;
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let visible = |c: char| c.is_ascii_graphic() && c != '"';
        if self.is_weak() {
            Some("a weak ETag (`W/\"…\"`) cannot be a condition, as it never holds")
        } else if value == "*" {
            Some("`*` is no ETag: whatever is there would be replaced")
        } else if value.is_empty() || !bare.unwrap_or(value).chars().all(visible) {
            Some("this is no ETag: one is visible ASCII, in quotes as a rule")
        } else {
            None
        }
    }

    /// Without its quotes, as some stores want it in a condition.
    pub(crate) fn unquoted(&self) -> Self {
        Self {
            value: self.value.trim_matches('"').into(),
            endpoint: self.endpoint.clone(),
        }
    }

    /// The same tag under its endpoint's name; adapters give tags with an empty one.
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

/// Fetch an object or a part of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Get {
    /// Which.
    pub key: Key,
    /// Which part; `None` is the whole.
    pub range: Option<ByteRange>,
    /// Answer *not modified* if the object still has this tag.
    pub if_none_match: Option<ETag>,
    /// Tells the stack how the body moves; see [`Progress`].
    pub progress: Progress,
}

impl Get {
    /// The whole object, unconditionally.
    pub const fn new(key: Key) -> Self {
        Self {
            key,
            range: None,
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
    /// From here to the end.
    From(u64),
    /// The last so many.
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

    /// The bytes of an object of `size` bytes that this range selects, clamped to its end. `None`: it selects nothing
    /// (HTTP 416).
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

/// Fetch what is known of an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Head {
    /// Which.
    pub key: Key,
}

impl Head {
    /// Of this key.
    pub const fn new(key: Key) -> Self {
        Self { key }
    }
}

/// Remove an object. Removing what does not exist succeeds, also on a condition.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delete {
    /// Which.
    pub key: Key,
    /// Only if the object still has this tag (`If-Match`); else
    /// [`PreconditionFailed`](crate::provider::ProviderErrorKind::PreconditionFailed). An adapter that cannot pass the
    /// condition on refuses it, and never leaves it out.
    pub if_match: Option<ETag>,
}

impl Delete {
    /// This key, whatever is there.
    pub const fn new(key: Key) -> Self {
        Self { key, if_match: None }
    }

    /// Only if the object still has this tag.
    #[must_use]
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.if_match = Some(tag);
        self
    }
}

/// One page of a listing, in ascending order of the keys' UTF-8 bytes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct List {
    /// Only keys that start so.
    pub prefix: String,
    /// Only keys greater than this one.
    pub start_after: Option<String>,
    /// Keys that share everything up to the next delimiter after the prefix are folded into one common prefix.
    pub delimiter: Option<String>,
    /// At most so many entries in the page (objects and common prefixes together); the provider may return fewer.
    pub limit: Option<usize>,
    /// Goes on where the page that returned this left off. Only valid at the endpoint that returned it.
    pub continuation: Option<String>,
}

/// A provider's answer to an [`ObjectRequest`], variant by variant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ObjectResponse {
    /// To a put.
    Put(PutAnswer),
    /// To a get.
    Get(Object),
    /// To a head.
    Head(ObjectMeta),
    /// To a delete.
    Delete,
    /// To a list.
    List(ListPage),
}

/// What a put returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutAnswer {
    /// The tag of what was stored.
    pub etag: Option<ETag>,
}

impl PutAnswer {
    /// With this tag.
    pub const fn new(etag: Option<ETag>) -> Self {
        Self { etag }
    }
}

/// What is known of an object without its body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectMeta {
    /// Its key.
    pub key: String,
    /// Its whole size in bytes.
    pub size: u64,
    /// Its tag.
    pub etag: Option<ETag>,
    /// When it was last written, by the provider's clock.
    pub last_modified: Option<SystemTime>,
    /// Content type, cache control, user metadata. Empty in listings.
    pub attributes: Attributes,
    /// The id of the write that stored it, if it was one of ours.
    pub write_id: Option<WriteId>,
}

impl ObjectMeta {
    /// An object of which only key and size are known.
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

/// An object, or the part of it that was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Object {
    /// What is known of it.
    pub meta: ObjectMeta,
    /// Which bytes of it `body` holds.
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
    /// Present when there is more.
    pub continuation: Option<String>,
}

impl ListPage {
    /// These entries, and what leads on.
    pub const fn new(entries: Vec<ListEntry>, continuation: Option<String>) -> Self {
        Self { entries, continuation }
    }
}

/// One line of a listing.
#[derive(Clone, Debug)]
pub enum ListEntry {
    /// An object.
    Object(ObjectMeta),
    /// All keys that start so, folded by the delimiter.
    CommonPrefix(String),
}

impl ListEntry {
    /// The key, or the common prefix: what listings are ordered by.
    pub fn name(&self) -> &str {
        match self {
            Self::Object(meta) => &meta.key,
            Self::CommonPrefix(prefix) => prefix,
        }
    }
}
