//! The copier by itself, between stores in memory: the same stories of objects and of values.

use super::*;
use crate::{
    provider::{AnyKvProvider, AnyObjectProvider, KvProvider, Memory, MemoryTable, ObjectProvider, ProviderErrorKind},
    request::{
        Key, Writer,
        kv::{self, Limits, Scan, ScanPage, Value},
        object::{self, Attributes, Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutMode},
    },
    verdict::{Outcome, Sent, Verdict},
};
use futures_util::FutureExt;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// Three attempts, and something happens before each: the hook knows the attempt's number at its place.
struct Hooked<H> {
    hook: H,
    sent: [AtomicU32; 2],
    changes: AtomicU32,
}

impl<H: Fn(Role, u32)> Hooked<H> {
    fn new(hook: H) -> Self {
        Self {
            hook,
            sent: Default::default(),
            changes: AtomicU32::new(0),
        }
    }
}

impl<H: Fn(Role, u32) + Sync> Pacer for Hooked<H> {
    type Stop = &'static str;

    async fn turn(&self, role: Role) {
        (self.hook)(role, 1 + self.sent[role as usize].fetch_add(1, Relaxed));
    }

    fn limit(&self, _: u64) -> Duration {
        Duration::from_secs(30)
    }

    fn answered(&self, _: Role) {}

    fn throttled(&self, _: Role, _: &ProviderError) -> Result<(), Self::Stop> {
        Err("throttled")
    }

    fn failed(&self, _: Role, _: &ProviderError, attempts: u32) -> Result<Option<Duration>, Self::Stop> {
        Ok((attempts < 3).then_some(Duration::from_millis(100)))
    }

    fn wait(&self, _: u32) -> Duration {
        Duration::from_millis(100)
    }

    fn source_changed(&self, key: &str) {
        assert_eq!(key, "k");
        self.changes.fetch_add(1, Relaxed);
    }
}

/// A store that applies its first puts and answers them with an error.
#[derive(Clone)]
struct Lossy<S> {
    store: S,
    answers: Arc<AtomicU32>,
    verdict: Verdict,
}

impl<S> Lossy<S> {
    fn lose<T>(&self, answer: T) -> Result<T, ProviderError> {
        let lost = self.answers.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        let outcome = Outcome::new(self.verdict, Sent::Maybe);
        lost.map_or(Ok(answer), |_| {
            Err(ProviderError::new(ProviderErrorKind::Failed, outcome))
        })
    }
}

impl ObjectProvider for Lossy<Memory> {
    async fn put(&self, put: Put) -> Result<object::PutAnswer, ProviderError> {
        self.lose(self.store.put(put).await?)
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.store.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.store.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.store.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.store.list(list).await
    }
}

impl KvProvider for Lossy<MemoryTable> {
    async fn put(&self, put: kv::Put) -> Result<kv::PutAnswer, ProviderError> {
        self.lose(self.store.put(put).await?)
    }

    async fn get(&self, get: kv::Get) -> Result<Value, ProviderError> {
        self.store.get(get).await
    }

    async fn delete(&self, delete: kv::Delete) -> Result<(), ProviderError> {
        self.store.delete(delete).await
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        self.store.scan(scan).await
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }
}

/// What these stories need of a store.
trait Store: Clone + Default + Send + Sync {
    type Provider: Sync;
    fn provider(lossy: Lossy<Self>) -> Self::Provider;
    /// Replaces what is there, as another writer.
    fn write(&self, body: &str);
    fn remove(&self);
    fn read(&self) -> Option<String>;
    async fn copy<H>(copier: &Copier<'_, Self::Provider, Hooked<H>>) -> Result<Fate, &'static str>
    where
        H: Fn(Role, u32) + Sync;
}

impl Store for Memory {
    type Provider = AnyObjectProvider;

    fn provider(lossy: Lossy<Self>) -> AnyObjectProvider {
        AnyObjectProvider::new(lossy)
    }

    fn write(&self, body: &str) {
        let put = Put {
            mode: PutMode::Overwrite,
            ..Put::new(Key::new("k").unwrap(), body.to_owned())
        };
        self.put(put).now_or_never().unwrap().unwrap();
    }

    fn remove(&self) {
        let delete = Delete::new(Key::new("k").unwrap());
        self.delete(delete).now_or_never().unwrap().unwrap();
    }

    fn read(&self) -> Option<String> {
        let object = self.get(Get::new(Key::new("k").unwrap())).now_or_never().unwrap();
        object.ok().map(|object| String::from_utf8(object.body.into()).unwrap())
    }

