//! What a client finds out about its stores by asking them.

use crate::{
    raw::{self, http, refusal},
    s3s_server::{self as server, config},
    store::{Store, Trouble},
};
use aws_sdk_s3::Client;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    client::object::{Property, VERIFY_PREFIX},
    provider::{AnyObjectProvider, Memory, ObjectProvider, ProviderError, S3},
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode},
};
use std::net::SocketAddr;

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
async fn a_good_store_and_nothing_is_left_in_it() {
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

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.0.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.0.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.0.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.0.list(list).await
    }
}

#[tokio::test]
async fn a_store_that_is_not_atomic() {
    let found = client([("hasty", AnyObjectProvider::new(ChecksThenWrites(Memory::new())))]);
    let found = found.verify().await;
    assert!(!found.is_sound());
    let hasty = &found.endpoints()[0];
    assert_eq!(*hasty.honours(), Property::Holds);
    let why = "24 of 24 creates at the same time succeeded";
    assert_eq!(*hasty.atomic(), Property::Broken(why.into()));
}

/// A real server. It checks first and writes then, too, and is caught at it most times, not always: see
/// [`Verified::atomic`](evenkeel::client::object::Verified::atomic).
#[tokio::test]
async fn s3s() {
    let server = server::start(&["orders"]).await;
    let client = client([("s3s-fs", s3(server.addr))]);
    let found = client.verify().await;
    let s3s = &found.endpoints()[0];
    assert_eq!((s3s.honours(), s3s.left_behind()), (&Property::Holds, 0), "{s3s:?}");
    let listed = s3(server.addr).list(List::default()).await.unwrap();
    assert!(listed.entries.is_empty(), "{listed:?}");
}

/// One that answers 200 and overwrites, one that says 501, one that is dead: each its own, at the same time.
#[tokio::test]
async fn stores_that_lie_refuse_or_are_dead() {
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
    let why = "a second create of a key was answered with success";
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
    assert!(dead.left_behind() > 0, "what could not be asked for may be there");
    assert!(VERIFY_PREFIX.ends_with('/'));
}

/// What cannot be asked is not known; asked again, it is.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_silent_for_a_while() {
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
async fn a_lost_answer_is_no_lie() {
    let store = Store::new();
    let troubles = [Trouble::None, Trouble::None, Trouble::None, Trouble::LostAnswer];
    store.then(troubles);
    let found = client([("lossy", AnyObjectProvider::new(store))]).verify().await;
    let lossy = &found.endpoints()[0];
    assert_eq!(*lossy.honours(), Property::Holds);
    assert!(matches!(lossy.atomic(), Property::Unknown(_)), "{lossy:?}");
}
