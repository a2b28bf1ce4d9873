//! A store in this process: for tests, simulations and examples.
//!
//! The store promises what the best real stores promise: creates and conditional overwrites are atomic, reads see the
//! latest write, listings are exact. Nothing is random unless you ask for it ([`Memory::with_latency`], seeded), so a
//! simulation on this store repeats itself.
//!
//! ```
//! use evenkeel::provider::{Memory, ObjectProvider, ProviderErrorKind};
//! use evenkeel::request::{Key, object::Put};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let store = Memory::new();
//! let key = Key::new("once").unwrap();
//! store.put(Put::new(key.clone(), "first")).await.unwrap();
//! let second = store.clone().put(Put::new(key, "second")).await.unwrap_err();
//! assert_eq!(second.kind(), ProviderErrorKind::AlreadyExists);
//! # }
//! ```

mod etag;
mod latency;
mod list;
mod uploads;

use super::{
    Capabilities, Capability, Conditional, ObjectProvider, PartRule, ProviderError, ProviderErrorKind,
    attributes::{check, check_attributes, check_condition, check_match, check_mode, check_range},
    no_bulk, no_parts, terms,
};
use crate::{
    endpoint::Host,
    model::clock,
    request::object::{
        AbortUpload, Attributes, BeginUpload, CompleteUpload, Copy, Delete, DeleteMany, ETag, Get, Head, List,
        ListPage, ListUploads, Object, ObjectMeta, PartTag, Put, PutAnswer, PutMode, PutPart, Terms, UploadId,
        UploadPage, WriteId,
    },
};
use bytes::Bytes;
pub(super) use latency::Latency;
use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use uploads::Uploads;

/// A store in this process. Clones share the store.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    content_etags: bool,
    latency: Option<Arc<Latency>>,
    capabilities: Option<Capabilities>,
}

#[derive(Default)]
struct State {
    /// Sorted, so that listings are exact and nothing depends on a hash.
    objects: BTreeMap<String, Stored>,
    /// The number of writes so far: the source of unique tags.
    writes: u64,
    uploads: Uploads,
}

#[derive(Clone)]
struct Stored {
    body: Bytes,
    etag: Arc<str>,
    last_modified: SystemTime,
    attributes: Arc<Attributes>,
    terms: Arc<Terms>,
    write_id: Option<WriteId>,
}

impl Memory {
    /// An empty store in which every write has a tag of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store whose tags are a function of the bytes alone, as S3's are for simple puts. Equal bytes have equal
    /// tags, so If-Match does not notice that an object was changed and changed back.
    pub fn with_content_etags() -> Self {
        Self {
            content_etags: true,
            ..Self::default()
        }
    }

    /// Makes every operation through this handle, and through its later clones, take a time that is drawn uniformly
    /// from `range`, by tokio's clock (so paused time works). The operation takes effect at the end of that time. An
    /// operation that is dropped earlier has not happened.
    #[must_use]
    pub fn with_latency(mut self, range: Range<Duration>, seed: u64) -> Self {
        self.latency = Some(Arc::new(Latency::new(range, seed)));
        self
    }

    /// Makes this handle, and its later clones, a store that can do this and no more: a client is tried on it before it
    /// meets a store of that kind. What is not [`Kept`](Capability::Kept) is refused as unsupported before anything
    /// happens. The default keeps all conditions, takes parts of any length, and copies.
    ///
    /// ```
    /// use evenkeel::provider::{Capabilities, Capability, Memory, ObjectProvider, PartRule, ProviderErrorKind};
    /// use evenkeel::request::{Key, object::Put};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let plain = Memory::new().with_capabilities(Capabilities::all(Capability::Lacking).with_parts(PartRule::S3));
    /// let refused = plain.put(Put::new(Key::new("once").unwrap(), "")).await.unwrap_err();
    /// assert_eq!(refused.kind(), ProviderErrorKind::Unsupported);
    /// # }
    /// ```
    #[must_use]
    pub const fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// The terms with which this object was put. The terms have no effect in this store. `None`: there is no such
    /// object.
    pub fn terms_of(&self, key: &str) -> Option<Terms> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.objects.get(key).map(|stored| (*stored.terms).clone())
    }

    /// The tag of a body, which this write stores.
    fn tag(&self, body: &[u8], write: u64) -> Arc<str> {
        match self.content_etags {
            true => etag::of(body),
            false => etag::unique(write),
        }
    }

    fn demand(&self, condition: Conditional) -> Result<(), ProviderError> {
        match self.capabilities().get(condition) {
            Capability::Kept => Ok(()),
            Capability::Lacking | Capability::Unknown => {
                let message = format!("this store was made without {}", condition.as_str());
                Err(ProviderError::unsupported(message))
            }
        }
    }

    fn demand_of(&self, mode: &PutMode) -> Result<(), ProviderError> {
        match mode {
            PutMode::Create => self.demand(Conditional::Create),
            PutMode::IfMatch(_) => self.demand(Conditional::IfMatch),
            PutMode::Overwrite => Ok(()),
        }
    }

    fn part_rule(&self) -> Result<PartRule, ProviderError> {
        self.capabilities().parts.ok_or_else(no_parts)
    }

    async fn serve(&self) -> MutexGuard<'_, State> {
        if let Some(latency) = &self.latency {
            latency.pass().await;
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows no keys and no bodies.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Memory")
            .field("objects", &state.objects.len())
            .finish_non_exhaustive()
    }
}

