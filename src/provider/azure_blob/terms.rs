use crate::{
    provider::{ProviderError, check_terms, terms::query},
    request::object::{Encryption, Terms},
};
use azure_storage_blob::models::AccessTier;

/// Checks that Azure has words for these terms, and says why not.
pub(super) fn check(terms: &Terms) -> Result<(), ProviderError> {
    check_terms(terms)?;
    if terms.storage_class.as_deref().is_some_and(|class| !is_tier(class)) {
        return Err(ProviderError::unsupported(
            "this storage class is no access tier of Azure (`Hot`, `Cool`, `Cold`, `Archive`)",
        ));
    }
    match &terms.encryption {
        Some(Encryption::Kms { key: None }) => {
            return Err(ProviderError::unsupported(
                "Azure has no account key to ask for: name an encryption scope",
            ));
        }
        Some(Encryption::Kms { key: Some(scope) }) if !is_scope(scope) => {
            return Err(ProviderError::unsupported(
                "this key is no encryption scope of Azure (3 to 63 letters, digits and `-`)",
            ));
        }
        _ => {}
    }
    let in_a_tag = |c: char| c.is_ascii() && c != '@';
    if !terms
        .tags
        .iter()
        .all(|(name, value)| name.chars().chain(value.chars()).all(in_a_tag))
    {
        return Err(ProviderError::unsupported("Azure's tags are ASCII without `@`"));
    }
    Ok(())
}

/// The terms in Azure's words.
pub(super) struct Said {
    pub(super) tier: Option<AccessTier>,
    pub(super) tags: Option<String>,
    pub(super) scope: Option<String>,
}

impl Said {
    pub(super) fn of(terms: &Terms) -> Self {
        Self {
            tier: terms.storage_class.as_deref().map(tier),
            tags: query(terms),
            // With `Encryption::Store` there is nothing to be said: Azure encrypts whatever it is sent.
            scope: match &terms.encryption {
                Some(Encryption::Kms { key }) => key.clone(),
                _ => None,
            },
        }
    }
}

/// Azure's tier of this name. A tier that the SDK does not know is sent as it is.
fn tier(class: &str) -> AccessTier {
    class
        .parse()
        .unwrap_or_else(|_| AccessTier::UnknownValue(class.to_owned()))
}

/// Whether the name has the form of Azure's tiers. Neither AWS's nor Google's classes have this form. Azure itself
/// refuses tiers that it does not know.
fn is_tier(class: &str) -> bool {
    let mut bytes = class.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_uppercase());
    first && bytes.len() > 0 && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

pub(super) fn is_scope(name: &str) -> bool {
    (3..=63).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_without_meaning_at_azure_are_refused() {
        for good in [
            Terms::new()
                .storage_class("Cool")
                .tag("a", "b c")
                .encryption(Encryption::kms("orders-scope")),
            Terms::new().encryption(Encryption::Store),
        ] {
            assert!(check(&good).is_ok(), "{good:?}");
        }
        for bad in [
            Terms::new().storage_class("STANDARD_IA"),
            Terms::new().storage_class("NEARLINE"),
            Terms::new().storage_class("cool"),
            Terms::new().encryption(Encryption::Kms { key: None }),
            Terms::new().encryption(Encryption::kms("arn:aws:kms:eu-central-1:1:key/2")),
            Terms::new().encryption(Encryption::kms("alias/orders")),
            Terms::new().encryption(Encryption::kms("projects/p/locations/l/keyRings/r/cryptoKeys/k")),
            Terms::new().tag("mail", "a@b"),
            Terms::new().tag("färbe", "b"),
        ] {
            let refused = check(&bad).unwrap_err();
            assert_eq!(
                refused.kind(),
                crate::provider::ProviderErrorKind::Unsupported,
                "{bad:?}"
            );
        }
    }
}
