use crate::{
    provider::ProviderError,
    request::object::{Attributes, WriteId},
};
use std::collections::HashMap;

/// evenkeel's names as Azure's names: see the module.
pub(super) fn sent(attributes: &Attributes, id: Option<&WriteId>) -> Result<HashMap<String, String>, ProviderError> {
    let own = id.map(|id| (WriteId::METADATA_KEY, id.as_str()));
    let given = attributes.metadata.iter().map(|(name, value)| (&**name, &**value));
    let named = |(name, value): (&str, &str)| {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(ProviderError::unsupported(
                "Azure's metadata names are identifiers: this one begins with a digit",
            ));
        }
        Ok((name.replace('-', "_"), value.to_owned()))
    };
    given.chain(own).map(named).collect()
}

/// Azure's names as evenkeel's names. Some ways through HTTP change the case of names, so this lowers the case of all
/// names.
pub(super) fn received(metadata: HashMap<String, String>) -> impl Iterator<Item = (String, String)> {
    let ours = |name: String| name.to_ascii_lowercase().replace('_', "-");
    metadata.into_iter().map(move |(name, value)| (ours(name), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Sent;

    #[test]
    fn metadata_names_round_trip() {
        let mut attributes = Attributes::default();
        for name in ["colour", "a-b-c", "-x", "number-2"] {
            attributes.metadata.insert(name.into(), "v".into());
        }
        let there = sent(&attributes, Some(&WriteId::new("id"))).unwrap();
        assert!(there.keys().all(|name| !name.contains('-')));
        let mut back: std::collections::BTreeMap<_, _> = received(there).collect();
        assert_eq!(back.remove(WriteId::METADATA_KEY).as_deref(), Some("id"));
        assert_eq!(back, attributes.metadata);
    }

    #[test]
    fn a_metadata_name_with_a_leading_digit_is_refused_unsent() {
        let mut attributes = Attributes::default();
        attributes.metadata.insert("2nd".into(), "v".into());
        assert_eq!(sent(&attributes, None).unwrap_err().outcome().sent, Sent::No);
    }
}
