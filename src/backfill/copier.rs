//! The two things that a backfill copies: objects, or a table's values.

use super::{
    Fate, KeyName,
    objects::Objects,
    page::{Cursor, Item, Page},
    settings::Verify,
    shared::Shared,
    side::Refusal,
    stopped::StopReason,
    table::Table,
};
use crate::provider::ProviderError;

pub(super) enum Copier {
    Objects(Objects),
    Table(Table),
}

impl Copier {
    /// One page of the listing. Its keys must ascend, and must lie above the start of the page. Otherwise neither a
    /// position nor the end of a listing would mean anything.
    pub(super) async fn page(&self, shared: &Shared, cursor: &Cursor) -> Result<Page, StopReason> {
        // An endpoint that answers at once, at a rate without bound, would keep the thread.
        tokio::task::consume_budget().await;
        let (name, page) = match self {
            Self::Objects(objects) => (&objects.from.name, objects.page(shared, cursor).await),
            Self::Table(table) => (&table.from.name, table.page(shared, cursor).await),
        };
        let error = match page {
            Ok(mut page) => {
                let mut last = cursor.after.as_deref();
                let ascending = page.items.iter().all(|item| {
                    let key = Some(item.key.as_str());
                    std::mem::replace(&mut last, key) < key
                });
                let forward = page.next.as_ref().is_none_or(|next| next.after.as_deref() >= last);
                let moved = match ascending && forward {
                    true => page.moves_on(cursor),
                    false => Err("it is not in the order of its keys"),
                };
                match moved {
                    Ok(()) => return Ok(page),
                    Err(why) => Box::new(ProviderError::faulty(format!("the listing leads nowhere: {why}"))),
                }
            }
            Err(Refusal::Stop(reason)) => return Err(reason),
            Err(Refusal::Answer(error) | Refusal::GaveUp(error)) => error,
        };
        Err(StopReason::Listing {
            endpoint: name.clone(),
            error,
        })
    }

    /// Copies one key.
    pub(super) async fn copy(&self, shared: &Shared, item: Item) -> Result<Fate, StopReason> {
        fate(match self {
            Self::Objects(objects) => objects.copy(shared, &item).await,
            Self::Table(table) => table.copy(shared, item).await,
        })
    }

    /// Reports what a copy would do.
    pub(super) async fn look(&self, shared: &Shared, item: Item) -> Result<Fate, StopReason> {
        fate(match self {
            Self::Objects(objects) => objects.look(shared, &item).await,
            Self::Table(table) => table.look(shared, &item).await,
        })
    }

    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Objects(_) => "objects",
            Self::Table(_) => "table",
        }
    }

    /// Whether this name is a valid key.
    pub(super) fn is_key(&self, key: &KeyName) -> bool {
        match self {
            Self::Objects(_) => crate::request::Key::new(key.as_str()).is_ok(),
            Self::Table(_) => crate::request::kv::Key::new(key.as_str()).is_ok(),
        }
    }

    /// Whether the item can be copied, as far as the listing shows.
    pub(super) fn is_copyable(&self, item: &Item) -> bool {
        match self {
            Self::Objects(objects) => objects.key(item).is_ok(),
            Self::Table(table) => table.check(item).is_ok(),
        }
    }

    /// How many requests a copy sends to source and target when nothing goes wrong.
    pub(super) const fn requests(&self) -> [u64; 2] {
        match self {
            // Get and check again; put and read back.
            Self::Objects(_) => [2, 2],
            // The value came with the scan.
            Self::Table(_) => [1, 2],
        }
    }

    /// How often a copy reads the content at the source and at the target.
    pub(super) const fn reads(&self, verify: Verify) -> [u64; 2] {
        match (self, verify) {
            (Self::Objects(_), Verify::Length) => [1, 0],
            (Self::Objects(_), Verify::ReadBack) => [1, 1],
            // With the scan and by the check; a table's values are always read back.
            (Self::Table(_), _) => [2, 1],
        }
    }
}

fn fate(result: Result<Fate, Refusal>) -> Result<Fate, StopReason> {
    match result {
        Ok(fate) => Ok(fate),
        Err(Refusal::Answer(error) | Refusal::GaveUp(error)) => Ok(Fate::failed(error)),
        Err(Refusal::Stop(reason)) => Err(reason),
    }
}
