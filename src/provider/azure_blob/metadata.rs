use crate::request::object::{Attributes, WriteId};
use std::collections::HashMap;

/// Marks a name that has a form of its own: see the module. No name of a caller's starts like this.
const SPELLED: &str = "evenkeel_name_";

/// evenkeel's names as Azure's names: see the module.
pub(super) fn sent(attributes: &Attributes, id: Option<&WriteId>) -> HashMap<String, String> {
    let own = id.map(|id| (WriteId::METADATA_KEY, id.as_str()));
    let given = attributes.metadata.iter().map(|(name, value)| (&**name, &**value));
    let named = |(name, value): (&str, &str)| (identifier(name), value.to_owned());
    given.chain(own).map(named).collect()
}

/// Azure's names as evenkeel's names. Some ways through HTTP change the case of names, so this lowers the case of all
/// names.
pub(super) fn received(metadata: HashMap<String, String>) -> impl Iterator<Item = (String, String)> {
    metadata
        .into_iter()
        .map(|(name, value)| (plain(&name.to_ascii_lowercase()), value))
}

fn identifier(name: &str) -> String {
    if name.contains('_') || name.starts_with(|c: char| c.is_ascii_digit()) {
        SPELLED.to_owned() + &name.replace('_', "_u").replace('-', "_d")
    } else {
        name.replace('-', "_")
    }
}

fn plain(name: &str) -> String {
    let spelled = name.strip_prefix(SPELLED).and_then(unspelled);
    spelled.unwrap_or_else(|| name.replace('_', "-"))
}

/// The name behind its spelling. `None`: this is no such spelling.
fn unspelled(spelling: &str) -> Option<String> {
    let mut parts = spelling.split('_');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = part.split_at_checked(1)?;
        name.push(match sign {
            "u" => '_',
            "d" => '-',
            _ => return None,
        });
        name += rest;
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_names_round_trip() {
        let mut attributes = Attributes::default();
        for name in [
            "colour",
            "a-b-c",
            "-x",
            "number-2",
            "a_b",
            "a-b_c--d__e",
            "_",
            "2nd",
            "2-x",
            "a-ub",
            "_u",
            "a_db",
        ] {
            attributes.metadata.insert(name.into(), name.into());
        }
        let there = sent(&attributes, Some(&WriteId::new("id")));
        let is_identifier = |name: &str| {
            let mut bytes = name.bytes();
            let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
            first && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        assert!(there.keys().all(|name| is_identifier(name)), "{there:?}");
        let shouted = there
            .into_iter()
            .map(|(name, value)| (name.to_ascii_uppercase(), value));
        let mut back: std::collections::BTreeMap<_, _> = received(shouted.collect()).collect();
        assert_eq!(back.remove(WriteId::METADATA_KEY).as_deref(), Some("id"));
        assert_eq!(back, attributes.metadata);
    }

    #[test]
    fn names_of_others_and_of_earlier_versions_are_read() {
        for (there, here) in [
            ("a_b", "a-b"),
            ("evenkeel_write", "evenkeel-write"),
            ("evenkeel_name_", ""),
            ("evenkeel_name_a_x", "evenkeel-name-a-x"),
            ("evenkeel_name_a_", "evenkeel-name-a-"),
        ] {
            assert_eq!(plain(there), here, "{there}");
        }
    }
}
