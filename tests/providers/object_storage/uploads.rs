//! Uploads at Azure and Google: what is special about them, beside the suite.

use crate::{
    azure,
    faults::{FAULTY, Subject, key, shows_nothing},
    script::{self, Answer},
};
use azure_storage_blob::models::BlobClientGetPropertiesResultHeaders as _;
use evenkeel::{
    drill::Fault,
    provider::{AnyObjectProvider, AzureBlob, ObjectProvider, ProviderError, ProviderErrorKind as Kind},
    request::object::{
        AbortUpload, Attributes, BeginUpload, CompleteUpload, Encryption, Head, ListUploads, PartTag, PutAnswer,
        PutMode, PutPart, Terms, UploadId, WriteId,
    },
    testing::uploads::{self, Claim, Claims},
    verdict::{Outcome, Sent, Verdict},
};
use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

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
    let lost = loop {
        match upload
            .complete(&behind, std::slice::from_ref(&part), mode.clone())
            .await
        {
            Err(error) if error.outcome().verdict.is_fault() => break error,
            other => panic!("the proxy let it pass: {other:?}"),
        }
    };
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

fn azure_claims() -> Claims {
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
    for (name, store) in [
        ("azure_blob on Azurite, SAS", azure::with_sas(azurite.addr)),
        ("azure_blob on Azurite, shared key", again),
    ] {
        let report = uploads::run(name, &store, &azure_claims()).await;
        assert_eq!(report.passed.len(), 10, "{:?}", report.passed);
    }
    let subject = azure::subject(azurite.addr);
    assert_eq!(a_lost_completion(&subject, PutMode::Overwrite).await, Kind::UploadGone);
    let store = azure::with_sas(azurite.addr);
    foreign_writes_discard_the_blocks(&store).await;
    empty_parts(&store).await;
    what_a_completion_says(&azure::with_key(azurite.addr)).await;
}

/// Completions, that is: Azurite keeps the blocks at a put, where Azure discards them.
async fn foreign_writes_discard_the_blocks(store: &AzureBlob) {
    let mine = Upload::begun(store, BeginUpload::new(key())).await;
    let part = mine.put(store, 1, "mine").await.unwrap();
    let foreign = Upload::begun(store, BeginUpload::new(key())).await;
    let other = foreign.put(store, 1, "other").await.unwrap();
    foreign.complete(store, &[other], PutMode::Overwrite).await.unwrap();
    let gone = mine
        .complete(store, &[part.clone()], PutMode::Overwrite)
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
        let got = store.get(evenkeel::request::object::Get::new(key())).await.unwrap();
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
