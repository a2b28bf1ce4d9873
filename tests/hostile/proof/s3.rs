use super::{GATEWAYS, PORTALS, Page};
use crate::{
    promise::Promise,
    script::{self, Answer, Asked, Server, answer, s3_refusal},
};
use aws_sdk_s3::{
    Client,
    config::{Credentials, RequestChecksumCalculation::WhenRequired},
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    provider::{
        ObjectProvider, ProviderError, ProviderErrorKind,
        s3::{
            S3,
            preset::{self, Addressing},
        },
    },
    request::{
        Key,
        object::{Delete, Get, Head, List, Put, PutMode},
    },
    verdict::Verdict,
};
use libtest_mimic::Trial;

pub(super) fn at(server: &Server) -> S3 {
    let config = preset::generic(server.url(), "us-east-1", Addressing::Path, WhenRequired)
        .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
    S3::new(Client::from_conf(config.build()), "bucket").trusting_conditions()
}

pub(super) fn key() -> Key {
    Key::new("some/key").unwrap()
}

/// Each operation's end, by its name.
pub(super) async fn all<P: ObjectProvider>(store: &P) -> Vec<(&'static str, Result<(), ProviderError>)> {
    let mut overwrite = Put::new(key(), "body");
    overwrite.mode = PutMode::Overwrite;
    vec![
        ("get", store.get(Get::new(key())).await.map(drop)),
        ("head", store.head(Head::new(key())).await.map(drop)),
        ("delete", store.delete(Delete::new(key())).await),
        ("create", store.put(Put::new(key(), "body")).await.map(drop)),
        ("overwrite", store.put(overwrite).await.map(drop)),
        ("list", store.list(List::default()).await.map(drop)),
        ("warm_up", store.warm_up().await),
    ]
}

/// No operation believes this page, and each says that the endpoint is at fault.
pub(super) async fn nobody_believes<P: ObjectProvider>(at: impl Fn(&Server) -> P, (status, headers, body): Page) {
    let server = script::always(status, headers, body).await;
    for (operation, ended) in all(&at(&server)).await {
        Promise::Proven.tried();
        let error = ended.map(|()| "success").expect_err(operation);
        let met = (error.kind(), error.outcome().verdict);
        assert_eq!(
            met,
            (ProviderErrorKind::Failed, Verdict::Faulty),
            "{operation}: {status} {body:?}: {error:?}"
        );
    }
}

/// A store that says everything right but marks no head: an id is nowhere.
fn without_marks(asked: &Asked) -> Answer {
    let code = |code: &str| answer(404, &[], format!("<Error><Code>{code}</Code></Error>"));
    match (asked.method.as_str(), asked.path()) {
        ("HEAD", _) => answer(404, &[], ""),
        ("DELETE", _) => answer(204, &[], ""),
        ("GET", "/bucket" | "/bucket/") => answer(200, &[], "<ListBucketResult></ListBucketResult>"),
        ("GET", _) => code("NoSuchKey"),
        _ => answer(200, &[("etag", "\"1\"")], ""),
    }
}

fn methods(server: &Server) -> Vec<String> {
    let said = server.asked().into_iter().map(|asked| {
        let range = asked.header("range").map(|range| format!(" {range}"));
        format!("{}{}", asked.method, range.unwrap_or_default())
    });
    said.collect()
}

/// A store of which only heads and pages are scripted: what a HEAD meets, and what a GET.
async fn store(head: fn() -> Answer, get: fn() -> Answer) -> Server {
    script::serve(move |asked| async move {
        match asked.method.as_str() {
            "HEAD" => head(),
            "DELETE" => answer(204, &[], ""),
            _ => get(),
        }
    })
    .await
}

pub(super) fn write_once(a: &Server, b: &Server) -> ObjectClient {
    ObjectClient::builder()
        .endpoint(Endpoint::new("a", at(a)).provider("one"))
        .endpoint(Endpoint::new("b", at(b)).provider("other"))
        .replication(Replication::write_once())
        .build()
        .unwrap()
}

