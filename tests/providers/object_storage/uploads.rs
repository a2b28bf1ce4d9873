//! Uploads, copies and presigned URLs at Azure and Google: what is special about them, beside the suite.

use crate::{
    azure,
    faults::{FAULTY, Subject, key, shows_nothing},
    gcs, gcs_server,
    raw::{self, http},
    script::{self, Answer},
    tried,
};
use azure_storage_blob::models::BlobClientGetPropertiesResultHeaders as _;
use evenkeel::{
    Endpoint, ObjectClient,
    drill::Fault,
    provider::{AnyObjectProvider, AzureBlob, Gcs, ObjectProvider, ProviderError, ProviderErrorKind as Kind},
    request::{
        Key,
        object::{
            AbortUpload, Attributes, BeginUpload, CompleteUpload, Copy, Encryption, Get, Head, List, ListUploads,
            PartTag, Presign, PresignMethod, PutAnswer, PutMode, PutPart, Terms, UploadId, WriteId,
        },
    },
    testing::uploads::{self, Claim, Claims},
    verdict::{Outcome, Sent, Verdict},
};
use google_cloud_auth::credentials::anonymous;
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

/// An upload of the secret key under way.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) begin: BeginUpload,
    pub(crate) id: UploadId,
}

impl Upload {
    pub(crate) async fn begun(store: &impl ObjectProvider, begin: BeginUpload) -> Self {
        let id = store.begin_upload(begin.clone()).await.unwrap();
        Self { begin, id }
    }

    pub(crate) async fn put(
        &self,
        store: &impl ObjectProvider,
        number: u32,
        body: impl Into<bytes::Bytes>,
    ) -> Result<PartTag, ProviderError> {
        let part = PutPart::new(self.begin.key.clone(), self.id.clone(), number, body);
        store.put_part(part).await
    }

    pub(crate) async fn complete(
        &self,
        store: &impl ObjectProvider,
        parts: &[PartTag],
        mode: PutMode,
    ) -> Result<PutAnswer, ProviderError> {
        let mut complete = CompleteUpload::new(&self.begin, self.id.clone(), parts.to_vec());
        complete.mode = mode;
        store.complete_upload(complete).await
    }
}

/// With everything that an upload can carry.
pub(crate) fn begin() -> BeginUpload {
    let mut begin = BeginUpload::new(key());
    let mut attributes = Attributes::default();
    attributes.content_type = Some("text/plain".into());
    attributes.content_disposition = Some("attachment".into());
    attributes.content_encoding = Some("gzip".into());
    attributes.content_language = Some("de".into());
    attributes.metadata.insert("the_colour".into(), "blue".into());
    begin.attributes = Arc::new(attributes);
    begin.write_id = Some(WriteId::new("the-upload"));
    begin
}

/// A completion takes place, its answer is lost, and it is sent again.
pub(crate) async fn a_lost_completion<F: Fn(SocketAddr) -> AnyObjectProvider>(
    subject: &Subject<F>,
    mode: PutMode,
) -> Kind {
    let store = (subject.at)(subject.server);
    let upload = Upload::begun(&store, begin()).await;
    let part = upload.put(&store, 1, "whole").await.unwrap();
    let (behind, _proxy) = subject.behind(Fault::ResetAfterRequest).await;
    let sent = upload.complete(&behind, std::slice::from_ref(&part), mode.clone());
    let lost = sent.await.unwrap_err();
    assert!(lost.outcome().verdict.is_fault(), "{lost:?}");
    assert_eq!(lost.outcome().sent, Sent::Maybe, "{lost:?}");
    shows_nothing(&lost);
    let there = store.head(Head::new(key())).await.unwrap();
    assert_eq!(there.write_id, begin().write_id);
    assert_eq!(there.attributes, *begin().attributes);
    let again = upload.complete(&store, &[part], mode).await;
    let now = store.head(Head::new(key())).await.unwrap();
    let refused = again.unwrap_err();
    assert_eq!(now.etag, there.etag, "{refused:?}");
    shows_nothing(&refused);
    refused.kind()
}

