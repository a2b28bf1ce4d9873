use super::{Checksum, Copier, Fate, Pacer, REDONE, Refusal, Role, Timed, ask};
use crate::{
    provider::{AnyKvProvider, KvProvider, ProviderErrorKind},
    request::kv::{Condition, Get, Key, Put},
};
use std::time::Duration;

impl<T> Copier<'_, AnyKvProvider, T> {
    /// # Errors
    /// Why the target does not take this key, or a value of this many bytes under the key.
    pub(crate) fn check(&self, key: &Key, bytes: usize) -> Result<(), String> {
        let checked = self.to.limits().check_item(key, bytes);
        checked.map_err(|exceeded| format!("{} {exceeded}", self.target))
    }
}

impl<T: Pacer> Copier<'_, AnyKvProvider, T> {
    /// Copies a value. `known`: what the caller has read already.
    pub(crate) async fn copy(&self, key: &str, mut known: Option<Timed>) -> Result<Fate, Refusal<T::Stop>> {
        let key = match Key::new(key) {
            Ok(key) => key,
            Err(invalid) => return Ok(Fate::not_copyable(invalid)),
        };
        let mut copied = false;
        let mut condition = Condition::Absent;
        for _ in 0..=REDONE {
            let Some(value) = self.known_or_fetched(&key, known.take()).await? else {
                return Ok(Fate::Gone { copied });
            };
            if let Err(reason) = self.check(&key, value.value.bytes.len()) {
                return Ok(Fate::not_copyable(reason));
            }
            if value.time_to_live() == Some(Duration::ZERO) {
                return Ok(Fate::Gone { copied });
            }
            let bytes = value.value.bytes.len() as u64;
            let version = value.value.version.token();
            let written = value.value.write_id.as_ref();
            let stamped = self.stamped_id(version, written, key.as_str(), bytes);
            let id = stamped.unwrap_or_else(|| self.write_id(version));
            // What remains of its time is reckoned anew for each attempt.
            let put = || {
                self.to.put(Put {
                    condition: condition.clone(),
                    time_to_live: value.time_to_live(),
                    // Nor does it keep what an earlier copy had.
                    without_expiry: true,
                    ..Put::new(key.clone(), value.value.bytes.clone(), id.clone())
                })
            };
            let written = match ask(self.pacer, Role::Target, bytes, put).await {
                Ok(answer) => Some(answer.version),
                Err(refusal) if refusal.is_occupied() => None,
                Err(Refusal::Answer(error)) if error.kind() == ProviderErrorKind::Unsupported => {
                    return Ok(Fate::not_copyable(error));
                }
                Err(refusal) => return Err(refusal),
            };
            let Some(there) = self.fetch(Role::Target, &key, bytes).await? else {
                if value.time_to_live() == Some(Duration::ZERO) {
                    return Ok(Fate::Gone { copied: false });
                }
                if written.is_some() {
                    return Ok(Fate::failed("the target does not have the key after the put"));
                }
                // Somebody removed what stood in the way, or it has expired.
                condition = Condition::Absent;
                known = Some(value);
                continue;
            };
            let just_put = written.as_ref() == Some(&there.value.version);
            let ours = just_put || self.is_ours(there.value.write_id.as_ref());
            let fate = if value.is_same(&there) {
                match ours {
                    true => Fate::Copied {
                        checksum: Some(Checksum::of(&value.value.bytes)),
                    },
                    false => Fate::Skipped,
                }
            } else if just_put || there.value.write_id.as_ref() == Some(&id) {
                return Ok(Fate::failed("the target gave back other content than was put"));
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
            match self.fetch(Role::Source, &key, bytes).await? {
                Some(now) if now.value.version == value.value.version => return Ok(fate),
                Some(now) => {
                    self.pacer.source_changed(key.as_str());
                    known = Some(now);
                }
                None => return Ok(Fate::Gone { copied }),
            }
        }
        Ok(Fate::failed(
            "other writers kept changing source or target during the copy",
        ))
    }

    /// Says what a copy would do, and writes nothing.
    pub(crate) async fn look(&self, key: &str, known: Option<Timed>) -> Result<Fate, Refusal<T::Stop>> {
        let key = match Key::new(key) {
            Ok(key) => key,
            Err(invalid) => return Ok(Fate::not_copyable(invalid)),
        };
        let Some(value) = self.known_or_fetched(&key, known).await? else {
            return Ok(Fate::Gone { copied: false });
        };
        if let Err(reason) = self.check(&key, value.value.bytes.len()) {
            return Ok(Fate::not_copyable(reason));
        }
        if value.time_to_live() == Some(Duration::ZERO) {
            return Ok(Fate::Gone { copied: false });
        }
        let bytes = value.value.bytes.len() as u64;
        Ok(match self.fetch(Role::Target, &key, bytes).await? {
            None => Fate::Copied { checksum: None },
            Some(there) if value.is_same(&there) => Fate::Skipped,
            Some(_) => Fate::Conflict,
        })
    }

    async fn known_or_fetched(&self, key: &Key, known: Option<Timed>) -> Result<Option<Timed>, Refusal<T::Stop>> {
        match known {
            Some(value) => Ok(Some(value)),
            None => self.fetch(Role::Source, key, 0).await,
        }
    }

    /// The latest value, of about this length. `None` if there is no value.
    async fn fetch(&self, role: Role, key: &Key, bytes: u64) -> Result<Option<Timed>, Refusal<T::Stop>> {
        let provider = match role {
            Role::Source => self.from,
            Role::Target => self.to,
        };
        let get = || provider.get(Get::new(key.clone()));
        match ask(self.pacer, role, bytes, get).await {
            Ok(value) => Ok(Some(Timed::read_now(value))),
            Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}
