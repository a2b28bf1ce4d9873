use crate::{
    attributes,
    faults::{Subject, UNSENT, key, overwrite, shows_nothing},
    process::{self, Process},
    raw::{self, Act, http},
    tried,
};
use azure_core::{
    credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions},
    hmac::hmac_sha256,
    http::{Transport, Url},
    time::{Duration as Span, OffsetDateTime},
};
use azure_storage_blob::{
    BlobContainerClientOptions,
    models::{BlobClientGetPropertiesResultHeaders, BlobTags},
};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    credentials::{Condition, Keeper, ScopedToken},
    provider::{
        AnyObjectProvider, AzureBlob, ObjectProvider, ProviderErrorKind as Kind,
        azure_blob::{Credential, SharedKey},
    },
    request::object::{ByteRange, Encryption, Get, List, Put, Terms},
    testing::{
        objects::{self, Claims},
        uploads,
    },
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

/// Azurite's well-known account; no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A SAS for the whole account.
fn sas() -> String {
    sas_until("2099-01-01T00:00:00Z")
}

fn sas_until(end: &str) -> String {
    let start = "2020-01-01T00:00:00Z";
    let (permissions, services, types, version) = ("rwdlac", "b", "sco", "2021-12-02");
    let text = format!("{ACCOUNT}\n{permissions}\n{services}\n{types}\n{start}\n{end}\n\nhttps,http\n{version}\n\n");
    let signature = hmac_sha256(&text, &Secret::new(KEY)).unwrap();
    let mut url = Url::parse("http://x").unwrap();
    url.query_pairs_mut()
        .append_pair("sp", permissions)
        .append_pair("ss", services)
        .append_pair("srt", types)
        .append_pair("st", start)
        .append_pair("se", end)
        .append_pair("spr", "https,http")
        .append_pair("sv", version)
        .append_pair("sig", &signature);
    url.query().unwrap().to_owned()
}

fn container(addr: SocketAddr) -> Url {
    Url::parse(&format!("http://{addr}/{ACCOUNT}/orders")).unwrap()
}

pub(crate) fn with_sas(addr: SocketAddr) -> AzureBlob {
    let mut url = container(addr);
    url.set_query(Some(&sas()));
    AzureBlob::new(url, Credential::InTheUrl).unwrap()
}

pub(crate) fn with_key(addr: SocketAddr) -> AzureBlob {
    with_key_at(addr, "orders")
}

pub(crate) fn with_key_at(addr: SocketAddr, container: &str) -> AzureBlob {
    let url = Url::parse(&format!("http://{addr}/{ACCOUNT}/{container}")).unwrap();
    AzureBlob::new(url, Credential::SharedKey(SharedKey::new(ACCOUNT, KEY))).unwrap()
}

pub(crate) async fn started(what: &str) -> Option<Process> {
    let azurite = process::azurite(what, &[])?;
    with_key(azurite.addr).client().create(None).await.unwrap();
    Some(azurite)
}

#[tokio::test]
async fn azurite_passes_the_suite() {
    let Some(azurite) = started("the conformance suite by SAS and by shared key, faults on the way").await else {
        return;
    };
    let store = with_sas(azurite.addr);
    store.warm_up().await.unwrap();
    let report = objects::run("azure_blob on Azurite, SAS", &store, &Claims::all()).await;
    tried::objects("`AzureBlob`", "Azurite 3.37, by SAS", &report);
    subject(azurite.addr).over_the_proxy().await;
    attributes::come_back(&store).await;
    attributes::ids_are_listed(&store).await;
    a_suffix(&store).await;
    the_secondary(azurite.addr).await;
    what_a_put_says(azurite.addr).await;

    // The suite wants an empty store.
    let store = with_key_at(azurite.addr, "again");
    store.client().create(None).await.unwrap();
    let report = objects::run("azure_blob on Azurite, shared key", &store, &Claims::all()).await;
    tried::objects("`AzureBlob`", "Azurite 3.37, by shared key", &report);
    configured_wrongly(azurite.addr).await;
}

