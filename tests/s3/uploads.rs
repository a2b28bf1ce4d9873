//! Uploads at our own server and at misbehaving ones, through the adapter.

use crate::{
    outcome::{FAULTY, at, key, shows_nothing, with},
    raw::{self, http},
    s3s_server::{self as server, config},
    tried,
};
use aws_sdk_s3::{Client, config::RequestChecksumCalculation};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    provider::{
        Capability, ObjectProvider, PartRule, ProviderError, ProviderErrorKind, S3,
        s3::preset::{self, GOOGLE_XML_MARKS},
    },
    request::{
        Key,
        object::{
            AbortUpload, Attributes, BeginUpload, CompleteUpload, ETag, Encryption, Get, ListUploads, PartTag, PutMode,
            PutPart, Terms, UploadId, WriteId,
        },
    },
    testing::uploads::{Claims, run},
    verdict::{Outcome, Sent, Verdict},
};
use evenkeel_s3_server::{Fault, MIN_PART_SIZE, Operation, Rule, Server, Settings};
use std::sync::Arc;

async fn bucket() -> (S3, Server) {
    bucket_with(Settings::new(&["orders"])).await
}

async fn bucket_with(settings: Settings) -> (S3, Server) {
    let server = Server::start(settings).await.unwrap();
    (s3(&server), server)
}

fn s3(server: &Server) -> S3 {
    S3::new(Client::from_conf(config(&server.url()).build()), "orders").trusting_all_conditions()
}

fn named(name: &str) -> BeginUpload {
    with(BeginUpload::new(Key::new(name).unwrap()), |it| {
        it.write_id = Some(WriteId::new("uploads-of-s3"));
    })
}

/// An upload under way, with its first part.
async fn begun(store: &S3, name: &str) -> (BeginUpload, UploadId, PartTag) {
    let begin = named(name);
    let upload = store.begin_upload(begin.clone()).await.unwrap();
    let part = PutPart::new(begin.key.clone(), upload.clone(), 1, "hello");
    let part = store.put_part(part).await.unwrap();
    (begin, upload, part)
}

fn completion((begin, upload, part): &(BeginUpload, UploadId, PartTag), mode: PutMode) -> CompleteUpload {
    with(CompleteUpload::new(begin, upload.clone(), vec![part.clone()]), |it| {
        it.mode = mode;
    })
}

fn kind<T>(result: Result<T, ProviderError>) -> (ProviderErrorKind, Verdict) {
    let error = result.err().unwrap();
    shows_nothing(&error);
    (error.kind(), error.outcome().verdict)
}

#[tokio::test]
async fn s3_on_our_server_passes_the_suite_of_uploads() {
    let (store, server) = bucket().await;
    let report = run("s3 on our server", &store, &Claims::all()).await;
    assert!(report.skipped.is_empty());
    tried::uploads("`S3`", "our own server", &report, &store);
    // The checks of refusals leave their uploads behind.
    assert!(server.store().uploads("orders").len() < report.passed.len());
    let forgetful = bucket_with(Settings::new(&["orders"]).forgets_completions()).await;
    run("s3 on a forgetful server", &forgetful.0, &Claims::all()).await;
}

#[tokio::test]
async fn s3_with_checksums_when_required_passes_the_suite_of_uploads() {
    let server = server::start(&["orders"]).await;
    let config = server
        .config()
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    let store = S3::new(Client::from_conf(config.build()), "orders").trusting_all_conditions();
    run("s3, checksums when required", &store, &Claims::all()).await;
}

