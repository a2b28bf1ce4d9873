use crate::{
    provider::{ProviderError, check_terms},
    request::object::{Encryption, Terms},
};

/// Google's storage classes, with the classes that only old buckets have.
const CLASSES: [&str; 8] = [
    "STANDARD",
    "NEARLINE",
    "COLDLINE",
    "ARCHIVE",
    "RAPID",
    "REGIONAL",
    "MULTI_REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
];

/// Checks that Google has words for these terms, and says why not.
pub(super) fn check(terms: &Terms) -> Result<(), ProviderError> {
    check_terms(terms)?;
    if terms
        .storage_class
        .as_deref()
        .is_some_and(|class| !CLASSES.contains(&class))
    {
        return Err(ProviderError::unsupported(
            "this storage class is none of Google's (`STANDARD`, `NEARLINE`, `COLDLINE`, `ARCHIVE`)",
        ));
    }
    match &terms.encryption {
        Some(Encryption::Kms { key: None }) => {
            return Err(ProviderError::unsupported(
                "Google has no account key: name a key (`projects/…/cryptoKeys/…`)",
            ));
        }
        Some(Encryption::Kms { key: Some(key) }) if !is_key(key) => {
            return Err(ProviderError::unsupported(
                "this key is none of Google's (`projects/…/locations/…/keyRings/…/cryptoKeys/…`)",
            ));
        }
        _ => {}
    }
    if !terms.tags.is_empty() {
        return Err(ProviderError::unsupported("Google's objects have no tags"));
    }
    Ok(())
}

fn is_key(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let fixed = ["projects", "locations", "keyRings", "cryptoKeys"];
    parts.len() == 8 && parts.chunks(2).map(|pair| pair[0]).eq(fixed) && parts.iter().all(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_without_meaning_at_google_are_refused() {
        let key = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k";
        for good in [
            Terms::new().storage_class("NEARLINE").encryption(Encryption::kms(key)),
            Terms::new().encryption(Encryption::Store),
        ] {
            assert!(check(&good).is_ok(), "{good:?}");
        }
        for bad in [
            Terms::new().storage_class("STANDARD_IA"),
            Terms::new().storage_class("Cool"),
            Terms::new().encryption(Encryption::Kms { key: None }),
            Terms::new().encryption(Encryption::kms("arn:aws:kms:eu-central-1:1:key/2")),
            Terms::new().encryption(Encryption::kms(format!("{key}/cryptoKeyVersions/1"))),
            Terms::new().tag("a", "b"),
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
