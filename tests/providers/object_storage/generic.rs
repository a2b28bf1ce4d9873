use crate::{
    attributes,
    faults::{Subject, UNSENT, key, overwrite, shows_nothing},
    process,
    raw::{self, refusal},
    script, tried,
    uploads::Upload,
};
use evenkeel::{
    provider::{
        AnyObjectProvider, GenericStore, ObjectProvider, ProviderErrorKind, S3,
        object_store::{NoRedirects, Unfit},
    },
    request::{
        Key,
        object::{
            AbortUpload, Attributes, BeginUpload, Delete, Encryption, Get, ListUploads, PartTag, Put, PutMode, Terms,
            UploadId,
        },
    },
    testing::{
        objects::{self, Claim, Claims},
        uploads::{self, Claim as UploadClaim},
    },
    verdict::{Sent, Verdict},
};
use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    azure::MicrosoftAzureBuilder,
    local::LocalFileSystem,
    memory::InMemory,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};

fn s3(addr: SocketAddr, max_retries: usize) -> AmazonS3 {
    let builder = builder(&format!("http://{addr}"), max_retries, ClientOptions::new());
    builder.with_http_connector(NoRedirects::new()).build().unwrap()
}

pub(crate) fn builder(url: &str, max_retries: usize, options: ClientOptions) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(url)
        .with_bucket_name("orders")
        .with_region("us-east-1")
        .with_access_key_id("test-access-key")
        .with_secret_access_key("test-secret-key")
        .with_allow_http(true)
        .with_client_options(options.with_allow_http(true))
        .with_retry(RetryConfig {
            max_retries,
            retry_timeout: Duration::from_secs(5),
            ..RetryConfig::default()
        })
}

/// Its trait has no question for it.
const NO_CONDITIONAL_DELETE: &str = "object_store has no conditional delete";

fn at(addr: SocketAddr) -> GenericStore {
    GenericStore::new(Arc::new(s3(addr, 0))).unwrap()
}

/// Over our transport.
pub(crate) fn over(addr: SocketAddr) -> GenericStore {
    at(addr)
}

/// As `object_store` builds it.
pub(crate) fn opaque(addr: SocketAddr) -> GenericStore {
    let options = ClientOptions::new().with_connect_timeout(GenericStore::CONNECT_TIMEOUT);
    GenericStore::new(Arc::new(
        builder(&format!("http://{addr}"), 0, options).build().unwrap(),
    ))
    .unwrap()
}

#[tokio::test]
async fn in_memory_passes_the_suite() {
    let store = Arc::new(InMemory::new());
    let any = GenericStore::new(store.clone()).unwrap().trusting_transport();
    any.warm_up().await.unwrap();
    let claims = Claims::all().without(Claim::ConditionalDelete, NO_CONDITIONAL_DELETE);
    let report = objects::run("object_store, InMemory", &any, &claims).await;
    assert_eq!(report.passed.len() + 2, objects::CHECKS.len());
    tried::objects("`GenericStore`", "its `InMemory`", &report);
    attributes::come_back(&any).await;
    // With what is there already, in other rooms: nothing may show up twice or be missed.
    let ordered = GenericStore::new(Arc::new(InMemory::new()))
        .unwrap()
        .trusting_transport()
        .listing_in_order();
    let report = objects::run("object_store, InMemory, in order", &ordered, &claims).await;
    assert_eq!(report.passed.len() + 2, objects::CHECKS.len());
}

#[tokio::test]
async fn the_local_file_system_passes_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    let files: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(dir.path()).unwrap());
    let store = GenericStore::new(files.clone())
        .unwrap()
        .trusting_transport()
        .without_write_ids();
    let none = "LocalFileSystem takes no attributes";
    let claims = Claims::all()
        .without(Claim::Attributes, none)
        .without(Claim::WriteId, none)
        .without(Claim::IfMatch, "LocalFileSystem has no conditional overwrite")
        .without(Claim::ConditionalDelete, NO_CONDITIONAL_DELETE)
        .without(Claim::LongKeys, "file names have at most 255 bytes");
    let report = objects::run("object_store, LocalFileSystem", &store, &claims).await;
    tried::objects("`GenericStore`", "its `LocalFileSystem`", &report);

    let mut put = Put::new(key(), "x");
    put.attributes = Arc::new({
        let mut attributes = Attributes::default();
        attributes.content_type = Some("text/plain".into());
        attributes
    });
    let refused = store.put(put).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.outcome().sent),
        (ProviderErrorKind::Unsupported, Sent::No)
    );
    // With the id left in, even the plainest put of an `ObjectClient` could not be kept.
    let strict = GenericStore::new(files).unwrap().trusting_transport();
    let mut put = overwrite("x");
    put.write_id = Some(evenkeel::request::object::WriteId::new("id"));
    assert_eq!(
        strict.put(put.clone()).await.unwrap_err().kind(),
        ProviderErrorKind::Unsupported
    );
    store.put(put).await.unwrap();
}

