use crate::{
    provider::terms::query,
    request::object::{Encryption, Terms},
};
use aws_sdk_s3::{
    operation::put_object::builders::PutObjectFluentBuilder,
    types::{ServerSideEncryption, StorageClass},
};

pub(super) fn apply(terms: &Terms, put: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
    let put = put
        .set_storage_class(terms.storage_class.as_deref().map(StorageClass::from))
        .set_tagging(query(terms));
    match &terms.encryption {
        None => put,
        Some(Encryption::Store) => put.server_side_encryption(ServerSideEncryption::Aes256),
        Some(Encryption::Kms { key }) => put
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .set_ssekms_key_id(key.clone()),
    }
}
