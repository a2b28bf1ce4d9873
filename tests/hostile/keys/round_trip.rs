//! Whatever the door takes comes back as it was, and is listed.

use super::table;
use crate::promise::{self, Promise};
use evenkeel::{Endpoint, ErrorKind, ObjectClient, provider::Memory};
#[cfg(feature = "object_store")]
use std::sync::Arc;

#[cfg(feature = "s3")]
#[path = "../../support/s3s.rs"]
pub(super) mod server;

/// What stores, SDKs and file systems trip over.
const ODD: &[&str] = &[
    "\\",
    "%",
    "%2F",
    "%00",
    "+",
    " ",
    "?",
    "#",
    "#1",
    "&",
    "=",
    "\"",
    "'",
    "<",
    ">",
    "&amp;",
    "~",
    ";",
    ":",
    "|",
    "*",
    "[",
    "{",
    "^",
    "`",
    "..a",
    "a..",
    "...",
    "-",
    "\u{A0}",
    "\u{AD}",
    "\u{200F}",
    "\u{2028}",
    "\u{2029}",
    "\u{FEFF}",
    "\u{FFFD}",
    "\u{FFFE}",
    "\u{FFFF}",
    "\u{E000}",
    "\u{D7FF}",
    "\u{1FFFE}",
    "\u{10FFFF}",
    "e\u{301}",
    "\u{E9}",
    "\u{130}",
    "\u{DF}",
    "\u{1F600}",
    "/",
    "\u{1}",
    "\u{7F}",
    "\u{85}",
];

fn odd_text(chance: &mut fastrand::Rng, parts: usize) -> String {
    (0..chance.usize(1..=parts))
        .map(|_| match chance.u8(..4) {
            0 => chance.alphanumeric().to_string(),
            1 => chance.char(..).to_string(),
            _ => ODD[chance.usize(..ODD.len())].to_owned(),
        })
        .collect()
}

fn header_value(chance: &mut fastrand::Rng) -> String {
    (0..chance.usize(..40))
        .map(|_| char::from(chance.u8(b' '..=b'~')))
        .collect()
}

/// Each key in a directory of its own, so that no key is another's directory where keys are files.
pub(super) async fn round_trips() {
    let mut clients: Vec<(&str, ObjectClient)> = Vec::new();
    let one = |endpoint| ObjectClient::builder().endpoint(endpoint).build().unwrap();
    clients.push(("memory", one(Endpoint::new("here", Memory::new()).erased())));
    #[cfg(feature = "s3")]
    let s3 = server::start(&["bucket"]).await;
    #[cfg(feature = "s3")]
    {
        let sdk = aws_sdk_s3::Client::from_conf(s3.config().build());
        clients.push((
            "s3",
            one(Endpoint::new("here", evenkeel::provider::S3::new(sdk, "bucket").trusting_conditions()).erased()),
        ));
    }
    #[cfg(feature = "object_store")]
    {
        use evenkeel::provider::GenericStore;
        let memory = GenericStore::new(Arc::new(object_store::memory::InMemory::new()))
            .unwrap()
            .trusting_transport();
        clients.push(("object_store", one(Endpoint::new("here", memory).erased())));
    }
    let mut chance = fastrand::Rng::with_seed(promise::seed());
    let mut taken: Vec<std::collections::BTreeSet<String>> = vec![Default::default(); clients.len()];
    for at in 0..promise::rounds(150) {
        let key = format!("{at}/{}", odd_text(&mut chance, 12));
        let attributes = [
            header_value(&mut chance),
            header_value(&mut chance),
            header_value(&mut chance),
        ];
        for ((name, client), taken) in clients.iter().zip(&mut taken) {
            Promise::BadInput.tried();
            let body = format!("the body of {key}");
            let call = client
                .put(key.clone(), body.clone())
                .content_type(attributes[0].clone());
            let call = call
                .cache_control(attributes[1].clone())
                .metadata("odd", attributes[2].clone());
            match call.await {
                Err(error) => {
                    assert_eq!(
                        (error.kind(), error.attempts_made()),
                        (ErrorKind::InvalidInput, 0),
                        "{name} {key:?}: {error}"
                    );
                }
                Ok(_) => {
                    let there = client
                        .get(key.clone())
                        .await
                        .unwrap_or_else(|error| panic!("{name} {key:?}: {error}"));
                    assert_eq!(there.body(), body.as_bytes(), "{name} {key:?}");
                    let kept = &there.meta().attributes;
                    assert_eq!(kept.content_type.as_deref(), Some(&*attributes[0]), "{name}");
                    assert_eq!(kept.cache_control.as_deref(), Some(&*attributes[1]), "{name}");
                    assert_eq!(kept.metadata["odd"], attributes[2], "{name}");
                    taken.insert(key.clone());
                }
            }
        }
    }
    for ((name, client), taken) in clients.iter().zip(taken) {
        assert!(taken.len() > 10, "{name} took {} keys", taken.len());
        let listed = client.list("").collect_all().await.unwrap();
        let listed: Vec<_> = listed.entries.iter().map(|entry| entry.name().to_owned()).collect();
        assert_eq!(listed, taken.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

pub(super) async fn values_round_trip() {
    let client = table();
    let mut chance = fastrand::Rng::with_seed(promise::seed());
    let mut taken = std::collections::BTreeMap::new();
    for _ in 0..promise::rounds(500) {
        Promise::BadInput.tried();
        let key = odd_text(&mut chance, 12);
        let value: Vec<u8> = (0..chance.usize(..50)).map(|_| chance.u8(..)).collect();
        match client.put(key.clone(), value.clone()).await {
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "{key:?}: {error}"),
            Ok(_) => {
                assert_eq!(client.get(key.clone()).await.unwrap().bytes(), &value, "{key:?}");
                taken.insert(key, value);
            }
        }
    }
    let scanned = client.scan("").collect_all().await.unwrap().entries.into_iter();
    let scanned: Vec<_> = scanned.map(|entry| (entry.key, entry.value.bytes.to_vec())).collect();
    assert_eq!(scanned, taken.into_iter().collect::<Vec<_>>());
}
