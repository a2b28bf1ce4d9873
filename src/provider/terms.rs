use super::{ProviderError, ProviderErrorKind};
use crate::{
    request::object::{Encryption, Terms},
    verdict::{Outcome, Sent, Verdict},
};
use std::{collections::BTreeMap, sync::Arc};

/// The most tags that AWS and Azure take.
const TAGS: usize = 10;
const TAG_NAME: usize = 128;
const TAG_VALUE: usize = 256;

/// The longest key is an ARN (2,048 characters); a class has no documented length.
const LONGEST: usize = 2048;

/// Checks what no store takes: see [`Terms`] for the rules. An adapter that takes terms calls this function first, on
/// the terms that the adapter would send.
///
/// # Errors
/// [`ProviderErrorKind::Invalid`](super::ProviderErrorKind::Invalid), with what is wrong.
pub fn check(terms: &Terms) -> Result<(), ProviderError> {
    match wrong(terms) {
        None => Ok(()),
        Some(message) => Err(
            ProviderError::new(ProviderErrorKind::Invalid, Outcome::new(Verdict::Caller, Sent::No))
                .with_message(message),
        ),
    }
}

/// What no store takes.
pub(crate) fn wrong(terms: &Terms) -> Option<&'static str> {
    let class = terms.storage_class.as_deref();
    let key = match &terms.encryption {
        Some(Encryption::Kms { key }) => key.as_deref(),
        _ => None,
    };
    let visible = |text: &str| !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
    let of_a_tag = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    let tag = |(name, value): (&String, &String)| {
        let lengths = 1..=TAG_NAME;
        lengths.contains(&name.chars().count())
            && value.chars().count() <= TAG_VALUE
            && name.chars().chain(value.chars()).all(of_a_tag)
    };
    if class.is_some_and(|class| !visible(class)) {
        return Some("a storage class must be visible ASCII without blanks");
    }
    if key.is_some_and(|key| !visible(key)) {
        return Some("the name of a key must be visible ASCII without blanks");
    }
    if terms.tags.len() > TAGS {
        return Some("an object has at most 10 tags");
    }
    if !terms.tags.iter().all(tag) {
        return Some(
            "a tag's name has 1 to 128 characters and its value up to 256, of letters, digits, blanks and `+-=._:/@`",
        );
    }
    None
}

/// The answer of an adapter that takes no terms at all.
pub(super) fn none(terms: &Terms) -> Result<(), ProviderError> {
    let what = if terms.encryption.is_some() {
        "a put to this store cannot ask for encryption"
    } else if terms.storage_class.is_some() {
        "a put to this store cannot ask for a storage class"
    } else if !terms.tags.is_empty() {
        "this store keeps no tags"
    } else {
        return Ok(());
    };
    Err(ProviderError::unsupported(what))
}

/// Reduces the terms of a write to the terms of this endpoint.
pub(super) fn narrow(terms: &mut Arc<Terms>, at: &mut Arc<BTreeMap<Arc<str>, Arc<Terms>>>, endpoint: &str) {
    if let Some(here) = at.get(endpoint) {
        *terms = here.clone();
    }
    *at = Arc::default();
}

/// Tags as a query string, the form in which stores receive them. `None`: there are none.
#[cfg(any(feature = "s3", feature = "azure_blob"))]
pub(super) fn query(terms: &Terms) -> Option<String> {
    let pairs = terms
        .tags
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    (!terms.tags.is_empty()).then(|| pairs.collect::<Vec<_>>().join("&"))
}

/// Percent-encoded but for letters, digits and `-_.~`.
#[cfg(any(feature = "s3", feature = "azure_blob"))]
pub(super) fn escaped(text: &str) -> String {
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
    use super::*;

    #[test]
    fn invalid_terms_are_refused() {
        let many = |count: usize| (0..count).fold(Terms::new(), |terms, i| terms.tag(i.to_string(), ""));
        for good in [
            Terms::new(),
            Terms::new()
                .storage_class("STANDARD_IA")
                .encryption(Encryption::kms("arn:aws:kms:x:1:key/2")),
            Terms::new().tag("a b", "c+d=e/f@g:h_i.ü"),
            Terms::new().tag("n".repeat(128), "v".repeat(256)),
            many(10),
        ] {
            assert_eq!(wrong(&good), None, "{good:?}");
        }
        for bad in [
            Terms::new().storage_class(""),
            Terms::new().storage_class("A B"),
            Terms::new().encryption(Encryption::kms("a\r\nb")),
            Terms::new().tag("", "v"),
            Terms::new().tag("n", "a&b"),
            Terms::new().tag("n".repeat(129), ""),
            Terms::new().tag("n", "v".repeat(257)),
            many(11),
        ] {
            let refused = check(&bad).unwrap_err();
            let met = (refused.kind(), refused.outcome());
            assert_eq!(
                met,
                (ProviderErrorKind::Invalid, Outcome::new(Verdict::Caller, Sent::No)),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn an_adapter_without_terms_refuses_terms() {
        assert!(none(&Terms::new()).is_ok());
        for terms in [
            Terms::new().tag("a", "b"),
            Terms::new().storage_class("c"),
            Terms::new().encryption(Encryption::Store),
        ] {
            assert_eq!(none(&terms).unwrap_err().kind(), ProviderErrorKind::Unsupported);
        }
    }

    #[cfg(any(feature = "s3", feature = "azure_blob"))]
    #[test]
    fn tags_are_escaped() {
        let terms = Terms::new().tag("a b&c=d/ü", "").tag("e", "f");
        assert_eq!(query(&terms).as_deref(), Some("a%20b%26c%3Dd%2F%C3%BC=&e=f"));
        assert_eq!(query(&Terms::new()), None);
    }
}