impl Stored {
    fn tag(&self) -> ETag {
        ETag::new(self.etag.clone(), "")
    }

    fn meta(&self, key: &str) -> ObjectMeta {
        ObjectMeta {
            etag: Some(self.tag()),
            last_modified: Some(self.last_modified),
            attributes: (*self.attributes).clone(),
            write_id: self.write_id.clone(),
            ..ObjectMeta::new(key, self.body.len() as u64)
        }
    }
}

impl State {
    fn find(&self, key: &str) -> Result<&Stored, ProviderError> {
        self.objects.get(key).ok_or_else(ProviderError::not_found)
    }

    /// Whether a write on this condition may take place.
    fn judge(&self, key: &str, mode: &PutMode) -> Result<(), ProviderError> {
        let there = self.objects.get(key);
        match mode {
            PutMode::Create if there.is_some() => Err(ProviderError::answer(ProviderErrorKind::AlreadyExists)),
            PutMode::IfMatch(tag) if there.is_none_or(|there| *there.etag != *tag.value()) => {
                Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed))
            }
            PutMode::Create | PutMode::Overwrite | PutMode::IfMatch(_) => Ok(()),
        }
    }
}

impl ObjectProvider for Memory {
    /// Empty: this store contacts no host.
    fn hosts(&self) -> Option<Vec<Host>> {
        Some(Vec::new())
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        check(&put)?;
        self.check_terms(&put.terms)?;
        self.demand_of(&put.mode)?;
        // One lock from the check to the write is what makes conditional puts atomic.
        let mut state = self.serve().await;
        state.judge(put.key.as_str(), &put.mode)?;
        state.writes += 1;
        let stored = Stored {
            etag: self.tag(&put.body, state.writes),
            body: put.body,
            last_modified: clock::wall(),
            attributes: put.attributes,
            terms: put.terms,
            write_id: put.write_id,
        };
        let answer = PutAnswer::new(Some(stored.tag()));
        state.objects.insert(put.key.as_str().to_owned(), stored);
        Ok(answer)
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        check_range(get.range.as_ref())?;
        let state = self.serve().await;
        let stored = state.find(get.key.as_str())?;
        // Preconditions are judged before the range (RFC 9110, 13.2.2).
        check_match(get.if_match.as_ref(), Some(&stored.tag()))?;
        if get.if_none_match.is_some_and(|tag| *tag.value() == *stored.etag) {
            return Err(ProviderError::answer(ProviderErrorKind::NotModified));
        }
        let size = stored.body.len() as u64;
        let range = match &get.range {
            None => 0..size,
            Some(range) => range
                .of(size)
                .ok_or_else(|| ProviderError::answer(ProviderErrorKind::RangeNotSatisfiable))?,
        };
        // Both ends are at most the length of a slice in memory, so they fit.
        let body = stored.body.slice(range.start as usize..range.end as usize);
        Ok(Object::new(stored.meta(get.key.as_str()), range, body))
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        let state = self.serve().await;
        let meta = state.find(head.key.as_str())?.meta(head.key.as_str());
        check_match(head.if_match.as_ref(), meta.etag.as_ref())?;
        Ok(meta)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        if let Some(tag) = &delete.if_match {
            check_condition(tag)?;
            self.demand(Conditional::DeleteIfMatch)?;
        }
        let mut state = self.serve().await;
        let there = state.objects.get(delete.key.as_str());
        if let (Some(tag), Some(there)) = (&delete.if_match, there)
            && *there.etag != *tag.value()
        {
            return Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed));
        }
        state.objects.remove(delete.key.as_str());
        Ok(())
    }

    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        terms::check(terms)
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        let shows_ids = self.capabilities().listed_ids;
        Ok(list::page(&self.serve().await.objects, &list, shows_ids))
    }

    async fn delete_many(&self, many: DeleteMany) -> Result<Vec<Result<(), ProviderError>>, ProviderError> {
        let most = self.capabilities().bulk_delete.ok_or_else(no_bulk)?;
        if many.keys.len() > most {
            return Err(ProviderError::unsupported(
                "these are more keys than this store removes at once",
            ));
        }
        let mut state = self.serve().await;
        for key in &*many.keys {
            state.objects.remove(key.as_str());
        }
        Ok(many.keys.iter().map(|_| Ok(())).collect())
    }

    fn capabilities(&self) -> Capabilities {
        const ALL: Capabilities = Capabilities::all(Capability::Kept)
            .with_parts(PartRule::S3.lengths(0, u64::MAX))
            .with_copy()
            .with_bulk_delete(1_000);
        self.capabilities.unwrap_or(ALL)
    }

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        check_attributes(&begin.attributes, begin.write_id.as_ref())?;
        self.check_terms(&begin.terms)?;
        self.part_rule()?;
        Ok(self.serve().await.uploads.begin(begin))
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        let rule = self.part_rule()?;
        let mut state = self.serve().await;
        state.writes += 1;
        let write = state.writes;
        state.uploads.put(part, rule, write)
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        check_mode(&complete.mode)?;
        let rule = self.part_rule()?;
        if complete.mode != PutMode::Overwrite {
            self.demand(Conditional::Complete)?;
        }
        self.serve().await.complete(self, &complete, rule)
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        self.part_rule()?;
        self.serve().await.uploads.abort(&abort);
        Ok(())
    }

    async fn list_uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        self.part_rule()?;
        Ok(self.serve().await.uploads.page(&list))
    }

    async fn copy(&self, copy: Copy) -> Result<PutAnswer, ProviderError> {
        check_mode(&copy.mode)?;
        check_attributes(&copy.attributes, copy.write_id.as_ref())?;
        self.check_terms(&copy.terms)?;
        if !self.capabilities().copy {
            return Err(ProviderError::unsupported("this store was made without copies"));
        }
        self.demand_of(&copy.mode)?;
        let mut state = self.serve().await;
        let source = state.find(copy.from.as_str())?.clone();
        check_match(copy.if_match.as_ref(), Some(&source.tag()))?;
        state.judge(copy.to.as_str(), &copy.mode)?;
        state.writes += 1;
        let stored = Stored {
            etag: self.tag(&source.body, state.writes),
            last_modified: clock::wall(),
            attributes: copy.attributes,
            terms: copy.terms,
            write_id: copy.write_id,
            ..source
        };
        let answer = PutAnswer::new(Some(stored.tag()));
        state.objects.insert(copy.to.as_str().to_owned(), stored);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Key;

    fn key(key: &str) -> Key {
        Key::new(key).unwrap()
    }

    fn overwrite(k: &str, body: &'static str) -> Put {
        Put {
            mode: PutMode::Overwrite,
            ..Put::new(key(k), body)
        }
    }

    #[tokio::test]
    async fn tags_are_unique_or_a_function_of_the_bytes() {
        for (store, same) in [(Memory::new(), false), (Memory::with_content_etags(), true)] {
            let a = store.put(overwrite("a", "bytes")).await.unwrap().etag.unwrap();
            let again = store.put(overwrite("a", "bytes")).await.unwrap().etag.unwrap();
            let other = store.put(overwrite("a", "other bytes")).await.unwrap().etag.unwrap();
            assert_eq!(a == again, same);
            assert_ne!(a, other);
            assert!(a.value().starts_with('"') && a.value().ends_with('"'));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_service_time_is_drawn_from_the_range_and_repeats_with_the_seed() {
        let times = async |seed| {
            let store = Memory::new().with_latency(Duration::from_millis(10)..Duration::from_millis(20), seed);
            let mut times = Vec::new();
            for _ in 0..50 {
                let start = clock::now();
                store.put(overwrite("k", "")).await.unwrap();
                times.push(start.elapsed());
            }
            times
        };
        let (first, again, other) = (times(1).await, times(1).await, times(2).await);
        assert_eq!(first, again);
        assert_ne!(first, other);
        // tokio's timers resolve to 1 ms, upwards.
        assert!(first.iter().all(|t| (10..=21).contains(&t.as_millis())), "{first:?}");
    }

    #[tokio::test]
    async fn neither_debug_nor_errors_show_a_key() {
        let store = Memory::new();
        store.put(overwrite("customer-4711", "x")).await.unwrap();
        let error = store.put(Put::new(key("customer-4711"), "x")).await.unwrap_err();
        assert!(!format!("{store:?} {error:?} {error}").contains("4711"));
    }
}
