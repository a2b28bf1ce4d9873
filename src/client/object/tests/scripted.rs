use crate::{
    provider::{ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{
        Attributes, Delete, ETag, Get, Head, List, ListEntry, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode,
        WriteId,
    },
    verdict::{Outcome, Sent, Verdict},
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
};

/// What happens to the next operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Applied, then the connection breaks.
    Lost,
    /// Not applied, and nobody can know.
    Broken,
    /// No connection.
    Refused,
    /// Never answers; not applied.
    Hang,
    /// 403.
    Denied,
    /// 503 SlowDown.
    Throttled,
    /// The bucket is not there.
    WrongBucket,
}

/// A store in this process whose failures follow a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Kept>,
    script: VecDeque<Fault>,
    always: Option<Fault>,
    log: Vec<&'static str>,
    versions: u64,
    page: Option<usize>,
}

#[derive(Clone, Debug)]
struct Kept {
    body: Bytes,
    etag: String,
    attributes: Attributes,
    write_id: Option<WriteId>,
}

impl Scripted {
    /// The next operations meet these, in this order.
    pub(crate) fn then(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().script.extend(faults);
    }

    /// All operations meet this from now on.
    pub(crate) fn always(&self, fault: Fault) {
        self.state().always = Some(fault);
    }

    pub(crate) fn page(&self, entries: usize) {
        self.state().page = Some(entries);
    }

    /// An object that somebody else stored.
    pub(crate) fn insert(&self, key: &str, body: &str) {
        self.store(key, body.to_owned().into(), Attributes::default(), None);
    }

    pub(crate) fn remove(&self, key: &str) {
        self.state().objects.remove(key);
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// What was asked since the last time.
    pub(crate) fn log(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().log)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn store(&self, key: &str, body: Bytes, attributes: Attributes, write_id: Option<WriteId>) -> PutAnswer {
        let mut state = self.state();
        state.versions += 1;
        let etag = format!("\"v{}\"", state.versions);
        let kept = Kept {
            body,
            etag: etag.clone(),
            attributes,
            write_id,
        };
        state.objects.insert(key.to_owned(), kept);
        PutAnswer::new(Some(ETag::new(etag, "")))
    }

    async fn play<T>(
        &self,
        name: &'static str,
        apply: impl FnOnce() -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let fault = {
            let mut state = self.state();
            state.log.push(name);
            state.script.pop_front().or(state.always).unwrap_or(Fault::None)
        };
        let failed = |verdict, sent| ProviderError::new(ProviderErrorKind::Failed, Outcome::new(verdict, sent));
        Err(match fault {
            Fault::None => return apply(),
            Fault::Lost => {
                drop(apply());
                failed(Verdict::Faulty, Sent::Maybe).with_code("reset")
            }
            Fault::Broken => failed(Verdict::Faulty, Sent::Maybe).with_code("InternalError"),
            Fault::Refused => failed(Verdict::Unreachable, Sent::No).with_code("connection refused"),
            Fault::Hang => pending().await,
            Fault::Denied => ProviderError::new(ProviderErrorKind::Denied, Outcome::new(Verdict::Denied, Sent::Maybe))
                .with_code("AccessDenied"),
            Fault::Throttled => ProviderError::new(
                ProviderErrorKind::Throttled,
                Outcome::new(Verdict::Throttled, Sent::Maybe),
            )
            .with_code("SlowDown"),
            Fault::WrongBucket => {
                ProviderError::new(ProviderErrorKind::Invalid, Outcome::new(Verdict::Caller, Sent::Maybe))
                    .with_code("NoSuchBucket")
                    .with_message("the bucket does not exist")
                    .with_request_id("4711")
            }
        })
    }

    fn find(&self, key: &str) -> Result<(Kept, ObjectMeta), ProviderError> {
        let kept = self
            .state()
            .objects
            .get(key)
            .cloned()
            .ok_or_else(ProviderError::not_found)?;
        let mut meta = ObjectMeta::new(key, kept.body.len() as u64);
        meta.etag = Some(ETag::new(kept.etag.clone(), ""));
        meta.attributes = kept.attributes.clone();
        meta.write_id = kept.write_id.clone();
        Ok((kept, meta))
    }
}

impl ObjectProvider for Scripted {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.play("put", || {
            let there = self.find(put.key.as_str()).ok();
            match (&put.mode, there) {
                (PutMode::Create, Some(_)) => return Err(ProviderError::answer(ProviderErrorKind::AlreadyExists)),
                (PutMode::IfMatch(tag), there) if there.as_ref().is_none_or(|(kept, _)| kept.etag != tag.value()) => {
                    return Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed));
                }
                _ => {}
            }
            Ok(self.store(
                put.key.as_str(),
                put.body.clone(),
                (*put.attributes).clone(),
                put.write_id.clone(),
            ))
        })
        .await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.play("get", || {
            let (kept, meta) = self.find(get.key.as_str())?;
            if get.if_none_match.as_ref().is_some_and(|tag| tag.value() == kept.etag) {
                return Err(ProviderError::answer(ProviderErrorKind::NotModified));
            }
            let whole = 0..meta.size;
            let range = match &get.range {
                None => whole,
                Some(range) => range
                    .of(meta.size)
                    .ok_or_else(|| ProviderError::answer(ProviderErrorKind::RangeNotSatisfiable))?,
            };
            let body = kept.body.slice(range.start as usize..range.end as usize);
            Ok(Object::new(meta, range, body))
        })
        .await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.play("head", || Ok(self.find(head.key.as_str())?.1)).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.play("delete", || {
            self.remove(delete.key.as_str());
            Ok(())
        })
        .await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.play("list", || {
            let after = list.continuation.as_ref().or(list.start_after.as_ref());
            let page = self.state().page.unwrap_or(1000);
            let limit = list.limit.unwrap_or(page).min(page);
            let mut entries: Vec<ListEntry> = Vec::new();
            let mut last = String::new();
            for key in self.keys() {
                let Some(rest) = key.strip_prefix(&list.prefix) else {
                    continue;
                };
                if after.is_some_and(|after| key <= *after) {
                    continue;
                }
                let folded = list
                    .delimiter
                    .as_ref()
                    .and_then(|d| Some(&rest[..rest.find(d.as_str())? + d.len()]));
                let entry = match folded {
                    Some(folded) => ListEntry::CommonPrefix(format!("{}{folded}", list.prefix)),
                    None => ListEntry::Object(self.find(&key)?.1),
                };
                if entries.last().is_some_and(|last| last.name() == entry.name()) {
                    last = key;
                    continue;
                }
                if entries.len() == limit {
                    return Ok(ListPage::new(entries, Some(last)));
                }
                last = key;
                entries.push(entry);
            }
            Ok(ListPage::new(entries, None))
        })
        .await
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.play("warm_up", || Ok(())).await
    }
}
