//! What S3, and DynamoDB's keys, say of credentials and permissions, through the real SDK. The other adapters' are beside
//! their servers.

use crate::{
    store::{self, Keys},
    web::{Web, dynamo_refusal, s3_refusal},
};
use aws_sdk_s3::{Client, config::Credentials};
use evenkeel::{
    provider::{DynamoDb, KvProvider, ObjectProvider, ProviderError, ProviderErrorKind as Kind, S3},
    request::{
        Key, WriteId, kv,
        object::{Get, Put, PutMode},
    },
    verdict::{Outcome, Sent, Verdict},
};

const PERMISSION: Outcome = Outcome::new(Verdict::Denied, Sent::Maybe);
const CREDENTIAL: Outcome = PERMISSION.naming_the_credential();
const CALLER: Outcome = Outcome::new(Verdict::Caller, Sent::Maybe);
const FAULTY: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);

fn s3(url: &str, id: &str, secret: &str) -> S3 {
    let config = store::config(url).credentials_provider(Credentials::new(id, secret, None, None, "test"));
    S3::new(Client::from_conf(config.build()), "orders")
}

fn put(key: &str) -> Put {
    let mut put = Put::new(Key::new(key).unwrap(), "x");
    put.mode = PutMode::Overwrite;
    put
}

fn is(error: &ProviderError, expected: Outcome, what: &str) {
    assert_eq!(error.outcome(), expected, "{what}: {error:?}");
    let kind = match expected.verdict {
        Verdict::Denied => Kind::Denied,
        Verdict::Caller => Kind::Invalid,
        _ => Kind::Failed,
    };
    assert_eq!(error.kind(), kind, "{what}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("s3cret"), "{what}: {shown}");
}

#[tokio::test]
async fn an_s3_server_that_checks_signatures_names_the_credential() {
    let server = store::start(Keys::issued()).await;
    let url = format!("http://{}", server.addr);
    for (id, secret, key, expected, code) in [
        ("key-0", "wrong s3cret", "k", CREDENTIAL, "SignatureDoesNotMatch"),
        ("nobody", "s3cret-0", "k", CREDENTIAL, "InvalidAccessKeyId"),
        ("key-0", "s3cret-0", "forbidden", PERMISSION, "AccessDenied"),
    ] {
        let store = s3(&url, id, secret);
        for error in [
            store.put(put(key)).await.unwrap_err(),
            store.get(Get::new(Key::new(key).unwrap())).await.unwrap_err(),
        ] {
            is(&error, expected, code);
            assert_eq!(error.detail().code.as_deref(), Some(code));
        }
    }
}

#[tokio::test]
async fn s3_codes_tell_credentials_from_permissions() {
    let server = Web::start(|_| None).await;
    let store = s3(&format!("http://{}", server.addr), "key-0", "s3cret-0");
    for (status, code, expected) in [
        ("400 Bad Request", "ExpiredToken", CREDENTIAL),
        ("400 Bad Request", "InvalidToken", CREDENTIAL),
        ("400 Bad Request", "TokenRefreshRequired", CREDENTIAL),
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            Outcome::new(Verdict::Denied, Sent::No),
        ),
        ("403 Forbidden", "AccessDenied", PERMISSION),
        // The key of the bucket, at the provider's key service: disabled by its owner, or out.
        ("400 Bad Request", "KMS.DisabledException", CALLER),
        ("400 Bad Request", "KMS.NotFoundException", CALLER),
        ("500 Internal Server Error", "KMS.KMSInternalException", FAULTY),
    ] {
        server.now(move |_| Some(s3_refusal(status, code)));
        is(&store.put(put("k")).await.unwrap_err(), expected, code);
        let got = store.get(Get::new(Key::new("k").unwrap())).await;
        is(&got.unwrap_err(), expected, code);
    }
}

#[tokio::test]
async fn dynamodb_codes_tell_credentials_from_permissions() {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
    let server = Web::start(|_| None).await;
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(format!("http://{}", server.addr))
        .credentials_provider(Credentials::new("key-0", "s3cret-0", None, None, "test"));
    let table = DynamoDb::new(aws_sdk_dynamodb::Client::from_conf(config.build()), "orders");
    let key = || kv::Key::new("k").unwrap();
    for (code, expected) in [
        ("UnrecognizedClientException", CREDENTIAL),
        ("ExpiredTokenException", CREDENTIAL),
        ("InvalidSignatureException", CREDENTIAL),
        ("MissingAuthenticationTokenException", CREDENTIAL),
        ("AccessDeniedException", PERMISSION),
        ("KMSInvalidStateException", CALLER),
        ("KMSNotFoundException", CALLER),
    ] {
        server.now(move |_| Some(dynamo_refusal(code)));
        let stored = table.put(kv::Put::new(key(), "x", WriteId::new("w1"))).await;
        is(&stored.unwrap_err(), expected, code);
        is(&table.get(kv::Get::new(key())).await.unwrap_err(), expected, code);
    }
}