pub(crate) fn azure_claims() -> Claims {
    Claims::all()
        .without(Claim::Aborts, "Azure cannot give an upload up")
        .without(Claim::ListUploads, "Azure knows no uploads")
        .without(Claim::Copy, "Azure's copies carry the source's properties along")
}

#[tokio::test]
async fn azurite_passes_the_suite_of_uploads() {
    let Some(azurite) = azure::started("the suite of uploads, by SAS and by shared key").await else {
        return;
    };
    // The suite wants an empty store.
    let again = azure::with_key_at(azurite.addr, "again");
    again.client().create(None).await.unwrap();
    for (how, name, store) in [
        (
            "Azurite 3.37, by SAS",
            "azure_blob on Azurite, SAS",
            azure::with_sas(azurite.addr),
        ),
        (
            "Azurite 3.37, by shared key",
            "azure_blob on Azurite, shared key",
            again,
        ),
    ] {
        let report = uploads::run(name, &store, &azure_claims()).await;
        tried::uploads("`AzureBlob`", how, &report, &store);
        assert_eq!(report.passed.len(), 12, "{:?}", report.passed);
    }
    let subject = azure::subject(azurite.addr);
    assert_eq!(a_lost_completion(&subject, PutMode::Overwrite).await, Kind::UploadGone);
    let store = azure::with_sas(azurite.addr);
    foreign_writes_discard_the_blocks(&store).await;
    empty_parts(&store).await;
    what_a_completion_says(&azure::with_key(azurite.addr)).await;
    a_client_streams(AnyObjectProvider::new(store)).await;
}

/// Completions, that is: Azurite keeps the blocks at a put, where Azure discards them.
async fn foreign_writes_discard_the_blocks(store: &AzureBlob) {
    let mine = Upload::begun(store, BeginUpload::new(key())).await;
    let part = mine.put(store, 1, "mine").await.unwrap();
    let foreign = Upload::begun(store, BeginUpload::new(key())).await;
    let other = foreign.put(store, 1, "other").await.unwrap();
    foreign.complete(store, &[other], PutMode::Overwrite).await.unwrap();
    let gone = mine
        .complete(store, std::slice::from_ref(&part), PutMode::Overwrite)
        .await
        .unwrap_err();
    assert_eq!(gone.kind(), Kind::UploadGone, "{gone:?}");
    assert_eq!(gone.outcome(), Outcome::new(Verdict::Answer, Sent::Maybe));
    assert_eq!(gone.to_string(), "there is no such upload (InvalidBlockList)");
    shows_nothing(&gone);
    // The parts that come after do not make it whole.
    let second = mine.put(store, 2, "late").await.unwrap();
    let gone = mine
        .complete(store, &[part, second], PutMode::Overwrite)
        .await
        .unwrap_err();
    assert_eq!(gone.kind(), Kind::UploadGone, "{gone:?}");
    // A part of another upload is refused unsent.
    let (one, other) = (
        Upload::begun(store, BeginUpload::new(key())).await,
        Upload::begun(store, BeginUpload::new(key())).await,
    );
    let part = other.put(store, 1, "other").await.unwrap();
    let refused = one.complete(store, &[part], PutMode::Overwrite).await.unwrap_err();
    assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Invalid, Sent::No));
    // Azure cannot give it up: the abort says nothing, and the listing shows nothing.
    let abort = AbortUpload::new(key(), other.id.clone());
    store.abort_upload(abort).await.unwrap();
    assert!(
        store
            .list_uploads(ListUploads::default())
            .await
            .unwrap()
            .uploads
            .is_empty()
    );
}

async fn empty_parts(store: &AzureBlob) {
    for (bodies, whole) in [(vec!["a", "", "b", ""], "ab"), (vec![""], "")] {
        let upload = Upload::begun(store, begin()).await;
        let mut parts = Vec::new();
        for (at, body) in bodies.into_iter().enumerate() {
            parts.push(upload.put(store, at as u32 + 1, body).await.unwrap());
        }
        upload.complete(store, &parts, PutMode::Overwrite).await.unwrap();
        let got = store.get(Get::new(key())).await.unwrap();
        assert_eq!(got.body, whole);
        assert_eq!(got.meta.attributes, *begin().attributes);
        assert_eq!(got.meta.write_id, begin().write_id);
    }
}

