//! Stores to which things happen.

use evenkeel::{
    BoxError, Endpoint,
    backfill::{Backfill, CheckpointKeeper},
    drill::{FaultLayer, FaultService, Scenario, Timeline},
    provider::{
        AnyObjectProvider, KvProvider, Memory, MemoryTable, ObjectProvider, ObjectService, ProviderError,
        ProviderErrorKind,
    },
    request::{
        Call, Key, OpClass, Safety, WriteId,
        kv::{self, Limits, Scan, ScanPage, Value},
        object::{
            Attributes, Delete, Get, Head, List, ListPage, Object, ObjectMeta, ObjectRequest, ObjectResponse, Put,
            PutAnswer, PutMode,
        },
    },
    verdict::{Outcome, Sent, Verdict},
};
use futures_util::FutureExt;
use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

/// One request, before it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) what: &'static str,
    pub(crate) key: String,
}

type Hook = dyn Fn(&Asked) -> Option<ProviderError> + Send + Sync;

/// A store that notes what it is asked, and to which something may happen first.
#[derive(Clone)]
pub(crate) struct Hooked<P> {
    inner: P,
    hook: Arc<Hook>,
    log: Arc<Mutex<Vec<Asked>>>,
    applied: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl<P> Hooked<P> {
    pub(crate) fn new(inner: P, hook: impl Fn(&Asked) -> Option<ProviderError> + Send + Sync + 'static) -> Self {
        Self {
            inner,
            hook: Arc::new(hook),
            log: Arc::default(),
            applied: Arc::default(),
        }
    }

    pub(crate) fn into_inner(self) -> P {
        self.inner
    }

    pub(crate) fn watched(inner: P) -> Self {
        Self::new(inner, |_| None)
    }

    pub(crate) fn log(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.log
            .lock()
            .unwrap()
            .iter()
            .filter(|asked| asked.what == what)
            .count()
    }

    /// How many puts of each key took effect.
    pub(crate) fn applied(&self) -> BTreeMap<String, u32> {
        self.applied.lock().unwrap().clone()
    }

    fn meet(&self, what: &'static str, key: &str) -> Result<(), ProviderError> {
        let asked = Asked {
            at: Instant::now(),
            what,
            key: key.to_owned(),
        };
        let error = (self.hook)(&asked);
        self.log.lock().unwrap().push(asked);
        error.map_or(Ok(()), Err)
    }

    fn note<T>(&self, key: &str, answer: &Result<T, ProviderError>) {
        if answer.is_ok() {
            *self.applied.lock().unwrap().entry(key.to_owned()).or_default() += 1;
        }
    }
}

impl<P: ObjectProvider> ObjectProvider for Hooked<P> {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.meet("put", put.key.as_str())?;
        let key = put.key.clone();
        let answer = self.inner.put(put).await;
        self.note(key.as_str(), &answer);
        answer
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.meet("get", get.key.as_str())?;
        self.inner.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.meet("head", head.key.as_str())?;
        self.inner.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.meet("delete", delete.key.as_str())?;
        self.inner.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.meet("list", list.start_after.as_deref().unwrap_or_default())?;
        self.inner.list(list).await
    }
}

impl<P: KvProvider> KvProvider for Hooked<P> {
    async fn get(&self, get: kv::Get) -> Result<Value, ProviderError> {
        self.meet("get", get.key.as_str())?;
        self.inner.get(get).await
    }

    async fn put(&self, put: kv::Put) -> Result<kv::PutAnswer, ProviderError> {
        self.meet("put", put.key.as_str())?;
        let key = put.key.clone();
        let answer = self.inner.put(put).await;
        self.note(key.as_str(), &answer);
        answer
    }

    async fn delete(&self, delete: kv::Delete) -> Result<(), ProviderError> {
        self.meet("delete", delete.key.as_str())?;
        self.inner.delete(delete).await
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        self.meet("scan", scan.after.as_deref().unwrap_or_default())?;
        self.inner.scan(scan).await
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

/// A store behind the drill's fault layer.
#[derive(Clone)]
pub(crate) struct Drilled(FaultService<ObjectService>);

impl Drilled {
    /// These rules, from the start on for `seconds`.
    pub(crate) fn new(store: impl ObjectProvider, seconds: u32, rules: &str) -> Self {
        let scenario = format!(
            r#"{{ "name": "backfill", "phases": [{{ "name": "trouble", "duration": "{seconds}s", "rules": [{rules}] }}] }}"#
        );
        let timeline = Timeline::new(Scenario::from_json(&scenario).unwrap(), 7).unwrap();
        let (profile, store) = Endpoint::new("drilled", store).into_parts();
        let service = ObjectService::new("", AnyObjectProvider::new(store));
        timeline.start_now();
        Self(FaultLayer::new(timeline, profile).layer(service))
    }

    async fn send(&self, request: ObjectRequest) -> Result<ObjectResponse, ProviderError> {
        let class = request.class();
        let safety = match class {
            OpClass::Write => Safety::Idempotent,
            _ => Safety::ReadOnly,
        };
        let sent = self.0.clone().oneshot(Call::with(request, class, safety)).await;
        sent.map_err(|error: BoxError| *error.downcast::<ProviderError>().unwrap())
    }
}

macro_rules! drilled {
    ($($method:ident: $request:ident -> $answer:ty = $variant:ident;)*) => {
        impl ObjectProvider for Drilled {
            $(async fn $method(&self, asked: $request) -> Result<$answer, ProviderError> {
                match self.send(ObjectRequest::$variant(asked)).await? {
                    ObjectResponse::$variant(answer) => Ok(answer),
                    other => panic!("{other:?}"),
                }
            })*

            async fn delete(&self, asked: Delete) -> Result<(), ProviderError> {
                self.send(ObjectRequest::Delete(asked)).await.map(drop)
            }
        }
    };
}

drilled! {
    put: Put -> PutAnswer = Put;
    get: Get -> Object = Get;
    head: Head -> ObjectMeta = Head;
    list: List -> ListPage = List;
}

/// A checkpoint in memory, whose disk can be full.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    pub(crate) text: Arc<Mutex<Option<Vec<u8>>>>,
    /// Saves that fail from the second one on.
    pub(crate) full: Arc<Mutex<u32>>,
    pub(crate) saves: Arc<Mutex<u32>>,
}

impl CheckpointKeeper for Kept {
    async fn load(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.text.lock().unwrap().clone())
    }

