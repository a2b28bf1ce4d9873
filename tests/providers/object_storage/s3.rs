//! The adapter `S3` before moto, an independent peer.

use crate::{
    faults::{Subject, key, overwrite},
    process,
    raw::{self, refusal},
    s3s_server::config,
    tried,
};
use aws_sdk_s3::Client;
use bytes::Bytes;
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient,
    provider::{AnyObjectProvider, ObjectProvider, ProviderErrorKind, S3},
    request::{
        Key,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, ETag, Encryption, Get, ListUploads, Put, PutMode, PutPart, Terms,
            UploadId,
        },
    },
    testing::{objects, uploads},
    verdict::Sent,
};
use std::net::SocketAddr;

#[tokio::test]
async fn s3_on_moto_passes_the_suite() {
    let Some(moto) = process::moto("the adapter S3, the conformance suite") else {
        return;
    };
    let client = Client::from_conf(config(&format!("http://{}", moto.addr)).build());
    client.create_bucket().bucket("orders").send().await.unwrap();
    let store = S3::new(client, "orders");
    store.warm_up().await.unwrap();
    let report = objects::run("s3 on moto", &store, &process::moto_claims()).await;
    tried::objects("`S3`", "moto 5.2", &report);
    what_a_put_says(store).await;
}

#[tokio::test]
async fn s3_on_moto_copies_and_takes_parts_as_far_as_moto_does() {
    let Some(moto) = process::moto("the adapter S3, copies, and uploads as far as moto has them") else {
        return;
    };
    let client = Client::from_conf(config(&format!("http://{}", moto.addr)).build());
    client.create_bucket().bucket("orders").send().await.unwrap();
    let store = S3::new(client, "orders").trusting_all_conditions();
    let report = uploads::run("s3 on moto", &store, &process::moto_uploads()).await;
    tried::uploads("`S3`", "moto 5.2", &report, &store);
    in_parts(&store).await;
}

/// An upload, as far as moto does what S3 does.
async fn in_parts(store: &S3) {
    let begin = BeginUpload::new(Key::new("in parts/a b+ü%2F").unwrap());
    let under_way = async || {
        let page = store.list_uploads(ListUploads::new("in parts/")).await.unwrap();
        page.uploads.iter().map(|open| open.upload.clone()).collect::<Vec<_>>()
    };
    let part = |upload: &UploadId, number, body| PutPart::new(begin.key.clone(), upload.clone(), number, body);
    let long = Bytes::from(vec![b'a'; 5 << 20]);
    let upload = store.begin_upload(begin.clone()).await.unwrap();
    store.put_part(part(&upload, 1, "another".into())).await.unwrap();
    let second = store.put_part(part(&upload, 2, "the end".into())).await.unwrap();
    let first = store.put_part(part(&upload, 1, long.clone())).await.unwrap();
    assert_eq!(under_way().await, std::slice::from_ref(&upload));
    let parts = vec![first, second];
    let completed = store.complete_upload(CompleteUpload::new(&begin, upload, parts)).await;
    let got = store.get(Get::new(begin.key.clone())).await.unwrap();
    assert!(got.body == [&long[..], b"the end"].concat());
    match completed {
        Ok(answer) => assert_eq!(got.meta.etag, answer.etag),
        Err(unread) => {
            assert_eq!(unread.detail().code.as_deref(), Some("HTTP 200"), "{unread:?}");
            process::say(
                "moto",
                "before 5.2.2 its answer to a completion has a wrong name, and was not read",
            );
        }
    }

    let upload = store.begin_upload(begin.clone()).await.unwrap();
    let only = store.put_part(part(&upload, 1, "late".into())).await.unwrap();
    let complete = CompleteUpload::new(&begin, upload.clone(), vec![only]);
    let refused = store.complete_upload(complete).await.unwrap_err();
    assert_eq!(refused.kind(), ProviderErrorKind::AlreadyExists, "{refused}");
    // Its answers have no mark of S3's: each abort is confirmed.
    for _ in 0..2 {
        let abort = AbortUpload::new(begin.key.clone(), upload.clone());
        store.abort_upload(abort).await.unwrap();
    }
    assert_eq!(under_way().await, []);
}

/// What the server then says of an object: its class, its encryption, its key, its tags.
pub(crate) async fn kept(
    store: &S3,
    key: &str,
) -> (Option<String>, Option<String>, Option<String>, Vec<(String, String)>) {
    let (client, bucket) = (store.client(), store.bucket());
    let known = client.head_object().bucket(bucket).key(key).send().await.unwrap();
    let tags = client.get_object_tagging().bucket(bucket).key(key);
    let tags = tags.send().await.unwrap();
    let pair = |tag: &aws_sdk_s3::types::Tag| (tag.key().to_owned(), tag.value().to_owned());
    let mut tags: Vec<_> = tags.tag_set().iter().map(pair).collect();
    tags.sort_unstable();
    (
        known.storage_class().map(|class| class.as_str().to_owned()),
        known.server_side_encryption().map(|how| how.as_str().to_owned()),
        known
            .ssekms_key_id()
            .map(|key| key.rsplit(':').next().unwrap().to_owned()),
        tags,
    )
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    pairs.iter().map(owned).collect()
}

