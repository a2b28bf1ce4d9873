use crate::request::object::{Attributes, Terms, WriteId};
use object_store::{Attribute, TagSet};
use std::borrow::Cow;

pub(crate) fn sent(given: &Attributes, terms: &Terms, id: Option<&WriteId>) -> object_store::Attributes {
    let mut attributes = object_store::Attributes::new();
    let values = [
        (Attribute::ContentType, &given.content_type),
        (Attribute::CacheControl, &given.cache_control),
        (Attribute::ContentDisposition, &given.content_disposition),
        (Attribute::ContentEncoding, &given.content_encoding),
        (Attribute::ContentLanguage, &given.content_language),
        (Attribute::StorageClass, &terms.storage_class),
    ];
    for (attribute, value) in values {
        if let Some(value) = value {
            attributes.insert(attribute, value.clone().into());
        }
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
            Attribute::ContentDisposition => attributes.content_disposition = Some(value),
            Attribute::ContentEncoding => attributes.content_encoding = Some(value),
            Attribute::ContentLanguage => attributes.content_language = Some(value),
            Attribute::Metadata(name) => drop(attributes.metadata.insert(name.clone().into_owned(), value)),
            _ => {}
        }
    }
    crate::provider::attributes::received(attributes)
}
