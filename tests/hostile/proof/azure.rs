use super::{GATEWAYS, PORTALS};
use crate::{
    promise::Promise,
    script::{Server, answer, serve},
};
use azure_core::http::Url;
use evenkeel::{
    provider::{AzureBlob, ObjectProvider, ProviderErrorKind, azure_blob::Credential},
    request::{
        Key,
        object::{Delete, Get, Head, List, Put, PutMode},
    },
    verdict::Verdict,
};
use libtest_mimic::Trial;

fn at(server: &Server) -> AzureBlob {
    let url = Url::parse(&format!("{}/account/orders", server.url())).unwrap();
    AzureBlob::new(url, Credential::InTheUrl).unwrap()
}

fn key() -> Key {
    Key::new("some/key").unwrap()
}

const UNREADABLE: [(&str, &str); 14] = [
    ("last-modified", "2026-11-27T08:57:14.000Z"),
    ("x-ms-creation-time", "yesterday"),
    ("x-ms-last-access-time", "yesterday"),
    ("x-ms-tag-count", "three"),
    ("x-ms-blob-sequence-number", "-"),
    ("x-ms-blob-committed-block-count", "x"),
    ("x-ms-blob-sealed", "1"),
    ("x-ms-legal-hold", "perhaps"),
    ("x-ms-immutability-policy-until-date", "2030"),
    ("x-ms-copy-completion-time", "soon"),
    ("x-ms-blob-content-md5", "%%%"),
    ("x-ms-lease-state", "stolen"),
    ("x-ms-blob-type", "HeapBlob"),
    ("x-ms-copy-status", "?"),
];

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Proven.trial("proof::azure_gateway_responses_prove_nothing", || async {
            for (status, headers, body) in GATEWAYS.into_iter().chain(PORTALS) {
                let server = crate::script::always(status, headers, body).await;
                let store = at(&server);
                let mut overwrite = Put::new(key(), "body");
                overwrite.mode = PutMode::Overwrite;
                for (operation, ended) in [
                    ("get", store.get(Get::new(key())).await.map(drop)),
                    ("head", store.head(Head::new(key())).await.map(drop)),
                    ("delete", store.delete(Delete::new(key())).await),
                    ("create", store.put(Put::new(key(), "body")).await.map(drop)),
                    ("overwrite", store.put(overwrite).await.map(drop)),
                    ("list", store.list(List::default()).await.map(drop)),
                    ("warm_up", store.warm_up().await),
                ] {
                    Promise::Proven.tried();
                    let error = ended.map(|()| "success").expect_err(operation);
                    let met = (error.kind(), error.outcome().verdict);
                    let expected = (ProviderErrorKind::Failed, Verdict::Faulty);
                    assert_eq!(met, expected, "{operation}: {status} {body:?}: {error:?}");
                }
            }
        }),
        Promise::Proven.trial("proof::azure_an_unreadable_secondary_header_hides_no_blob", || async {
            for (name, value) in UNREADABLE {
                Promise::Proven.tried();
                let server = serve(move |_| async move {
                    let marks = [
                        ("etag", "\"0x1\""),
                        ("x-ms-request-id", "42"),
                        ("x-ms-meta-colour", "red"),
                        (name, value),
                    ];
                    answer(200, &marks, "body")
                })
                .await;
                let store = at(&server);
                let object = store.get(Get::new(key())).await;
                let object = object.unwrap_or_else(|error| panic!("get, {name}: {value}: {error:?}"));
                assert_eq!(&object.body[..], b"body");
                assert_eq!(object.meta.attributes.metadata["colour"], "red", "{name}");
                let meta = store.head(Head::new(key())).await;
                let meta = meta.unwrap_or_else(|error| panic!("head, {name}: {value}: {error:?}"));
                assert_eq!((meta.size, meta.last_modified), (4, None), "{name}");
            }
        }),
        Promise::Words.trial("proof::azure_repeats_no_signature_as_a_request_id", || async {
            // It says in place of an id what it was sent: the signature in the URL, or that of a shared key.
            for status in [200, 403, 404, 409, 503] {
                let server = serve(move |asked| async move {
                    let sent = asked.header("authorization").map(str::to_owned);
                    let sent = sent
                        .or_else(|| asked.uri.query().map(str::to_owned))
                        .unwrap_or_default();
                    let signature = sent.rsplit_once(['=', ':']).map_or("", |(_, signature)| signature);
                    answer(status, &[("x-ms-request-id", signature)], "")
                })
                .await;
                let url = Url::parse(&format!("{}/account/orders?sv=1&sig=c2lnbmF0dXJl", server.url())).unwrap();
                let store = AzureBlob::new(url, Credential::InTheUrl).unwrap();
                for (operation, ended) in [
                    ("get", store.get(Get::new(key())).await.map(drop)),
                    ("head", store.head(Head::new(key())).await.map(drop)),
                    ("create", store.put(Put::new(key(), "body")).await.map(drop)),
                    ("list", store.list(List::default()).await.map(drop)),
                ] {
                    Promise::Words.tried();
                    let error = ended.map(|()| "success").expect_err(operation);
                    let shown = format!("{error} {error:?}");
                    assert!(!shown.contains("c2lnbmF0dXJl"), "{operation}: {shown}");
                }
            }
        }),
    ]
}