async fn a_suffix(store: &AzureBlob) {
    store.put(overwrite("0123456789")).await.unwrap();
    let mut get = Get::new(key());
    get.range = Some(ByteRange::Suffix(3));
    let object = store.get(get.clone()).await.unwrap();
    assert_eq!((&object.body[..], object.range), (&b"789"[..], 7..10));
    get.if_none_match = object.meta.etag;
    assert_eq!(store.get(get).await.unwrap_err().kind(), Kind::NotModified);
}

/// A copy that lags may be read from; what it has not, may yet exist.
async fn the_secondary(addr: SocketAddr) {
    with_sas(addr).put(overwrite("there")).await.unwrap();
    let dead = raw::nobody().await;
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("primary", with_sas(dead)))
        .endpoint(Endpoint::new("secondary", with_sas(addr)).read_only())
        .replication(Replication::provider_managed())
        .build()
        .unwrap();
    let got = client.get("secret-key").await.unwrap();
    assert_eq!(got.body(), "there");
    assert!(got.is_possibly_stale());
    assert_eq!(
        client.get("not-there").await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let error = client.put("secret-key", "x").overwrite().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HomeUnavailable);
}

/// Tier and tags are what the server then says of the blob. (It ignores encryption scopes.)
async fn what_a_put_says(addr: SocketAddr) {
    let defaults = Terms::new()
        .storage_class("Cool")
        .tag("team", "a=b / c+d")
        .tag("tier", "2");
    let store = with_key(addr).with_put_defaults(defaults);
    let client = ObjectClient::builder().endpoint(Endpoint::new("azure", store.clone()));
    let client = client.build().unwrap();
    let said = async |key: &str| {
        let blob = store.client().blob_client(key);
        let tier = blob.get_properties(None).await.unwrap().access_tier().unwrap();
        let tags: BlobTags = blob.get_tags(None).await.unwrap().into_model().unwrap();
        let pair = |tag: azure_storage_blob::models::BlobTag| (tag.key.unwrap(), tag.value.unwrap());
        let tags: std::collections::BTreeMap<_, _> = tags.blob_tag_set.unwrap().into_iter().map(pair).collect();
        (tier.unwrap(), format!("{tags:?}"))
    };
    client.put("defaults", "x").await.unwrap();
    let all = r#"{"team": "a=b / c+d", "tier": "2"}"#;
    assert_eq!(said("defaults").await, ("Cool".into(), all.into()));
    client
        .put("own", "x")
        .storage_class("Cold")
        .tag("tier", "3")
        .await
        .unwrap();
    let all = r#"{"team": "a=b / c+d", "tier": "3"}"#;
    assert_eq!(said("own").await, ("Cold".into(), all.into()));

    let error = client
        .put("american", "x")
        .storage_class("STANDARD_IA")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .to_string()
            .contains("azure: this storage class is no access tier"),
        "{error}"
    );
    // A tier in Azure's form that it does not have.
    let error = client.put("unknown", "x").storage_class("Lukewarm").await.unwrap_err();
    assert!(!error.may_have_been_applied(), "{error}");
    assert_eq!(client.head("unknown").await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// What goes to the server, whatever it makes of it.
#[tokio::test]
async fn an_encryption_scope_reaches_the_server() {
    let server = raw::serve(refusal("409 Conflict", "EncryptionScopeNotFound")).await;
    let store = with_sas(server.addr).with_put_defaults(Terms::new().encryption(Encryption::kms("default-scope")));
    let mut put = Put::new(key(), "x");
    store.put(put.clone()).await.unwrap_err();
    put.terms = Arc::new(Terms::new().encryption(Encryption::kms("orders-scope")));
    store.put(put).await.unwrap_err();
    let asked = server.heads();
    assert!(
        asked[0].contains("x-ms-encryption-scope: default-scope"),
        "{}",
        asked[0]
    );
    assert!(asked[1].contains("x-ms-encryption-scope: orders-scope"), "{}", asked[1]);
}

async fn configured_wrongly(addr: SocketAddr) {
    // A key that is not the account's.
    let wrong = SharedKey::new(ACCOUNT, "d3Jvbmc=");
    let store = AzureBlob::new(container(addr), Credential::SharedKey(wrong)).unwrap();
    let error = store.put(overwrite("x")).await.unwrap_err();
    // Azurite's word for it is `AuthorizationFailure`; Azure's, which names the credential, is `AuthenticationFailed`.
    assert_eq!(error.kind(), Kind::Denied, "{error:?}");
    assert_eq!(error.outcome(), Outcome::new(Verdict::Denied, Sent::Maybe));
    shows_nothing(&error);
    // A SAS that has expired.
    let mut url = container(addr);
    url.set_query(Some(&sas_until("2020-01-02T00:00:00Z")));
    let store = AzureBlob::new(url, Credential::InTheUrl).unwrap();
    for error in [
        store.put(overwrite("x")).await.unwrap_err(),
        store.get(Get::new(key())).await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.outcome().verdict), (Kind::Denied, Verdict::Denied));
        assert_eq!(error.outcome().sent, Sent::Maybe);
        shows_nothing(&error);
    }
    // A container that is not there.
    let store = with_key_at(addr, "nowhere");
    for error in [
        store.put(overwrite("x")).await.unwrap_err(),
        store.get(Get::new(key())).await.unwrap_err(),
        store.list(List::default()).await.unwrap_err(),
        store.warm_up().await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.outcome().verdict),
            (Kind::Invalid, Verdict::Caller),
            "{error:?}"
        );
        assert_eq!(error.to_string(), "no such container (ContainerNotFound)");
    }
}