    async fn copy<H>(copier: &Copier<'_, AnyObjectProvider, Hooked<H>>) -> Result<Fate, &'static str>
    where
        H: Fn(Role, u32) + Sync,
    {
        copier.copy("k", 5).await.or_else(Refusal::fate)
    }
}

impl Store for MemoryTable {
    type Provider = AnyKvProvider;

    fn provider(lossy: Lossy<Self>) -> AnyKvProvider {
        AnyKvProvider::new(lossy)
    }

    fn write(&self, body: &str) {
        // In this table the id is the version.
        static WRITES: AtomicU32 = AtomicU32::new(0);
        let id = WriteId::new(format!("{}", WRITES.fetch_add(1, Relaxed)));
        let put = kv::Put::new(kv::Key::new("k").unwrap(), body.to_owned(), id);
        self.put(put).now_or_never().unwrap().unwrap();
    }

    fn remove(&self) {
        let delete = kv::Delete::new(kv::Key::new("k").unwrap(), WriteId::new("removed"));
        self.delete(delete).now_or_never().unwrap().unwrap();
    }

    fn read(&self) -> Option<String> {
        let get = kv::Get::new(kv::Key::new("k").unwrap());
        let value = self.get(get).now_or_never().unwrap();
        value.ok().map(|value| String::from_utf8(value.bytes.into()).unwrap())
    }

    async fn copy<H>(copier: &Copier<'_, AnyKvProvider, Hooked<H>>) -> Result<Fate, &'static str>
    where
        H: Fn(Role, u32) + Sync,
    {
        copier.copy("k", None).await.or_else(Refusal::fate)
    }
}

/// A source and a target.
struct Pair<S> {
    from: S,
    to: S,
    /// How many puts of the target are answered with an error of this verdict.
    lost: (u32, Verdict),
}

impl<S: Store> Pair<S> {
    /// A source with `there`, and an empty target.
    fn with(there: &str) -> Self {
        let (from, to) = (S::default(), S::default());
        from.write(there);
        Self {
            from,
            to,
            lost: (0, Verdict::Faulty),
        }
    }

    /// Copies the key `k`. Returns how often the source changed, too.
    async fn copy(&self, run: &str, hook: impl Fn(Role, u32) + Sync) -> (Result<Fate, &'static str>, u32) {
        let lossy = |store: &S, answers| Lossy {
            store: store.clone(),
            answers: Arc::new(AtomicU32::new(answers)),
            verdict: self.lost.1,
        };
        let [from, to] = [lossy(&self.from, 0), lossy(&self.to, self.lost.0)].map(S::provider);
        let pacer = Hooked::new(hook);
        let fate = S::copy(&copier(&from, &to, run, &pacer)).await;
        (fate, pacer.changes.load(Relaxed))
    }

    async fn fate(&self, run: &str) -> Fate {
        self.copy(run, |_, _| {}).await.0.unwrap()
    }
}

fn copier<'c, P, T>(from: &'c P, to: &'c P, run: &'c str, pacer: &'c T) -> Copier<'c, P, T> {
    Copier {
        from,
        to,
        target: "ireland",
        verify: Verify::ReadBack,
        run,
        pacer,
    }
}

fn copied(body: &str) -> Fate {
    Fate::Copied {
        checksum: Some(Checksum::of(body.as_bytes())),
    }
}

/// Each story, of objects and of values.
macro_rules! stories {
    ($($name:ident;)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            stories::$name::<Memory>().await;
            stories::$name::<MemoryTable>().await;
        })*
    };
}

stories! {
    the_same_run_knows_its_copies_and_renews_them;
    a_source_that_vanishes_before_it_is_read_leaves_nothing;
    a_source_that_vanishes_after_it_was_read_leaves_its_copy;
    the_same_bytes_are_no_conflict;
    other_bytes_are_left_alone;
    bytes_that_come_first_are_left_alone;
    a_write_whose_answer_is_lost_is_recognised;
    a_source_that_changes_is_copied_again;
    a_source_that_never_rests_fails;
    a_target_that_never_answers_fails;
    the_pacer_stops_a_copy;
}

mod stories {
    use super::*;

    pub(super) async fn the_same_run_knows_its_copies_and_renews_them<S: Store>() {
        let pair = Pair::<S>::with("first");
        assert_eq!(pair.fate("repair").await, copied("first"));
        assert_eq!(pair.fate("repair").await, copied("first"));
        assert_eq!(pair.fate("repai").await, Fate::Skipped);
        pair.from.write("other");
        assert_eq!(pair.fate("repai").await, Fate::Conflict);
        assert_eq!(pair.fate("repair").await, copied("other"));
        assert_eq!(pair.to.read().unwrap(), "other");
    }

