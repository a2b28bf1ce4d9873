use super::{Checksum, Copier, Fate, Pacer, REDONE, Refusal, Role, Verify, ask, digest};
use crate::{
    provider::{self, AnyObjectProvider, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key, WriteId,
        object::{Attributes, ETag, Get, Head, ObjectMeta, Put, PutMode},
    },
    verdict::Sent,
};
use std::{sync::Arc, time::UNIX_EPOCH};

/// How often a fresh copy is checked before it counts as wrong: a store may take a moment to show the copy.
const LOOKS: u32 = 3;

/// What identifies a version of an object. In S3, equal bytes have the same tag, but not the same time.
#[derive(Debug)]
struct Version {
    etag: Option<ETag>,
    size: u64,
    modified: Option<std::time::SystemTime>,
}

/// What a copy and its source must have in common.
struct Content {
    size: u64,
    checksum: Checksum,
    attributes: Arc<Attributes>,
}

/// What lies at the target.
enum There {
    Same {
        tag: Option<ETag>,
        ours: bool,
    },
    /// An earlier version, which a copier of this run put there.
    Outdated {
        tag: Option<ETag>,
    },
    Foreign,
    Missing,
    /// The copier's own copy, but with wrong content.
    Damaged,
}

impl<T> Copier<'_, AnyObjectProvider, T> {
    /// The key of this name, or why source or target does not take the name.
    pub(crate) fn key(&self, name: &str) -> Result<Key, String> {
        let key = Key::new(name).map_err(|invalid| invalid.to_string())?;
        let kept = self.to.check_key(&key);
        kept.map(|()| key).map_err(|refused| refused.to_string())
    }
}