/// Tier and tags of the terms, and of the adapter's defaults.
async fn what_a_completion_says(store: &AzureBlob) {
    let store = store
        .clone()
        .with_put_defaults(Terms::new().storage_class("Cool").tag("tier", "2"));
    let mut begin = begin();
    begin.terms = Arc::new(Terms::new().storage_class("Cold"));
    let upload = Upload::begun(&store, begin).await;
    let part = upload.put(&store, 1, "x").await.unwrap();
    upload.complete(&store, &[part], PutMode::Overwrite).await.unwrap();
    let blob = store.client().blob_client(key().as_str());
    let said = blob.get_properties(None).await.unwrap();
    assert_eq!(said.access_tier().unwrap().unwrap().to_string(), "Cold");
    let tags: azure_storage_blob::models::BlobTags = blob.get_tags(None).await.unwrap().into_model().unwrap();
    assert_eq!(tags.blob_tag_set.unwrap().len(), 1);
}

/// What goes to the server: the scope in every request, and one block name for each part.
#[tokio::test]
async fn an_azure_upload_names_its_blocks_and_its_scope() {
    const ID: (&str, &str) = ("x-ms-request-id", azure::ID);
    let server = script::serve(|_| std::future::ready(script::answer(201, &[ID, ("etag", "\"1\"")], ""))).await;
    let terms = Terms::new().encryption(Encryption::kms("orders-scope"));
    let store = azure::with_sas(server.addr).with_put_defaults(terms);
    let upload = Upload::begun(&store, BeginUpload::new(key())).await;
    assert_eq!(server.count(), 0, "to begin sends nothing");
    let mut parts = Vec::new();
    for number in [1, 2, 50_000] {
        parts.push(upload.put(&store, number, "x").await.unwrap());
    }
    upload.complete(&store, &parts, PutMode::Create).await.unwrap();
    let asked = server.asked();
    let scopes = asked.iter().map(|asked| asked.header("x-ms-encryption-scope"));
    assert!(scopes.eq([Some("orders-scope"); 4]));
    let block = |asked: &script::Asked| {
        let query = url::form_urlencoded::parse(asked.uri.query().unwrap().as_bytes());
        query.into_owned().find(|(name, _)| name == "blockid").map(|(_, id)| id)
    };
    let named: BTreeSet<_> = asked.iter().filter_map(block).collect();
    assert_eq!(named.len(), 3);
    let list = std::str::from_utf8(&asked[3].body).unwrap();
    assert_eq!(list.matches("<Uncommitted>").count(), 3, "{list}");
    assert!(named.iter().all(|id| id.len() == 24 && list.contains(id)), "{list}");
    assert_eq!(asked[3].header("if-none-match"), Some("*"));
    for (number, most) in [(0, 1), (50_001, 1)] {
        let refused = upload.put(&store, number, vec![0; most]).await.unwrap_err();
        assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Invalid, Sent::No));
    }
    assert_eq!(server.count(), 4);
}

