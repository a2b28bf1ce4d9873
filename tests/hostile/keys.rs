//! Keys and values that a store would reinterpret, and what a write must not lose on the way.

use crate::promise::Promise;
use evenkeel::{
    Endpoint, ErrorKind, KvClient, ObjectClient, Replication,
    provider::{Memory, MemoryTable, ObjectProvider, check_put},
    request::{
        Key, WriteId,
        object::{Attributes, List, Put},
    },
};
use libtest_mimic::Trial;
use std::{sync::Arc, time::Duration};

pub(crate) fn trials() -> Vec<Trial> {
    let (kept, refused) = (Promise::Acknowledged, Promise::BadInput);
    vec![
        kept.paused("keys::a_compare_and_set_keeps_the_time_to_live", a_compare_and_set),
        kept.paused("keys::an_increment_keeps_the_time_to_live", an_increment),
        refused.paused("keys::what_no_listing_can_show_is_refused", no_listing_shows_it),
        refused.paused("keys::a_key_that_ends_in_a_slash_is_refused", a_trailing_slash),
        refused.paused("keys::both_doors_have_the_same_rules_for_attributes", the_same_rules),
    ]
}

const HOUR: Duration = Duration::from_secs(3_600);

fn table() -> KvClient {
    let endpoint = Endpoint::new("here", MemoryTable::new());
    KvClient::builder().endpoint(endpoint).seed(1).build().unwrap()
}

async fn a_compare_and_set() {
    let client = table();
    let stored = client.put("session", "1").time_to_live(HOUR).await.unwrap();
    let expires = client.get("session").await.unwrap().expires_at().unwrap();
    let mut version = stored.version().unwrap().clone();
    for step in 0..3 {
        let swapped = client.compare_and_set("session", version, step.to_string()).await.unwrap();
        version = swapped.version().unwrap().clone();
        let there = client.get("session").await.unwrap();
        let off = there.expires_at().map(|at| at.duration_since(expires).unwrap_or_default());
        assert!(off.is_some_and(|off| off < Duration::from_secs(2)), "{off:?}");
    }
    tokio::time::sleep(HOUR).await;
    assert_eq!(client.get("session").await.unwrap_err().kind(), ErrorKind::NotFound);
}

async fn an_increment() {
    let client = table();
    client.put("visits", "1").time_to_live(HOUR).await.unwrap();
    assert_eq!(client.increment("visits", 1).await.unwrap(), 2);
    assert!(client.get("visits").await.unwrap().expires_at().is_some());
    tokio::time::sleep(HOUR).await;
    // It starts again from nothing.
    assert_eq!(client.increment("visits", 1).await.unwrap(), 1);
    assert_eq!(client.get("visits").await.unwrap().expires_at(), None);
}

fn objects(stores: [&Memory; 2]) -> ObjectClient {
    let names = ["virginia", "ireland"].into_iter().zip(stores);
    ObjectClient::builder()
        .endpoints(names.map(|(name, store)| Endpoint::new(name, store.clone())))
        .replication(Replication::write_once())
        .seed(1)
        .build()
        .unwrap()
}

async fn refused_everywhere(keys: &[&str]) {
    let (virginia, ireland) = (Memory::new(), Memory::new());
    let client = objects([&virginia, &ireland]);
    for key in keys {
        Promise::BadInput.tried();
        for error in [
            client.put(*key, "v").await.unwrap_err(),
            client.get(*key).await.unwrap_err(),
            client.head(*key).await.unwrap_err(),
            client.delete(*key).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::InvalidInput, 0), "{key:?}: {error}");
        }
    }
    for store in [virginia, ireland] {
        assert!(store.list(List::default()).await.unwrap().entries.is_empty());
    }
}

/// XML 1.0 has no way to write these, so that a listing with one could not be read any more.
async fn no_listing_shows_it() {
    refused_everywhere(&["a\u{FFFE}", "\u{FFFF}b", "a\u{1}", "a\u{7F}", "a\u{85}"]).await;
    let client = objects([&Memory::new(), &Memory::new()]);
    for prefix in ["\u{FFFE}", "a\u{FFFF}", "\u{1}"] {
        let error = client.list(prefix).collect_all().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{prefix:?}: {error}");
    }
}

async fn a_trailing_slash() {
    refused_everywhere(&["a/", "a/b/", "/"]).await;
}

/// What the client refuses, the adapter refuses, and the other way round: one function says so.
async fn the_same_rules() {
    let pair = |name: &str, value: &str| {
        let mut attributes = Attributes::default();
        attributes.metadata.insert(name.to_owned(), value.to_owned());
        attributes
    };
    let typed = |value: &str| {
        let mut attributes = Attributes::default();
        attributes.content_type = Some(value.to_owned());
        attributes
    };
    let cases = [
        (pair("colour", "blue"), None, true),
        (pair("colour", ""), None, false),
        (pair("evenkeel-write", "v"), None, false),
        (pair("evenkeel-other", "v"), None, false),
        (pair("Colour", "v"), None, false),
        (pair("colour", "ü"), None, false),
        (pair("colour", " v"), None, false),
        (pair("n", &"v".repeat(2000)), None, true),
        (pair("n", &"v".repeat(2048)), None, false),
        (typed(""), None, false),
        (typed("text/plain; charset=utf-8"), None, true),
        (typed("a\tb"), None, false),
        (Attributes::default(), Some("i".repeat(64)), true),
        (Attributes::default(), Some("i".repeat(65)), false),
        (Attributes::default(), Some("a b".to_owned()), false),
        (Attributes::default(), Some(String::new()), false),
    ];
    let store = Memory::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", store.clone()))
        .build()
        .unwrap();
    for (at, (attributes, id, good)) in cases.into_iter().enumerate() {
        Promise::BadInput.tried();
        let shown = format!("{at}: {attributes:?} {id:?}");
        let mut put = Put::new(Key::new(format!("adapter/{at}")).unwrap(), "v");
        put.attributes = Arc::new(attributes.clone());
        put.write_id = id.clone().map(WriteId::new);
        assert_eq!(check_put(&put).is_ok(), good, "{shown}");
        assert_eq!(ObjectProvider::put(&store, put).await.is_ok(), good, "{shown}");
        let mut call = client.put(format!("client/{at}"), "v");
        if let Some(value) = &attributes.content_type {
            call = call.content_type(value);
        }
        for (name, value) in &attributes.metadata {
            call = call.metadata(name, value);
        }
        if let Some(id) = id {
            call = call.write_id(WriteId::new(id));
        }
        let called = call.await;
        assert_eq!(called.is_ok(), good, "{shown}: {called:?}");
        if let Err(error) = called {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{shown}: {error}");
        }
    }
}
