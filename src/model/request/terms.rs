use std::collections::BTreeMap;

/// The terms on which an object is kept: its storage class, its encryption, its tags. The endpoint decides what the
/// terms leave open.
///
/// Tags mean the same everywhere. Classes and keys are each provider's own words. An adapter refuses a term that it
/// cannot keep before anything is sent, and never drops a term.
///
/// | | tags | storage class | [`Encryption::Store`] | [`Encryption::Kms`] |
/// |---|---|---|---|---|
/// | `S3` | object tags | its classes (`STANDARD_IA`) | `AES256` | `aws:kms`: key id, ARN, alias, or the account's |
/// | `AzureBlob` | blob index tags | access tiers (`Cool`) | what Azure always does | the name of an encryption scope |
/// | `Gcs` | refused, there are none | its classes (`NEARLINE`) | what Google always does | a key's resource name (`projects/…`) |
/// | `GenericStore` | of S3 and Azure | of S3, Azure and Google | refused: set it in the store | refused: set it in the store |
/// | `Memory` | kept | kept | kept | kept |
///
/// Keys that a client would have to show with every request (SSE-C) are not supported.
///
/// ```
/// use evenkeel::request::object::{Encryption, Terms};
///
/// let defaults = Terms::new().encryption(Encryption::kms("alias/orders")).tag("team", "billing").tag("stage", "live");
/// let put = Terms::new().storage_class("STANDARD_IA").tag("stage", "test");
/// let both = put.over(&defaults);
/// assert_eq!(both.storage_class.as_deref(), Some("STANDARD_IA"));
/// assert_eq!((&*both.tags["team"], &*both.tags["stage"]), ("billing", "test"));
/// assert_eq!(both.encryption, defaults.encryption);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// The class to store in, in the provider's words.
    pub storage_class: Option<String>,
    /// How the store encrypts the object.
    pub encryption: Option<Encryption>,
    /// Tags: at most ten, names of 1 to 128 characters and values of up to 256, of letters, digits, blanks and `+-=._:/@`.
    pub tags: BTreeMap<String, String>,
}

/// Server-side encryption, as the request demands it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encryption {
    /// With keys of the store.
    Store,
    /// With a key service.
    Kms {
        /// The key in the provider's words. `None` is the account's own key, which only AWS has.
        key: Option<String>,
    },
}

impl Encryption {
    /// With this key of the provider's key service.
    pub fn kms(key: impl Into<String>) -> Self {
        Self::Kms { key: Some(key.into()) }
    }
}

impl Terms {
    /// Terms that leave everything to the endpoint.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the class to store in: `STANDARD_IA`, `Cool`, `NEARLINE`, a store's own.
    #[must_use]
    pub fn storage_class(mut self, class: impl Into<String>) -> Self {
        self.storage_class = Some(class.into());
        self
    }

    /// Sets how the store encrypts the object.
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = Some(encryption);
        self
    }

    /// Adds a tag, or replaces the value of a tag.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Whether the terms leave everything to the endpoint.
    pub fn is_empty(&self) -> bool {
        self.storage_class.is_none() && self.encryption.is_none() && self.tags.is_empty()
    }

    /// These terms, and from `defaults` what they leave open: class and encryption each as a whole, tags name by name.
    #[must_use]
    pub fn over(&self, defaults: &Self) -> Self {
        let tags = defaults.tags.iter().chain(&self.tags);
        Self {
            storage_class: self.storage_class.clone().or_else(|| defaults.storage_class.clone()),
            encryption: self.encryption.clone().or_else(|| defaults.encryption.clone()),
            tags: tags.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}