pub(crate) fn subject(server: SocketAddr) -> Subject<impl Fn(SocketAddr) -> AnyObjectProvider> {
    Subject {
        name: "azure_blob",
        at: |addr| AnyObjectProvider::new(with_sas(addr)),
        server,
        connects_in_time: true,
        reads_s3_documents: true,
    }
}

#[tokio::test]
async fn foreign_servers_are_faulty() {
    let subject = subject(raw::nobody().await);
    subject.at_nonsense().await;
    subject.one_put_is_one_attempt().await;
}

/// As Azure's request ids are.
pub(crate) const ID: &str = "8b4f2c1e-501e-0012-6b7a-5c0d2e000000";

/// Azure's answer to what it refuses: the code in a header, and in a document that quotes the key as real ones do.
fn refusal(status: &str, code: &str) -> Act {
    let document =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>about secret-key</Message></Error>");
    http(status, &[("x-ms-error-code", code), ("x-ms-request-id", ID)], &document)
}

#[tokio::test]
async fn refusals_have_the_expected_kind() {
    subject(raw::nobody().await)
        .refusals(&[
            (
                refusal("409 Conflict", "BlobAlreadyExists"),
                Kind::AlreadyExists,
                Verdict::Answer,
            ),
            (
                refusal("412 Precondition Failed", "ConditionNotMet"),
                Kind::AlreadyExists,
                Verdict::Answer,
            ),
            (refusal("503 Busy", "ServerBusy"), Kind::Throttled, Verdict::Throttled),
            (refusal("500 Error", "OperationTimedOut"), Kind::Failed, Verdict::Faulty),
            (refusal("500 Error", "InternalError"), Kind::Failed, Verdict::Faulty),
            (
                refusal("403 Forbidden", "AuthenticationFailed"),
                Kind::Denied,
                Verdict::Denied,
            ),
            (
                refusal("403 Forbidden", "AuthorizationPermissionMismatch"),
                Kind::Denied,
                Verdict::Denied,
            ),
            (
                refusal("403 Forbidden", "AccountIsDisabled"),
                Kind::Denied,
                Verdict::Denied,
            ),
            (
                http("507 Insufficient Storage", &[("x-ms-request-id", ID)], ""),
                Kind::Full,
                Verdict::Throttled,
            ),
            (
                refusal("404 Not Found", "ContainerNotFound"),
                Kind::Invalid,
                Verdict::Caller,
            ),
            (
                refusal("409 Conflict", "ContainerBeingDeleted"),
                Kind::Invalid,
                Verdict::Caller,
            ),
            (
                refusal("400 Bad Request", "InvalidHeaderValue"),
                Kind::Invalid,
                Verdict::Caller,
            ),
            (
                refusal("429 Too Many Requests", "Whatever"),
                Kind::Throttled,
                Verdict::Throttled,
            ),
        ])
        .await;
    let server = raw::serve(refusal("403 Forbidden", "AuthenticationFailed")).await;
    let error = with_sas(server.addr).get(Get::new(key())).await.unwrap_err();
    assert!(error.outcome().credential);
    assert_eq!(error.detail().request_id.as_deref(), Some(ID));
    let busy = http(
        "503 Busy",
        &[("x-ms-error-code", "ServerBusy"), ("retry-after", "7")],
        "",
    );
    let server = raw::serve(busy).await;
    let error = with_sas(server.addr).get(Get::new(key())).await.unwrap_err();
    assert_eq!(error.outcome().retry_after, Some(Duration::from_secs(7)));
}