#[tokio::test]
async fn s3_on_moto_passes_the_suite() {
    let Some(moto) = process::moto("object_store's AmazonS3, the conformance suite") else {
        return;
    };
    make_bucket(moto.addr).await;
    let store = at(moto.addr).listing_in_order();
    store.warm_up().await.unwrap();
    let claims = process::moto_claims().without(Claim::ConditionalDelete, NO_CONDITIONAL_DELETE);
    let report = objects::run("object_store, AmazonS3 on moto", &store, &claims).await;
    tried::objects("`GenericStore`", "its `AmazonS3`, moto 5.2", &report);

    let mut put = overwrite("x");
    let terms = Terms::new()
        .storage_class("STANDARD_IA")
        .tag("team", "a=b / c+d")
        .tag("tier", "2");
    put.terms = Arc::new(terms);
    store.put(put).await.unwrap();
    let client = aws_sdk_s3::Client::from_conf(crate::s3s_server::config(&format!("http://{}", moto.addr)).build());
    let (class, _, _, tags) = crate::s3::kept(&S3::new(client, "orders"), key().as_str()).await;
    assert_eq!(class.as_deref(), Some("STANDARD_IA"));
    assert_eq!(tags, crate::s3::tags(&[("team", "a=b / c+d"), ("tier", "2")]));
}

#[tokio::test]
async fn s3_on_our_server() {
    let server = crate::s3s_server::start(&["orders"]).await;
    let store = at(server.addr).listing_in_order();
    store.warm_up().await.unwrap();
    let claims = Claims::all().content_etags();
    let claims = claims.without(Claim::ConditionalDelete, NO_CONDITIONAL_DELETE);
    let report = objects::run("object_store, AmazonS3 on our server", &store, &claims).await;
    tried::objects("`GenericStore`", "its `AmazonS3`, our own server", &report);
    attributes::come_back(&store).await;
}

/// What `object_store` would drop without a word is refused.
#[tokio::test]
async fn unsupported_terms_are_refused() {
    let memory = GenericStore::new(Arc::new(InMemory::new()))
        .unwrap()
        .trusting_transport();
    let untagged = GenericStore::new(Arc::new(
        AmazonS3Builder::new()
            .with_bucket_name("orders")
            .with_region("us-east-1")
            .with_disable_tagging(true)
            .with_http_connector(NoRedirects::new())
            .with_retry(RetryConfig {
                max_retries: 0,
                ..RetryConfig::default()
            })
            .build()
            .unwrap(),
    ))
    .unwrap();
    let tagged = Terms::new().tag("team", "billing");
    for (store, terms) in [
        (&memory, tagged.clone()),
        (&memory, Terms::new().storage_class("STANDARD_IA")),
        (&untagged, tagged),
        (&at(raw::nobody().await), Terms::new().encryption(Encryption::Store)),
    ] {
        let mut put = overwrite("x");
        put.terms = Arc::new(terms);
        let refused = store.put(put).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.outcome().sent),
            (ProviderErrorKind::Unsupported, Sent::No),
            "{refused:?}"
        );
    }
}

