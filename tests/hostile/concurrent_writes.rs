//! Writes of one key by one client that are under way at the same time: they cost no more than what they are, and what comes
//! after them is fenced again.

use crate::promise::{Promise, seed};
use evenkeel::{
    Endpoint, ObjectClient,
    provider::{Capabilities, Memory, ObjectProvider, ProviderError},
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode},
};
use futures_util::future::join_all;
use libtest_mimic::Trial;
use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::sleep;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Promise::Budget.paused(
            "concurrent_writes::concurrent_overwrites_cost_one_request_each",
            overwrites,
        ),
        Promise::Budget.paused("concurrent_writes::an_overtaken_read_teaches_no_tag", a_slow_read),
        Promise::Budget.paused("concurrent_writes::an_overtaken_put_teaches_no_tag", a_slow_put),
    ]
}

/// Takes a while for each, drawn by chance: first until it is done, then until that is heard.
#[derive(Clone)]
struct Far {
    store: Memory,
    chance: Arc<Mutex<fastrand::Rng>>,
    log: Arc<Mutex<Vec<&'static str>>>,
    /// The next one takes so many milliseconds there, and back.
    next: Arc<Mutex<Option<(u64, u64)>>>,
}

impl Far {
    fn new() -> (Self, ObjectClient) {
        let far = Self {
            store: Memory::new(),
            chance: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed()))),
            log: Arc::default(),
            next: Arc::default(),
        };
        let endpoint = Endpoint::new("home", far.clone()).capacity(1e6);
        let client = ObjectClient::builder().endpoint(endpoint).hedging(false);
        (far, client.build().unwrap())
    }

    /// What it was asked since the last time.
    fn log(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    async fn takes<T>(&self, what: &'static str, act: impl Future<Output = T>) -> T {
        self.log.lock().unwrap().push(what);
        let drawn = {
            let mut rng = self.chance.lock().unwrap();
            (rng.u64(5..40), rng.u64(5..40))
        };
        let (there, back) = self.next.lock().unwrap().take().unwrap_or(drawn);
        sleep(Duration::from_millis(there)).await;
        let done = act.await;
        sleep(Duration::from_millis(back)).await;
        done
    }
}

impl ObjectProvider for Far {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        let what = match put.mode {
            PutMode::IfMatch(_) => "put if match",
            _ => "put",
        };
        self.takes(what, self.store.put(put)).await
    }
    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.takes("get", self.store.get(get)).await
    }
    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.takes("head", self.store.head(head)).await
    }
    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.takes("delete", self.store.delete(delete)).await
    }
    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.takes("list", self.store.list(list)).await
    }
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

async fn fenced_again(far: &Far, client: &ObjectClient) {
    client.put("k", "after").overwrite().await.unwrap();
    far.log();
    client.put("k", "then").overwrite().await.unwrap();
    assert_eq!(far.log(), ["put if match"]);
}

async fn overwrites() {
    let (far, client) = Far::new();
    client.put("k", "before").overwrite().await.unwrap();
    for round in 0..5 {
        far.log();
        let puts = (0..50).map(|i| client.put("k", format!("{round} {i}")).overwrite().into_future());
        for stored in join_all(puts).await {
            Promise::Budget.tried();
            stored.unwrap();
        }
        // The first has a tag, which the others take away.
        let log = far.log();
        assert!(log.len() <= 51, "{} requests: {log:?}", log.len());
        fenced_again(&far, &client).await;
    }
}

async fn a_slow_read() {
    let (far, client) = Far::new();
    client.put("k", "0").overwrite().await.unwrap();
    *far.next.lock().unwrap() = Some((10, 1000));
    let get = tokio::spawn(client.get("k").into_future());
    sleep(Duration::from_millis(100)).await;
    client.put("k", "1").overwrite().await.unwrap();
    get.await.unwrap().unwrap();
    far.log();
    client.put("k", "2").overwrite().await.unwrap();
    assert_eq!(far.log(), ["put if match"]);
}

async fn a_slow_put() {
    let (far, client) = Far::new();
    // The first is stored first, and heard of last.
    *far.next.lock().unwrap() = Some((10, 800));
    let put = tokio::spawn(client.put("k", "0").overwrite().into_future());
    sleep(Duration::from_millis(100)).await;
    client.put("k", "1").overwrite().await.unwrap();
    put.await.unwrap().unwrap();
    far.log();
    client.put("k", "2").overwrite().await.unwrap();
    assert_eq!(far.log().len(), 1);
    fenced_again(&far, &client).await;
}