/// A gateway's answer proves nothing: neither that a part or an object is stored, nor that an upload is gone.
#[tokio::test]
async fn a_gateways_answers_to_an_azure_upload_are_faulty() {
    let page = "<html>welcome to this hotel</html>";
    let all: [fn(&str) -> Answer; 4] = [
        |page| script::answer(404, &[], page.to_owned()),
        |page| script::answer(201, &[], page.to_owned()),
        |page| script::answer(200, &[("x-ms-request-id", azure::ID)], page.to_owned()),
        |page| script::answer(400, &[], page.to_owned()),
    ];
    for (at, answer) in all.into_iter().enumerate() {
        let server = script::serve(move |_| std::future::ready(answer(page))).await;
        let store = azure::with_sas(server.addr);
        let upload = Upload::begun(&store, BeginUpload::new(key())).await;
        let part = upload.put(&store, 1, "x").await.unwrap_err();
        // A part's name is known without the server.
        let server = script::always(201, &[("x-ms-request-id", azure::ID)], "").await;
        let tag = upload.put(&azure::with_sas(server.addr), 1, "x").await.unwrap();
        let completed = upload.complete(&store, &[tag], PutMode::Overwrite).await.unwrap_err();
        for error in [part, completed] {
            assert_ne!(error.kind(), Kind::UploadGone, "{at}: {error:?}");
            shows_nothing(&error);
            if at < 3 {
                assert_eq!(error.outcome(), FAULTY, "{at}: {error:?}");
            }
        }
    }
    // Confirmed, but without a tag.
    let server = script::always(201, &[("x-ms-request-id", azure::ID)], "").await;
    let store = azure::with_sas(server.addr);
    let upload = Upload::begun(&store, BeginUpload::new(key())).await;
    let tag = upload.put(&store, 1, "x").await.unwrap();
    let error = upload.complete(&store, &[tag], PutMode::Overwrite).await.unwrap_err();
    assert_eq!(error.outcome(), FAULTY, "{error:?}");
}

/// By whoever has the URL, and for what it says alone.
#[tokio::test]
async fn azurite_accepts_presigned_urls() {
    let Some(azurite) = azure::started("presigned URLs").await else {
        return;
    };
    let store = azure::with_key(azurite.addr);
    assert!(store.capabilities().presign);
    let presigned = async |name: &str, method, seconds| {
        let presign = Presign::new(Key::new(name).unwrap(), method, Duration::from_secs(seconds));
        store.presign(presign).await
    };
    let http = reqwest::Client::new();
    let name = "a b/ü+?#%25&c";
    let put = presigned(name, PresignMethod::Put, 60).await.unwrap();
    let sent = async |method: &str, url: &str, headers: &[(String, String)]| {
        let mut request = http.request(method.parse().unwrap(), url).body("body");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    };
    assert_eq!(sent("PUT", put.as_str(), &put.headers).await.status(), 201);
    assert_eq!(store.get(Get::new(Key::new(name).unwrap())).await.unwrap().body, "body");
    let get = presigned(name, PresignMethod::Get, 60).await.unwrap();
    let got = http.get(get.as_str()).send().await.unwrap();
    assert_eq!(got.status(), 200);
    assert_eq!(got.bytes().await.unwrap(), "body");
    // Nothing else: neither another method, nor another key, nor later.
    for (method, url) in [
        ("PUT", get.as_str().to_owned()),
        ("DELETE", put.as_str().to_owned()),
        ("GET", put.as_str().to_owned()),
        ("GET", get.as_str().replace("a%20b", "another")),
    ] {
        let status = sent(method, &url, &put.headers).await.status();
        assert_eq!(status, 403, "{method}");
    }
    let short = presigned(name, PresignMethod::Get, 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(http.get(short.as_str()).send().await.unwrap().status(), 403);
    for seconds in [0, u64::MAX] {
        let refused = presigned(name, PresignMethod::Get, seconds).await.unwrap_err();
        assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Invalid, Sent::No));
    }
    // A SAS would be given away.
    let store = azure::with_sas(azurite.addr);
    assert!(!store.capabilities().presign);
    let presign = Presign::new(key(), PresignMethod::Get, Duration::from_secs(60));
    assert_eq!(store.presign(presign).await.unwrap_err().kind(), Kind::Unsupported);
}

/// The client's own uploads, over this adapter.
async fn a_client_streams(store: AnyObjectProvider) {
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("only", store))
        .build()
        .unwrap();
    let body: bytes::Bytes = (0..12_000_000_u32)
        .map(|at| (at % 251) as u8)
        .collect::<Vec<_>>()
        .into();
    let stored = client
        .put_stream("streamed", body.clone())
        .part_size(5 << 20)
        .overwrite();
    stored.content_disposition("inline").await.unwrap();
    let got = client.get("streamed").await.unwrap();
    assert!(*got.body() == body, "the bytes differ");
    assert_eq!(got.meta().attributes.content_disposition.as_deref(), Some("inline"));
    // An upload that is dropped is given up, or swept.
    let swept = client.sweep_uploads(Duration::ZERO).await.unwrap();
    assert!(swept.failed.is_empty(), "{:?}", swept.failed);
}