/// `object_store` makes no buckets. moto does not check signatures.
pub(crate) async fn make_bucket(addr: SocketAddr) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(addr).await.unwrap();
    let request = format!(
        "PUT /orders HTTP/1.1\r\nhost: {addr}\r\ncontent-length: 0\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn subject(server: SocketAddr) -> Subject<impl Fn(SocketAddr) -> AnyObjectProvider> {
    Subject {
        name: "object_store, AmazonS3",
        at: |addr| AnyObjectProvider::new(at(addr)),
        server,
        connects_in_time: true,
        reads_s3_documents: true,
    }
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

#[tokio::test]
async fn refusals_have_the_expected_kind() {
    use ProviderErrorKind as Kind;
    subject(raw::nobody().await)
        .refusals(&[
            (
                refusal("503 Slow Down", "SlowDown"),
                Kind::Throttled,
                Verdict::Throttled,
            ),
            (
                refusal("409 Conflict", "ConditionalRequestConflict"),
                Kind::Throttled,
                Verdict::Throttled,
            ),
            (
                refusal("409 Conflict", "FileAlreadyExists"),
                Kind::AlreadyExists,
                Verdict::Answer,
            ),
            (
                refusal("412 Precondition Failed", "PreconditionFailed"),
                Kind::AlreadyExists,
                Verdict::Answer,
            ),
            (refusal("404 Not Found", "NoSuchBucket"), Kind::Invalid, Verdict::Caller),
            (refusal("403 Forbidden", "AccessDenied"), Kind::Denied, Verdict::Denied),
            (refusal("401 Unauthorized", "Whatever"), Kind::Denied, Verdict::Denied),
            (
                refusal("501 Not Implemented", "NotImplemented"),
                Kind::Unsupported,
                Verdict::Caller,
            ),
            (
                refusal("400 Bad Request", "RequestTimeout"),
                Kind::Failed,
                Verdict::Faulty,
            ),
            (
                refusal("301 Moved Permanently", "PermanentRedirect"),
                Kind::Invalid,
                Verdict::Caller,
            ),
        ])
        .await;
}

/// The store's retries are seen at the door, where they are shown, and in its errors, where they were not.
#[tokio::test]
async fn inner_retries_are_refused_or_reported() {
    let nobody = raw::nobody().await;
    let refused = GenericStore::new(Arc::new(s3(nobody, 10))).unwrap_err();
    assert_eq!(refused, Unfit::Retries(10));
    // "Tiny" is let in. Nothing proves of the last connect that the one before it was no better.
    let tiny = GenericStore::new(Arc::new(s3(nobody, 1))).unwrap();
    let error = tiny.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(
        (error.outcome().verdict, error.outcome().sent),
        (Verdict::Unreachable, Sent::Maybe)
    );
    shows_nothing(&error);
}

#[tokio::test]
async fn a_key_that_files_cannot_keep_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let files = LocalFileSystem::new_with_prefix(dir.path()).unwrap();
    let store = GenericStore::new(Arc::new(files))
        .unwrap()
        .trusting_transport()
        .without_write_ids();
    let unfinished = Key::new("report#1").unwrap();
    for error in [
        store.check_key(&unfinished).unwrap_err(),
        store.put(Put::new(unfinished.clone(), "x")).await.unwrap_err(),
        store.delete(Delete::new(unfinished)).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.outcome().sent),
            (ProviderErrorKind::Unsupported, Sent::No)
        );
    }
    for name in [
        "report#1a",
        "a b",
        "a%20b",
        "a+b",
        "ü",
        if cfg!(windows) { "a" } else { r"a\b" },
    ] {
        let key = Key::new(name).unwrap();
        store.put(Put::new(key.clone(), name)).await.unwrap();
        assert_eq!(store.get(Get::new(key)).await.unwrap().body, name);
    }
    // Another store's clients have no such rule.
    let memory = GenericStore::new(Arc::new(InMemory::new()))
        .unwrap()
        .trusting_transport();
    memory.put(Put::new(Key::new(r"a\b#1").unwrap(), "x")).await.unwrap();
}

#[derive(Debug)]
struct NoAddress;

