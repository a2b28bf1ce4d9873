use super::Stored;
use crate::request::object::{Attributes, List, ListEntry, ListPage, ObjectMeta};
use std::{collections::BTreeMap, ops::Bound};

/// The most entries in a page, as S3 has it.
const PAGE: usize = 1000;

/// One page. An entry, object or common prefix, is in the listing if its *name* is greater than the start. A listing
/// can therefore continue after any of its entries.
pub(super) fn page(objects: &BTreeMap<String, Stored>, list: &List, shows_ids: bool) -> ListPage {
    let limit = list.limit.unwrap_or(PAGE).min(PAGE);
    let after = list
        .start_after
        .as_deref()
        .max(list.continuation.as_deref())
        .unwrap_or_default();
    let delimiter = list.delimiter.as_deref().filter(|d| !d.is_empty());
    let from = match after {
        "" => Bound::Included(&*list.prefix),
        _ if after < &*list.prefix => Bound::Included(&*list.prefix),
        _ => Bound::Excluded(after),
    };

    let mut entries: Vec<ListEntry> = Vec::new();
    if limit == 0 {
        return ListPage::new(entries, None);
    }
    let keys = objects
        .range::<str, _>((from, Bound::Unbounded))
        .take_while(|(key, _)| key.starts_with(&list.prefix));
    for (key, stored) in keys {
        let folded = delimiter.and_then(|delimiter| {
            let end = list.prefix.len() + key[list.prefix.len()..].find(delimiter)? + delimiter.len();
            Some(&key[..end])
        });
        let name = folded.unwrap_or(key);
        let seen = entries.last().is_some_and(|last| last.name() == name);
        if seen || name <= after {
            continue;
        }
        if entries.len() == limit {
            let continuation = entries.last().map(|last| last.name().to_owned());
            return ListPage::new(entries, continuation);
        }
        entries.push(match folded {
            Some(prefix) => ListEntry::CommonPrefix(prefix.to_owned()),
            None => ListEntry::Object(ObjectMeta {
                attributes: Attributes::default(),
                write_id: stored.write_id.clone().filter(|_| shows_ids),
                ..stored.meta(key)
            }),
        });
    }
    ListPage::new(entries, None)
}
