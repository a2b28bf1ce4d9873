use super::{GenericStore, error::failed};
use crate::{
    provider::{
        ProviderError,
        refusal::{Asked, wrong},
    },
    request::object::{List, ListEntry, ListPage},
    verdict::table::Symptom,
};
use futures_util::StreamExt as _;
use object_store::{ObjectMeta, path::Path};
use std::collections::BTreeMap;

/// The most entries in a page, as S3 has it.
const PAGE: usize = 1000;

/// One page. It goes on after the name of its last entry, so a continuation is such a name.
pub(super) async fn page(store: &GenericStore, list: &List) -> Result<ListPage, ProviderError> {
    let limit = list.limit.unwrap_or(PAGE).min(PAGE);
    if limit == 0 {
        return Ok(ListPage::default());
    }
    let after = list
        .start_after
        .as_deref()
        .max(list.continuation.as_deref())
        .unwrap_or_default();
    let mut page = Lowest::new(limit);
    let Some(under) = segments(&list.prefix) else {
        // No key has an empty or a dot segment.
        return Ok(ListPage::default());
    };
    match list.delimiter.as_deref() {
        Some("/") => level(store, list, under.as_ref(), after, &mut page).await?,
        delimiter => flat(store, list, under.as_ref(), after, delimiter, &mut page).await?,
    }
    Ok(page.into_page())
}

/// One level of the tree, which `object_store` folds itself.
async fn level(
    store: &GenericStore,
    list: &List,
    under: Option<&Path>,
    after: &str,
    page: &mut Lowest,
) -> Result<(), ProviderError> {
    let found = store.store.list_with_delimiter(under).await;
    let found = found.map_err(|error| failed(Asked::List, &error))?;
    let wanted = |name: &str| name.starts_with(&list.prefix) && name > after;
    for object in &found.objects {
        if wanted(object.location.as_ref()) {
            page.take(entry(store, object));
        }
    }
    for prefix in found.common_prefixes {
        let name = format!("{prefix}/");
        // What was asked for as a prefix is not folded into itself.
        if wanted(&name) && name != list.prefix {
            page.take(ListEntry::CommonPrefix(name));
        }
    }
    Ok(())
}

/// Everything below, folded here if asked.
async fn flat(
    store: &GenericStore,
    list: &List,
    under: Option<&Path>,
    after: &str,
    delimiter: Option<&str>,
    page: &mut Lowest,
) -> Result<(), ProviderError> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
    let mut objects = match Path::parse(after) {
        Ok(offset) if !after.is_empty() => store.store.list_with_offset(under, &offset),
        _ => store.store.list(under),
    };
    let mut last = String::new();
    while let Some(object) = objects.next().await {
        let object = object.map_err(|error| failed(Asked::List, &error))?;
        let key = object.location.as_ref();
        if store.in_order {
            if *key < *last {
                return Err(wrong(Symptom::Nonsense, None));
            }
            key.clone_into(&mut last);
            if !key.starts_with(&list.prefix) && *key > *list.prefix {
                break;
            }
        }
        let Some(rest) = key.strip_prefix(&list.prefix) else {
            continue;
        };
        let folded = delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
        let entry = match folded {
            Some(end) => ListEntry::CommonPrefix(key[..list.prefix.len() + end].to_owned()),
            None => entry(store, &object),
        };
        if entry.name() > after {
            page.take(entry);
        }
        if store.in_order && page.is_full() {
            break;
        }
    }
    Ok(())
}

fn entry(store: &GenericStore, object: &ObjectMeta) -> ListEntry {
    ListEntry::Object(store.meta(object.location.as_ref(), object))
}

/// The whole segments of a prefix, which is what `object_store` lists by. `None`: no key can start so.
fn segments(prefix: &str) -> Option<Option<Path>> {
    match prefix.rsplit_once('/') {
        None => Some(None),
        Some((segments, _)) => Path::parse(segments).ok().map(Some),
    }
}

/// The first entries by name among all that it is shown, in whatever order, and one more: that there is one is what a
/// continuation says.
struct Lowest {
    limit: usize,
    entries: BTreeMap<String, ListEntry>,
}

impl Lowest {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: BTreeMap::new(),
        }
    }

    fn take(&mut self, entry: ListEntry) {
        self.entries.insert(entry.name().to_owned(), entry);
        if self.entries.len() > self.limit + 1 {
            self.entries.pop_last();
        }
    }

    fn is_full(&self) -> bool {
        self.entries.len() > self.limit
    }

    fn into_page(mut self) -> ListPage {
        let more = self.is_full();
        if more {
            self.entries.pop_last();
        }
        let continuation = self
            .entries
            .last_key_value()
            .map(|(name, _)| name.clone())
            .filter(|_| more);
        ListPage::new(self.entries.into_values().collect(), continuation)
    }
}