impl object_store::client::DnsResolver for NoAddress {
    fn resolve(&self, _: &str) -> object_store::client::DnsFuture {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

#[tokio::test]
async fn a_host_without_an_address_is_unsent() {
    let options = ClientOptions::new().with_dns_resolver(Arc::new(NoAddress));
    let store = builder("http://s3.example.test", 0, options).build().unwrap();
    let store = GenericStore::new(Arc::new(store)).unwrap().trusting_transport();
    let error = store.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
    assert_eq!(error.detail().code.as_deref(), Some("dns: no address"));
    shows_nothing(&error);
}

fn upload_claims() -> uploads::Claims {
    uploads::Claims::all()
        .without(
            UploadClaim::ConditionalCompletion,
            "object_store has no conditional completion",
        )
        .without(UploadClaim::ListUploads, "object_store does not list uploads")
        .without(UploadClaim::Copy, "object_store's copies have the source's attributes")
}

#[tokio::test]
async fn stores_with_parts_pass_the_suite_of_uploads() {
    let memory = GenericStore::with_parts(Arc::new(InMemory::new()))
        .unwrap()
        .trusting_transport();
    let of_memory = upload_claims().without(UploadClaim::KnownParts, "InMemory joins the parts that it has");
    let report = uploads::run("object_store, InMemory", &memory, &of_memory).await;
    tried::uploads("`GenericStore`", "its `InMemory`", &report, &memory);
    assert_eq!(report.passed.len(), 10, "{:?}", report.passed);
    let server = crate::s3s_server::start(&["orders"]).await;
    let of_s3 = GenericStore::with_parts(Arc::new(s3(server.addr, 0))).unwrap();
    let report = uploads::run("object_store, AmazonS3 on our server", &of_s3, &upload_claims()).await;
    tried::uploads("`GenericStore`", "its `AmazonS3`, our own server", &report, &of_s3);
    assert_eq!(report.passed.len(), 11, "{:?}", report.passed);

    // What it has no words for is refused unsent.
    let nobody = GenericStore::with_parts(Arc::new(s3(raw::nobody().await, 0))).unwrap();
    let upload = Upload {
        begin: BeginUpload::new(key()),
        id: UploadId::new("upload-4711"),
    };
    let part = |number| PartTag::new(number, 1, "\"tag\"");
    for refused in [
        upload.complete(&nobody, &[part(1)], PutMode::Create).await.unwrap_err(),
        upload
            .complete(&nobody, &[part(1), part(3)], PutMode::Overwrite)
            .await
            .unwrap_err(),
        upload.put(&nobody, 0, "x").await.unwrap_err(),
        upload.put(&nobody, 10_001, "x").await.unwrap_err(),
        nobody.list_uploads(ListUploads::default()).await.unwrap_err(),
        at(raw::nobody().await)
            .begin_upload(upload.begin.clone())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(
            (refused.kind(), refused.outcome().sent),
            (ProviderErrorKind::Unsupported, Sent::No)
        );
    }
    let azure = MicrosoftAzureBuilder::new()
        .with_account("orders")
        .with_container_name("orders")
        .with_skip_signature(true)
        .with_retry(RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        })
        .build()
        .unwrap();
    assert!(
        GenericStore::with_parts(Arc::new(azure))
            .unwrap()
            .capabilities()
            .parts
            .is_none()
    );
}

/// A gateway's page is neither an upload, nor a part, nor an object, nor the end of an upload; S3's own words are.
#[tokio::test]
async fn answers_about_an_upload_must_be_the_stores() {
    let upload = Upload {
        begin: BeginUpload::new(key()),
        id: UploadId::new("upload-4711"),
    };
    let tag = PartTag::new(1, 1, "\"tag\"");
    let all = async |store: &GenericStore| {
        let abort = AbortUpload::new(key(), upload.id.clone());
        [
            store.begin_upload(upload.begin.clone()).await.map(drop),
            upload.put(store, 1, "x").await.map(drop),
            upload
                .complete(store, std::slice::from_ref(&tag), PutMode::Overwrite)
                .await
                .map(drop),
            store.abort_upload(abort).await,
        ]
    };
    let page = "<html>welcome to this hotel</html>";
    const MARKED: &[(&str, &str)] = &[("x-amz-request-id", "REQ42")];
    let internal =
        "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>about secret-key</Message></Error>";
    for (status, headers, body) in [
        (200, &[][..], page),
        (404, &[], page),
        (404, MARKED, ""),
        (200, &[], internal),
        (503, &[], page),
    ] {
        let server = script::always(status, headers, body).await;
        let store = GenericStore::with_parts(Arc::new(s3(server.addr, 0))).unwrap();
        for (at, met) in all(&store).await.into_iter().enumerate() {
            let Err(error) = met else {
                panic!("{at}: {status} {body} was believed");
            };
            assert_eq!(
                error.outcome().verdict,
                Verdict::Faulty,
                "{at}: {status} {body}: {error:?}"
            );
            shows_nothing(&error);
            assert!(!format!("{error} {error:?}").contains("4711"), "{error:?}");
        }
    }
    let server = raw::serve(refusal("404 Not Found", "NoSuchUpload")).await;
    let store = GenericStore::with_parts(Arc::new(s3(server.addr, 0))).unwrap();
    let [_, part, completed, aborted] = all(&store).await;
    assert_eq!(part.unwrap_err().kind(), ProviderErrorKind::UploadGone);
    assert_eq!(completed.unwrap_err().kind(), ProviderErrorKind::UploadGone);
    aborted.unwrap();
}
