//! The source's listing, page by page.

use super::{
    KeyName,
    shared::{Refusal, Shared},
};
use crate::{
    call::Progress,
    provider::{AnyKvProvider, AnyObjectProvider, KvProvider, ObjectProvider, ProviderError},
    replicate::copy::{Role, Timed, ask},
    request::{
        kv::Scan,
        object::{List, ListEntry},
    },
};

/// Values in a page. With values of 400 KB, the largest, a page should still fit in memory.
const VALUES: usize = 100;

/// One line of the source's listing.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) key: KeyName,
    pub(super) bytes: u64,
    /// Scans give values along with the keys.
    pub(super) value: Option<Timed>,
}

/// A page of the source's listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// The number of items that the source left out because another program wrote them.
    pub(super) foreign: u64,
    /// Where the next page begins; `None` at the end.
    pub(super) next: Option<Cursor>,
}

/// Where a page begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    /// The page begins after this key. Any run can resume from a key.
    pub(super) after: Option<String>,
    /// The provider's own token, where the provider's page was empty although there are more.
    pub(super) token: Option<String>,
    /// What the empty pages before this page have shown.
    pub(super) progress: Progress,
}

impl Cursor {
    /// A page after this key. `None`: the first page.
    pub(super) fn after(key: Option<String>) -> Self {
        Self {
            after: key,
            ..Self::default()
        }
    }
}

impl Page {
    /// # Errors
    /// Why the pages do not move on.
    pub(super) fn moves_on(&mut self, cursor: &Cursor) -> Result<(), &'static str> {
        // Ascending keys are progress enough.
        if self.items.is_empty()
            && let Some(next) = &mut self.next
        {
            next.progress = cursor.progress.clone();
            next.progress
                .page(None, next.token.as_deref().or(next.after.as_deref()))?;
        }
        Ok(())
    }
}

/// A page of a store of objects.
pub(super) async fn objects(from: &AnyObjectProvider, shared: &Shared, cursor: &Cursor) -> Result<Page, Refusal> {
    let list = List {
        prefix: shared.settings.prefix.clone(),
        start_after: cursor.after.clone(),
        continuation: cursor.token.clone(),
        ..List::default()
    };
    let page = ask(shared, Role::Source, 0, || from.list(list.clone())).await?;
    let mut items = Vec::with_capacity(page.entries.len());
    for entry in page.entries {
        let ListEntry::Object(meta) = entry else {
            let wrong = "the listing has common prefixes, which the backfill did not ask for";
            return Err(Refusal::Answer(Box::new(ProviderError::faulty(wrong))));
        };
        items.push(Item {
            key: KeyName::new(meta.key),
            bytes: meta.size,
            value: None,
        });
    }
    // Going on by key and not by token: a token may have expired after a long pause, and means nothing to a resume.
    let next = page.continuation.map(|token| match items.last() {
        Some(last) => Cursor::after(Some(last.key.as_str().to_owned())),
        None => Cursor {
            token: Some(token),
            ..Cursor::after(cursor.after.clone())
        },
    });
    Ok(Page {
        items,
        foreign: 0,
        next,
    })
}

/// A page of a table.
pub(super) async fn values(from: &AnyKvProvider, shared: &Shared, cursor: &Cursor) -> Result<Page, Refusal> {
    let scan = Scan {
        prefix: shared.settings.prefix.clone(),
        after: cursor.after.clone(),
        limit: Some(VALUES),
        ..Scan::default()
    };
    let page = ask(shared, Role::Source, 0, || from.scan(scan.clone())).await?;
    let items = page.entries.into_iter().map(|entry| Item {
        key: KeyName::new(entry.key),
        bytes: entry.value.bytes.len() as u64,
        value: Some(Timed::read_now(entry.value)),
    });
    Ok(Page {
        items: items.collect(),
        foreign: page.foreign,
        next: page.next.map(|after| Cursor::after(Some(after))),
    })
}