#[allow(clippy::too_many_lines)] // one line of the issue after the other
pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Proven.trial("proof::s3_a_gateways_404_is_no_absence", || async {
            for page in GATEWAYS {
                nobody_believes(at, page).await;
            }
        }),
        Promise::Proven.trial("proof::s3_a_gateways_success_is_no_success", || async {
            for page in PORTALS {
                nobody_believes(at, page).await;
            }
        }),
        Promise::Proven.trial("proof::s3_absence_without_a_request_id_is_confirmed", || async {
            let server = script::serve(|asked| async move { without_marks(&asked) }).await;
            let store = at(&server);
            let absent = store.head(Head::new(key())).await.unwrap_err();
            assert_eq!(absent.kind(), ProviderErrorKind::NotFound);
            assert_eq!(methods(&server), ["HEAD", "GET bytes=0-0"]);
            store.delete(Delete::new(key())).await.unwrap();
            assert_eq!(methods(&server)[2..], ["DELETE", "GET bytes=0-0"]);
            store.warm_up().await.unwrap();
        }),
        Promise::Proven.trial("proof::s3_a_body_that_shows_the_object_is_no_absence", || async {
            // An empty object answers 416, another its first byte.
            let empty = store(|| answer(404, &[], ""), || s3_refusal(416, "InvalidRange")).await;
            let full = || answer(206, &[("etag", "\"1\""), ("content-range", "bytes 0-0/9")], "x");
            let full = store(|| answer(404, &[], ""), full).await;
            for server in [empty, full] {
                let error = at(&server).head(Head::new(key())).await.unwrap_err();
                assert_eq!(error.outcome().verdict, Verdict::Faulty, "{error:?}");
                let error = at(&server).delete(Delete::new(key())).await.unwrap_err();
                assert_eq!(error.outcome().verdict, Verdict::Faulty, "{error:?}");
            }
        }),
        Promise::Proven.trial("proof::s3_a_missing_bucket_is_ruled_out_once", || async {
            let marked = || answer(404, &[("x-amz-request-id", "REQ42")], "");
            let server = store(marked, || s3_refusal(404, "NoSuchBucket")).await;
            let missing = at(&server);
            for _ in 0..2 {
                let error = missing.head(Head::new(key())).await.unwrap_err();
                assert_eq!(error.kind(), ProviderErrorKind::Invalid, "{error:?}");
                assert_eq!(error.to_string(), "no such bucket (NoSuchBucket)");
            }
            let server = store(marked, || s3_refusal(404, "NoSuchKey")).await;
            let there = at(&server);
            for _ in 0..3 {
                let error = there.clone().head(Head::new(key())).await.unwrap_err();
                assert_eq!(error.kind(), ProviderErrorKind::NotFound, "{error:?}");
            }
            assert_eq!(methods(&server), ["HEAD", "GET bytes=0-0", "HEAD", "HEAD"]);
        }),
        Promise::Proven.trial("proof::s3_request_ids_are_read_under_each_stores_name", || async {
            let marked = || answer(404, &[("x-oss-request-id", "REQ42")], "");
            let server = store(marked, || s3_refusal(404, "NoSuchKey")).await;
            let store = at(&server).with_marks(preset::ALIBABA_OSS_MARKS);
            for _ in 0..2 {
                let error = store.head(Head::new(key())).await.unwrap_err();
                assert_eq!(error.kind(), ProviderErrorKind::NotFound, "{error:?}");
            }
            assert_eq!(methods(&server), ["HEAD", "GET bytes=0-0", "HEAD"]);
            let unmarked = at(&server).with_marks::<&str>([]);
            for _ in 0..2 {
                unmarked.head(Head::new(key())).await.unwrap_err();
            }
            assert_eq!(
                methods(&server)[3..],
                ["HEAD", "GET bytes=0-0", "HEAD", "GET bytes=0-0"]
            );
        }),
        Promise::Proven.trial("proof::write_once_takes_no_absence_from_gateways", || async {
            for (status, headers, body) in GATEWAYS {
                let a = script::always(status, headers, body).await;
                let b = script::always(status, headers, body).await;
                let client = write_once(&a, &b);
                let error = client.get("some/key").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                assert_eq!(error.absent_at().count(), 0, "{error}");
                let error = client.head("some/key").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                let error = client.delete("some/key").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
            }
        }),
        Promise::Proven.trial("proof::write_once_needs_absence_at_both_stores", || async {
            // The object is at b, and a gateway stands before it; a says honestly that it has none.
            let a = script::serve(|_| async { s3_refusal(404, "NoSuchKey") }).await;
            let b = script::always(404, &[("server", "envoy")], "").await;
            let error = write_once(&a, &b).get("some/key").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert_eq!(error.absent_at().collect::<Vec<_>>(), ["a"], "{error}");
        }),
    ]
}