async fn google() -> (gcs_server::Server, Gcs) {
    let server = gcs_server::start().await;
    let store = gcs::at(server.addr).await;
    (server, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_passes_the_suite_of_uploads_on_our_own_server() {
    let (server, store) = google().await;
    let store = store.presigning_with(signer());
    let report = uploads::run("gcs on our own server", &store, &Claims::all()).await;
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    tried::uploads("`Gcs`", "our own server", &report, &store);
    // Nothing is left of all that, but the parts of what was refused on a condition.
    let under_way = store.list_uploads(ListUploads::default()).await.unwrap();
    for open in under_way.uploads {
        assert!(open.started.is_some());
        let abort = AbortUpload::new(Key::new(open.key).unwrap(), open.upload);
        store.abort_upload(abort).await.unwrap();
    }
    assert_eq!(hidden(&store).await, Vec::<String>::new());
    let subject = gcs::subject(server.addr);
    assert_eq!(a_lost_completion(&subject, PutMode::Overwrite).await, Kind::UploadGone);
    a_client_streams(AnyObjectProvider::new(store.clone())).await;
    assert_eq!(hidden(&store).await, Vec::<String>::new());
}

/// The names of all temporaries.
async fn hidden(store: &Gcs) -> Vec<String> {
    let mut list = List::default();
    list.prefix = ".evenkeel/".into();
    let page = store.list(list).await.unwrap();
    page.entries.iter().map(|entry| entry.name().to_owned()).collect()
}

/// More parts than one request composes, with one that is stored twice, and what a killed attempt has left.
#[tokio::test]
async fn google_composes_many_parts_and_leaves_nothing() {
    let (_server, store) = google().await;
    let upload = Upload::begun(&store, begin()).await;
    assert!(
        store
            .list_uploads(ListUploads::default())
            .await
            .unwrap()
            .uploads
            .is_empty()
    );
    let mut parts = Vec::new();
    let mut whole = String::new();
    for number in 1..=70 {
        let body = format!("part {number};");
        upload
            .put(&store, number, "from an attempt whose answer was lost")
            .await
            .unwrap();
        parts.push(upload.put(&store, number, body.clone()).await.unwrap());
        whole += &body;
    }
    let listed = store.list_uploads(ListUploads::new("secret")).await.unwrap();
    assert_eq!(listed.uploads.len(), 1);
    assert_eq!(
        (&*listed.uploads[0].key, &listed.uploads[0].upload),
        ("secret-key", &upload.id)
    );
    upload.complete(&store, &parts, PutMode::Create).await.unwrap();
    let got = store.get(Get::new(key())).await.unwrap();
    assert_eq!(got.body, whole);
    assert_eq!(got.meta.attributes, *begin().attributes);
    assert_eq!(got.meta.write_id, begin().write_id);
    assert_eq!(hidden(&store).await, Vec::<String>::new());
    let again = upload.complete(&store, &parts, PutMode::Overwrite).await.unwrap_err();
    assert_eq!(again.kind(), Kind::UploadGone);
    shows_nothing(&again);

    // A completion that died between its requests is sent again: what it has composed, it finds.
    let upload = Upload::begun(&store, begin()).await;
    let mut parts = Vec::new();
    for number in 1..=70 {
        parts.push(upload.put(&store, number, format!("part {number};")).await.unwrap());
    }
    let refused = upload.complete(&store, &parts, PutMode::Create).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::AlreadyExists);
    assert_eq!(hidden(&store).await.len(), 3);
    upload.complete(&store, &parts, PutMode::Overwrite).await.unwrap();
    assert_eq!(store.get(Get::new(key())).await.unwrap().body, whole);
    assert_eq!(hidden(&store).await, Vec::<String>::new());
}

/// Pages of uploads, some of which have more temporaries than a page.
#[tokio::test]
async fn googles_uploads_are_listed_once_each() {
    let (_server, store) = google().await;
    let mut begun = BTreeSet::new();
    for (name, parts) in [("a", 1), ("a/b", 2), ("a/b/c", 1), ("ab", 1), ("b", 1)] {
        for _ in 0..2 {
            let upload = Upload::begun(&store, BeginUpload::new(Key::new(name).unwrap())).await;
            for number in 1..=parts {
                upload.put(&store, number, "x").await.unwrap();
            }
            begun.insert((name.to_owned(), upload.id));
        }
    }
    // One with more temporaries than a page.
    let large = Upload::begun(&store, BeginUpload::new(Key::new("a/large").unwrap())).await;
    for _ in 0..1_001 {
        large.put(&store, 1, "").await.unwrap();
    }
    begun.insert(("a/large".to_owned(), large.id.clone()));
    for prefix in ["", "a", "a/", "a/b", "b", "c"] {
        let mut list = ListUploads::new(prefix);
        let mut listed = Vec::new();
        loop {
            let page = store.list_uploads(list.clone()).await.unwrap();
            listed.extend(page.uploads.into_iter().map(|open| (open.key, open.upload)));
            match page.continuation {
                Some(next) => list.continuation = Some(next),
                None => break,
            }
        }
        let expected: BTreeSet<_> = begun
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .cloned()
            .collect();
        assert_eq!(listed.len(), expected.len(), "{prefix}");
        assert_eq!(BTreeSet::from_iter(listed), expected, "{prefix}");
    }
    let abort = AbortUpload::new(Key::new("a/large").unwrap(), large.id);
    store.abort_upload(abort).await.unwrap();
    assert!(!hidden(&store).await.iter().any(|name| name.contains("large")));
}

/// Class and key are those of the temporaries, too: composed objects take the class of their sources.
#[tokio::test]
async fn google_keeps_the_terms_of_an_upload_and_of_a_copy() {
    let (server, store) = google().await;
    let kms = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k";
    let terms = Terms::new().storage_class("NEARLINE").encryption(Encryption::kms(kms));
    let store = store.with_put_defaults(terms);
    let mut begin = begin();
    begin.terms = Arc::new(Terms::new().storage_class("COLDLINE"));
    let upload = Upload::begun(&store, begin).await;
    let part = upload.put(&store, 1, "x").await.unwrap();
    let (_, control) = gcs::clients(&format!("http://{}", server.addr), anonymous::Builder::new().build()).await;
    let said = async |name: &str| {
        let known = control
            .get_object()
            .set_bucket("projects/_/buckets/orders")
            .set_object(name);
        let known = known.send().await.unwrap();
        (known.storage_class, known.kms_key)
    };
    let temporary = hidden(&store).await.remove(0);
    assert_eq!(said(&temporary).await, ("COLDLINE".into(), kms.into()));
    upload.complete(&store, &[part], PutMode::Create).await.unwrap();
    assert_eq!(said("secret-key").await, ("COLDLINE".into(), kms.into()));
    // A copy to another class takes several requests.
    let copy = Copy::new(key(), Key::new("copy").unwrap(), 1);
    store.copy(copy.clone()).await.unwrap();
    assert_eq!(said("copy").await, ("NEARLINE".into(), kms.into()));
    let there = store.head(Head::new(Key::new("copy").unwrap())).await.unwrap();
    assert_eq!((there.attributes, there.write_id), (Attributes::default(), None));
    // Which of two conditions failed, Google does not say.
    let mut of_a_state = copy;
    of_a_state.if_match = store.head(Head::new(key())).await.unwrap().etag;
    let refused = store.copy(of_a_state).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict, "{refused:?}");
    shows_nothing(&refused);
}

