use super::{
    Checksum, Fate, KeyName,
    page::{Cursor, Item, Page},
    progress::Event,
    settings::Verify,
    shared::Shared,
    side::{Refusal, Side},
};
use crate::{
    client::object::{Property, verify},
    provider::{self, AnyObjectProvider, Capabilities, Capability, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key, WriteId,
        object::{Attributes, ETag, Get, Head, List, ListEntry, ObjectMeta, Put, PutMode},
    },
    verdict::Sent,
};
use std::sync::Arc;

/// How often a key is copied again because its source was overwritten meanwhile. A key that is overwritten faster than
/// it can be copied is not existing data: the application's own writes must reach the target.
const REDONE: u32 = 4;
/// How often a fresh copy is checked before it counts as wrong: a store may take a moment to show the copy.
const LOOKS: u32 = 3;
/// The questions about conditions are some 150 requests. Together they get the time limit of a body of this many bytes.
const QUESTIONS: u64 = 120 << 20;

/// The two stores.
pub(super) struct Objects {
    pub(super) from: Side<AnyObjectProvider>,
    pub(super) to: Side<AnyObjectProvider>,
}

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
    /// An earlier version, which this backfill put there.
    Outdated {
        tag: Option<ETag>,
    },
    Foreign,
    Missing,
    /// The backfill's own copy, but with wrong content.
    Damaged,
}