    pub(super) async fn a_source_that_vanishes_before_it_is_read_leaves_nothing<S: Store>() {
        let pair = Pair::<S>::with("first");
        pair.from.remove();
        assert_eq!(pair.fate("repair").await, Fate::Gone { copied: false });
        assert_eq!(pair.to.read(), None);
    }

    pub(super) async fn a_source_that_vanishes_after_it_was_read_leaves_its_copy<S: Store>() {
        let pair = Pair::<S>::with("first");
        let vanishes = |role, number| {
            if (role, number) == (Role::Source, 2) {
                pair.from.remove();
            }
        };
        assert_eq!(
            pair.copy("repair", vanishes).await,
            (Ok(Fate::Gone { copied: true }), 0)
        );
        assert_eq!(pair.to.read().unwrap(), "first");
    }

    pub(super) async fn the_same_bytes_are_no_conflict<S: Store>() {
        let pair = Pair::<S>::with("first");
        pair.to.write("first");
        assert_eq!(pair.fate("repair").await, Fate::Skipped);
    }

    pub(super) async fn other_bytes_are_left_alone<S: Store>() {
        let pair = Pair::<S>::with("first");
        pair.to.write("newer");
        assert_eq!(pair.fate("repair").await, Fate::Conflict);
        assert_eq!(pair.to.read().unwrap(), "newer");
    }

    pub(super) async fn bytes_that_come_first_are_left_alone<S: Store>() {
        let pair = Pair::<S>::with("first");
        let overtakes = |role, number| match (role, number) {
            (Role::Target, 1) => pair.to.write("newer"),
            // What stood in the way is gone when the copier looks, and other bytes come.
            (Role::Target, 2) => pair.to.remove(),
            (Role::Target, 3) => pair.to.write("newest"),
            _ => {}
        };
        assert_eq!(pair.copy("repair", overtakes).await, (Ok(Fate::Conflict), 0));
        assert_eq!(pair.to.read().unwrap(), "newest");
    }

    pub(super) async fn a_write_whose_answer_is_lost_is_recognised<S: Store>() {
        let mut pair = Pair::<S>::with("first");
        pair.lost.0 = 1;
        assert_eq!(pair.fate("repair").await, copied("first"));
        assert_eq!(pair.to.read().unwrap(), "first");
    }

    pub(super) async fn a_source_that_changes_is_copied_again<S: Store>() {
        let pair = Pair::<S>::with("first");
        let changes = |role, number| {
            if (role, number) == (Role::Source, 2) {
                pair.from.write("other");
            }
        };
        assert_eq!(pair.copy("repair", changes).await, (Ok(copied("other")), 1));
        assert_eq!(pair.to.read().unwrap(), "other");
    }

    pub(super) async fn a_source_that_never_rests_fails<S: Store>() {
        let pair = Pair::<S>::with("first");
        let changes = |role, number: u32| {
            if role == Role::Source && number > 1 {
                pair.from.write(&number.to_string());
            }
        };
        let (fate, changes) = pair.copy("repair", changes).await;
        assert!(matches!(fate, Ok(Fate::Failed { .. })), "{fate:?}");
        assert_eq!(changes, 1 + REDONE);
    }

    pub(super) async fn a_target_that_never_answers_fails<S: Store>() {
        let mut pair = Pair::<S>::with("first");
        pair.lost.0 = u32::MAX;
        // No attempt takes effect for long.
        let (fate, _) = pair.copy("repair", |_, _| pair.to.remove()).await;
        assert!(matches!(fate, Ok(Fate::Failed { .. })), "{fate:?}");
    }

