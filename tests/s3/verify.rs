//! What a client finds out about its stores by asking them.

use crate::{
    raw::{self, http, refusal},
    s3s_server::{self as server, config},
    store::{Store, Trouble},
};
use aws_sdk_s3::Client;
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    client::object::{Property, VERIFY_PREFIX},
    provider::{AnyObjectProvider, Capabilities, Capability, Memory, ObjectProvider, ProviderError, S3},
    request::object::{Head, List, Put, PutAnswer, PutMode},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

fn s3(addr: SocketAddr) -> AnyObjectProvider {
    let config = config(&format!("http://{addr}"));
    AnyObjectProvider::new(S3::new(Client::from_conf(config.build()), "orders"))
}

fn client(providers: impl IntoIterator<Item = (&'static str, AnyObjectProvider)>) -> ObjectClient {
    let endpoints = providers
        .into_iter()
        .map(|(name, provider)| Endpoint::new(name, provider));
    let builder = ObjectClient::builder().endpoints(endpoints.collect::<Vec<_>>());
    builder.replication(Replication::write_once()).build().unwrap()
}

#[tokio::test]
async fn a_sound_store_is_verified_and_left_clean() {
    let memory = Memory::new();
    let copy = Memory::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", memory.clone()))
        .endpoint(Endpoint::new("copy", copy).read_only())
        .build()
        .unwrap();
    let found = client.verify().await;
    assert!(found.is_sound(), "{found:?}");
    let [here] = found.endpoints() else {
        panic!("a read-only copy is not written to: {found:?}");
    };
    assert_eq!((here.endpoint(), here.left_behind()), ("here", 0));
    assert!(memory.list(List::default()).await.unwrap().entries.is_empty());
}

/// Looks first, and writes after a moment.
struct ChecksThenWrites(Memory);

impl ObjectProvider for ChecksThenWrites {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        if self.0.head(Head::new(put.key.clone())).await.is_err() {
            tokio::task::yield_now().await;
            put.mode = PutMode::Overwrite;
        }
        self.0.put(put).await
    }

    objects_through!(self.0: get head delete list);
}

#[tokio::test]
async fn non_atomic_creates_are_detected() {
    let found = client([("hasty", AnyObjectProvider::new(ChecksThenWrites(Memory::new())))]);
    let found = found.verify().await;
    assert!(!found.is_sound());
    let hasty = &found.endpoints()[0];
    assert_eq!(*hasty.honours(), Property::Holds);
    let why = "24 of 24 creates at the same time succeeded";
    assert_eq!(*hasty.atomic(), Property::Broken(why.into()));
}

/// A real server, over a socket.
#[tokio::test]
async fn a_sound_server_is_verified_and_left_clean() {
    let server = server::start(&["orders"]).await;
    let client = client([("here", s3(server.addr))]);
    let found = client.verify().await;
    assert!(found.is_sound(), "{found:?}");
    let here = &found.endpoints()[0];
    let holds = (&Property::Holds, &Property::Holds);
    assert_eq!((here.honours(), here.atomic()), holds, "{here:?}");
    assert_eq!(here.left_behind(), 0, "{here:?}");
    let listed = s3(server.addr).list(List::default()).await.unwrap();
    assert!(listed.entries.is_empty(), "{listed:?}");
}

/// One that answers 200 and overwrites, one that says 501, one that is dead: each its own, at the same time.
#[tokio::test]
async fn lying_refusing_and_dead_stores_are_told_apart() {
    let liar = raw::serve(http("200 OK", &[("etag", "\"a\"")], "")).await;
    let honest = raw::serve(refusal("501 Not Implemented", "NotImplemented")).await;
    let client = client([
        ("liar", s3(liar.addr)),
        ("honest", s3(honest.addr)),
        ("dead", s3(raw::nobody().await)),
        ("good", AnyObjectProvider::new(Memory::new())),
    ]);
    let found = client.verify().await;
    assert!(!found.is_sound());
    let [liar, honest, dead, good] = found.endpoints() else {
        panic!("{found:?}");
    };
    let why = "the store answered a second create of a key with success";
    assert_eq!(*liar.honours(), Property::Broken(why.into()));
    assert_eq!(*liar.atomic(), Property::Broken(why.into()));
    assert_eq!(
        (honest.honours(), honest.atomic()),
        (&Property::Unsupported, &Property::Unsupported)
    );
    assert!(
        matches!(dead.honours(), Property::Unknown(why) if why.contains("refused")),
        "{dead:?}"
    );
    assert_eq!((good.honours(), good.atomic()), (&Property::Holds, &Property::Holds));
    assert_eq!(dead.left_behind(), 0, "nothing was sent");
    assert!(VERIFY_PREFIX.ends_with('/'));
}

/// Overwrites whatever is there, until it is mended.
#[derive(Clone)]
struct Overwrites(Memory, Arc<AtomicBool>);

impl ObjectProvider for Overwrites {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        if !self.1.load(SeqCst) {
            put.mode = PutMode::Overwrite;
        }
        self.0.put(put).await
    }

    objects_through!(self.0: get head delete list);
}

fn overwrites() -> Overwrites {
    Overwrites(Memory::new(), Arc::default())
}

