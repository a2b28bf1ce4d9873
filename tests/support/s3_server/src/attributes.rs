//! What a writer says of an object beside its content.

use crate::store::Attributes;
use http::StatusCode;
use s3s::{
    S3Result,
    dto::{Metadata, StorageClass},
    s3_error,
};
use std::collections::BTreeMap;

const STORAGE_CLASSES: [&str; 11] = [
    StorageClass::DEEP_ARCHIVE,
    StorageClass::EXPRESS_ONEZONE,
    StorageClass::GLACIER,
    StorageClass::GLACIER_IR,
    StorageClass::INTELLIGENT_TIERING,
    StorageClass::ONEZONE_IA,
    StorageClass::OUTPOSTS,
    StorageClass::REDUCED_REDUNDANCY,
    StorageClass::SNOW,
    StorageClass::STANDARD,
    StorageClass::STANDARD_IA,
];

/// S3's limit on a user's metadata, keys and values together.
const METADATA_MAX: usize = 2 << 10;

/// S3's limit on an object's tags.
const TAGS_MAX: usize = 10;

/// The attributes that an input of s3s's names.
macro_rules! attributes {
    ($input:expr) => {
        crate::attributes::checked(
            crate::store::Attributes {
                cache_control: $input.cache_control.take(),
                content_disposition: $input.content_disposition.take(),
                content_encoding: $input.content_encoding.take(),
                content_language: $input.content_language.take(),
                content_type: $input.content_type.take(),
                expires: $input.expires.take(),
                metadata: std::collections::BTreeMap::new(),
                storage_class: $input.storage_class.take().map(|class| class.as_str().to_owned()),
                website_redirect_location: $input.website_redirect_location.take(),
                encryption: $input.server_side_encryption.take().map(|how| how.as_str().to_owned()),
                kms_key: $input.ssekms_key_id.take(),
                tags: Vec::new(),
            },
            $input.metadata.take(),
            $input.tagging.take(),
        )
    };
}
pub(crate) use attributes;

pub(crate) fn checked(
    mut attributes: Attributes,
    metadata: Option<Metadata>,
    tagging: Option<String>,
) -> S3Result<Attributes> {
    if let Some(class) = &attributes.storage_class
        && !STORAGE_CLASSES.contains(&class.as_str())
    {
        return Err(s3_error!(
            InvalidStorageClass,
            "The storage class you specified is not valid"
        ));
    }
    let metadata: BTreeMap<String, String> = metadata.into_iter().flatten().collect();
    let size: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > METADATA_MAX {
        return Err(s3_error!(
            MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size"
        ));
    }
    attributes.metadata = metadata;
    if let Some(tagging) = tagging {
        let pairs = form_urlencoded::parse(tagging.as_bytes());
        attributes.tags = tags(
            pairs
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
        )?;
    }
    // The framing of the request is not the object's encoding.
    let encodings = attributes.content_encoding.take().unwrap_or_default();
    let encodings: Vec<_> = encodings
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && *encoding != "aws-chunked")
        .collect();
    attributes.content_encoding = (!encodings.is_empty()).then(|| encodings.join(","));
    attributes
        .content_type
        .get_or_insert_with(|| "binary/octet-stream".to_owned());
    attributes.encryption.get_or_insert_with(|| "AES256".to_owned());
    Ok(attributes)
}

pub(crate) fn tags(tags: Vec<(String, String)>) -> S3Result<Vec<(String, String)>> {
    if tags.len() > TAGS_MAX {
        let message = "Object tags cannot be greater than 10";
        return Err(crate::objects::custom("BadRequest", StatusCode::BAD_REQUEST, message));
    }
    let is_twice = |index: usize, key: &str| tags[..index].iter().any(|(before, _)| before == key);
    if tags.iter().enumerate().any(|(index, (key, _))| is_twice(index, key)) {
        return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
    }
    Ok(tags)
}