/// What the SDK's transport says of names and of connects, with resolvers of our own.
#[tokio::test]
async fn failed_name_resolution_is_unsent() {
    #[derive(Clone)]
    struct Empty;
    impl reqwest::dns::Resolve for Empty {
        fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
            let none: reqwest::dns::Addrs = Box::new(std::iter::empty());
            Box::pin(std::future::ready(Ok(none)))
        }
    }
    let http = reqwest::Client::builder().dns_resolver(Empty).build().unwrap();
    let mut options = BlobContainerClientOptions::default();
    options.client_options.transport = Some(Transport::new(Arc::new(http)));
    let url = Url::parse("http://account.blob.example.test/orders").unwrap();
    let store = AzureBlob::trusting_transport(url, Credential::InTheUrl, options).unwrap();
    let error = store.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
    assert_eq!(error.detail().code.as_deref(), Some("dns: no address"));

    let hole = raw::black_hole().await;
    let error = with_sas(hole.addr).put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
    assert_eq!(error.detail().code.as_deref(), Some("connect timeout"));
}

/// A token service: what it gives, or that it fails.
#[derive(Debug)]
struct Tokens(Option<String>);

#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        match &self.0 {
            Some(token) => Ok(AccessToken::new(
                token.clone(),
                OffsetDateTime::now_utc() + Span::hours(1),
            )),
            None => Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Credential,
                "test-secret-key",
            )),
        }
    }
}

/// A token service that can fail.
#[derive(Clone, Debug, Default)]
struct Entra(Arc<AtomicBool>);

#[async_trait::async_trait]
impl TokenCredential for Entra {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = (!self.0.load(SeqCst)).then(token);
        Tokens(token).get_token(scopes, options).await
    }
}