/// Under write-once its share goes to the others, and what it holds is still read and deleted.
#[tokio::test]
async fn a_store_that_ignores_conditions_gets_no_more_creates() {
    let (liar, good) = (overwrites(), Memory::new());
    let client = client([
        ("liar", AnyObjectProvider::new(liar.clone())),
        ("good", AnyObjectProvider::new(good.clone())),
    ]);
    assert_eq!(client.put("before", "x").await.unwrap().endpoint(), "liar");
    assert!(!client.verify().await.is_sound());

    let (stored, explanation) = client.put("after", "x").explained().await.unwrap();
    assert_eq!(stored.endpoint(), "good");
    let passed_over = explanation.considered()[0].not_used();
    assert_eq!(passed_over, Some("it cannot be trusted with creates"));
    let error = client.put("pinned", "x").pin("liar").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("liar cannot be trusted with creates"),
        "{error}"
    );
    assert_eq!(client.get("before").await.unwrap().endpoint(), "liar");
    assert_eq!(client.get("nowhere").await.unwrap_err().kind(), ErrorKind::NotFound);
    client.delete("before").await.unwrap();
    assert!(liar.0.list(List::default()).await.unwrap().entries.is_empty());
    // Its clones know it, too.
    assert_eq!(client.clone().put("clone", "x").await.unwrap().endpoint(), "good");

    // Mended, and found to be.
    liar.1.store(true, SeqCst);
    assert!(client.verify().await.is_sound());
    assert_eq!(client.put("mended", "x").await.unwrap().endpoint(), "liar");
}

#[tokio::test]
async fn creates_are_refused_when_every_store_ignores_conditions() {
    let (one, other) = (overwrites(), overwrites());
    let client = client([
        ("one", AnyObjectProvider::new(one.clone())),
        ("other", AnyObjectProvider::new(other)),
    ]);
    let _ = client.verify().await;
    let error = client.put("k", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .contains("one and other cannot be trusted with creates"),
        "{error}"
    );
    assert!(!error.may_have_been_applied());
    assert!(
        one.0.list(List::default()).await.unwrap().entries.is_empty(),
        "nothing was sent"
    );
}

/// At a home conditions are refused, and what needs none goes on.
#[tokio::test]
async fn a_home_that_ignores_conditions_gets_no_conditional_writes() {
    let home = overwrites();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", home.clone()))
        .endpoint(Endpoint::new("copy", Memory::new()).read_only())
        .build()
        .unwrap();
    let tag = client.put("k", "x").await.unwrap().etag().cloned().unwrap();
    let _ = client.verify().await;
    for refused in [client.put("k", "y"), client.put("k", "y").if_match(tag)] {
        let error = refused.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("virginia cannot be trusted with"), "{error}");
    }
    assert_eq!(client.get("k").await.unwrap().body(), "x");
    client.put("k", "z").overwrite().await.unwrap();
    assert_eq!(client.get("k").await.unwrap().body(), "z");
}

/// A store that cannot is passed over instead of failing the call, and one that could not be asked is used as before.
#[tokio::test]
async fn unsupported_and_unknown_conditions_are_told_apart() {
    let honest = raw::serve(refusal("501 Not Implemented", "NotImplemented")).await;
    let silent = Store::new();
    let client = client([
        ("honest", s3(honest.addr)),
        ("silent", AnyObjectProvider::new(silent.clone())),
    ]);
    silent.always(Trouble::Refused);
    let found = client.verify().await;
    assert!(
        matches!(found.endpoints()[1].honours(), Property::Unknown(_)),
        "{found:?}"
    );
    silent.heal();
    assert_eq!(client.put("k", "x").await.unwrap().endpoint(), "silent");
}

/// What cannot be asked is not known; asked again, it is.
#[tokio::test(start_paused = true)]
async fn a_silent_store_is_unknown_until_verified_again() {
    let store = Store::new();
    store.always(Trouble::Hang);
    let client = client([("silent", AnyObjectProvider::new(store.clone()))]);
    let found = client.verify().await;
    let silent = &found.endpoints()[0];
    assert_eq!(*silent.honours(), Property::Unknown("no answer within 5 s".into()));
    assert!(!found.is_sound());
    assert!(silent.left_behind() > 0, "what could not be asked may be there");
    store.heal();
    assert!(client.verify().await.is_sound());
}

/// The answer to the only create that was done is lost: nobody is known to have won, and nobody lied.
#[tokio::test]
async fn a_lost_answer_is_not_taken_for_ignored_conditions() {
    let store = Store::new();
    // Two creates, a look, a delete; then the first race.
    let troubles = [Trouble::None; 4].into_iter().chain([Trouble::LostAnswer]);
    store.then(troubles);
    let found = client([("lossy", AnyObjectProvider::new(store))]).verify().await;
    let lossy = &found.endpoints()[0];
    assert_eq!(*lossy.honours(), Property::Holds);
    assert!(matches!(lossy.atomic(), Property::Unknown(_)), "{lossy:?}");
}

/// A store of which nobody knows anything.
#[derive(Clone)]
struct Unheard(Store);

impl ObjectProvider for Unheard {
    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Capability::Unknown)
    }

    objects_through!(self.0: put get head delete list);
}

/// One refused connection keeps creates off for as long as the store is out, and no longer.
#[tokio::test(start_paused = true)]
async fn required_verification_resumes_when_the_store_is_back() {
    let store = Store::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", Unheard(store.clone())))
        .require_verified()
        .build()
        .unwrap();
    store.always(Trouble::Refused);
    let error = client.put("k", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error
            .to_string()
            .contains("the client could not tell whether home can be trusted with creates; home: connection refused"),
        "{error}"
    );
    store.heal();
    assert!(client.put("k", "x").await.is_err(), "nothing shows yet that it is back");
    assert_eq!(client.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    client.put("k", "x").await.unwrap();
}
