use aws_sdk_s3::{
    operation::put_object::builders::PutObjectFluentBuilder,
    types::{ServerSideEncryption, StorageClass},
};

/// What is said with every put to an endpoint, because the bucket's policy demands it or its bill.
///
/// ```
/// use evenkeel::provider::s3::{Encryption, PutDefaults};
///
/// let defaults = PutDefaults::new()
///     .storage_class("STANDARD_IA")
///     .encryption(Encryption::Kms { key: Some("alias/orders".into()) })
///     .tag("team", "billing");
/// # let _ = defaults;
/// ```
///
/// Key ids and tags are the endpoint's own, so that each endpoint has its own defaults. What a store does not know it
/// refuses ([`Verdict::Caller`](crate::verdict::Verdict)) or, as some do with tags and classes, ignores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutDefaults {
    storage_class: Option<String>,
    encryption: Option<Encryption>,
    tags: Vec<(String, String)>,
}

/// Server-side encryption, as the request asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encryption {
    /// By keys of the store (`AES256`).
    Store,
    /// By AWS's key service (`aws:kms`).
    Kms {
        /// The key's id, ARN or alias; `None` is the account's own key for S3.
        key: Option<String>,
    },
}

impl PutDefaults {
    /// Nothing beyond the put itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// The class to store in: `STANDARD_IA`, `INTELLIGENT_TIERING`, a store's own.
    #[must_use]
    pub fn storage_class(mut self, class: impl Into<String>) -> Self {
        self.storage_class = Some(class.into());
        self
    }

    /// How the store is to encrypt.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }

    /// One more tag, escaped here. AWS takes ten, of letters, digits, blanks and `+-=._:/@`.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }

    pub(super) fn apply(&self, mut put: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        if let Some(class) = &self.storage_class {
            put = put.storage_class(StorageClass::from(class.as_str()));
        }
        put = match &self.encryption {
            None => put,
            Some(Encryption::Store) => put.server_side_encryption(ServerSideEncryption::Aes256),
            Some(Encryption::Kms { key }) => put
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .set_ssekms_key_id(key.clone()),
        };
        if !self.tags.is_empty() {
            let pairs = self
                .tags
                .iter()
                .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
            put = put.tagging(pairs.collect::<Vec<_>>().join("&"));
        }
        put
    }
}

/// For a query string, which is how tags travel.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn tags_are_escaped() {
        assert_eq!(super::escaped("a b&c=d/ü"), "a%20b%26c%3Dd%2F%C3%BC");
    }
}
