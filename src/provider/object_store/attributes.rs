use crate::request::object::{Attributes, Terms, WriteId};
use object_store::{Attribute, TagSet};
use std::borrow::Cow;

pub(super) fn sent(given: &Attributes, terms: &Terms, id: Option<&WriteId>) -> object_store::Attributes {
    let mut attributes = object_store::Attributes::new();
    if let Some(content_type) = &given.content_type {
        attributes.insert(Attribute::ContentType, content_type.clone().into());
    }
    if let Some(cache_control) = &given.cache_control {
        attributes.insert(Attribute::CacheControl, cache_control.clone().into());
    }
    if let Some(class) = &terms.storage_class {
        attributes.insert(Attribute::StorageClass, class.clone().into());
    }
    let own = id.map(|id| (WriteId::METADATA_KEY.to_owned(), id.as_str().to_owned()));
    for (name, value) in given.metadata.clone().into_iter().chain(own) {
        attributes.insert(Attribute::Metadata(Cow::Owned(name)), value.into());
    }
    attributes
}

pub(super) fn tags(terms: &Terms) -> TagSet {
    let mut tags = TagSet::default();
    for (name, value) in &terms.tags {
        tags.push(name, value);
    }
    tags
}

pub(super) fn received(got: &object_store::Attributes) -> (Attributes, Option<WriteId>) {
    let mut attributes = Attributes::default();
    for (attribute, value) in got {
        let value = value.as_ref().to_owned();
        match attribute {
            Attribute::ContentType => attributes.content_type = Some(value),
            Attribute::CacheControl => attributes.cache_control = Some(value),
            Attribute::Metadata(name) => drop(attributes.metadata.insert(name.clone().into_owned(), value)),
            _ => {}
        }
    }
    let write_id = attributes.metadata.remove(WriteId::METADATA_KEY).map(WriteId::new);
    (attributes, write_id)
}