/// A put's own terms win over the endpoint's defaults, field by field.
async fn what_a_put_says(store: S3) {
    let some = |text: &str| Some(text.to_owned());
    let defaults = Terms::new()
        .storage_class("STANDARD_IA")
        .encryption(Encryption::kms("alias/orders"))
        .tag("team", "a=b / c+d")
        .tag("tier", "2");
    let store = store.with_put_defaults(defaults);
    store.put(overwrite("x")).await.unwrap();
    assert_eq!(
        kept(&store, key().as_str()).await,
        (
            some("STANDARD_IA"),
            some("aws:kms"),
            some("alias/orders"),
            tags(&[("team", "a=b / c+d"), ("tier", "2")])
        )
    );
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", store.clone()).provider("aws"))
        .build()
        .unwrap();
    let put = client.put("own", "x").tag("tier", "3").tag("order", "@42");
    let put = put.encryption(Encryption::kms("alias/other"));
    put.terms_at("aws", Terms::new().storage_class("GLACIER_IR"))
        .await
        .unwrap();
    let all = tags(&[("order", "@42"), ("team", "a=b / c+d"), ("tier", "3")]);
    let own = (some("GLACIER_IR"), some("aws:kms"), some("alias/other"), all);
    assert_eq!(kept(&store, "own").await, own);
    // The store's keys, and none of them named.
    client.put("store", "x").encryption(Encryption::Store).await.unwrap();
    let (class, how, key, _) = kept(&store, "store").await;
    assert_eq!((class, how, key), (some("STANDARD_IA"), some("AES256"), None));
    // Eleven tags with the endpoint's own.
    let mut put = client.put("many", "x");
    for i in 0..9 {
        put = put.tag(format!("n{i}"), "");
    }
    let error = put.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(
        error.to_string().contains("virginia: an object has at most 10 tags"),
        "{error}"
    );
    // A class that the server does not know is the caller's fault, and nothing is stored.
    let error = client
        .put("unknown", "x")
        .storage_class("NO_SUCH_CLASS")
        .await
        .unwrap_err();
    assert!(!error.may_have_been_applied(), "{error}");
    assert_eq!(client.head("unknown").await.unwrap_err().kind(), ErrorKind::NotFound);
}

fn subject(server: SocketAddr) -> Subject<impl Fn(SocketAddr) -> AnyObjectProvider> {
    let made = |addr: SocketAddr| {
        let client = Client::from_conf(config(&format!("http://{addr}")).build());
        AnyObjectProvider::new(S3::new(client, "orders"))
    };
    Subject {
        name: "s3",
        at: made,
        server,
        connects_in_time: true,
        reads_s3_documents: true,
    }
}

#[tokio::test]
async fn a_puts_terms_reach_our_server() {
    let server = crate::s3s_server::start(&["orders"]).await;
    what_a_put_says(S3::new(Client::from_conf(server.config().build()), "orders")).await;
}

#[tokio::test]
async fn proxy_faults_have_the_expected_outcome() {
    let server = crate::s3s_server::start(&["orders"]).await;
    subject(server.addr).over_the_proxy().await;
}

#[tokio::test]
async fn foreign_servers_are_faulty() {
    let subject = subject(raw::nobody().await);
    subject.at_nonsense().await;
    subject.one_put_is_one_attempt().await;
}

/// Alibaba's create: its header in place of S3's, on creates alone.
#[tokio::test]
async fn a_custom_create_header_is_sent_on_creates_alone() {
    let server = raw::serve(refusal("409 Conflict", "FileAlreadyExists")).await;
    let client = Client::from_conf(config(&format!("http://{}", server.addr)).build());
    let store = S3::new(client, "orders").with_create_header("x-oss-forbid-overwrite");
    let error = store.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::AlreadyExists);
    store.put(overwrite("x")).await.unwrap_err();
    let asked = server.heads();
    assert!(asked[0].contains("x-oss-forbid-overwrite: true"), "{}", asked[0]);
    assert!(!asked[0].contains("if-none-match"), "{}", asked[0]);
    assert!(!asked[1].contains("x-oss-forbid-overwrite"), "{}", asked[1]);
    let signed = asked[0]
        .lines()
        .find(|line| line.starts_with("authorization:"))
        .unwrap();
    assert!(signed.contains("x-oss-forbid-overwrite"), "{signed}");

    let mut put = Put::new(key(), "x");
    put.mode = PutMode::IfMatch(ETag::new("\"a\"", ""));
    let error = store.put(put).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().sent),
        (ProviderErrorKind::Unsupported, Sent::No)
    );
}
