use crate::{
    call::Answer,
    request::object::{ETag, Object, ObjectMeta, WriteId},
};
use bytes::Bytes;
use std::ops::Range;

/// An object that was stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub(crate) etag: Option<ETag>,
    pub(crate) write_id: WriteId,
    pub(crate) answer: Answer,
}

/// A fetched object, or the requested part of the object.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub(crate) object: Object,
    pub(crate) answer: Answer,
}

/// An object's metadata, fetched without the body.
#[derive(Clone, Debug)]
pub struct FetchedMeta {
    pub(crate) meta: ObjectMeta,
    pub(crate) answer: Answer,
}

impl Stored {
    /// The tag of the stored object. The tag carries its endpoint: a call that uses the tag is pinned there.
    pub const fn etag(&self) -> Option<&ETag> {
        self.etag.as_ref()
    }

    /// The id of this write, which is stored with the object.
    pub const fn write_id(&self) -> &WriteId {
        &self.write_id
    }

    /// The endpoint that stored the object.
    pub fn endpoint(&self) -> &str {
        self.answer.endpoint()
    }

    /// An attempt of this put was given up before its answer came, and may still land. A late overwrite would undo
    /// newer writes; a late create would store the object again after a removal. See [late
    /// attempts](crate::client#late-attempts) for how long, and what to do.
    pub const fn earlier_attempt_unresolved(&self) -> bool {
        self.answer.unresolved
    }
}

impl Fetched {
    /// The bytes.
    pub const fn body(&self) -> &Bytes {
        &self.object.body
    }

    /// The bytes, by value.
    pub fn into_bytes(self) -> Bytes {
        self.object.body
    }

    /// Size, tag, attributes.
    pub const fn meta(&self) -> &ObjectMeta {
        &self.object.meta
    }

    /// Which bytes of the object the body holds.
    pub const fn range(&self) -> &Range<u64> {
        &self.object.range
    }

    /// The object's tag. The tag carries its endpoint.
    pub const fn etag(&self) -> Option<&ETag> {
        self.object.meta.etag.as_ref()
    }

    /// The whole object as the provider's adapter gave it.
    pub fn into_object(self) -> Object {
        self.object
    }

    /// The endpoint that answered.
    pub fn endpoint(&self) -> &str {
        self.answer.endpoint()
    }

    /// The answer came from a copy that may lag behind the home.
    pub const fn is_possibly_stale(&self) -> bool {
        self.answer.possibly_stale
    }
}

impl FetchedMeta {
    /// Size, tag, attributes.
    pub const fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    /// The same, by value.
    pub fn into_meta(self) -> ObjectMeta {
        self.meta
    }

    /// The object's tag. The tag carries its endpoint.
    pub const fn etag(&self) -> Option<&ETag> {
        self.meta.etag.as_ref()
    }

    /// The endpoint that answered.
    pub fn endpoint(&self) -> &str {
        self.answer.endpoint()
    }

    /// The answer came from a copy that may lag behind the home.
    pub const fn is_possibly_stale(&self) -> bool {
        self.answer.possibly_stale
    }
}
