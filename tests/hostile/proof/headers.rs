//! Headers beside the body that cannot be read.

use super::s3::{at, key};
use crate::{
    promise::Promise,
    script::{Server, answer, serve},
};
use evenkeel::{
    provider::ObjectProvider,
    request::object::{Delete, Get, Head, Put},
};
use libtest_mimic::Trial;
use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};
use tracing_subscriber::{Layer, layer::SubscriberExt};

const UNREADABLE: [(&str, &str); 14] = [
    ("last-modified", "2026-11-27T08:57:14.000Z"),
    ("last-modified", "yesterday"),
    ("expires", "never"),
    ("x-amz-tagging-count", "three"),
    ("x-amz-tagging-count", ""),
    ("x-amz-missing-meta", "9999999999999"),
    ("x-amz-mp-parts-count", "-"),
    ("x-amz-object-lock-retain-until-date", "2030"),
    ("x-amz-delete-marker", "no"),
    ("x-amz-server-side-encryption-bucket-key-enabled", "1"),
    ("x-amz-expiration", "soon"),
    ("x-amz-restore", "?"),
    ("x-amz-object-size", "4 bytes"),
    ("x-amz-storage-class", "WARM"),
];

/// In no other trial, as the process is told once.
const ONCE: &str = "x-amz-object-lock-event-hold-duration-days";

async fn store(name: &'static str, value: &'static [u8]) -> Server {
    serve(move |asked| async move {
        let status = if asked.method == "DELETE" { 204 } else { 200 };
        let body = if asked.method == "PUT" || status == 204 {
            ""
        } else {
            "body"
        };
        let marks = [
            ("etag", "\"1\""),
            ("x-amz-request-id", "REQ42"),
            ("x-amz-meta-colour", "red"),
        ];
        let mut answer = answer(status, &marks, body);
        answer
            .headers_mut()
            .append(name, http::HeaderValue::from_bytes(value).unwrap());
        answer
    })
    .await
}

/// The words of every event of this crate.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Words(String);
        impl tracing::field::Visit for Words {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                let _ = write!(self.0, "{}={value:?} ", field.name());
            }
        }
        if event.metadata().target() == "evenkeel" {
            let mut words = Words(String::new());
            event.record(&mut words);
            self.0.lock().unwrap().push(words.0);
        }
    }
}

async fn is_readable(name: &'static str, value: &'static [u8]) {
    Promise::Proven.tried();
    let server = store(name, value).await;
    let store = at(&server);
    let what = format!("{name}: {:?}", String::from_utf8_lossy(value));
    for _ in 0..2 {
        let object = store
            .get(Get::new(key()))
            .await
            .unwrap_or_else(|error| panic!("get, {what}: {error:?}"));
        assert_eq!(
            (&object.body[..], object.meta.etag.unwrap().value()),
            (&b"body"[..], "\"1\"")
        );
        assert_eq!(object.meta.attributes.metadata["colour"], "red", "{what}");
        let meta = store
            .head(Head::new(key()))
            .await
            .unwrap_or_else(|error| panic!("head, {what}: {error:?}"));
        assert_eq!((meta.size, meta.last_modified), (4, None), "{what}");
        store
            .put(Put::new(key(), "body"))
            .await
            .unwrap_or_else(|error| panic!("put, {what}: {error:?}"));
        store
            .delete(Delete::new(key()))
            .await
            .unwrap_or_else(|error| panic!("delete, {what}: {error:?}"));
    }
}

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Proven.trial("proof::s3_an_unreadable_secondary_header_hides_no_object", || async {
            for (name, value) in UNREADABLE {
                is_readable(name, value.as_bytes()).await;
            }
            // Bytes that are no text, where the value is one.
            for name in [
                "content-disposition",
                "x-amz-meta-city",
                "x-amz-storage-class",
                "last-modified",
                "content-type",
            ] {
                is_readable(name, b"K\xf6ln").await;
            }
        }),
        Promise::Words.trial("proof::s3_an_unreadable_header_is_reported_once", || async {
            let heard = Heard::default();
            let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(heard.clone()));
            is_readable(ONCE, b"three").await;
            let heard = heard.0.lock().unwrap();
            assert_eq!(heard.len(), 1, "{heard:?}");
            assert!(heard[0].contains(ONCE) && !heard[0].contains("three"), "{heard:?}");
        }),
        Promise::Proven.trial("proof::s3_an_unreadable_length_is_a_fault", || async {
            let server = serve(|_| async {
                let mut answer = answer(206, &[("etag", "\"1\""), ("content-range", "bytes 0-3/four")], "body");
                answer.headers_mut().remove("x");
                answer
            })
            .await;
            let mut get = Get::new(key());
            get.range = Some((0..4).into());
            let error = at(&server).get(get).await.map(drop).unwrap_err();
            assert!(error.outcome().verdict.is_fault(), "{error:?}");
        }),
    ]
}
