//! What a create meets that is neither Ok nor "exists already": a full store, a conflict without a word, one that cannot.

use super::s3::{at, write_once};
use crate::{
    promise::Promise,
    script::{self, Answer, Server, answer, s3_refusal},
};
use bytes::Bytes;
use evenkeel::{Endpoint, ErrorKind, ObjectClient, provider::ProviderErrorKind, request::object::ETag};
use libtest_mimic::Trial;

/// Puts meet `put`, heads `head`, gets a body.
async fn store<P, H>(put: P, head: H) -> Server
where
    P: Fn() -> Answer + Clone + Send + Sync + 'static,
    H: Fn(Option<&str>) -> Answer + Clone + Send + Sync + 'static,
{
    let id = std::sync::Arc::new(std::sync::Mutex::new(None::<String>));
    script::serve(move |asked| {
        let (put, head, id) = (put.clone(), head.clone(), id.clone());
        async move {
            match asked.method.as_str() {
                "PUT" => {
                    *id.lock().unwrap() = asked.header("x-amz-meta-evenkeel-write").map(str::to_owned);
                    put()
                }
                "HEAD" => {
                    let id = id.lock().unwrap().clone();
                    head(id.as_deref())
                }
                _ if asked.header("range").is_some() => s3_refusal(404, "NoSuchKey"),
                _ => answer(200, &[("etag", "\"1\"")], "body"),
            }
        }
    })
    .await
}

fn stored() -> Answer {
    answer(200, &[("etag", "\"1\"")], "")
}

fn absent(_: Option<&str>) -> Answer {
    answer(404, &[("x-amz-request-id", "REQ42")], "")
}

/// A head of something whose write had this id.
fn written_by(id: &str) -> Answer {
    answer(200, &[("etag", "\"1\""), ("x-amz-meta-evenkeel-write", id)], "body")
}

fn alone(server: &Server) -> ObjectClient {
    let endpoint = Endpoint::new("a", at(server)).provider("one");
    ObjectClient::builder().endpoint(endpoint).build().unwrap()
}

fn puts(server: &Server) -> usize {
    server.asked().iter().filter(|asked| asked.method == "PUT").count()
}

const FULL: [(u16, &str); 6] = [
    (403, "QuotaExceeded"),
    (507, "XMinioStorageFull"),
    (507, "InsufficientStorage"),
    (507, ""),
    (400, "XMinioAdminBucketQuotaExceeded"),
    (403, "InsufficientStorageSpace"),
];

fn refusal(status: u16, code: &'static str) -> Answer {
    if code.is_empty() {
        answer(status, &[("content-type", "text/html")], "<html>full</html>")
    } else {
        s3_refusal(status, code)
    }
}

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Proven.trial("proof::a_full_store_sends_creates_elsewhere", || async {
            for (status, code) in FULL {
                Promise::Proven.tried();
                let a = store(move || refusal(status, code), absent).await;
                let b = store(stored, absent).await;
                let client = write_once(&a, &b);
                for round in 0..20 {
                    let (answer, explained) = client
                        .put(format!("k{round}"), Bytes::from("body"))
                        .explained()
                        .await
                        .unwrap();
                    drop(answer);
                    assert_eq!(explained.answered_by(), Some("b"), "{status} {code}: {explained}");
                }
                assert_eq!(puts(&a), 1, "{status} {code}: it is asked again and again");
                // It is full, not ill: what it has is read there.
                let (_, explained) = client.get("k0").pin("a").explained().await.unwrap();
                assert_eq!(explained.answered_by(), Some("a"), "{status} {code}");
            }
        }),
        Promise::Words.trial("proof::a_full_store_is_reported_as_full", || async {
            for (status, code) in FULL {
                let a = store(move || refusal(status, code), absent).await;
                let b = store(move || refusal(status, code), absent).await;
                for error in [
                    alone(&a).put("k", Bytes::from("body")).await.unwrap_err(),
                    write_once(&a, &b).put("k", Bytes::from("body")).await.unwrap_err(),
                ] {
                    assert!(error.to_string().contains("the store is full"), "{error}");
                    assert!(!error.to_string().contains("slow down"), "{error}");
                    assert!(!error.may_have_been_applied(), "{error}");
                    let kind = error.provider_error().map(evenkeel::provider::ProviderError::kind);
                    assert!(kind.is_none_or(|kind| kind == ProviderErrorKind::Full), "{error:?}");
                }
            }
        }),
        Promise::Proven.trial("proof::a_bare_conflict_is_confirmed_by_a_read", || async {
            let conflict = || answer(409, &[("server", "envoy")], "");
            // Somebody else's lies there;
            let server = store(conflict, |_| written_by("00000000000000000000000000000000")).await;
            let error = alone(&server).put("k", Bytes::from("body")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            // it is one's own;
            let server = store(conflict, |id| written_by(id.unwrap())).await;
            alone(&server).put("k", Bytes::from("body")).await.unwrap();
            // there is nothing, or it cannot be told.
            for head in [absent, |_: Option<&str>| answer(409, &[], "")] {
                let server = store(conflict, head).await;
                let error = alone(&server).put("k", Bytes::from("body")).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
            }
        }),
        Promise::Proven.trial("proof::a_bare_conflict_is_a_fault_except_of_creates", || async {
            for (status, asked) in [
                (409, "overwrite"),
                (412, "overwrite"),
                (409, "if match"),
                (409, "delete"),
                (409, "get"),
            ] {
                let server = script::serve(move |_| async move { answer(status, &[("server", "envoy")], "") }).await;
                let client = alone(&server);
                let tag = ETag::new("\"1\"", "a");
                let ended = match asked {
                    "overwrite" => client.put("k", Bytes::from("body")).overwrite().await.map(drop),
                    "if match" => client.put("k", Bytes::from("body")).if_match(tag).await.map(drop),
                    "delete" => client.delete("k").await.map(drop),
                    _ => client.get("k").await.map(drop),
                };
                let error = ended.unwrap_err();
                let known = [
                    ErrorKind::Unavailable,
                    ErrorKind::MaybeApplied,
                    ErrorKind::HomeUnavailable,
                ];
                assert!(known.contains(&error.kind()), "{asked}: {status}: {error}");
            }
        }),
        Promise::NoSecondWrite.trial("proof::a_bare_conflict_creates_no_second_object", || async {
            let a = store(
                || answer(409, &[], ""),
                |_| written_by("00000000000000000000000000000000"),
            )
            .await;
            let b = store(stored, absent).await;
            let error = write_once(&a, &b).put("k", Bytes::from("body")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
            assert_eq!(puts(&b), 0);
        }),
        Promise::NoSecondWrite.trial("proof::a_store_without_creates_is_left_for_another", || async {
            let a = store(|| s3_refusal(501, "NotImplemented"), absent).await;
            let b = store(stored, absent).await;
            let client = write_once(&a, &b);
            for round in 0..5 {
                let put = client.put(format!("k{round}"), Bytes::from("body"));
                let (_, explained) = put.explained().await.unwrap();
                assert_eq!(explained.answered_by(), Some("b"), "{explained}");
            }
            // It is remembered.
            assert_eq!((puts(&a), puts(&b)), (1, 5));
            // Where no other is left, it is said as it is.
            let error = write_once(&a, &a).put("k", Bytes::from("body")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }),
    ]
}