#[tokio::test]
async fn an_upload_has_the_attributes_and_terms_that_it_began_with() {
    let (store, server) = bucket().await;
    let store = store.with_put_defaults(Terms::new().storage_class("STANDARD_IA").tag("team", "a b"));
    let attributes = with(Attributes::default(), |it| {
        it.content_type = Some("text/plain".into());
        it.content_disposition = Some("attachment".into());
        it.content_encoding = Some("identity".into());
        it.content_language = Some("de".into());
        it.metadata = [("the_colour-2".to_owned(), "deep blue".to_owned())].into();
    });
    let begin = with(named("a"), |it| {
        it.attributes = Arc::new(attributes.clone());
        it.terms = Arc::new(Terms::new().encryption(Encryption::Store).tag("order", "@42"));
    });
    let upload = store.begin_upload(begin.clone()).await.unwrap();
    let part = PutPart::new(begin.key.clone(), upload.clone(), 1, "hello");
    let part = store.put_part(part).await.unwrap();
    let answer = store
        .complete_upload(CompleteUpload::new(&begin, upload, vec![part]))
        .await
        .unwrap();
    let got = store.get(Get::new(begin.key.clone())).await.unwrap();
    assert_eq!(
        (got.meta.attributes, got.meta.write_id, got.meta.etag),
        (attributes, begin.write_id, answer.etag)
    );
    let stored = server.store().object("orders", "a").unwrap();
    let tags = [("order", "@42"), ("team", "a b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        (stored.storage_class.as_deref(), stored.tags.as_slice(), stored.parts),
        (Some("STANDARD_IA"), &tags[..], Some(1))
    );
}

/// The pool holds a connection that has answered, and that the server then resets: nothing fails for it but a begin, whose
/// repetition would leave an upload that nobody knows.
#[tokio::test]
async fn a_dead_connection_repeats_all_but_the_begin() {
    let (store, server) = bucket().await;
    let upload = begun(&store, "a").await;
    for operation in [Operation::UploadPart, Operation::CompleteMultipartUpload] {
        server.faults().add(Rule::on(operation, Fault::Drop).nth(1));
    }
    let again = PutPart::new(upload.0.key.clone(), upload.1.clone(), 1, "hello");
    assert_eq!(store.put_part(again).await.unwrap(), upload.2);
    assert_eq!(server.count(Operation::UploadPart), 3);
    store
        .complete_upload(completion(&upload, PutMode::Overwrite))
        .await
        .unwrap();

    server
        .faults()
        .add(Rule::on(Operation::CreateMultipartUpload, Fault::DropAnswer).nth(1));
    let error = store.begin_upload(named("b")).await.unwrap_err();
    assert!(error.outcome().may_have_been_applied(), "{error:?}");
    assert_eq!(server.store().uploads("orders").len(), 1);

    let upload = begun(&store, "c").await;
    server
        .faults()
        .add(Rule::on(Operation::AbortMultipartUpload, Fault::DropAnswer).nth(1));
    let abort = AbortUpload::new(upload.0.key.clone(), upload.1.clone());
    store.abort_upload(abort).await.unwrap();
    assert_eq!(server.count(Operation::AbortMultipartUpload), 2);
}

/// The repetition over a new connection may meet an upload that the first completion has ended: then the completion is
/// unknown, as it was at first.
#[tokio::test]
async fn a_completion_whose_answer_is_lost_may_have_been_applied() {
    for (settings, remembers) in [
        (Settings::new(&["orders"]), true),
        (Settings::new(&["orders"]).forgets_completions(), false),
    ] {
        for mode in [PutMode::Overwrite, PutMode::Create] {
            let (store, server) = bucket_with(settings.clone()).await;
            let name = format!("{mode:?}");
            let upload = begun(&store, &name).await;
            let lost = Rule::on(Operation::CompleteMultipartUpload, Fault::DropAnswer).nth(1);
            server.faults().add(lost);
            let completed = store.complete_upload(completion(&upload, mode.clone())).await;
            assert_eq!(server.count(Operation::CompleteMultipartUpload), 2);
            match completed {
                Ok(_) => assert!(remembers && mode == PutMode::Overwrite),
                Err(error) => {
                    assert!(error.outcome().may_have_been_applied(), "{error:?}");
                    assert!(!remembers || mode == PutMode::Create, "{error:?}");
                }
            }
            assert_eq!(server.store().object("orders", &name).unwrap().body, "hello");
        }
    }
}

/// What was uploaded stays: the upload goes on where the server is back.
#[tokio::test]
async fn an_upload_survives_a_restart_of_its_server() {
    let (store, server) = bucket().await;
    let begin = named("a");
    let upload = store.begin_upload(begin.clone()).await.unwrap();
    let part = |number, body: Bytes| PutPart::new(begin.key.clone(), upload.clone(), number, body);
    let long = Bytes::from(vec![b'a'; MIN_PART_SIZE as usize]);
    let first = store.put_part(part(1, long.clone())).await.unwrap();
    server.kill().await;
    let error = store.put_part(part(2, "b".into())).await.unwrap_err();
    assert_ne!(error.kind(), ProviderErrorKind::UploadGone);
    assert!(
        matches!(error.outcome().verdict, Verdict::Unreachable | Verdict::Faulty),
        "{error:?}"
    );
    server.revive().await.unwrap();
    let second = store.put_part(part(2, "b".into())).await.unwrap();
    let parts = vec![first, second];
    store
        .complete_upload(CompleteUpload::new(&begin, upload.clone(), parts))
        .await
        .unwrap();
    let stored = server.store().object("orders", "a").unwrap();
    assert!(stored.body == [&long[..], b"b"].concat());
}

/// S3 sends 200 before it knows, and blanks behind the head of the document while it works.
#[tokio::test]
async fn an_error_in_the_success_of_a_completion_is_an_error() {
    use ProviderErrorKind::*;
    let (store, server) = bucket().await;
    for (code, expected) in [
        ("InternalError", (Failed, Verdict::Faulty)),
        ("SlowDown", (Throttled, Verdict::Throttled)),
        ("PreconditionFailed", (AlreadyExists, Verdict::Answer)),
        ("NoSuchUpload", (UploadGone, Verdict::Answer)),
        ("NeverHeardOf", (Failed, Verdict::Faulty)),
    ] {
        let upload = begun(&store, code).await;
        server
            .faults()
            .add(Rule::on(Operation::CompleteMultipartUpload, Fault::Status(200, code)).key(code));
        let refused = store.complete_upload(completion(&upload, PutMode::Create)).await;
        assert_eq!(kind(refused), expected, "{code}");
        assert!(server.store().object("orders", code).is_none());
        server.faults().clear();
    }
    let answered = async |body: &str| {
        let server = raw::serve(http("200 OK", &[("content-type", "application/xml")], body)).await;
        let upload = (BeginUpload::new(key()), UploadId::new("u"), PartTag::new(1, 5, "\"t\""));
        at(server.addr)
            .complete_upload(completion(&upload, PutMode::Overwrite))
            .await
    };
    let document = "<CompleteMultipartUploadResult><ETag>\"a-1\"</ETag></CompleteMultipartUploadResult>";
    let late = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n  \r\n   {document}");
    for whole in [document, &late] {
        let answer = answered(whole).await.unwrap();
        assert_eq!(answer.etag.unwrap().value(), "\"a-1\"", "{whole}");
    }
    let refused = "<?xml version=\"1.0\"?>\n    <Error><Code>NoSuchUpload</Code><Message>secret-key</Message></Error>";
    assert_eq!(kind(answered(refused).await), (UploadGone, Verdict::Answer));
    for nothing in [
        "",
        "  \n ",
        "<html>welcome to this hotel</html>",
        "<CompleteMultipartUploadResult/>",
        "<CompleteMultipartUploadResult><Location>",
    ] {
        let error = answered(nothing).await.unwrap_err();
        assert_eq!(error.outcome(), FAULTY, "{nothing:?}: {error:?}");
        shows_nothing(&error);
    }
}

/// Nothing was done, and the same completion never succeeds: the upload must be made again. A put is only sent again.
#[tokio::test]
async fn a_conflict_at_a_completion_ends_the_upload() {
    let (store, server) = bucket().await;
    server
        .faults()
        .add(Rule::on(Operation::CompleteMultipartUpload, Fault::Conflict).nth(1));
    let upload = begun(&store, "a").await;
    let complete = || store.complete_upload(completion(&upload, PutMode::Create));
    let conflict = complete().await.unwrap_err();
    assert_eq!(conflict.kind(), ProviderErrorKind::UploadGone);
    assert_eq!(conflict.outcome(), Outcome::new(Verdict::Answer, Sent::Maybe));
    assert_eq!(
        conflict.to_string(),
        "another write was under way: the upload must be made again (ConditionalRequestConflict)"
    );
    let gone = complete().await.unwrap_err();
    assert_eq!(
        (gone.kind(), gone.to_string().as_str()),
        (ProviderErrorKind::UploadGone, "no such upload (NoSuchUpload)")
    );
}

#[tokio::test]
async fn an_upload_is_gone_only_by_the_stores_own_word() {
    let (store, _server) = bucket().await;
    let (begin, unknown) = (named("a"), UploadId::new("never-begun"));
    let part = PutPart::new(begin.key.clone(), unknown.clone(), 1, "hello");
    let gone = (ProviderErrorKind::UploadGone, Verdict::Answer);
    assert_eq!(kind(store.put_part(part).await), gone);

    let page = http("404 Not Found", &[("content-type", "text/html")], "<html>no</html>");
    for act in [page, http("404 Not Found", &[], "")] {
        let server = raw::serve(act.clone()).await;
        let store = at(server.addr);
        let upload = (BeginUpload::new(key()), unknown.clone(), PartTag::new(1, 5, "\"t\""));
        let faulty = (ProviderErrorKind::Failed, Verdict::Faulty);
        let part = PutPart::new(key(), unknown.clone(), 1, "hello");
        assert_eq!(kind(store.put_part(part).await), faulty, "{act:?}");
        for mode in [PutMode::Overwrite, PutMode::Create] {
            let completed = store.complete_upload(completion(&upload, mode)).await;
            assert_eq!(kind(completed), faulty, "{act:?}");
        }
        let aborted = store.abort_upload(AbortUpload::new(key(), unknown.clone())).await;
        assert_eq!(kind(aborted), faulty, "{act:?}");
        assert_eq!(
            kind(store.begin_upload(BeginUpload::new(key())).await),
            faulty,
            "{act:?}"
        );
    }
}

/// A success without the store's mark may be a gateway's: the adapter asks for the upload's parts.
#[tokio::test]
async fn an_abort_without_a_mark_is_confirmed() {
    let (store, server) = bucket().await;
    let upload = begun(&store, "a").await;
    let abort = || AbortUpload::new(upload.0.key.clone(), upload.1.clone());
    let unmarked = store.clone().with_marks(GOOGLE_XML_MARKS);
    server
        .faults()
        .add(Rule::on(Operation::AbortMultipartUpload, Fault::Status(204, "Nothing")).nth(1));
    let refused = unmarked.abort_upload(abort()).await;
    assert_eq!(kind(refused), (ProviderErrorKind::Failed, Verdict::Faulty));
    unmarked.abort_upload(abort()).await.unwrap();
    assert_eq!(server.count(Operation::ListParts), 2);
    // The code of a refusal is a word of the store's.
    unmarked.abort_upload(abort()).await.unwrap();
    store.abort_upload(abort()).await.unwrap();
    assert_eq!(server.count(Operation::ListParts), 2);
    // A wrong bucket is not the end of an upload.
    let elsewhere = S3::new(store.client().clone(), "no-such-bucket");
    let refused = elsewhere.abort_upload(abort()).await;
    assert_eq!(kind(refused), (ProviderErrorKind::Invalid, Verdict::Caller));
}

#[tokio::test]
async fn refused_uploads_show_neither_key_nor_upload() {
    let upload = UploadId::new("secret-key-of-an-upload");
    let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchUpload</Code><Message>about secret-key-of-an-upload</Message>\
                <UploadId>secret-key-of-an-upload</UploadId></Error>";
    let quoting = http("404 Not Found", &[("x-amz-id-2", "secret-key-of-an-upload")], body);
    for act in [quoting, raw::Act::ReadAndReset, raw::Act::Answer(b"no HTTP".to_vec())] {
        let server = raw::serve(act).await;
        let store = at(server.addr);
        let part = PutPart::new(key(), upload.clone(), 1, "hello");
        shows_nothing(&store.put_part(part).await.unwrap_err());
        let whole = (BeginUpload::new(key()), upload.clone(), PartTag::new(1, 5, "\"t\""));
        let completed = store.complete_upload(completion(&whole, PutMode::Create)).await;
        shows_nothing(&completed.unwrap_err());
        if let Err(error) = store.abort_upload(AbortUpload::new(key(), upload.clone())).await {
            shows_nothing(&error);
        }
        let listed = store.list_uploads(ListUploads::new("secret-key")).await;
        shows_nothing(&listed.unwrap_err());
    }
}

#[tokio::test]
async fn what_the_store_cannot_keep_is_refused_unsent() {
    let (store, server) = bucket().await;
    let upload = begun(&store, "a").await;
    server.clear_log();
    let lacking = [
        store.clone().without_conditional_put(),
        store.clone().with_create_header("x-oss-forbid-overwrite"),
    ];
    let tag = || PutMode::IfMatch(ETag::new("\"t\"", ""));
    for store in lacking {
        for mode in [PutMode::Create, tag()] {
            let error = store.complete_upload(completion(&upload, mode)).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.outcome().sent),
                (ProviderErrorKind::Unsupported, Sent::No),
                "{error}"
            );
        }
    }
    let part = |number| PutPart::new(upload.0.key.clone(), upload.1.clone(), number, "x");
    for number in [0, u32::MAX] {
        let error = store.put_part(part(number)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome().sent),
            (ProviderErrorKind::Invalid, Sent::No)
        );
    }
    for foreign in ["", "a", "99:a"] {
        let list = with(ListUploads::default(), |it| {
            it.continuation = Some(foreign.to_owned());
        });
        assert_eq!(
            kind(store.list_uploads(list).await),
            (ProviderErrorKind::Invalid, Verdict::Caller)
        );
    }
    assert!(server.log().is_empty());
    // Too many, and in the wrong order: the store says so.
    let most = i64::from(PartRule::S3.count) + 1;
    let error = store.put_part(part(most as u32)).await;
    assert_eq!(kind(error), (ProviderErrorKind::Invalid, Verdict::Caller));
}

