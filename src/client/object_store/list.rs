//! Listings. One that an endpoint is missing from ends with an error: a part is never shown as the whole.

use super::{
    convert,
    error::{generic, of_listing},
    store::FailoverStore,
    tag::Tags,
};
use crate::{
    client::object::{ListCall, Listing},
    request::{Key, object::ListEntry},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use object_store::{
    Error as StoreError, ListResult, ObjectMeta,
    list::{PaginatedListOptions, PaginatedListResult},
    path::{DELIMITER, Path},
};

/// The entries of a page whose caller names no number, as S3 has it.
const PAGE: usize = 1000;
/// Sorts after everything that a common prefix stands for.
const AFTER_ALL: char = char::MAX;

impl FailoverStore {
    /// Everything below this path, a whole segment at a time.
    fn below(&self, prefix: Option<&Path>) -> ListCall {
        let prefix = prefix.filter(|prefix| !prefix.is_root());
        self.client
            .list(prefix.map_or_else(String::new, |prefix| format!("{prefix}{DELIMITER}")))
    }

    pub(super) fn list(
        &self,
        prefix: Option<&Path>,
        after: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta, StoreError>> {
        let mut call = self.below(prefix);
        if let Some(after) = after.filter(|after| !after.is_root()) {
            call = call.start_after(after.as_ref());
        }
        let tags = self.tags;
        let objects = entries(call).try_filter_map(move |entry| async move {
            match entry {
                ListEntry::Object(found) => Ok(Some(convert::meta(Path::parse(&found.key)?, &found, tags))),
                ListEntry::CommonPrefix(_) => Ok(None),
            }
        });
        objects.boxed()
    }

    pub(super) async fn list_folder(&self, prefix: Option<&Path>) -> Result<ListResult, StoreError> {
        let mut listed = nothing();
        let mut entries = entries(self.below(prefix).delimiter(DELIMITER));
        while let Some(entry) = entries.try_next().await? {
            add(&mut listed, entry, self.tags)?;
        }
        Ok(listed)
    }

    /// A page of exactly as many entries as asked for, unless the listing ends before. The token is the last name.
    pub(super) async fn list_page(
        &self,
        prefix: Option<&str>,
        options: PaginatedListOptions,
    ) -> Result<PaginatedListResult, StoreError> {
        let most = options.max_keys.unwrap_or(PAGE);
        let mut page = PaginatedListResult {
            result: nothing(),
            page_token: None,
        };
        if most == 0 {
            return Ok(page);
        }
        // One more tells whether there are more, and one may be the token's own.
        let mut call = self
            .client
            .list(prefix.unwrap_or_default())
            .limit(most.saturating_add(2));
        if let Some(delimiter) = options.delimiter {
            call = call.delimiter(delimiter);
        }
        let after = options.page_token.or(options.offset).filter(|after| !after.is_empty());
        if let Some(after) = &after {
            call = call.start_after(after.as_str());
        }
        let (mut entries, mut taken, mut last) = (entries(call), 0, None);
        while let Some(entry) = entries.try_next().await? {
            let name = name(&entry);
            if after.as_deref().is_some_and(|after| name <= after) {
                continue;
            }
            if taken == most {
                page.page_token = last;
                break;
            }
            last = Some(match &entry {
                ListEntry::CommonPrefix(_) if name.len() + AFTER_ALL.len_utf8() <= Key::MAX_BYTES => {
                    format!("{name}{AFTER_ALL}")
                }
                _ => name.to_owned(),
            });
            taken += 1;
            add(&mut page.result, entry, self.tags)?;
        }
        Ok(page)
    }
}

fn nothing() -> ListResult {
    ListResult {
        common_prefixes: Vec::new(),
        objects: Vec::new(),
        extensions: object_store::Extensions::new(),
    }
}

fn name(entry: &ListEntry) -> &str {
    match entry {
        ListEntry::Object(found) => &found.key,
        ListEntry::CommonPrefix(prefix) => prefix,
    }
}

fn add(listed: &mut ListResult, entry: ListEntry, tags: Tags) -> Result<(), StoreError> {
    match entry {
        ListEntry::Object(found) => listed
            .objects
            .push(convert::meta(Path::parse(&found.key)?, &found, tags)),
        ListEntry::CommonPrefix(prefix) => listed.common_prefixes.push(Path::parse(prefix)?),
    }
    Ok(())
}

/// The entries, as long as every endpoint takes part.
fn entries(call: ListCall) -> BoxStream<'static, Result<ListEntry, StoreError>> {
    stream::unfold(Some(call.stream()), next_entry).fuse().boxed()
}

type Listed = Result<ListEntry, StoreError>;

async fn next_entry(listing: Option<Listing>) -> Option<(Listed, Option<Listing>)> {
    let mut listing = listing?;
    let next = listing.next().await;
    if let Some(missing) = listing.missing().first() {
        let why = format!(
            "the listing lacks the entries of {}, which {}",
            missing.endpoint(),
            missing.reason()
        );
        return Some((Err(generic(why)), None));
    }
    Some(match next? {
        Ok(entry) => (Ok(entry), Some(listing)),
        Err(error) => (Err(of_listing(error)), None),
    })
}