#[tokio::test]
async fn what_google_cannot_take_in_parts_is_refused_unsent() {
    let store = gcs::at(raw::nobody().await).await;
    let long = BeginUpload::new(Key::new("k".repeat(1000)).unwrap());
    let refused = store.begin_upload(long).await.unwrap_err();
    assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Unsupported, Sent::No));
    let mut tagged = begin();
    tagged.terms = Arc::new(Terms::new().tag("team", "billing"));
    let refused = store.begin_upload(tagged).await.unwrap_err();
    assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Unsupported, Sent::No));
    let upload = Upload::begun(&store, begin()).await;
    for number in [0, 1025] {
        let refused = upload.put(&store, number, "x").await.unwrap_err();
        assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Invalid, Sent::No));
    }
    let foreign = PartTag::new(1, 1, "\"an etag\"");
    let refused = upload.complete(&store, &[foreign], PutMode::Create).await.unwrap_err();
    assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Invalid, Sent::No));
}

/// A refusal that is none of the store's own says nothing of the upload.
#[tokio::test]
async fn a_gateways_answers_to_a_google_upload_are_faulty() {
    let page = || {
        http(
            "404 Not Found",
            &[("content-type", "text/html")],
            "<html>welcome</html>",
        )
    };
    let server = raw::serve(page()).await;
    let store = gcs::at(server.addr).await;
    let upload = Upload::begun(&store, begin()).await;
    let refused = upload.put(&store, 1, "x").await.unwrap_err();
    assert_eq!(refused.outcome().verdict, Verdict::Faulty, "{refused:?}");
    let (_good, good) = google().await;
    let part = upload.put(&good, 1, "x").await.unwrap();
    for refused in [
        upload.complete(&store, &[part], PutMode::Create).await.unwrap_err(),
        store
            .copy(Copy::new(key(), Key::new("b").unwrap(), 1))
            .await
            .unwrap_err(),
        store.list_uploads(ListUploads::default()).await.unwrap_err(),
        store
            .abort_upload(AbortUpload::new(key(), upload.id.clone()))
            .await
            .unwrap_err(),
    ] {
        assert!(refused.outcome().verdict.is_fault(), "{refused:?}");
        shows_nothing(&refused);
    }
    // Codes of the service itself.
    let denied = gcs_server::refusing(7).await;
    let store = gcs::at(denied.addr).await;
    let part = upload.put(&good, 1, "x").await.unwrap();
    let refused = upload.complete(&store, &[part], PutMode::Create).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Denied);
}