/// The SDK's own cache of tokens does not stand in the keeper's way.
async fn kept_tokens(url: Url, options: BlobContainerClientOptions) {
    let entra = Entra::default();
    let keeper = |scope: &str| Keeper::azure("entra", Arc::new(entra.clone()), [scope]);
    let right = keeper("https://storage.azure.com/.default");
    let store = |keeper: &Keeper<ScopedToken>| {
        let credential = Credential::Token(Arc::new(keeper.clone()));
        AzureBlob::trusting_transport(url.clone(), credential, options.clone()).unwrap()
    };
    let orders = store(&right);
    orders.put(overwrite("x")).await.unwrap();
    // Given a token service that fails, then the token that is valid stays in use,
    entra.0.store(true, SeqCst);
    right.rotate().await.unwrap_err();
    assert_eq!(right.standing().snapshot().condition, Condition::Kept);
    orders.put(overwrite("y")).await.unwrap();
    // and what is forgotten is not sent again, though the SDK has seen it,
    right.forget();
    tokio::time::sleep(Duration::from_secs(1)).await; // for so long the SDK takes it for valid
    let error = orders.put(overwrite("z")).await.unwrap_err();
    let unloaded = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
    assert_eq!(error.outcome(), unloaded, "{error:?}");
    shows_nothing(&error);
    // until there is another one.
    entra.0.store(false, SeqCst);
    for _ in 0..100 {
        if right.rotate().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    orders.put(overwrite("z")).await.unwrap();
    // A keeper of tokens for something else does not give them away.
    let error = store(&keeper("https://vault.azure.net/.default"))
        .put(overwrite("x"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), unloaded, "{error:?}");
}

#[tokio::test]
async fn a_missing_token_is_denied_unsent() {
    let server = raw::serve(Act::Hang).await;
    let url = Url::parse(&format!("https://{}/orders", server.addr)).unwrap();
    let store = AzureBlob::new(url, Credential::Token(Arc::new(Tokens(None)))).unwrap();
    let error = store.put(Put::new(key(), "x")).await.unwrap_err();
    let unloaded = Outcome::new(Verdict::Denied, Sent::No).naming_the_credential();
    assert_eq!(error.outcome(), unloaded, "{error:?}");
    shows_nothing(&error);
    assert_eq!(server.connections(), 0, "not sent means not sent");
    // A handshake with a server that speaks no TLS.
    let server = raw::serve(Act::Blurt(b"HTTP/1.1 400 this is no TLS\r\n\r\n")).await;
    let url = Url::parse(&format!("https://{}/orders", server.addr)).unwrap();
    let store = AzureBlob::new(url, Credential::Token(Arc::new(Tokens(Some("t".into()))))).unwrap();
    let error = store.put(Put::new(key(), "x")).await.unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
}

/// A token as Azurite reads it: it looks at issuer, audience and times, and not at the signature.
fn token() -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let part = |json: serde_json::Value| azure_core::base64::encode_url_safe(json.to_string());
    let head = part(serde_json::json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = part(serde_json::json!({
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
        "iat": now - 60, "nbf": now - 60, "exp": now + 3600,
    }));
    format!("{head}.{claims}.{}", part(serde_json::json!("unsigned")))
}

#[tokio::test]
async fn azurite_accepts_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let (cert, key_file) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let (cert, key_file) = (cert.to_str().unwrap(), key_file.to_str().unwrap());
    let tls = ["--oauth", "basic", "--cert", cert, "--key", key_file];
    let Some(azurite) = process::azurite("the conformance suite by token, over TLS", &tls) else {
        return;
    };
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([trusted])
        .connect_timeout(AzureBlob::CONNECT_TIMEOUT)
        .build()
        .unwrap();
    let mut options = BlobContainerClientOptions::default();
    options.client_options.transport = Some(Transport::new(Arc::new(http)));
    let url = Url::parse(&format!("https://{}/{ACCOUNT}/orders", azurite.addr)).unwrap();
    let store = |token: &str, url: Url| {
        let credential = Credential::Token(Arc::new(Tokens(Some(token.to_owned()))));
        AzureBlob::trusting_transport(url, credential, options.clone()).unwrap()
    };
    let good = store(&token(), url.clone());
    good.client().create(None).await.unwrap();
    let report = objects::run("azure_blob on Azurite, token", &good, &Claims::all()).await;
    tried::objects("`AzureBlob`", "Azurite 3.37, by token, TLS", &report);
    let claims = crate::uploads::azure_claims();
    let report = uploads::run("azure_blob on Azurite, token", &good, &claims).await;
    tried::uploads("`AzureBlob`", "Azurite 3.37, by token, TLS", &report, &good);

    kept_tokens(url.clone(), options.clone()).await;

    let error = store("no.token.atall", url.clone())
        .put(overwrite("x"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error:?}");
    assert!(error.outcome().credential, "{error:?}");
    // A certificate that nobody vouches for.
    let credential = Credential::Token(Arc::new(Tokens(Some(token()))));
    let error = AzureBlob::new(url, credential)
        .unwrap()
        .put(overwrite("x"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), UNSENT, "{error:?}");
    // Over plain HTTP a token is not given away.
    let credential = Credential::Token(Arc::new(Tokens(Some(token()))));
    AzureBlob::new(container(azurite.addr), credential).unwrap_err();
}