impl Objects {
    pub(super) async fn page(&self, shared: &Shared, cursor: &Cursor) -> Result<Page, Refusal> {
        let list = List {
            prefix: shared.settings.prefix.clone(),
            start_after: cursor.after.clone(),
            continuation: cursor.token.clone(),
            ..List::default()
        };
        let page = self
            .from
            .ask(shared, 0, || self.from.provider.list(list.clone()))
            .await?;
        let mut items = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            let ListEntry::Object(meta) = entry else {
                let wrong = "the listing has common prefixes, which were not asked for";
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

    /// Asks a target that may overwrite whether it keeps to the conditions that a copy carries. The target's provider
    /// then refuses conditions to which the target does not keep, and no key is copied.
    pub(super) async fn have_target_asked(&self, shared: &Shared) -> Result<(), Refusal> {
        let known = Capabilities {
            // Nothing is deleted.
            delete_if_match: Capability::Kept,
            ..self.to.provider.capabilities()
        };
        if ![known.create, known.if_match].contains(&Capability::Unknown) {
            return Ok(());
        }
        let questions = || async {
            let id = WriteId::new(format!("{}.{}", shared.draw_run(), shared.draw_run()));
            let found = verify::endpoint(&self.to.provider, &id, known, || {}).await;
            match (found.atomic(), found.if_match()) {
                (Property::Unknown(why), _) | (_, Property::Unknown(why)) => Err(ProviderError::faulty(why.clone())),
                _ => Ok(()),
            }
        };
        self.to.ask(shared, QUESTIONS, questions).await
    }

    /// The key of a listed item, or why source or target does not take the key.
    pub(super) fn key(&self, item: &Item) -> Result<Key, String> {
        let key = Key::new(item.key.as_str()).map_err(|invalid| invalid.to_string())?;
        let kept = self.to.provider.check_key(&key);
        kept.map(|()| key).map_err(|refused| refused.to_string())
    }

    pub(super) async fn copy(&self, shared: &Shared, item: &Item) -> Result<Fate, Refusal> {
        let key = match self.key(item) {
            Ok(key) => key,
            Err(reason) => return Ok(Fate::not_copyable(reason)),
        };
        let mut mode = PutMode::Create;
        let mut copied = false;
        for _ in 0..=REDONE {
            let get = || self.from.provider.get(Get::new(key.clone()));
            let object = match self.from.ask(shared, item.bytes, get).await {
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
            let id = shared.write_id(&format!("{version:?}"));
            let put = Put {
                mode: mode.clone(),
                attributes: want.attributes.clone(),
                write_id: Some(id.clone()),
                ..Put::new(key.clone(), object.body)
            };
            let answer = self
                .to
                .ask(shared, want.size, || self.to.provider.put(put.clone()))
                .await;
            // The body is let go before the target's is fetched.
            drop(put);
            let written = match answer {
                Ok(answer) => Some(answer.etag),
                Err(refusal) if is_occupied(&refusal) => None,
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
            let fate = match self.look_back(shared, &key, &want, &id, written.as_ref()).await? {
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
                There::Damaged => return Ok(Fate::failed("what was read back is not what was put")),
                There::Missing if written.is_some() => {
                    return Ok(Fate::failed("what was put is not there when read back"));
                }
                There::Missing => {
                    // Somebody removed what stood in the way.
                    mode = PutMode::Create;
                    continue;
                }
            };
            let head = || self.from.provider.head(Head::new(key.clone()));
            match self.from.ask(shared, 0, head).await {
                Ok(now) if Version::of(&now).is_same(&version) => return Ok(fate),
                Ok(_) => shared.tell(&Event::SourceChanged { key: item.key.clone() }),
                Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => return Ok(Fate::Gone { copied }),
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(Fate::failed("source or target kept changing during the copy"))
    }

    pub(super) async fn look(&self, shared: &Shared, item: &Item) -> Result<Fate, Refusal> {
        let key = match self.key(item) {
            Ok(key) => key,
            Err(reason) => return Ok(Fate::not_copyable(reason)),
        };
        let head = || self.from.provider.head(Head::new(key.clone()));
        let source = match self.from.ask(shared, 0, head).await {
            Err(refusal) if refusal.is(ProviderErrorKind::NotFound) => return Ok(Fate::Gone { copied: false }),
            Err(Refusal::Answer(error)) if is_not_copyable(&error) => return Ok(Fate::not_copyable(error)),
            answer => answer?,
        };
        // What every adapter checks before it sends anything.
        let put = Put {
            attributes: Arc::new(source.attributes.clone()),
            write_id: Some(shared.write_id("")),
            ..Put::new(key.clone(), "")
        };
        if let Err(error) = provider::check_put(&put) {
            return Ok(Fate::not_copyable(error));
        }
        let head = || self.to.provider.head(Head::new(key.clone()));
        match self.to.ask(shared, 0, head).await {
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
        shared: &Shared,
        key: &Key,
        want: &Content,
        id: &WriteId,
        written: Option<&Option<ETag>>,
    ) -> Result<There, Refusal> {
        for look in 1.. {
            let there = self.look_once(shared, key, want, id, written).await?;
            let doubtful = matches!(there, There::Missing | There::Damaged);
            if !doubtful || written.is_none() || look == LOOKS {
                return Ok(there);
            }
            tokio::time::sleep(shared.wait(look)).await;
        }
        Ok(There::Missing)
    }

    async fn look_once(
        &self,
        shared: &Shared,
        key: &Key,
        want: &Content,
        id: &WriteId,
        written: Option<&Option<ETag>>,
    ) -> Result<There, Refusal> {
        let provider = &self.to.provider;
        // Whatever was there before us is compared by content, however little is asked of our own copies.
        let answer = if written.is_some() && shared.settings.verify == Verify::Length {
            let meta = self.to.ask(shared, 0, || provider.head(Head::new(key.clone()))).await;
            meta.map(|meta| (meta.size == want.size, meta))
        } else {
            let object = self
                .to
                .ask(shared, want.size, || provider.get(Get::new(key.clone())))
                .await;
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
        let ours = just_put || shared.is_ours(meta.write_id.as_ref());
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

/// Whether a create or a conditional overwrite found other content.
fn is_occupied(refusal: &Refusal) -> bool {
    refusal.is(ProviderErrorKind::AlreadyExists) || refusal.is(ProviderErrorKind::PreconditionFailed)
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
        && want.metadata == there.metadata
}
