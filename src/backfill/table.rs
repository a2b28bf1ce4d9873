use super::{
    Checksum, Fate, KeyName,
    page::{Cursor, Item, Page, Timed},
    progress::Event,
    shared::Shared,
    side::{Refusal, Side},
};
use crate::{
    provider::{AnyKvProvider, KvProvider, ProviderErrorKind},
    request::kv::{Condition, Get, Key, Put, Scan},
};
use std::time::Duration;

/// How often a key is copied again because its source was overwritten meanwhile.
const REDONE: u32 = 4;
/// Entries in a page. A page contains the values: with values of 400 KB, the largest, a page should still fit in
/// memory.
const PAGE: usize = 100;

/// The two tables.
pub(super) struct Table {
    pub(super) from: Side<AnyKvProvider>,
    pub(super) to: Side<AnyKvProvider>,
}

impl Table {
    pub(super) async fn page(&self, shared: &Shared, cursor: &Cursor) -> Result<Page, Refusal> {
        let scan = Scan {
            prefix: shared.settings.prefix.clone(),
            after: cursor.after.clone(),
            limit: Some(PAGE),
            ..Scan::default()
        };
        let page = self
            .from
            .ask(shared, 0, || self.from.provider.scan(scan.clone()))
            .await?;
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

    /// # Errors
    /// Why the target does not take this key or this value.
    pub(super) fn check(&self, item: &Item) -> Result<Key, String> {
        let key = Key::new(item.key.as_str()).map_err(|invalid| invalid.to_string())?;
        let limits = self.to.provider.limits();
        let checked = limits.check_item(&key, item.bytes as usize);
        checked.map_err(|exceeded| format!("{} {exceeded}", self.to.name))?;
        Ok(key)
    }

    pub(super) async fn copy(&self, shared: &Shared, mut item: Item) -> Result<Fate, Refusal> {
        let mut copied = false;
        let mut condition = Condition::Absent;
        let mut known = item.value.take();
        for _ in 0..=REDONE {
            let value = match known.take() {
                Some(value) => value,
                None => match self.fetch(shared, &self.from, &item).await? {
                    Some(value) => value,
                    None => return Ok(Fate::Gone { copied }),
                },
            };
            item.bytes = value.value.bytes.len() as u64;
            let key = match self.check(&item) {
                Ok(key) => key,
                Err(reason) => return Ok(Fate::not_copyable(reason)),
            };
            if value.time_to_live() == Some(Duration::ZERO) {
                return Ok(Fate::Gone { copied });
            }
            let id = shared.write_id(value.value.version.token());
            // What remains of its time is reckoned anew for each attempt.
            let put = || {
                self.to.provider.put(Put {
                    condition: condition.clone(),
                    time_to_live: value.time_to_live(),
                    // Nor does it keep what an earlier copy had.
                    without_expiry: true,
                    ..Put::new(key.clone(), value.value.bytes.clone(), id.clone())
                })
            };
            let written = match self.to.ask(shared, item.bytes, put).await {
                Ok(answer) => Some(answer.version),
                Err(refusal) if is_occupied(&refusal) => None,
                Err(Refusal::Answer(error)) if error.kind() == ProviderErrorKind::Unsupported => {
                    return Ok(Fate::not_copyable(error));
                }
                Err(refusal) => return Err(refusal),
            };
            let Some(there) = self.fetch(shared, &self.to, &item).await? else {
                if value.time_to_live() == Some(Duration::ZERO) {
                    return Ok(Fate::Gone { copied: false });
                }
                if written.is_some() {
                    return Ok(Fate::failed("what was put is not there when read back"));
                }
                // Somebody removed what stood in the way, or it has expired.
                condition = Condition::Absent;
                known = Some(value);
                continue;
            };
            let just_put = written.as_ref() == Some(&there.value.version);
            let ours = just_put || shared.is_ours(there.value.write_id.as_ref());
            let fate = if value.is_same(&there) {
                match ours {
                    true => Fate::Copied {
                        checksum: Some(Checksum::of(&value.value.bytes)),
                    },
                    false => Fate::Skipped,
                }
            } else if just_put || there.value.write_id.as_ref() == Some(&id) {
                return Ok(Fate::failed("what was read back is not what was put"));
            } else if ours {
                copied = true;
                condition = Condition::Version(there.value.version);
                known = Some(value);
                continue;
            } else {
                return Ok(Fate::Conflict);
            };
            if ours {
                copied = true;
                condition = Condition::Version(there.value.version);
            }
            match self.fetch(shared, &self.from, &item).await? {
                Some(now) if now.value.version == value.value.version => return Ok(fate),
                Some(now) => {
                    shared.tell(&Event::SourceChanged { key: item.key.clone() });
                    known = Some(now);
                }
                None => return Ok(Fate::Gone { copied }),
            }
        }
        Ok(Fate::failed("source or target kept changing during the copy"))
    }

    pub(super) async fn look(&self, shared: &Shared, item: &Item) -> Result<Fate, Refusal> {
        if let Err(reason) = self.check(item) {
            return Ok(Fate::not_copyable(reason));
        }
        let Some(value) = &item.value else {
            return Ok(Fate::Gone { copied: false });
        };
        if value.time_to_live() == Some(Duration::ZERO) {
            return Ok(Fate::Gone { copied: false });
        }
        Ok(match self.fetch(shared, &self.to, item).await? {
            None => Fate::Copied { checksum: None },
            Some(there) if value.is_same(&there) => Fate::Skipped,
            Some(_) => Fate::Conflict,
        })
    }

    /// The latest value. `None` if there is no value.
    async fn fetch(&self, shared: &Shared, side: &Side<AnyKvProvider>, item: &Item) -> Result<Option<Timed>, Refusal> {
        let Ok(key) = Key::new(item.key.as_str()) else {
            return Ok(None);
        };
        match side
            .ask(shared, item.bytes, || side.provider.get(Get::new(key.clone())))
            .await
        {
            Ok(value) => Ok(Some(Timed::read_now(value))),
            Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

fn is_occupied(refusal: &Refusal) -> bool {
    refusal.is(ProviderErrorKind::AlreadyExists) || refusal.is(ProviderErrorKind::PreconditionFailed)
}