    pub(super) async fn the_pacer_stops_a_copy<S: Store>() {
        let mut pair = Pair::<S>::with("first");
        pair.lost = (1, Verdict::Throttled);
        assert_eq!(pair.copy("repair", |_, _| {}).await.0, Err("throttled"));
    }
}

#[tokio::test]
async fn a_name_that_no_key_has_is_not_copyable() {
    let pacer = Hooked::new(|_, _| panic!("nothing is asked"));
    let store = AnyObjectProvider::new(Memory::new());
    let objects = copier(&store, &store, "repair", &pacer);
    let table = AnyKvProvider::new(MemoryTable::new());
    let values = copier(&table, &table, "repair", &pacer);
    for fate in [
        objects.copy("a//b", 0).await,
        objects.look("a//b").await,
        values.copy("", None).await,
        values.look("", None).await,
    ] {
        assert!(matches!(fate, Ok(Fate::NotCopyable { .. })), "{fate:?}");
    }
}

/// A source object under this id, with this much metadata.
fn lay(store: &Memory, key: &str, body: &str, id: &WriteId, metadata: usize) {
    let mut put = Put::new(Key::new(key).unwrap(), body.to_owned());
    (put.mode, put.write_id) = (PutMode::Overwrite, Some(id.clone()));
    if metadata > 0 {
        let large = [("x".to_owned(), "x".repeat(metadata - 1))];
        put.attributes = Arc::new(Attributes {
            metadata: large.into(),
            ..Attributes::default()
        });
    }
    store.put(put).now_or_never().unwrap().unwrap();
}

fn copied_id(pair: &Pair<Memory>) -> WriteId {
    let head = pair.to.head(Head::new(Key::new("k").unwrap())).now_or_never().unwrap();
    head.unwrap().write_id.unwrap()
}

fn stamped(key: &str, bytes: u64) -> WriteId {
    Writer::from_os(crate::model::clock::wall)
        .unwrap()
        .write_id(None, key, Some(bytes), None)
}

#[tokio::test(start_paused = true)]
async fn a_copy_keeps_the_stamp_of_its_source() {
    let pair = Pair::<Memory>::with("first");
    let first = stamped("k", 5);
    lay(&pair.from, "k", "first", &first, 0);
    for _ in 0..2 {
        assert_eq!(pair.fate("repair").await, copied("first"));
        assert_eq!(copied_id(&pair).stamp(), first.stamp());
    }
    assert_eq!(pair.fate("other run").await, Fate::Skipped);
    // Its outdated copies a run knows by the mark.
    let second = stamped("k", 6);
    lay(&pair.from, "k", "second", &second, 0);
    assert_eq!(pair.fate("other run").await, Fate::Conflict);
    assert_eq!(pair.fate("repair").await, copied("second"));
    assert_eq!(copied_id(&pair).stamp(), second.stamp());
    // An application's write of the same stamp is not the run's own.
    lay(&pair.to, "k", "third!", &second, 0);
    assert_eq!(pair.fate("repair").await, Fate::Conflict);
}

#[tokio::test(start_paused = true)]
async fn other_bytes_under_the_same_stamp_are_another_version() {
    let pair = Pair::<Memory>::with("first");
    let id = stamped("k", 5);
    lay(&pair.from, "k", "first", &id, 0);
    assert_eq!(pair.fate("repair").await, copied("first"));
    lay(&pair.from, "k", "other", &id, 0);
    assert_eq!(pair.fate("repair").await, copied("other"));
}

#[tokio::test(start_paused = true)]
async fn a_stamp_that_came_along_with_a_foreign_copy_is_not_kept() {
    for (key, bytes) in [("elsewhere", 5), ("k", 4)] {
        let pair = Pair::<Memory>::with("first");
        lay(&pair.from, "k", "first", &stamped(key, bytes), 0);
        assert_eq!(pair.fate("repair").await, copied("first"));
        let id = copied_id(&pair);
        assert!(id.stamp().is_none() && id.as_str().starts_with("repair."), "{id:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_that_leaves_no_room_for_the_longer_id_is_copied_without_the_stamp() {
    let room = 2048 - WriteId::METADATA_KEY.len();
    for (metadata, kept) in [(room - 64, true), (room - 55, false)] {
        let pair = Pair::<Memory>::with("first");
        lay(&pair.from, "k", "first", &stamped("k", 5), metadata);
        assert_eq!(pair.fate("repair").await, copied("first"));
        assert_eq!(copied_id(&pair).stamp().is_some(), kept, "{metadata}");
        assert_eq!(pair.fate("repair").await, copied("first"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_value_keeps_the_stamp_of_its_source() {
    let pair = Pair::<MemoryTable>::with("first");
    let lay = |body: &str, id: &WriteId| {
        let put = kv::Put::new(kv::Key::new("k").unwrap(), body.to_owned(), id.clone());
        pair.from.put(put).now_or_never().unwrap().unwrap();
    };
    let there = || {
        let get = kv::Get::new(kv::Key::new("k").unwrap());
        pair.to.get(get).now_or_never().unwrap().unwrap().write_id.unwrap()
    };
    for (body, id) in [("first", stamped("k", 5)), ("second", stamped("k", 6))] {
        lay(body, &id);
        assert_eq!(pair.fate("repair").await, copied(body));
        assert_eq!(there().stamp(), id.stamp());
    }
    lay("third", &stamped("elsewhere", 5));
    assert_eq!(pair.fate("repair").await, copied("third"));
    assert_eq!(there().stamp(), None);
}
