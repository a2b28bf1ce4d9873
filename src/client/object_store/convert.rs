//! Metadata, attributes and tags between this crate and `object_store`.

use super::{
    error::{STORE, generic},
    tag::Tags,
    text,
};
use crate::request::object::{Attributes, ByteRange, ObjectMeta, Terms};
use object_store::{Attribute, Error as StoreError, GetRange, TagSet, path::Path};
use std::time::UNIX_EPOCH;

/// What is known of an object. The beginning of time stands for no date.
pub(super) fn meta(location: Path, found: &ObjectMeta, tags: Tags) -> object_store::ObjectMeta {
    object_store::ObjectMeta {
        location,
        last_modified: found.last_modified.unwrap_or(UNIX_EPOCH).into(),
        size: found.size,
        e_tag: tags.of(found),
        version: None,
    }
}

/// What a write asks for beside its body. A storage class and tags are terms, which are kept or refused.
pub(super) fn asked(asked: &object_store::Attributes, tags: &TagSet) -> Result<(Attributes, Terms), StoreError> {
    let mut attributes = Attributes::default();
    let mut terms = Terms::new();
    for (attribute, value) in asked {
        let value = value.as_ref().to_owned();
        match attribute {
            Attribute::ContentType => attributes.content_type = Some(value),
            Attribute::CacheControl => attributes.cache_control = Some(value),
            Attribute::ContentDisposition => attributes.content_disposition = Some(value),
            Attribute::ContentEncoding => attributes.content_encoding = Some(value),
            Attribute::ContentLanguage => attributes.content_language = Some(value),
            Attribute::StorageClass => terms.storage_class = Some(value),
            Attribute::Metadata(name) => drop(attributes.metadata.insert(name.clone().into_owned(), value)),
            _ => {
                return Err(StoreError::NotImplemented {
                    operation: format!("a write with the attribute {attribute:?}"),
                    implementer: STORE.into(),
                });
            }
        }
    }
    let Some(tags) = text::pairs(tags.encoded()) else {
        return Err(generic("the tags are no list of names and values"));
    };
    terms.tags.extend(tags);
    Ok((attributes, terms))
}

pub(super) fn range(range: &GetRange) -> ByteRange {
    match range {
        GetRange::Bounded(range) => ByteRange::Bounded(range.clone()),
        GetRange::Offset(start) => ByteRange::From(*start),
        GetRange::Suffix(bytes) => ByteRange::Suffix(*bytes),
    }
}
