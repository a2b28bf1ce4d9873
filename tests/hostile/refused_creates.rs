//! Stores that take no creates for a while, in adapters of the user's own.

use crate::promise::Promise;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    provider::{Capabilities, Capability, Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Put, PutAnswer},
    telemetry::Event,
    verdict::{Outcome, Sent, Verdict},
};
use libtest_mimic::Trial;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Promise::Healthy.paused("refused_creates::a_refusal_of_creates_expires", forgotten),
        Promise::Healthy.paused(
            "refused_creates::an_adapters_own_error_for_full_is_recognised",
            own_words,
        ),
        Promise::OwnCode.paused("refused_creates::a_panic_in_capabilities_is_retried", asked_again),
    ]
}

/// Refuses creates so, while it is told to.
#[derive(Clone)]
struct Refuses {
    inner: Memory,
    refusing: Arc<AtomicBool>,
    with: ProviderError,
    puts: Arc<AtomicUsize>,
    /// So many times it panics when it is asked what it can; then it says that it does not know.
    panics: Option<Arc<AtomicUsize>>,
}

impl Refuses {
    fn with(kind: ProviderErrorKind, verdict: Verdict) -> Self {
        let with = ProviderError::new(kind, Outcome::new(verdict, Sent::Maybe)).with_message("words of its own");
        Self {
            inner: Memory::new(),
            refusing: Arc::new(AtomicBool::new(true)),
            with,
            puts: Arc::default(),
            panics: None,
        }
    }

    fn puts(&self) -> usize {
        self.puts.load(SeqCst)
    }
}

impl ObjectProvider for Refuses {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.puts.fetch_add(1, SeqCst);
        match self.refusing.load(SeqCst) {
            true => Err(self.with.clone()),
            false => self.inner.put(put).await,
        }
    }
    fn capabilities(&self) -> Capabilities {
        let Some(panics) = &self.panics else {
            return Capabilities::all(Capability::Kept);
        };
        let left = panics.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if left == Ok(1) {
            std::panic::resume_unwind(Box::new("as the trial wants it"));
        }
        Capabilities::all(Capability::Unknown)
    }

    objects_through!(self.inner: get head delete list);
}

fn client(stores: &[&Refuses], told: &Arc<Mutex<Vec<String>>>) -> ObjectClient {
    let told = told.clone();
    let endpoints = stores
        .iter()
        .zip(["a", "b"])
        .map(|(store, name)| Endpoint::new(name, (*store).clone()));
    ObjectClient::builder()
        .endpoints(endpoints)
        .replication(Replication::write_once())
        .on_event(move |event| {
            if matches!(event, Event::PassedOver { .. }) {
                told.lock().unwrap().push(event.to_string());
            }
        })
        .build()
        .unwrap()
}

async fn forgotten() {
    let told = Arc::default();
    let [a, b] = [(); 2].map(|()| Refuses::with(ProviderErrorKind::Unsupported, Verdict::Caller));
    b.refusing.store(false, SeqCst);
    let both = client(&[&a, &b], &told);
    for key in 0..10 {
        assert_eq!(both.put(format!("{key}"), "x").await.unwrap().endpoint(), "b");
    }
    assert_eq!(a.puts(), 1);
    assert_eq!(
        *told.lock().unwrap(),
        ["creates pass a over for 30s because it said that it does not support creates"]
    );
    // It was a gateway that said so.
    a.refusing.store(false, SeqCst);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(both.put("later", "x").await.unwrap().endpoint(), "a");
    // Where there is nobody else, it is asked at once.
    a.refusing.store(true, SeqCst);
    let alone = client(&[&a], &told);
    alone.put("alone", "x").await.unwrap_err();
    a.refusing.store(false, SeqCst);
    alone.put("alone", "x").await.unwrap();
}

async fn own_words() {
    let told = Arc::default();
    let [a, b] = [(); 2].map(|()| Refuses::with(ProviderErrorKind::Full, Verdict::Throttled));
    b.refusing.store(false, SeqCst);
    let both = client(&[&a, &b], &told);
    for key in 0..10 {
        assert_eq!(both.put(format!("{key}"), "x").await.unwrap().endpoint(), "b");
    }
    assert_eq!(a.puts(), 1);
    assert!(told.lock().unwrap()[0].ends_with("because it said that it is full"));
}

async fn asked_again() {
    let told = Arc::default();
    let mut store = Refuses::with(ProviderErrorKind::Unsupported, Verdict::Caller);
    store.refusing.store(false, SeqCst);
    // Each call asks it several times: wherever it panics, some create afterwards has the store verified.
    for panics in 1..8 {
        store.panics = Some(Arc::new(AtomicUsize::new(panics)));
        let client = client(&[&store], &told);
        let mut took = Duration::ZERO;
        for key in 0..400 {
            let began = told_time();
            let client = client.clone();
            let put = tokio::spawn(async move { client.put(format!("{panics}/{key}"), "x").await.map(drop) });
            let _ = put.await;
            took = took.max(told_time() - began);
        }
        assert!(took < Duration::from_secs(1), "{took:?}, {panics}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the time is paused here")]
fn told_time() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