    async fn save(&self, checkpoint: Vec<u8>) -> io::Result<()> {
        tokio::time::sleep(ms(5)).await;
        *self.saves.lock().unwrap() += 1;
        let mut full = self.full.lock().unwrap();
        if *full > 0 && *self.saves.lock().unwrap() > 1 {
            *full -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        *self.text.lock().unwrap() = Some(checkpoint);
        Ok(())
    }
}

/// Drops a future after so many polls. `None`: it was dropped.
pub(crate) struct KillAfter<F> {
    pub(crate) future: Pin<Box<F>>,
    pub(crate) polls: u32,
}

impl<F: Future> Future for KillAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.future.as_mut().poll(cx).map(Some)
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn key(number: usize) -> String {
    format!("k/{number:06}")
}

pub(crate) fn between(from: impl ObjectProvider, to: impl ObjectProvider) -> Backfill {
    Backfill::objects(Endpoint::new("virginia", from), Endpoint::new("ireland", to)).seed(7)
}

pub(crate) fn between_tables(from: impl KvProvider, to: impl KvProvider) -> Backfill {
    Backfill::table(Endpoint::new("virginia", from), Endpoint::new("ireland", to)).seed(7)
}

/// A store with so many objects, each with a body, a content type and metadata of its own.
pub(crate) async fn filled(objects: usize) -> Memory {
    let store = Memory::new();
    for number in 0..objects {
        write(&store, &key(number), &format!("body {number}"));
    }
    store
}

/// Whatever is there is replaced, at once.
pub(crate) fn write(store: &Memory, key: &str, body: &str) {
    let mut attributes = Attributes::default();
    attributes.content_type = Some("text/plain".into());
    attributes.metadata.insert("of".into(), key.into());
    let mut put = Put::new(Key::new(key).unwrap(), body.to_owned());
    put.mode = PutMode::Overwrite;
    put.attributes = Arc::new(attributes);
    store.put(put).now_or_never().expect("no latency").unwrap();
}

pub(crate) fn remove(store: &Memory, key: &str) {
    let delete = Delete::new(Key::new(key).unwrap());
    store.delete(delete).now_or_never().expect("no latency").unwrap();
}

pub(crate) fn read(store: &Memory, key: &str) -> Option<Object> {
    let get = Get::new(Key::new(key).unwrap());
    store.get(get).now_or_never().expect("no latency").ok()
}

pub(crate) fn body(store: &Memory, key: &str) -> Option<String> {
    read(store, key).map(|object| String::from_utf8(object.body.to_vec()).unwrap())
}

/// Every key of one store is in the other, with equal body and attributes, and no other.
pub(crate) async fn assert_equal(from: &Memory, to: &Memory) {
    let names = async |store: &Memory| {
        let (mut names, mut list) = (Vec::new(), List::default());
        loop {
            let page = store.list(list.clone()).await.unwrap();
            names.extend(page.entries.iter().map(|entry| entry.name().to_owned()));
            if page.continuation.is_none() {
                return names;
            }
            list.start_after = names.last().cloned();
        }
    };
    let keys = names(from).await;
    assert_eq!(keys, names(to).await);
    for key in keys {
        let (one, other) = (read(from, &key).unwrap(), read(to, &key).unwrap());
        assert_eq!(
            (one.body, one.meta.attributes),
            (other.body, other.meta.attributes),
            "{key}"
        );
    }
}

pub(crate) fn put_value(table: &MemoryTable, key: &str, value: &str, id: &str, time_to_live: Option<Duration>) {
    let mut put = kv::Put::new(kv::Key::new(key).unwrap(), value.to_owned(), WriteId::new(id));
    put.time_to_live = time_to_live;
    table.put(put).now_or_never().expect("no latency").unwrap();
}

pub(crate) fn value(table: &MemoryTable, key: &str) -> Option<Value> {
    let get = kv::Get::new(kv::Key::new(key).unwrap());
    table.get(get).now_or_never().expect("no latency").ok()
}

pub(crate) fn throttled(retry_after: Option<Duration>) -> ProviderError {
    let outcome = Outcome::new(Verdict::Throttled, Sent::Maybe).with_retry_after(retry_after);
    ProviderError::new(ProviderErrorKind::Throttled, outcome)
}

pub(crate) fn denied() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Denied, Outcome::new(Verdict::Denied, Sent::Maybe))
}