#[test]
fn hosts_decide_on_conditions_and_equal_parts() {
    let amazon = S3::new(Client::from_conf(preset::aws("eu-central-1").build()), "orders");
    let known = amazon.capabilities();
    assert_eq!((known.complete_if, known.parts), (Capability::Kept, Some(PartRule::S3)));
    assert!(known.copy && known.presign);
    for (config, complete_if) in [
        (preset::cloudflare_r2("account"), Capability::Unknown),
        (preset::google_xml(), Capability::Lacking),
        (preset::alibaba_oss("eu-central-1"), Capability::Lacking),
    ] {
        let store = S3::new(Client::from_conf(config.build()), "orders");
        let known = store.capabilities();
        assert_eq!(
            (known.complete_if, known.parts),
            (complete_if, Some(PartRule::S3.equal()))
        );
        let trusted = store.trusting_conditions().capabilities();
        assert_eq!(
            (trusted.create, trusted.complete_if, trusted.parts),
            (Capability::Kept, Capability::Unknown, known.parts)
        );
    }
    let trusted = amazon.trusting_all_conditions().capabilities();
    assert_eq!(trusted, known);
}

/// More than a page, and a key that XML cannot hold.
#[tokio::test]
async fn uploads_are_listed_page_by_page() {
    let (store, server) = bucket().await;
    let begin = async |key: &str| {
        let begin = store.client().create_multipart_upload().bucket("orders").key(key);
        begin.send().await.unwrap().upload_id.unwrap()
    };
    let mut expected = Vec::new();
    for number in 0..1_002 {
        let key = format!("many/{:03} +ü", number / 2);
        expected.push((begin(&key).await, key));
    }
    begin("other").await;
    expected.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
    let (mut found, mut list) = (Vec::new(), ListUploads::new("many/"));
    loop {
        let page = store.list_uploads(list.clone()).await.unwrap();
        assert!(page.uploads.iter().all(|open| open.started.is_some()));
        found.extend(
            page.uploads
                .into_iter()
                .map(|open| (open.upload.as_str().to_owned(), open.key)),
        );
        match page.continuation {
            None => break,
            continuation => list.continuation = continuation,
        }
    }
    assert!(found == expected, "{} of {}", found.len(), expected.len());
    assert_eq!(server.count(Operation::ListMultipartUploads), 2);

    server.clear_log();
    // The answer repeats the key, so that not even the SDK can read it.
    let foreign = store.client().create_multipart_upload().bucket("orders");
    let _ = foreign.key("foreign/a\u{1}b +%").send().await;
    let open = server.store().uploads("orders");
    let upload = &open.iter().find(|open| open.key.starts_with("foreign")).unwrap().id;
    let page = store.list_uploads(ListUploads::new("foreign/")).await.unwrap();
    assert_eq!((page.uploads.len(), page.continuation), (1, None));
    assert_eq!(page.uploads[0].key, "foreign/a\u{1}b +%");
    assert_eq!(page.uploads[0].upload.as_str(), upload);
    assert_eq!(server.count(Operation::ListMultipartUploads), 2);

    for (body, kind) in [
        ("<html>welcome</html>", ProviderErrorKind::Failed),
        ("", ProviderErrorKind::Failed),
        (
            "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>",
            ProviderErrorKind::Failed,
        ),
        (
            "<ListMultipartUploadsResult><Upload><Key>a</Key></Upload></ListMultipartUploadsResult>",
            ProviderErrorKind::Failed,
        ),
    ] {
        let server = raw::serve(http("200 OK", &[], body)).await;
        let error = at(server.addr).list_uploads(ListUploads::default()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, FAULTY), "{body:?}");
    }
}

/// The whole client: parts fail, the answer of the completion is lost, and the object is there once and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_uploads_through_faults() {
    for settings in [
        Settings::new(&["orders"]),
        Settings::new(&["orders"]).forgets_completions(),
    ] {
        let (store, server) = bucket_with(settings).await;
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("home", store))
            .replication(Replication::provider_managed())
            .build()
            .unwrap();
        let faults = server.faults();
        faults.add(
            Rule::on(Operation::UploadPart, Fault::Status(503, "SlowDown"))
                .part(1)
                .nth(1),
        );
        faults.add(Rule::on(Operation::UploadPart, Fault::DropAnswer).part(2).nth(1));
        faults.add(Rule::on(Operation::CompleteMultipartUpload, Fault::DropAnswer).nth(1));
        let body = Bytes::from((0..(12 << 20)).map(|at: u32| (at / 251) as u8).collect::<Vec<_>>());
        client.put_stream("film", body.clone()).await.unwrap();
        let stored = server.store().object("orders", "film").unwrap();
        assert!(stored.body == body, "{} bytes", stored.body.len());
        assert!(stored.parts.is_some());
        assert!(server.store().uploads("orders").is_empty());
    }
}
