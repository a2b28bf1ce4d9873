//! Copies on the store's side, through the adapter.

use crate::{
    outcome::{FAULTY, at, shows_nothing, with},
    raw::{self, http},
    s3s_server::config,
};
use aws_sdk_s3::Client;
use evenkeel::{
    provider::{ObjectProvider, ProviderError, ProviderErrorKind, S3},
    request::{
        Key,
        object::{Attributes, Copy, ETag, Get, Put, PutMode, Terms, WriteId},
    },
    verdict::{Sent, Verdict},
};
use evenkeel_s3_server::{Fault, Operation, Rule, Server, Settings};
use std::sync::Arc;

async fn bucket() -> (S3, Server) {
    let server = Server::start(Settings::new(&["orders"])).await.unwrap();
    let store = S3::new(Client::from_conf(config(&server.url()).build()), "orders");
    (store.trusting_all_conditions(), server)
}

fn named(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn copy(from: &str, to: &str, mode: PutMode) -> Copy {
    with(Copy::new(named(from), named(to), 5), |it| {
        it.mode = mode;
        it.write_id = Some(WriteId::new("copies-of-s3"));
    })
}

async fn put(store: &S3, name: &str, body: &'static str) -> ETag {
    let put = with(Put::new(named(name), body), |it| {
        it.mode = PutMode::Overwrite;
    });
    store.put(put).await.unwrap().etag.unwrap()
}

fn kind<T>(result: Result<T, ProviderError>) -> (ProviderErrorKind, Verdict) {
    let error = result.err().unwrap();
    shows_nothing(&error);
    (error.kind(), error.outcome().verdict)
}

#[tokio::test]
async fn odd_keys_are_copied() {
    let (store, _server) = bucket().await;
    for name in [
        "a b",
        "a+b",
        "100%",
        "a%2Fb",
        "a%20b",
        "straße/東京",
        "a/.b/c..d",
        "?a=b&c#d",
        "~!*'();:@,$[]\"\\",
    ] {
        put(&store, name, "hello").await;
        let to = format!("copy of {name}");
        store.copy(copy(name, &to, PutMode::Create)).await.unwrap();
        let got = store.get(Get::new(named(&to))).await.unwrap();
        assert_eq!(got.body, "hello", "{name}");
        // Onto itself, which only renames its write.
        store.copy(copy(name, name, PutMode::Overwrite)).await.unwrap();
        let got = store.get(Get::new(named(name))).await.unwrap();
        assert_eq!(got.meta.write_id, Some(WriteId::new("copies-of-s3")), "{name}");
    }
}

/// Metadata, id, class and tags are those of the request, also where it has none.
#[tokio::test]
async fn nothing_of_the_source_but_its_bytes_is_copied() {
    let (store, server) = bucket().await;
    let colour = |colour: &str| {
        Arc::new(with(Attributes::default(), |it| {
            it.content_type = Some(format!("text/{colour}"));
            it.content_language = Some("de".into());
            it.metadata = [("the_colour".to_owned(), colour.to_owned())].into();
        }))
    };
    let put = with(Put::new(named("a"), "hello"), |it| {
        it.attributes = colour("blue");
        it.terms = Arc::new(Terms::new().storage_class("STANDARD_IA").tag("team", "blue"));
        it.write_id = Some(WriteId::new("source"));
    });
    store.put(put).await.unwrap();
    let green = with(copy("a", "green", PutMode::Create), |it| {
        it.attributes = colour("green");
        it.terms = Arc::new(Terms::new().storage_class("GLACIER_IR").tag("team", "green"));
    });
    let answer = store.copy(green).await.unwrap();
    let got = store.get(Get::new(named("green"))).await.unwrap();
    assert_eq!(
        (got.meta.attributes, got.meta.write_id, got.meta.etag),
        (
            Arc::unwrap_or_clone(colour("green")),
            Some(WriteId::new("copies-of-s3")),
            answer.etag
        )
    );
    let stored = server.store().object("orders", "green").unwrap();
    let tags = [("team".to_owned(), "green".to_owned())];
    assert_eq!(
        (stored.storage_class.as_deref(), stored.tags.as_slice()),
        (Some("GLACIER_IR"), &tags[..])
    );
    store.copy(Copy::new(named("a"), named("plain"), 5)).await.unwrap();
    let stored = server.store().object("orders", "plain").unwrap();
    assert_eq!(
        (stored.tags.len(), stored.metadata.len(), stored.storage_class),
        (0, 0, None)
    );
    assert_eq!(stored.content_language, None);
}

/// The store does not say which of two conditions failed, or which of two objects is missing.
#[tokio::test]
async fn refusals_of_source_and_copy_are_told_apart() {
    use ProviderErrorKind::*;
    let (store, _server) = bucket().await;
    let (current, old) = (put(&store, "a", "hello").await, ETag::new("\"old\"", ""));
    let there = put(&store, "there", "other").await;
    let if_match = |tag: &ETag| PutMode::IfMatch(tag.clone());
    for (from, of, to, mode, expected) in [
        ("a", Some(&current), "there", PutMode::Create, AlreadyExists),
        ("a", None, "there", PutMode::Create, AlreadyExists),
        ("a", Some(&old), "absent", PutMode::Create, PreconditionFailed),
        ("a", Some(&old), "there", PutMode::Overwrite, PreconditionFailed),
        ("a", Some(&old), "there", if_match(&there), PreconditionFailed),
        ("a", Some(&current), "there", if_match(&old), PreconditionFailed),
        ("a", None, "absent", if_match(&old), PreconditionFailed),
        ("nothing", None, "there", if_match(&there), NotFound),
        ("nothing", Some(&old), "absent", PutMode::Create, NotFound),
        ("nothing", None, "absent", PutMode::Overwrite, NotFound),
    ] {
        let refused = store
            .copy(with(copy(from, to, mode.clone()), |it| {
                it.if_match = of.cloned();
            }))
            .await;
        let verdict = if expected == NotFound {
            Verdict::Absent
        } else {
            Verdict::Answer
        };
        assert_eq!(kind(refused), (expected, verdict), "{from} {of:?} {to} {mode:?}");
    }
    assert_eq!(store.get(Get::new(named("there"))).await.unwrap().body, "other");
    let elsewhere = S3::new(store.client().clone(), "no-such-bucket");
    let refused = elsewhere.copy(copy("a", "b", PutMode::Overwrite)).await;
    assert_eq!(kind(refused), (Invalid, Verdict::Caller));
}

/// Where it cannot be told, the client is to look: a conflict.
#[tokio::test]
async fn a_copy_whose_refusal_stays_unexplained_is_a_conflict() {
    let (store, server) = bucket().await;
    let old = ETag::new("\"old\"", "");
    put(&store, "a", "hello").await;
    server
        .faults()
        .add(Rule::on(Operation::HeadObject, Fault::Status(503, "SlowDown")));
    let refused = store
        .copy(with(copy("a", "b", PutMode::Create), |it| {
            it.if_match = Some(old);
        }))
        .await;
    assert_eq!(kind(refused), (ProviderErrorKind::Conflict, Verdict::Answer));
}

#[tokio::test]
async fn an_error_in_the_success_of_a_copy_is_an_error() {
    use ProviderErrorKind::*;
    let (store, server) = bucket().await;
    put(&store, "a", "hello").await;
    for (code, expected) in [
        ("InternalError", (Failed, Verdict::Faulty)),
        ("SlowDown", (Throttled, Verdict::Throttled)),
        ("PreconditionFailed", (AlreadyExists, Verdict::Answer)),
        ("NoSuchKey", (NotFound, Verdict::Absent)),
        ("NeverHeardOf", (Failed, Verdict::Faulty)),
    ] {
        server
            .faults()
            .add(Rule::on(Operation::CopyObject, Fault::Status(200, code)).nth(1));
        let refused = store.copy(copy("a", "b", PutMode::Create)).await;
        assert_eq!(kind(refused), expected, "{code}");
        server.faults().clear();
    }
    assert!(server.store().object("orders", "b").is_none());
    for (body, is_whole) in [
        (
            "<?xml version=\"1.0\"?>\n   \n<CopyObjectResult><ETag>\"a\"</ETag></CopyObjectResult>",
            true,
        ),
        ("", false),
        ("<CopyObjectResult/>", false),
        ("<html>welcome to this hotel</html>", false),
    ] {
        let server = raw::serve(http("200 OK", &[], body)).await;
        let copied = at(server.addr).copy(copy("secret-key", "b", PutMode::Overwrite)).await;
        match copied {
            Ok(answer) => assert!(is_whole && answer.etag.unwrap().value() == "\"a\"", "{body:?}"),
            Err(error) => assert!(!is_whole && error.outcome() == FAULTY, "{body:?}: {error:?}"),
        }
    }
    // A gateway's 404 is no word about the source.
    for body in ["<html>no</html>", ""] {
        let server = raw::serve(http("404 Not Found", &[], body)).await;
        let copied = at(server.addr).copy(copy("secret-key", "b", PutMode::Overwrite)).await;
        assert_eq!(kind(copied), (Failed, Verdict::Faulty), "{body:?}");
    }
}

#[tokio::test]
async fn copies_that_the_store_cannot_make_are_refused_unsent() {
    let (store, server) = bucket().await;
    put(&store, "a", "hello").await;
    let unsure = [
        S3::new(store.client().clone(), "orders"),
        store.clone().trusting_conditions(),
        store.clone().without_conditional_put(),
        store.clone().with_create_header("x-oss-forbid-overwrite"),
    ];
    let tag = || ETag::new("\"t\"", "");
    for unsure in unsure {
        let of_a_state = with(copy("a", "b", PutMode::Overwrite), |it| it.if_match = Some(tag()));
        for conditional in [
            copy("a", "b", PutMode::Create),
            copy("a", "b", PutMode::IfMatch(tag())),
            of_a_state,
        ] {
            let error = unsure.copy(conditional).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.outcome().sent),
                (ProviderErrorKind::Unsupported, Sent::No),
                "{error}"
            );
        }
        unsure.copy(copy("a", "c", PutMode::Overwrite)).await.unwrap();
    }
    assert_eq!(server.count(Operation::CopyObject), 4);
    let large = |size| with(copy("a", "b", PutMode::Overwrite), |it| it.size = size);
    let error = store.copy(large((5 << 30) + 1)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().sent),
        (ProviderErrorKind::Unsupported, Sent::No)
    );
    store.copy(large(5 << 30)).await.unwrap();
}

/// Only a copy on a condition, by its id, is sent again over a new connection.
#[tokio::test]
async fn a_dead_connection_repeats_a_conditional_copy() {
    let (store, server) = bucket().await;
    put(&store, "a", "hello").await;
    for (mode, asked) in [(PutMode::Create, 2), (PutMode::Overwrite, 1)] {
        server.clear_log();
        server.faults().add(Rule::on(Operation::CopyObject, Fault::Drop).nth(1));
        let copied = store.copy(copy("a", "b", mode)).await;
        assert_eq!(copied.is_ok(), asked == 2, "{copied:?}");
        assert_eq!(server.count(Operation::CopyObject), asked);
        server.faults().clear();
    }
}
