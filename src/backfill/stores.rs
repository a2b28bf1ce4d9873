//! The two things that a backfill copies: objects, or a table's values.

use super::{
    Fate, KeyName, Verify,
    page::{self, Cursor, Item, Page},
    shared::{Refusal, Shared},
    stopped::StopReason,
};
use crate::{
    Endpoint,
    endpoint::Profile,
    provider::{AnyKvProvider, AnyObjectProvider, ProviderError},
    replicate::copy::Copier,
    request::{self, kv},
};

/// The source and the target. Boxed, because an endpoint is large.
pub(super) enum Stores {
    Objects(Box<[Endpoint<AnyObjectProvider>; 2]>),
    Table(Box<[Endpoint<AnyKvProvider>; 2]>),
}

impl Stores {
    pub(super) const fn profiles(&self) -> [&Profile; 2] {
        match self {
            Self::Objects(both) => [both[0].profile(), both[1].profile()],
            Self::Table(both) => [both[0].profile(), both[1].profile()],
        }
    }

    pub(super) fn names(&self) -> [&str; 2] {
        self.profiles().map(Profile::name)
    }

    /// One page of the listing. Its keys must ascend, and must lie above the start of the page. Otherwise neither a
    /// position nor the end of a listing would mean anything.
    pub(super) async fn page(&self, shared: &Shared, cursor: &Cursor) -> Result<Page, StopReason> {
        // An endpoint that answers at once, at a rate without bound, would keep the thread.
        tokio::task::consume_budget().await;
        let page = match self {
            Self::Objects(both) => page::objects(both[0].client(), shared, cursor).await,
            Self::Table(both) => page::values(both[0].client(), shared, cursor).await,
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
                    false => Err("a page is not in the order of its keys"),
                };
                match moved {
                    Ok(()) => return Ok(page),
                    Err(why) => Box::new(ProviderError::faulty(format!("the listing cannot be followed: {why}"))),
                }
            }
            Err(Refusal::Stop(reason)) => return Err(reason),
            Err(Refusal::Answer(error) | Refusal::GaveUp(error)) => error,
        };
        Err(StopReason::Listing {
            endpoint: self.profiles()[0].shared_name().clone(),
            error,
        })
    }

    /// Copies one key.
    pub(super) async fn copy(&self, shared: &Shared, item: Item) -> Result<Fate, StopReason> {
        let fate = match self {
            Self::Objects(both) => copier(both, shared).copy(item.key.as_str(), item.bytes).await,
            Self::Table(both) => copier(both, shared).copy(item.key.as_str(), item.value).await,
        };
        fate.or_else(Refusal::fate)
    }

    /// Reports what a copy would do.
    pub(super) async fn look(&self, shared: &Shared, item: Item) -> Result<Fate, StopReason> {
        let fate = match self {
            Self::Objects(both) => copier(both, shared).look(item.key.as_str()).await,
            Self::Table(both) => copier(both, shared).look(item.key.as_str(), item.value).await,
        };
        fate.or_else(Refusal::fate)
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
            Self::Objects(_) => request::Key::new(key.as_str()).is_ok(),
            Self::Table(_) => kv::Key::new(key.as_str()).is_ok(),
        }
    }

    /// Whether the item can be copied, as far as the listing shows.
    pub(super) fn is_copyable(&self, shared: &Shared, item: &Item) -> bool {
        let name = item.key.as_str();
        match self {
            Self::Objects(both) => copier(both, shared).key(name).is_ok(),
            Self::Table(both) => {
                kv::Key::new(name).is_ok_and(|key| copier(both, shared).check(&key, item.bytes as usize).is_ok())
            }
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

fn copier<'c, P>([from, to]: &'c [Endpoint<P>; 2], shared: &'c Shared) -> Copier<'c, P, Shared> {
    Copier {
        from: from.client(),
        to: to.client(),
        target: to.profile().name(),
        verify: shared.settings.verify,
        run: shared.run(),
        pacer: shared,
    }
}