/// A key of a service account, in this process.
fn signer() -> google_cloud_auth::signer::Signer {
    let made = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let account = serde_json::json!({
        "type": "service_account", "client_email": "orders@p.iam.gserviceaccount.com", "private_key_id": "4711",
        "private_key": made.serialize_pem(), "project_id": "p", "universe_domain": "googleapis.com",
    });
    let signer = google_cloud_auth::credentials::service_account::Builder::new(account);
    signer.build_signer().unwrap()
}

/// The signature's mathematics is the SDK's.
#[tokio::test]
async fn google_presigns_with_a_signer_and_sends_nothing() {
    let store = gcs::at(raw::nobody().await).await;
    let hour = Duration::from_secs(3600);
    let presign = |method, expires_in| Presign::new(Key::new("a b/ü+?").unwrap(), method, expires_in);
    assert!(!store.capabilities().presign);
    let refused = store.presign(presign(PresignMethod::Get, hour)).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported);
    let store = store.presigning_with(signer());
    assert!(store.capabilities().presign);
    let mut signatures = BTreeSet::new();
    for method in [PresignMethod::Get, PresignMethod::Put] {
        let signed = store.presign(presign(method, hour)).await.unwrap();
        let url = url::Url::parse(signed.as_str()).unwrap();
        assert_eq!(url.host_str(), Some("storage.googleapis.com"));
        assert_eq!(url.path(), "/orders/a%20b/%C3%BC%2B%3F");
        let pairs: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs["X-Goog-Expires"], "3600");
        signatures.insert(pairs["X-Goog-Signature"].clone());
        assert_eq!(format!("{signed:?}"), "PresignedUrl(…)");
    }
    assert_eq!(signatures.len(), 2, "the method is signed");
    for expires_in in [Duration::ZERO, Duration::from_secs(8 * 24 * 3600)] {
        let refused = store
            .presign(presign(PresignMethod::Get, expires_in))
            .await
            .unwrap_err();
        assert_eq!((refused.kind(), refused.outcome().sent), (Kind::Invalid, Sent::No));
    }
}
