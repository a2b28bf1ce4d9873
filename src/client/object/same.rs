use crate::{
    replicate::copy::is_copy_of,
    request::object::{ETag, ObjectMeta},
};

/// Whether these are answers about the same bytes, provably: by the id of the write, which may name the version that was
/// copied, or by the tag at its own endpoint.
pub(in crate::client) fn is_same_state(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    let ids = one.write_id.as_ref().zip(other.write_id.as_ref());
    let by_id = ids.is_some_and(|(id, other)| id.proves_same_content(other, &one.key, one.size));
    // A tag has its endpoint's name in it.
    let by_tag = strong(one).is_some() && strong(one) == strong(other);
    let by_copy = is_copy_of(one, other) || is_copy_of(other, one);
    one.size == other.size && (by_id || by_tag || by_copy)
}

/// Whether another answer about these bytes could be told from one about others.
pub(in crate::client) fn is_provable(meta: &ObjectMeta) -> bool {
    let names_it = meta.write_id.as_ref().is_some_and(|id| id.fits(&meta.key, meta.size));
    names_it || strong(meta).is_some()
}

fn strong(meta: &ObjectMeta) -> Option<&ETag> {
    meta.etag.as_ref().filter(|tag| tag.unfit().is_none())
}