impl<T: Pacer> Copier<'_, AnyObjectProvider, T> {
    /// Copies an object of about this length.
    pub(crate) async fn copy(&self, key: &str, bytes: u64) -> Result<Fate, Refusal<T::Stop>> {
        let key = match self.key(key) {
            Ok(key) => key,
            Err(reason) => return Ok(Fate::not_copyable(reason)),
        };
        let mut mode = PutMode::Create;
        let mut copied = false;
        for _ in 0..=REDONE {
            let get = || self.from.get(Get::new(key.clone()));
            let object = match ask(self.pacer, Role::Source, bytes, get).await {
                Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => return Ok(Fate::Gone { copied }),
                // The adapter has no way to name it.
                Err(Refusal::Answer(error)) if is_not_copyable(&error) => return Ok(Fate::not_copyable(error)),
                answer => answer?,
            };
            let version = Version::of(&object.meta);
            let want = Content {
                size: object.body.len() as u64,
                checksum: Checksum::of(&object.body),
                attributes: Arc::new(object.meta.attributes),
            };
            if want.size != version.size {
                return Ok(Fate::failed("the source gave another length than it announced"));
            }
            let text = version.text();
            let stamped = self.stamped_id(&text, object.meta.write_id.as_ref(), key.as_str(), want.size);
            let id = stamped
                .filter(|id| provider::attributes_wrong(&want.attributes, Some(id)).is_none())
                .unwrap_or_else(|| self.write_id(&text));
            let put = Put {
                mode: mode.clone(),
                attributes: want.attributes.clone(),
                write_id: Some(id.clone()),
                ..Put::new(key.clone(), object.body)
            };
            let answer = ask(self.pacer, Role::Target, want.size, || self.to.put(put.clone())).await;
            // The body is let go before the target's is fetched.
            drop(put);
            let written = match answer {
                Ok(answer) => Some(answer.etag),
                Err(refusal) if refusal.is_occupied() => None,
                Err(Refusal::Answer(error)) if is_not_copyable(&error) => {
                    return Ok(match mode {
                        PutMode::Create => Fate::not_copyable(error),
                        _ => Fate::failed(
                            "the source was overwritten during the copy, and the target cannot replace the first copy on a condition",
                        ),
                    });
                }
                Err(refusal) => return Err(refusal),
            };
            let fate = match self.look_back(&key, &want, &id, written.as_ref()).await? {
                There::Same { tag, ours } => {
                    if ours {
                        copied = true;
                        mode = tag.map_or(PutMode::Create, PutMode::IfMatch);
                        Fate::Copied {
                            checksum: Some(want.checksum),
                        }
                    } else {
                        Fate::Skipped
                    }
                }
                There::Outdated { tag: Some(tag) } => {
                    copied = true;
                    mode = PutMode::IfMatch(tag);
                    continue;
                }
                There::Outdated { tag: None } | There::Foreign => return Ok(Fate::Conflict),
                There::Damaged => return Ok(Fate::failed("the target gave back other content than was put")),
                There::Missing if written.is_some() => {
                    return Ok(Fate::failed("the target does not have the key after the put"));
                }
                There::Missing => {
                    // Somebody removed what stood in the way.
                    mode = PutMode::Create;
                    continue;
                }
            };
            let head = || self.from.head(Head::new(key.clone()));
            match ask(self.pacer, Role::Source, 0, head).await {
                Ok(now) if Version::of(&now).is_same(&version) => return Ok(fate),
                Ok(_) => self.pacer.source_changed(key.as_str()),
                Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => return Ok(Fate::Gone { copied }),
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(Fate::failed(
            "other writers kept changing source or target during the copy",
        ))
    }

    /// Says what a copy would do, by length and attributes, and writes nothing.
    pub(crate) async fn look(&self, key: &str) -> Result<Fate, Refusal<T::Stop>> {
        let key = match self.key(key) {
            Ok(key) => key,
            Err(reason) => return Ok(Fate::not_copyable(reason)),
        };
        let head = || self.from.head(Head::new(key.clone()));
        let source = match ask(self.pacer, Role::Source, 0, head).await {
            Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => return Ok(Fate::Gone { copied: false }),
            Err(Refusal::Answer(error)) if is_not_copyable(&error) => return Ok(Fate::not_copyable(error)),
            answer => answer?,
        };
        // What every adapter checks before it sends anything.
        let put = Put {
            attributes: Arc::new(source.attributes.clone()),
            write_id: Some(self.write_id("")),
            ..Put::new(key.clone(), "")
        };
        if let Err(error) = provider::check_put(&put) {
            return Ok(Fate::not_copyable(error));
        }
        let head = || self.to.head(Head::new(key.clone()));
        match ask(self.pacer, Role::Target, 0, head).await {
            Ok(there) if there.size == source.size && carries(&source.attributes, &there.attributes) => {
                Ok(Fate::Skipped)
            }
            Ok(_) => Ok(Fate::Conflict),
            Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => Ok(Fate::Copied { checksum: None }),
            Err(refusal) => Err(refusal),
        }
    }

    /// What lies at the target now. `written`: the tag of the copy that was just put. `None`: the target had the key
    /// already.
    async fn look_back(
        &self,
        key: &Key,
        want: &Content,
        id: &WriteId,
        written: Option<&Option<ETag>>,
    ) -> Result<There, Refusal<T::Stop>> {
        for look in 1.. {
            let there = self.look_once(key, want, id, written).await?;
            let doubtful = matches!(there, There::Missing | There::Damaged);
            if !doubtful || written.is_none() || look == LOOKS {
                return Ok(there);
            }
            tokio::time::sleep(self.pacer.wait(look)).await;
        }
        Ok(There::Missing)
    }

    async fn look_once(
        &self,
        key: &Key,
        want: &Content,
        id: &WriteId,
        written: Option<&Option<ETag>>,
    ) -> Result<There, Refusal<T::Stop>> {
        // Whatever was there before us is compared by content, however little is asked of our own copies.
        let answer = if written.is_some() && self.verify == Verify::Length {
            let head = || self.to.head(Head::new(key.clone()));
            let meta = ask(self.pacer, Role::Target, 0, head).await;
            meta.map(|meta| (meta.size == want.size, meta))
        } else {
            let get = || self.to.get(Get::new(key.clone()));
            let object = ask(self.pacer, Role::Target, want.size, get).await;
            object.map(|object| {
                let same = object.body.len() as u64 == want.size && Checksum::of(&object.body) == want.checksum;
                (same, object.meta)
            })
        };
        let (same, meta) = match answer {
            Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => return Ok(There::Missing),
            answer => answer?,
        };
        let just_put = matches!((written, &meta.etag), (Some(Some(put)), Some(found)) if put == found);
        let ours = just_put || self.is_ours(meta.write_id.as_ref());
        Ok(if same && carries(&want.attributes, &meta.attributes) {
            There::Same { tag: meta.etag, ours }
        } else if just_put || meta.write_id.as_ref() == Some(id) {
            There::Damaged
        } else if ours {
            There::Outdated { tag: meta.etag }
        } else {
            There::Foreign
        })
    }
}

impl Version {
    fn of(meta: &ObjectMeta) -> Self {
        Self {
            etag: meta.etag.clone(),
            size: meta.size,
            modified: meta.last_modified,
        }
    }

    /// The version as text. Part of what is stored, so it must stay as it is.
    fn text(&self) -> String {
        let etag = self.etag.as_ref().map_or("-", ETag::value);
        let modified = self.modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        format!("{etag} {} {}", self.size, modified.unwrap_or_default().as_nanos())
    }

    /// Compares what both answers show: an adapter may know less from one answer than from the other.
    fn is_same(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        self.size == other.size
            && agree(self.etag.as_ref(), other.etag.as_ref())
            && agree(self.modified, other.modified)
    }
}

/// Whether a copier made the first object from exactly the second: its write id names the version. So the two have the
/// same content.
pub(crate) fn is_copy_of(copy: &ObjectMeta, original: &ObjectMeta) -> bool {
    let id = copy.write_id.as_ref().map(WriteId::as_str);
    let named = id.and_then(|id| id.rsplit_once('.')).map(|(_, version)| version);
    // Without a strong tag, a version of the same size may pass for this one.
    let is_named = original.etag.as_ref().is_some_and(|tag| tag.unfit().is_none());
    is_named && copy.size == original.size && named == Some(digest(&Version::of(original).text()).as_str())
}

/// Whether the endpoint cannot name or keep the object. The endpoint says so, or its adapter does before anything is
/// sent.
fn is_not_copyable(error: &ProviderError) -> bool {
    match error.kind() {
        ProviderErrorKind::Unsupported => true,
        ProviderErrorKind::Invalid => error.outcome().sent == Sent::No,
        _ => false,
    }
}

/// Whether all wanted attributes are there. A store may add its own default where none was wanted.
fn carries(want: &Attributes, there: &Attributes) -> bool {
    let kept = |want: &Option<String>, there: &Option<String>| want.is_none() || want == there;
    kept(&want.content_type, &there.content_type)
        && kept(&want.cache_control, &there.cache_control)
        && kept(&want.content_disposition, &there.content_disposition)
        && kept(&want.content_encoding, &there.content_encoding)
        && kept(&want.content_language, &there.content_language)
        && want.metadata == there.metadata
}
