use super::{
    GenericStore,
    error::failed,
    proof::{NOWHERE, Transport},
};
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

/// One page. The next page starts after the name of this page's last entry, so a continuation is such a name.
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
    let (under, is_whole) = segments(&list.prefix, |text| store.names.path(text));
    let found = match list.delimiter.as_deref() {
        Some("/") if is_whole => level(store, list, under.as_ref(), after, &mut page).await?,
        delimiter => flat(store, list, under.as_ref(), after, delimiter, &mut page).await?,
    };
    if !found && store.transport != Transport::Ours {
        // Any document passes for an empty listing.
        store.answers(&Path::from(NOWHERE)).await?;
    }
    Ok(page.into_page())
}

/// One level of the tree, which `object_store` folds itself. Returns whether the store gave anything.
async fn level(
    store: &GenericStore,
    list: &List,
    under: Option<&Path>,
    after: &str,
    page: &mut Lowest,
) -> Result<bool, ProviderError> {
    let found = store.store.list_with_delimiter(under).await;
    let found = found.map_err(|error| failed(Asked::List, &error))?;
    let wanted = |name: &str| name.starts_with(&list.prefix) && name > after;
    let any = !found.objects.is_empty() || !found.common_prefixes.is_empty();
    for object in &found.objects {
        if wanted(&store.names.key(&object.location)) {
            page.take(entry(store, object));
        }
    }
    for prefix in &found.common_prefixes {
        let name = store.names.prefix(prefix);
        // What was asked for as a prefix is not folded into itself.
        if wanted(&name) && name != list.prefix {
            page.take(ListEntry::CommonPrefix(name));
        }
    }
    Ok(any)
}

/// Everything below, folded here if the request asks for that. Returns whether the store gave anything.
async fn flat(
    store: &GenericStore,
    list: &List,
    under: Option<&Path>,
    after: &str,
    delimiter: Option<&str>,
    page: &mut Lowest,
) -> Result<bool, ProviderError> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
    let mut objects = match store.names.offset(after) {
        Some(offset) => store.store.list_with_offset(under, &offset),
        None => store.store.list(under),
    };
    let mut last: Option<String> = None;
    let mut circle = Circle::default();
    let mut any = false;
    while let Some(object) = objects.next().await {
        // A store that answers at once would keep the thread for as long as its listing is.
        tokio::task::consume_budget().await;
        let object = object.map_err(|error| failed(Asked::List, &error))?;
        any = true;
        let key = &*store.names.key(&object.location);
        if store.in_order {
            if last.as_deref().is_some_and(|last| *key <= *last) {
                return Err(wrong(Symptom::Nonsense, None));
            }
            key.clone_into(last.get_or_insert_default());
            if !key.starts_with(&list.prefix) && *key > *list.prefix {
                break;
            }
        } else if circle.meets(key) {
            return Err(wrong(Symptom::Nonsense, None).with_message("the listing leads back to an earlier page"));
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
    Ok(any)
}

/// Detects whether names in any order repeat, by Brent's rule. Each name is compared with the name at the last power of
/// two. A circle is found before the listing has gone through it four times, with the memory of one name.
#[derive(Default)]
struct Circle {
    kept: Option<String>,
    count: u64,
}

impl Circle {
    fn meets(&mut self, name: &str) -> bool {
        if self.kept.as_deref() == Some(name) {
            return true;
        }
        self.count += 1;
        if self.count.is_power_of_two() {
            name.clone_into(self.kept.get_or_insert_default());
        }
        false
    }
}

fn entry(store: &GenericStore, object: &ObjectMeta) -> ListEntry {
    ListEntry::Object(store.meta(&store.names.key(&object.location), object))
}

/// The whole segments of a prefix, as far as `object_store` has a path for them, because `object_store` lists by
/// segments. And whether these are the whole prefix. `None`: list everything.
fn segments(prefix: &str, path: impl Fn(&str) -> Option<Path>) -> (Option<Path>, bool) {
    let mut rest = prefix;
    let mut is_whole = true;
    while let Some((segments, _)) = rest.rsplit_once('/') {
        match path(segments) {
            Some(path) if !segments.is_empty() => return (Some(path), is_whole),
            _ => (rest, is_whole) = (segments, false),
        }
    }
    (None, is_whole)
}

/// The first entries by name among all offered entries, in any order, and one entry more: if there is one more, the
/// page has a continuation.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::object_store::Names;

    #[test]
    fn a_prefix_is_listed_by_its_valid_path_segments() {
        let of = |prefix| {
            let (under, is_whole) = segments(prefix, |text| Names::Any.path(text));
            (under.map(|path| path.to_string()), is_whole)
        };
        let some = |path: &str| Some(path.to_owned());
        assert_eq!(of(""), (None, true));
        assert_eq!(of("a"), (None, true));
        assert_eq!(of("a/b"), (some("a"), true));
        assert_eq!(of("a/b/"), (some("a/b"), true));
        assert_eq!(of("m//"), (some("m"), false));
        assert_eq!(of("m//n/"), (some("m"), false));
        assert_eq!(of("./q"), (None, false));
        assert_eq!(of("/a/"), (None, false));
    }
}
