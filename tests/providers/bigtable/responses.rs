//! What a service answers, and what the adapter makes of it.

use crate::{
    at, create,
    fake::{Answer, Fake},
    get, is, put,
};
use evenkeel::{
    provider::{Bigtable, KvProvider, ProviderErrorKind},
    request::kv::{GetMany, Key, PutMany, Scan, ScanPage},
    verdict::{Sent, Verdict},
};
use google_cloud_auth::{
    credentials::{CacheableResource, Credentials, CredentialsProvider},
    errors::CredentialsError,
};
use googleapis_tonic_google_bigtable_v2::google::{
    bigtable::v2::{
        MutateRowsResponse, ReadRowsResponse, mutate_rows_response,
        read_rows_response::{CellChunk, cell_chunk::RowStatus},
    },
    rpc,
};
use prost::Message;
use std::time::{Duration, Instant};

/// A connection is given up after 0.9 s. On a busy machine that is seen late; fifty of them in turn would take 45 s, and the
/// system's own limit two minutes.
const NOT_IN_TURN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn each_grpc_status_has_its_verdict() {
    use Sent::Maybe;
    use Verdict::{Caller, Denied, Faulty, Throttled};
    let server = Fake::start(Answer::status("0")).await;
    let table = at(server.addr);
    #[rustfmt::skip]
    let cases = [
        ("1", Faulty, "CANCELLED"),
        ("2", Faulty, "UNKNOWN"),
        ("3", Caller, "INVALID_ARGUMENT"),
        ("4", Faulty, "DEADLINE_EXCEEDED"),
        ("5", Caller, "NOT_FOUND"),
        ("6", Caller, "ALREADY_EXISTS"),
        ("7", Denied, "PERMISSION_DENIED"),
        ("8", Throttled, "RESOURCE_EXHAUSTED"),
        ("9", Caller, "FAILED_PRECONDITION"),
        ("10", Throttled, "ABORTED"),
        ("11", Caller, "OUT_OF_RANGE"),
        ("12", Caller, "UNIMPLEMENTED"),
        ("13", Faulty, "INTERNAL"),
        ("14", Faulty, "UNAVAILABLE"),
        ("15", Faulty, "DATA_LOSS"),
        ("16", Denied, "UNAUTHENTICATED"),
    ];
    for (status, verdict, name) in cases {
        server.answers(Answer::status(status));
        let mut errors = vec![
            table.put(put("k")).await.unwrap_err(),
            table.put(create("k")).await.unwrap_err(),
            table.get(get("k")).await.unwrap_err(),
            table.scan(Scan::default()).await.unwrap_err(),
            table
                .get_many(GetMany::new([Key::new("k").unwrap()]))
                .await
                .unwrap_err(),
        ];
        let many = table.put_many(PutMany::new([put("k")])).await.unwrap();
        errors.extend(many.into_iter().map(Result::unwrap_err));
        for error in errors {
            is(&error, verdict, Maybe, name);
            assert_eq!(error.detail().code.as_deref(), Some(name));
            assert_eq!(error.outcome().credential, status == "16");
            assert!(!format!("{error} {error:?}").contains("4711"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_retry_delay_is_honoured() {
    // RetryInfo { retry_delay: { seconds: 2 } }
    let mut status = rpc::Status {
        code: 8,
        ..rpc::Status::default()
    };
    status.details.resize_with(1, Default::default);
    status.details[0].type_url = "type.googleapis.com/google.rpc.RetryInfo".into();
    status.details[0].value = vec![0x0a, 0x02, 0x08, 0x02];
    let server = Fake::start(Answer {
        details: status.encode_to_vec(),
        ..Answer::status("8")
    })
    .await;
    let error = at(server.addr).put(put("k")).await.unwrap_err();
    assert_eq!(error.outcome().retry_after, Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn malformed_responses_are_faulty() {
    let server = Fake::start(Answer::status("0")).await;
    let table = at(server.addr);
    // Nothing, and all is well: that is how an absent row looks.
    assert_eq!(
        table.get(get("k")).await.unwrap_err().kind(),
        ProviderErrorKind::NotFound
    );
    // A write without its answer; a stream without its end; pages of something in between.
    is(
        &table.put(put("k")).await.unwrap_err(),
        Verdict::Faulty,
        Sent::Maybe,
        "no message",
    );
    let cut = Answer {
        status: None,
        ..Answer::status("0")
    };
    let page = |http| Answer {
        http,
        body: b"<html>".to_vec(),
        ..cut.clone()
    };
    let garbage = Answer {
        body: vec![0, 0, 0, 0, 2, 0xff, 0xff],
        ..Answer::status("0")
    };
    let half = Answer {
        body: Answer::message(&ReadRowsResponse {
            chunks: vec![chunk("k", None)],
            ..ReadRowsResponse::default()
        }),
        ..Answer::status("0")
    };
    let other = Answer {
        body: Answer::message(&ReadRowsResponse {
            chunks: vec![chunk("other", Some(RowStatus::CommitRow(true)))],
            ..ReadRowsResponse::default()
        }),
        ..Answer::status("0")
    };
    for (answer, what, is_for_writes) in [
        (cut.clone(), "no trailers", true),
        (page(200), "a page", true),
        (page(404), "a page 404", true),
        (page(502), "a page 502", true),
        (garbage, "garbage", true),
        (half, "half a row", false),
        (other, "another row", false),
    ] {
        server.answers(answer);
        is(
            &table.get(get("k")).await.unwrap_err(),
            Verdict::Faulty,
            Sent::Maybe,
            what,
        );
        if is_for_writes {
            let error = table.put(put("k")).await.unwrap_err();
            is(&error, Verdict::Faulty, Sent::Maybe, what);
        }
    }
}

fn chunk(key: &str, row_status: Option<RowStatus>) -> CellChunk {
    CellChunk {
        row_key: key.into(),
        family_name: Some("kv".into()),
        qualifier: Some("s".into()),
        value: [&[0xff; 8][..], b"id"].concat(),
        row_status,
        ..CellChunk::default()
    }
}

/// What came before the break is good, and each entry has its own status.
#[tokio::test]
async fn half_failed_batches_report_each_entry() {
    let server = Fake::start(Answer::status("0")).await;
    let table = at(server.addr);
    let value = CellChunk {
        row_key: Vec::new(),
        qualifier: Some("v".into()),
        value: b"value".to_vec(),
        ..chunk("", Some(RowStatus::CommitRow(true)))
    };
    server.answers(Answer {
        body: Answer::message(&ReadRowsResponse {
            chunks: vec![chunk("a", None), value],
            ..ReadRowsResponse::default()
        }),
        ..Answer::status("14")
    });
    let keys = ["b", "a"].map(|key| Key::new(key).unwrap());
    let got = table.get_many(GetMany::new(keys)).await.unwrap();
    is(
        got[0].as_ref().unwrap_err(),
        Verdict::Faulty,
        Sent::Maybe,
        "after the break",
    );
    assert_eq!(got[1].as_ref().unwrap().bytes, "value");

    let entry = |index, code| mutate_rows_response::Entry {
        index,
        status: Some(rpc::Status {
            code,
            ..rpc::Status::default()
        }),
    };
    server.answers(Answer {
        body: Answer::message(&MutateRowsResponse {
            entries: vec![entry(2, 8), entry(0, 0), entry(7, 0)],
            ..MutateRowsResponse::default()
        }),
        ..Answer::status("0")
    });
    let stored = table
        .put_many(PutMany::new([put("a"), put("b"), put("c")]))
        .await
        .unwrap();
    assert!(stored[0].is_ok());
    is(
        stored[1].as_ref().unwrap_err(),
        Verdict::Faulty,
        Sent::Maybe,
        "no result",
    );
    is(
        stored[2].as_ref().unwrap_err(),
        Verdict::Throttled,
        Sent::Maybe,
        "throttled",
    );
}

#[derive(Debug)]
enum Tokens {
    Good,
    Refused,
    Silent,
}

impl CredentialsProvider for Tokens {
    async fn headers(
        &self,
        _extensions: http::Extensions,
    ) -> Result<CacheableResource<http::HeaderMap>, CredentialsError> {
        match self {
            Self::Good => {
                let mut data = http::HeaderMap::new();
                data.insert("authorization", "Bearer secret-token".parse().unwrap());
                let entity_tag = google_cloud_auth::credentials::EntityTag::new();
                Ok(CacheableResource::New { entity_tag, data })
            }
            Self::Refused => Err(CredentialsError::from_msg(false, "no secret-token for you")),
            Self::Silent => std::future::pending().await,
        }
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

#[tokio::test]
async fn requests_are_sent_only_with_credentials() {
    let server = Fake::start(Answer::status("0")).await;
    let table = |tokens: Tokens| {
        Bigtable::new(Credentials::from(tokens), crate::TABLE)
            .app_profile("one/cluster")
            .endpoint(format!("http://{}", server.addr))
    };
    let good = table(Tokens::Good);
    good.get(get("k")).await.unwrap_err();
    let head = server.head();
    assert_eq!(head["authorization"], "Bearer secret-token");
    assert_eq!(
        head["x-goog-request-params"],
        "table_name=projects%2Ftests%2Finstances%2Femulator%2Ftables%2Fvalues&app_profile_id=one%2Fcluster"
    );
    assert!(!format!("{good:?}").contains("secret"));
    for tokens in [Tokens::Refused, Tokens::Silent] {
        let start = Instant::now();
        let error = table(tokens).put(put("k")).await.unwrap_err();
        is(&error, Verdict::Denied, Sent::No, "no credentials");
        assert!(
            error.outcome().credential && !format!("{error:?}").contains("secret"),
            "{error:?}"
        );
        assert!(start.elapsed() < NOT_IN_TURN);
    }
}

/// gRPC knows no redirects: one is an answer that makes no sense.
#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Fake::start(Answer::status("0")).await;
    for http in [301, 302, 303, 307, 308] {
        let server = Fake::start(Answer {
            http,
            location: format!("http://localhost:{}/", elsewhere.addr.port()),
            status: None,
            ..Answer::status("0")
        })
        .await;
        let table = at(server.addr);
        table.get(get("k")).await.unwrap_err();
        table.put(put("k")).await.unwrap_err();
        table.scan(Scan::default()).await.unwrap_err();
        assert_eq!((elsewhere.count(), server.count()), (0, 3), "{http}");
    }
}

/// Another program's rows hide none of ours, wherever they stand in a page.
#[tokio::test]
async fn foreign_rows_are_skipped_and_counted() {
    let row = |key: &[u8], qualifier: &str, value: &[u8], row_status| CellChunk {
        row_key: key.to_vec(),
        qualifier: Some(qualifier.into()),
        value: value.to_vec(),
        ..chunk("", row_status)
    };
    let commit = || Some(RowStatus::CommitRow(true));
    let stamp = [&[0xff; 8][..], b"id"].concat();
    let ours = |key: &[u8]| [row(key, "s", &stamp, None), row(b"", "v", b"value", commit())];
    let theirs = |key: &[u8]| [row(key, "v", b"theirs", commit())];
    let rows = |chunks: Vec<CellChunk>| Answer {
        body: Answer::message(&ReadRowsResponse {
            chunks,
            ..ReadRowsResponse::default()
        }),
        ..Answer::status("0")
    };
    let keys = |page: &ScanPage| page.entries.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
    let all = [&ours(b"a")[..], &theirs(b"b"), &ours(b"c"), &theirs(b"\xff")].concat();
    let server = Fake::start(rows(all)).await;
    let table = at(server.addr);
    let page = table.scan(Scan::default()).await.unwrap();
    assert_eq!(
        (keys(&page), page.foreign, &page.next),
        (vec!["a".into(), "c".into()], 2, &None)
    );
    // A page that ends with a key that is no text goes on: nothing says "after" it. A server that repeats itself does not.
    server.answers(rows([&ours(b"a")[..], &theirs(b"\xfe")].concat()));
    let mut two = Scan::default();
    two.limit = Some(2);
    let error = table.scan(two).await.unwrap_err();
    assert_eq!(error.outcome().verdict, Verdict::Faulty, "{error}");
}
