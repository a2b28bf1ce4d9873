//! What a write says of its object beside the body: the same for a put, an upload and a copy.

/// Adds attributes, the write id and terms to the SDK's builder of a write.
macro_rules! described {
    ($write:expr, $attributes:expr, $write_id:expr, $terms:expr) => {{
        let (attributes, terms): (&Attributes, &Terms) = ($attributes, $terms);
        let pairs = attributes.metadata.iter();
        let pairs = pairs.map(|(name, value)| (name.clone(), value.clone()));
        let id: Option<&WriteId> = $write_id;
        let id = id.map(|id| (WriteId::METADATA_KEY.to_owned(), id.as_str().to_owned()));
        let (encryption, key) = crate::provider::s3::terms::encryption(terms);
        $write
            .set_content_type(attributes.content_type.clone())
            .set_cache_control(attributes.cache_control.clone())
            .set_content_disposition(attributes.content_disposition.clone())
            .set_content_encoding(attributes.content_encoding.clone())
            .set_content_language(attributes.content_language.clone())
            .set_metadata(Some(pairs.chain(id).collect()))
            .set_storage_class(
                terms
                    .storage_class
                    .as_deref()
                    .map(aws_sdk_s3::types::StorageClass::from),
            )
            .set_tagging(crate::provider::terms::query(terms))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key)
    }};
}

pub(super) use described;

use crate::request::object::{Encryption, Terms};
use aws_sdk_s3::types::ServerSideEncryption;

/// How the store encrypts the object, and with which key.
pub(super) fn encryption(terms: &Terms) -> (Option<ServerSideEncryption>, Option<String>) {
    match &terms.encryption {
        None => (None, None),
        Some(Encryption::Store) => (Some(ServerSideEncryption::Aes256), None),
        Some(Encryption::Kms { key }) => (Some(ServerSideEncryption::AwsKms), key.clone()),
    }
}
