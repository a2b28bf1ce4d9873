use crate::{
    attributes,
    faults::{A_WHILE, FAULTY, Subject, THROTTLED, UNSENT, key, overwrite, rule, shows_nothing},
    gcs_server::{self, document},
    process::say,
    raw::{self, Act, http},
    tried,
    wire::{Lines, Wire},
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient,
    credentials::{BearerToken, Keeper, Lease},
    drill::Fault,
    provider::{AnyObjectProvider, Gcs, ObjectProvider, ProviderErrorKind as Kind},
    request::object::{Delete, ETag, Encryption, Get, Head, List, Put, PutMode, Terms},
    testing::objects::{self, Claim, Claims},
    verdict::{Outcome, Sent, Verdict},
};
use google_cloud_auth::credentials::{CacheableResource, Credentials, CredentialsProvider, EntityTag, anonymous};
use google_cloud_auth::errors::CredentialsError;
use google_cloud_storage::client::{Storage, StorageControl};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

pub(crate) async fn clients(url: &str, credentials: Credentials) -> (Storage, StorageControl) {
    let storage = Storage::builder()
        .with_endpoint(url)
        .with_credentials(credentials.clone());
    let control = StorageControl::builder()
        .with_endpoint(url)
        .with_credentials(credentials);
    (storage.build().await.unwrap(), control.build().await.unwrap())
}

async fn at_url(url: &str) -> Gcs {
    let (storage, control) = clients(url, anonymous::Builder::new().build()).await;
    Gcs::new(storage, control, "orders")
}

pub(crate) async fn at(addr: SocketAddr) -> Gcs {
    at_url(&format!("http://{addr}")).await
}

/// The SDK's constructors are async and do no I/O for anonymous credentials.
pub(crate) fn made(addr: SocketAddr) -> AnyObjectProvider {
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async { AnyObjectProvider::new(at(addr).await) })
    })
}

pub(crate) fn subject(server: SocketAddr) -> Subject<impl Fn(SocketAddr) -> AnyObjectProvider> {
    Subject {
        name: "gcs",
        at: made,
        server,
        connects_in_time: false,
        reads_s3_documents: false,
    }
}

