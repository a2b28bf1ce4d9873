//! Keys and values that a store would reinterpret, and what a write must not lose on the way.
#![allow(clippy::disallowed_methods)] // the test's own clock

mod round_trip;

use crate::promise::Promise;
use evenkeel::{
    Endpoint, ErrorKind, KvClient, ObjectClient, Replication,
    provider::{KvProvider, Memory, MemoryTable, ObjectProvider, ProviderError, check_put},
    request::{
        Key, Stamp, WriteId, kv,
        object::{Attributes, List, Put},
    },
};
use libtest_mimic::Trial;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub(crate) fn trials() -> Vec<Trial> {
    let (kept, refused) = (Promise::Acknowledged, Promise::BadInput);
    vec![
        kept.paused("keys::a_compare_and_set_keeps_the_time_to_live", a_compare_and_set),
        kept.paused("keys::an_increment_keeps_the_time_to_live", an_increment),
        kept.paused("keys::without_expiry_removes_the_time_to_live", without_expiry),
        kept.paused(
            "keys::a_retried_compare_and_set_keeps_the_time_to_live",
            through_lost_answers,
        ),
        refused.paused("keys::keys_that_no_listing_can_show_are_refused", no_listing_shows_it),
        refused.paused("keys::a_key_that_ends_in_a_slash_is_refused", a_trailing_slash),
        refused.paused(
            "keys::adapter_and_client_have_the_same_rules_for_attributes",
            the_same_rules,
        ),
        refused.paused(
            "keys::adapter_and_client_have_the_same_rules_for_values",
            the_same_rules_for_values,
        ),
        #[cfg(feature = "azure_blob")]
        refused.trial("keys::keys_that_azure_changes_are_refused_unsent", azures_names),
        #[cfg(feature = "s3")]
        Promise::Words.trial("keys::a_listing_that_is_no_xml_is_an_error", no_xml),
        refused.trial(
            "keys::accepted_objects_round_trip_and_are_listed",
            round_trip::round_trips,
        ),
        refused.paused("keys::accepted_values_round_trip", round_trip::values_round_trip),
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
        let swapped = client
            .compare_and_set("session", version, step.to_string())
            .await
            .unwrap();
        version = swapped.version().unwrap().clone();
        let there = client.get("session").await.unwrap();
        let off = there
            .expires_at()
            .map(|at| at.duration_since(expires).unwrap_or_default());
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
            assert_eq!(
                (error.kind(), error.attempts_made()),
                (ErrorKind::InvalidInput, 0),
                "{key:?}: {error}"
            );
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
        (pair("n", &"v".repeat(2048 - 15 - Stamp::TEXT_BYTES)), None, true), // the client adds its id
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

async fn without_expiry() {
    let client = table();
    for key in ["swapped", "put", "batch"] {
        client.put(key, "1").time_to_live(HOUR).await.unwrap();
    }
    client.put("counted", "1").time_to_live(HOUR).await.unwrap();
    let version = client.get("swapped").await.unwrap().version().clone();
    client
        .compare_and_set("swapped", version, "2")
        .without_expiry()
        .await
        .unwrap();
    client.increment("counted", 1).without_expiry().await.unwrap();
    // The last word holds.
    for key in ["first for an hour", "then for an hour"] {
        let put = client.put(key, "2");
        match key {
            "first for an hour" => put.time_to_live(HOUR).without_expiry().await,
            _ => put.without_expiry().time_to_live(HOUR).await,
        }
        .unwrap();
        let expires = client.get(key).await.unwrap().expires_at().is_some();
        assert_eq!(expires, key.starts_with("then"), "{key}");
    }
    // A put is a new value, whatever was there.
    client.put("put", "2").await.unwrap();
    client.put_many([("batch", "2")]).await.unwrap();
    for key in ["swapped", "counted", "put", "batch"] {
        let there = client.get(key).await.unwrap();
        assert_eq!((there.expires_at(), &there.bytes()[..]), (None, &b"2"[..]), "{key}");
    }
}

/// Answers are lost, and the retry meets its own write: the value still expires when it should, not later.
async fn through_lost_answers() {
    let table = Losing(MemoryTable::new(), Arc::default());
    let client = KvClient::builder()
        .endpoint(Endpoint::new("here", table.clone()))
        .seed(1)
        .build()
        .unwrap();
    client.put("session", "0").time_to_live(HOUR).await.unwrap();
    let since = tokio::time::Instant::now();
    for step in 0..5 {
        tokio::time::sleep(HOUR / 10).await;
        let version = client.get("session").await.unwrap().version().clone();
        table.1.store(true, Ordering::Relaxed);
        client
            .compare_and_set("session", version, step.to_string())
            .await
            .unwrap();
        client.increment("session", 1).await.unwrap();
    }
    assert!(client.get("session").await.unwrap().expires_at().is_some());
    tokio::time::sleep_until(since + HOUR + Duration::from_secs(5)).await;
    assert_eq!(client.get("session").await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// A table that loses the answer of the next put.
#[derive(Clone)]
struct Losing(MemoryTable, Arc<AtomicBool>);

impl KvProvider for Losing {
    async fn put(&self, put: kv::Put) -> Result<kv::PutAnswer, ProviderError> {
        let answer = self.0.put(put).await;
        match self.1.swap(false, Ordering::Relaxed) {
            true => Err(ProviderError::faulty("lost")),
            false => answer,
        }
    }

    values_through!(self.0: get delete scan limits);
}

async fn the_same_rules_for_values() {
    let day = Duration::from_secs(24 * 3_600);
    let cases = [
        ("w1", Some(day), true),
        ("w2", None, true),
        ("w3", Some(Duration::ZERO), false),
        ("w4", Some(day * 365 * 101), false),
        ("", None, false),
        ("w 5", None, false),
        ("w\u{e9}", None, false),
        (&*"w".repeat(64), None, true),
        (&*"w".repeat(65), None, false),
    ];
    let (at_the_adapter, client) = (MemoryTable::new(), table());
    for (at, (id, life, good)) in cases.into_iter().enumerate() {
        Promise::BadInput.tried();
        let key = format!("k{at}");
        let mut put = kv::Put::new(kv::Key::new(&*key).unwrap(), "v", WriteId::new(id));
        put.time_to_live = life;
        assert_eq!(
            KvProvider::put(&at_the_adapter, put).await.is_ok(),
            good,
            "{at}: {id:?} {life:?}"
        );
        let mut call = client.put(key, "v").write_id(WriteId::new(id));
        if let Some(life) = life {
            call = call.time_to_live(life);
        }
        assert_eq!(call.await.is_ok(), good, "{at}: {id:?} {life:?}");
    }
}

/// It takes `\` for `/`, and parts of a name that end in a dot are not kept.
#[cfg(feature = "azure_blob")]
async fn azures_names() {
    use evenkeel::provider::{AzureBlob, azure_blob::Credential};

    let server = crate::script::always(500, &[], "").await;
    let url = format!("{}/account/container", server.url()).parse().unwrap();
    let azure = AzureBlob::new(url, Credential::InTheUrl).unwrap();
    let first = Memory::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", first.clone()))
        .endpoint(Endpoint::new("azure", azure.clone()))
        .replication(Replication::write_once())
        .build()
        .unwrap();
    for key in [r"a\b", r"\", "a.", "a./b"] {
        Promise::BadInput.tried();
        for error in [
            client.put(key, "v").await.unwrap_err(),
            client.get(key).await.unwrap_err(),
            client.delete(key).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind(), error.attempts_made()),
                (ErrorKind::InvalidInput, 0),
                "{error}"
            );
            assert!(error.to_string().contains("azure: "), "{error}");
        }
        let put = Put::new(Key::new(key).unwrap(), "v");
        let refused = azure.put(put).await.unwrap_err();
        assert_eq!(refused.kind(), evenkeel::provider::ProviderErrorKind::Unsupported);
    }
    assert!(first.list(List::default()).await.unwrap().entries.is_empty());
    // What another has stored is reported, and stops nothing.
    first.put(Put::new(Key::new(r"a\b").unwrap(), "v")).await.unwrap();
    let source = Endpoint::new("virginia", first);
    let backfill = evenkeel::backfill::Backfill::objects(source, Endpoint::new("azure", azure));
    let report = backfill.run().await.unwrap();
    assert_eq!((report.counts.not_copyable, report.counts.keys()), (1, 1));
    assert_eq!(server.count(), 0);
}

#[cfg(feature = "s3")]
async fn no_xml() {
    use evenkeel::provider::S3;

    for key in ["a\u{FFFE}", "\u{FFFF}", "a\u{1}"] {
        let body: &'static str = format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Contents><Key>{key}</Key><Size>1</Size></Contents></ListBucketResult>"
        )
        .leak();
        let server = crate::script::always(200, &[("x-amz-request-id", "REQ7")], body).await;
        let sdk = aws_sdk_s3::Client::from_conf(round_trip::server::config(&server.url()).build());
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("here", S3::new(sdk, "bucket")))
            .build()
            .unwrap();
        let error = client.list("").collect_all().await.unwrap_err().to_string();
        assert!(
            error.contains("the listing is not readable XML") && !error.contains("200"),
            "{key:?}: {error}"
        );
    }
}
