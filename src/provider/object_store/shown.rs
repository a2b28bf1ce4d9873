//! What a store is, by its `Debug`: the trait has no question for it, but every store of `object_store` prints its
//! configuration, beneath a wrapper, too.

use super::opendal;
use crate::{
    provider::{Capabilities, Capability, ProviderError, check_terms, known},
    request::object::Terms,
};

/// What of a put the store passes on, as of `object_store` (0.14). The other stores drop tags silently, and OpenDAL's
/// bridge attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) attributes: bool,
    tags: bool,
    classes: bool,
}

impl Passed {
    /// By the store's `Debug`, which shows beneath a wrapper, too.
    pub(super) fn by(shown: &str) -> Self {
        let is = |name: &str| shown.contains(name);
        let tagging = is("AmazonS3 {") || is("MicrosoftAzure {");
        Self {
            attributes: !opendal::is_shown_in(shown),
            tags: tagging && !is("disable_tagging: true"),
            classes: tagging || is("GoogleCloudStorage {"),
        }
    }

    pub(super) fn check(self, terms: &Terms) -> Result<(), ProviderError> {
        check_terms(terms)?;
        let refused = if terms.encryption.is_some() {
            "object_store asks for no encryption in a put: set the encryption in the store"
        } else if terms.storage_class.is_some() && !self.classes {
            "object_store passes a storage class on to S3, Azure and Google alone"
        } else if !terms.tags.is_empty() && !self.tags {
            "object_store passes tags on to S3 and Azure alone, unless the store is told not to"
        } else {
            return Ok(());
        };
        Err(ProviderError::unsupported(refused))
    }
}

/// Whether the store keeps to the conditions of a put, by the store's `Debug`.
pub(super) fn conditions(shown: &str) -> Capabilities {
    let is = |name: &str| shown.contains(name);
    let bucket = shown
        .split_once("bucket_endpoint: \"https://")
        .map_or("", |(_, rest)| rest);
    let host = bucket.split(['/', ':', '"']).next().unwrap_or_default();
    let own = is("MicrosoftAzure {") || is("GoogleCloudStorage {") || is("InMemory");
    if own {
        puts(Capability::Kept)
    } else if is("LocalFileSystem {") {
        // Files have no compare-and-swap.
        Capabilities {
            create: Capability::Kept,
            ..puts(Capability::Lacking)
        }
    } else if is("AmazonS3 {") {
        puts(known::of(host).if_match)
    } else {
        puts(Capability::Unknown)
    }
}

/// The same for both conditions of a put. `object_store` has no conditional delete, and no conditional completion.
pub(super) const fn puts(capability: Capability) -> Capabilities {
    let mut of_puts = Capabilities::all(capability);
    of_puts.delete_if_match = Capability::Lacking;
    of_puts.complete_if = Capability::Lacking;
    of_puts
}

/// The number in the configuration that `object_store`'s clients print.
pub(super) fn retries(shown: &str) -> Option<u64> {
    let (_, rest) = shown.split_once("max_retries: ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_retries_are_read_from_debug_output() {
        assert_eq!(
            retries("AmazonS3 { retry_config: RetryConfig { max_retries: 10, .. } }"),
            Some(10)
        );
        assert_eq!(retries("InMemory"), None);
    }

    #[test]
    fn conditions_are_trusted_only_at_known_hosts() {
        for (shown, expected) in [
            (
                "AmazonS3 { bucket_endpoint: \"https://s3.eu-west-1.amazonaws.com/b\" }",
                Capability::Kept,
            ),
            (
                "AmazonS3 { bucket_endpoint: \"https://b.s3.eu-west-1.amazonaws.com\" }",
                Capability::Kept,
            ),
            (
                "AmazonS3 { bucket_endpoint: \"https://minio.example/b\", sts: \"https://sts.amazonaws.com\" }",
                Capability::Unknown,
            ),
            (
                "AmazonS3 { bucket_endpoint: \"https://amazonaws.com.evil.example/\" }",
                Capability::Unknown,
            ),
            (
                "AmazonS3 { bucket_endpoint: \"https://storage.googleapis.com/b\" }",
                Capability::Lacking,
            ),
            (
                "AmazonS3 { bucket_endpoint: \"https://b.s3.oss-eu-central-1.aliyuncs.com\" }",
                Capability::Lacking,
            ),
            ("MicrosoftAzure { client: .. }", Capability::Kept),
            ("InMemory", Capability::Kept),
            ("HttpStore { client: .. }", Capability::Unknown),
        ] {
            assert_eq!(conditions(shown), puts(expected), "{shown}");
        }
    }

    #[test]
    fn only_supported_terms_are_passed_on() {
        let of = |tags, classes| Passed {
            attributes: true,
            tags,
            classes,
        };
        assert_eq!(
            Passed::by("AmazonS3 { config: S3Config { disable_tagging: false } }"),
            of(true, true)
        );
        assert_eq!(
            Passed::by("PrefixStore { inner: MicrosoftAzure { disable_tagging: true } }"),
            of(false, true)
        );
        assert_eq!(Passed::by("GoogleCloudStorage { client: .. }"), of(false, true));
        assert_eq!(Passed::by("LocalFileSystem { config: .. }"), of(false, false));
        assert!(!Passed::by("OpendalStore { scheme: \"oss\" }").attributes);
        let terms = [
            Terms::new().tag("a", "b"),
            Terms::new().storage_class("c"),
            Terms::new().encryption(crate::request::object::Encryption::Store),
        ];
        for (passes, taken) in [(of(true, true), 2), (of(false, true), 1), (of(false, false), 0)] {
            let kept = terms.iter().filter(|terms| passes.check(terms).is_ok());
            assert_eq!(kept.count(), taken, "{passes:?}");
        }
    }
}