#[tokio::test]
async fn the_fake_server_passes_the_suite() {
    let server = gcs_server::start().await;
    say("gcs", "ran: the conformance suite, on a server of our own");
    let store = AnyObjectProvider::new(at(server.addr).await);
    store.warm_up().await.unwrap();
    let claims = Claims::all().without(Claim::DatedGets, "the SDK does not pass on the date of what it reads");
    let report = objects::run("gcs on our own server", &store, &claims).await;
    assert_eq!(report.skipped.len(), 2, "{:?}", report.skipped);
    tried::objects("`Gcs`", "our own server", &report);
    attributes::come_back(&store).await;
    attributes::ids_are_listed(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_faults_have_the_expected_outcome() {
    let server = gcs_server::start().await;
    subject(server.addr).over_the_proxy().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_servers_are_faulty() {
    let subject = subject(raw::nobody().await);
    subject.at_nonsense().await;
    subject.one_put_is_one_attempt().await;
}

/// Google's answer to what it refuses.
fn refusal(status: &str, reason: &str, message: &str) -> Act {
    let code = status[..3].parse().unwrap();
    let document = document(code, reason, message).to_string();
    http(
        status,
        &[("content-type", "application/json; charset=UTF-8")],
        &document,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_the_expected_kind() {
    let about = "about secret-key";
    subject(raw::nobody().await)
        .refusals(&[
            (
                refusal("412 Precondition Failed", "conditionNotMet", about),
                Kind::AlreadyExists,
                Verdict::Answer,
            ),
            (
                refusal("429 Too Many Requests", "rateLimitExceeded", about),
                Kind::Throttled,
                Verdict::Throttled,
            ),
            (
                refusal("503 Service Unavailable", "backendError", about),
                Kind::Failed,
                Verdict::Faulty,
            ),
            (
                refusal("500 Internal Error", "internalError", about),
                Kind::Failed,
                Verdict::Faulty,
            ),
            (
                refusal("403 Forbidden", "forbidden", about),
                Kind::Denied,
                Verdict::Denied,
            ),
            (
                refusal("401 Unauthorized", "authError", about),
                Kind::Denied,
                Verdict::Denied,
            ),
            (
                refusal("400 Bad Request", "invalid", about),
                Kind::Invalid,
                Verdict::Caller,
            ),
            (
                refusal("404 Not Found", "notFound", "The specified bucket does not exist."),
                Kind::Invalid,
                Verdict::Caller,
            ),
            // What anybody says, and Google only with its own id.
            (http("404 Not Found", &[], "Not Found"), Kind::Failed, Verdict::Faulty),
            (http("404 Not Found", &[], ""), Kind::Failed, Verdict::Faulty),
            (
                http(
                    "404 Not Found",
                    &[("content-type", "application/json")],
                    r#"{"detail":"Not Found"}"#,
                ),
                Kind::Failed,
                Verdict::Faulty,
            ),
            (
                refusal("403 Forbidden", "quotaExceeded", "The quota has been exceeded."),
                Kind::Full,
                Verdict::Throttled,
            ),
            (
                http("507 Insufficient Storage", &[], ""),
                Kind::Full,
                Verdict::Throttled,
            ),
            (
                http("307 Elsewhere", &[("location", "http://127.0.0.1:1/")], ""),
                Kind::Invalid,
                Verdict::Caller,
            ),
        ])
        .await;
    let server = raw::serve(refusal("401 Unauthorized", "authError", about)).await;
    let error = at(server.addr).await.put(overwrite("x")).await.unwrap_err();
    assert!(error.outcome().credential, "{error:?}");
    let later = http("503 Busy", &[("retry-after", "7")], "");
    let server = raw::serve(later).await;
    let error = at(server.addr).await.get(Get::new(key())).await.unwrap_err();
    assert_eq!(error.outcome().retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_missing_bucket_is_the_callers_error_over_http_and_grpc() {
    let server = gcs_server::start().await;
    let (storage, control) = clients(&format!("http://{}", server.addr), anonymous::Builder::new().build()).await;
    let store = Gcs::new(storage, control, "nowhere");
    for error in [
        store.put(overwrite("x")).await.unwrap_err(),
        store.head(Head::new(key())).await.unwrap_err(),
        store.list(List::default()).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.outcome().verdict),
            (Kind::Invalid, Verdict::Caller),
            "{error:?}"
        );
        assert_eq!(error.to_string(), "no such bucket (NoSuchBucket)");
    }
}

#[tokio::test]
async fn a_tag_that_is_no_generation_is_refused_unsent() {
    let store = at(raw::nobody().await).await;
    let mut put = Put::new(key(), "x");
    put.mode = PutMode::IfMatch(ETag::new("\"an etag\"", ""));
    let error = store.put(put).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome().sent), (Kind::Unsupported, Sent::No));
}

/// Class and key are what the server then says of the object.
#[tokio::test]
async fn a_put_sends_storage_class_and_key() {
    let server = gcs_server::start().await;
    let key = |name: &str| format!("projects/p/locations/europe-west3/keyRings/r/cryptoKeys/{name}");
    let defaults = Terms::new()
        .storage_class("NEARLINE")
        .encryption(Encryption::kms(key("default")));
    let store = at(server.addr).await.with_put_defaults(defaults);
    let (_, control) = clients(&format!("http://{}", server.addr), anonymous::Builder::new().build()).await;
    let said = async |name: &str| {
        let known = control
            .get_object()
            .set_bucket("projects/_/buckets/orders")
            .set_object(name);
        let known = known.send().await.unwrap();
        (known.storage_class, known.kms_key)
    };
    let client = ObjectClient::builder().endpoint(Endpoint::new("google", store).provider("gcp"));
    let client = client.build().unwrap();
    client.put("defaults", "x").await.unwrap();
    assert_eq!(said("defaults").await, ("NEARLINE".into(), key("default")));
    client.put("class", "x").storage_class("ARCHIVE").await.unwrap();
    assert_eq!(said("class").await, ("ARCHIVE".into(), key("default")));
    let own = Terms::new().encryption(Encryption::kms(key("own")));
    client.put("key", "x").terms_at("gcp", own).await.unwrap();
    assert_eq!(said("key").await, ("NEARLINE".into(), key("own")));
    for (refused, words) in [
        (
            client.put("refused", "x").tag("team", "billing"),
            "google: Google's objects have no tags",
        ),
        (
            client.put("refused", "x").encryption(Encryption::kms("alias/orders")),
            "google: this key is none of Google's",
        ),
        (
            client.put("refused", "x").storage_class("Cool"),
            "google: this storage class is none of Google's",
        ),
    ] {
        let error = refused.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(client.head("refused").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn damaged_bodies_are_faulty() {
    let told = |hash: &'static str, length: &'static str| {
        let headers = [
            ("x-goog-generation", "7"),
            ("x-goog-stored-content-length", "10"),
            ("x-goog-hash", hash),
            ("content-length", length),
        ];
        http("200 OK", &headers, "ten bytes!")
    };
    for (act, code) in [
        (told("crc32c=AAAAAA==", "10"), "wrong checksum"),
        (told("crc32c=AAAAAA==", "100"), "connection reset"),
    ] {
        let server = raw::serve(act).await;
        let error = at(server.addr).await.get(Get::new(key())).await.unwrap_err();
        assert_eq!(unbroken(&error), FAULTY, "{error:?}");
        assert!(
            [code, "wrong length"].contains(&error.detail().code.as_deref().unwrap()),
            "{error:?}"
        );
    }
}

/// The gRPC half over the drill's proxy, which passes HTTP/2 on as it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_faults_over_grpc_have_the_expected_outcome() {
    let server = gcs_server::start().await;
    let subject = subject(server.addr);
    let real = at(server.addr).await;
    real.put(overwrite("x")).await.unwrap();
    for (fault, expected) in [
        (Fault::Refuse, UNSENT),
        (Fault::ResetBeforeRequest, FAULTY),
        (Fault::ResetAfterRequest, FAULTY),
        (rule(r#"{ "truncate": { "share": 0.5 } }"#), FAULTY),
        // What it would have to understand, it cannot play: the connection is reset.
        (rule(r#"{ "status": { "code": 503 } }"#), FAULTY),
    ] {
        let name = fault.name();
        let is_refusal = fault == Fault::Refuse;
        let (store, _proxy) = subject.behind(fault).await;
        // A gate that closes takes the proxy's task a moment.
        let mut met = store.head(Head::new(key())).await;
        for _ in 0..100 {
            if !is_refusal || met.as_ref().is_err_and(|error| unbroken(error) == expected) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            met = store.head(Head::new(key())).await;
        }
        let error = met.unwrap_err();
        assert_eq!(unbroken(&error), expected, "head, {name}: {error:?}");
        shows_nothing(&error);
        for (what, error) in [
            ("delete", store.delete(Delete::new(key())).await.unwrap_err()),
            ("list", store.list(List::default()).await.unwrap_err()),
        ] {
            assert_eq!(unbroken(&error), expected, "{what}, {name}: {error:?}");
            shows_nothing(&error);
        }
    }
    // The resets after the request have left it done.
    assert_eq!(real.head(Head::new(key())).await.unwrap_err().kind(), Kind::NotFound);
    real.put(overwrite("x")).await.unwrap();
    // Nothing in the adapter decides before the stack's limit does; connecting to a black hole included.
    for fault in [
        Fault::Hang,
        Fault::HangConnect,
        rule(r#"{ "drip": { "bytes_per_second": 20 } }"#),
    ] {
        let name = fault.name();
        let (store, _proxy) = subject.behind(fault).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let got = timeout(A_WHILE, store.head(Head::new(key()))).await;
        assert!(got.is_err(), "{name}: {got:?}");
    }
    let (store, _proxy) = subject.behind(Fault::Hang).await;
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("endpoint", store))
        .deadline(Duration::from_millis(1_500));
    let error = client.build().unwrap().delete("secret-key").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
}

#[tokio::test]
async fn refusals_over_grpc_have_the_expected_kind() {
    let denied = Outcome::new(Verdict::Denied, Sent::Maybe);
    for (code, kind, expected) in [
        (14, Kind::Failed, FAULTY),                                     // UNAVAILABLE
        (13, Kind::Failed, FAULTY),                                     // INTERNAL
        (4, Kind::Failed, FAULTY),                                      // DEADLINE_EXCEEDED
        (8, Kind::Throttled, THROTTLED),                                // RESOURCE_EXHAUSTED
        (10, Kind::Throttled, THROTTLED),                               // ABORTED
        (16, Kind::Denied, denied.naming_the_credential()),             // UNAUTHENTICATED
        (7, Kind::Denied, denied),                                      // PERMISSION_DENIED
        (3, Kind::Invalid, Outcome::new(Verdict::Caller, Sent::Maybe)), // INVALID_ARGUMENT
    ] {
        let server = gcs_server::refusing(code).await;
        let store = at(server.addr).await;
        for error in [
            store.head(Head::new(key())).await.unwrap_err(),
            store.delete(Delete::new(key())).await.unwrap_err(),
            store.list(List::default()).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.outcome()), (kind, expected), "{code}: {error:?}");
            shows_nothing(&error);
        }
    }
}

/// The gRPC half at servers that are none.
#[tokio::test]
async fn foreign_servers_are_faulty_over_grpc() {
    let nobody = at(raw::nobody().await).await;
    for error in [
        nobody.head(Head::new(key())).await.unwrap_err(),
        nobody.list(List::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.outcome(), UNSENT, "{error:?}");
        shows_nothing(&error);
    }
    for act in [
        Act::Reset,
        Act::ReadAndReset,
        Act::ReadAndClose,
        http("503 Unavailable", &[], ""),
    ] {
        let server = raw::serve(act.clone()).await;
        let error = at(server.addr).await.head(Head::new(key())).await.unwrap_err();
        assert!(error.outcome().verdict.is_fault(), "{act:?}: {error:?}");
        shows_nothing(&error);
    }
    let server = raw::serve(Act::Hang).await;
    let store = at(server.addr).await;
    let hung = timeout(Duration::from_millis(400), store.head(Head::new(key()))).await;
    assert!(hung.is_err(), "{hung:?}");
}

#[derive(Debug)]
struct NoToken;

impl CredentialsProvider for NoToken {
    async fn headers(&self, _: ::http::Extensions) -> Result<CacheableResource<::http::HeaderMap>, CredentialsError> {
        Err(CredentialsError::from_msg(false, "test-secret-key"))
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

#[tokio::test]
async fn missing_credentials_are_denied_unsent() {
    let _ = EntityTag::default();
    let server = raw::serve(Act::Hang).await;
    let (storage, control) = clients(&format!("http://{}", server.addr), Credentials::from(NoToken)).await;
    let store = Gcs::new(storage, control, "orders");
    let unloaded = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
    for error in [
        store.put(overwrite("x")).await.unwrap_err(),
        store.head(Head::new(key())).await.unwrap_err(),
    ] {
        assert_eq!(error.outcome(), unloaded, "{error:?}");
        shows_nothing(&error);
    }
}

/// Both halves send what the keeper has; what it does not have is not sent.
#[tokio::test]
async fn a_keepers_tokens_are_used_over_http_and_grpc() {
    let number = Arc::new(AtomicUsize::new(0));
    let count = number.clone();
    let keeper = Keeper::new("google", move || {
        let number = count.fetch_add(1, SeqCst);
        async move {
            match number {
                0 | 2 => Ok(Lease::lasting(
                    BearerToken::new(&format!("token-{number}")).unwrap(),
                    Duration::from_secs(3600),
                )),
                _ => Err("test-secret-key"),
            }
        }
    });
    let server = raw::serve(refusal("403 Forbidden", "forbidden", "")).await;
    let url = format!("http://{}", server.addr);
    let (storage, control) = clients(&url, Credentials::from(keeper.clone())).await;
    let store = Gcs::new(storage, control, "orders");
    store.put(overwrite("x")).await.unwrap_err();
    let sent = |heads: Vec<String>| heads.last().unwrap().clone();
    assert!(
        sent(server.heads()).contains("authorization: bearer token-0"),
        "{:?}",
        server.heads()
    );
    // The next fetch fails: what there is stays in use.
    keeper.rotate().await.unwrap_err();
    store.put(overwrite("x")).await.unwrap_err();
    assert!(sent(server.heads()).contains("authorization: bearer token-0"));
    // One that succeeds is used without a restart.
    keeper.rotate().await.unwrap();
    store.put(overwrite("x")).await.unwrap_err();
    assert!(sent(server.heads()).contains("authorization: bearer token-2"));
    keeper.forget();
    let connections = server.connections();
    let unloaded = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
    for error in [
        store.put(overwrite("x")).await.unwrap_err(),
        store.get(Get::new(key())).await.unwrap_err(),
        store.head(Head::new(key())).await.unwrap_err(),
    ] {
        assert_eq!(error.outcome(), unloaded, "{error:?}");
        shows_nothing(&error);
    }
    assert_eq!(server.connections(), connections);
    assert!(!format!("{keeper:?}").contains("token-"));
}

#[tokio::test]
async fn an_unknown_host_name_is_unsent() {
    // No label may have more than 63 characters, so the system's resolver says no without asking anybody.
    let store = at_url(&format!("http://{}.invalid", "x".repeat(64))).await;
    let error = store.put(overwrite("x")).await.unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
    let error = store.head(Head::new(key())).await.unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
}

/// Without the word on whether a connection broke.
fn unbroken(error: &evenkeel::provider::ProviderError) -> Outcome {
    Outcome {
        broken: false,
        ..error.outcome()
    }
}

/// Its one connection for heads, deletes and listings stays open and says nothing any more. New ones are answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_control_client_is_replaced() {
    let server = gcs_server::start().await;
    let (addr, lines, _relaying) = silenced(server.addr).await;
    let url = format!("http://{addr}");
    let (storage, control) = clients(&url, anonymous::Builder::new().build()).await;
    let anew = move || {
        let control = StorageControl::builder().with_endpoint(&url);
        control.with_credentials(anonymous::Builder::new().build()).build()
    };
    let store = Gcs::new(storage, control, "orders").renewing_control(anew);
    let head = || async { timeout(Duration::from_millis(200), store.head(Head::new(key()))).await };
    for _ in 0..5 {
        assert_eq!(head().await.unwrap().unwrap_err().kind(), Kind::NotFound);
    }
    lines.silence();
    assert!(head().await.is_err());
    assert!(head().await.is_err());
    assert_eq!(head().await.unwrap().unwrap_err().kind(), Kind::NotFound);
}

/// A relay to a server, whose connections can fall silent.
async fn silenced(server: SocketAddr) -> (SocketAddr, Arc<Lines>, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let lines = Arc::new(Lines::default());
    let (mut relaying, accepting) = (JoinSet::new(), lines.clone());
    relaying.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let mut wire = Wire::new(socket, &accepting, None);
            connections.spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut wire, &mut server).await;
            });
        }
    });
    (addr, lines, relaying)
}
