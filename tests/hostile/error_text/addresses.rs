//! An address with a password or a signature in it, most of all one that cannot be parsed.

use super::{printed, s3::Told};
use crate::promise::Promise;
use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation, timeout::TimeoutConfig};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient,
    provider::{
        ObjectProvider, S3,
        s3::preset::{self, Addressing},
    },
};
use futures_util::future::join_all;
use libtest_mimic::Trial;
use std::{fmt::Debug, time::Duration};
use tracing::instrument::WithSubscriber;

const SECRET: &str = "hunter2";

/// Nobody listens at any of them.
const ADDRESSES: [&str; 8] = [
    "https://user:hunter2@ho st/",
    "http://host:port?sig=hunter2",
    "http://user:hunter2@:9/",
    "https://user:hunter2@host:99999/",
    "https://account.blob.example.invalid:x/orders?sv=2021-12-02&sig=hunter2",
    "user:hunter2@localhost",
    "data:hunter2",
    "http://user:hunter2@127.0.0.1:1/orders?sig=hunter2",
];

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Words.trial("error_text::no_address_of_a_bucket_is_shown", buckets),
        Promise::Words.trial("error_text::a_request_that_cannot_be_built_is_unsent", not_built),
        #[cfg(feature = "azure_blob")]
        Promise::Words.trial("error_text::no_address_of_a_container_is_shown", containers),
        #[cfg(feature = "dynamodb")]
        Promise::Words.trial("error_text::no_address_of_a_dynamodb_is_shown", keys::dynamodb),
        #[cfg(feature = "bigtable")]
        Promise::Words.trial("error_text::no_address_of_a_bigtable_is_shown", keys::bigtable),
        #[cfg(feature = "redis")]
        Promise::Words.trial("error_text::no_address_of_a_redis_is_shown", keys::redis),
    ]
}

/// What may be printed of a place, whatever happens.
fn hidden(what: &str, address: &str, printed: &str) {
    Promise::Words.tried();
    assert!(!printed.contains(SECRET), "{what} at {address}: {printed}");
}

async fn bucket(what: &str, address: &str, store: impl ObjectProvider + Debug) {
    let told = Told::default();
    let mut all = format!("{store:?}");
    let asking = async {
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("a", store))
            .build()
            .unwrap();
        let short = Duration::from_millis(300);
        let mut errors = vec![
            client.get("k").deadline(short).await.map(drop).unwrap_err(),
            client.head("k").deadline(short).await.map(drop).unwrap_err(),
            client.put("k", "v").deadline(short).await.map(drop).unwrap_err(),
            client.delete("k").deadline(short).await.unwrap_err(),
        ];
        errors.extend(client.list("").deadline(short).collect_all().await.err());
        for error in &errors {
            assert_ne!(error.kind(), ErrorKind::NotFound, "{error}");
            all += &format!(
                "{}\n{:?}\n{}\n",
                printed(error),
                error.provider_error(),
                error.explanation()
            );
        }
        let (warm, verified) = (client.warm_up().await, client.verify().await);
        all += &format!(
            "{warm:?}\n{verified:?}\n{client:?}\n{:?}\n{:?}",
            client.snapshot(),
            client.dependencies()
        );
    };
    asking.with_subscriber(told.clone()).await;
    all += &told.0.lock().unwrap();
    hidden(what, address, &all);
}

/// Nothing left this process, so nothing was attempted.
async fn not_built() {
    let config =
        preset::minio("http://host:port").credentials_provider(Credentials::new("id", SECRET, None, None, "test"));
    let store = S3::new(aws_sdk_s3::Client::from_conf(config.build()), "b");
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("a", store))
        .build()
        .unwrap();
    let error = client.get("k").await.unwrap_err();
    Promise::Words.tried();
    assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::Rejected, 0));
    let says = "get failed before anything was sent: a was not asked: the request could not be built";
    assert!(error.to_string().starts_with(says), "{error}");
    assert_eq!(error.to_string().matches("check ").count(), 1, "{error}");
    let verified = client.verify().await;
    assert_eq!(verified.endpoints()[0].left_behind(), 0, "{verified:?}");
}

async fn buckets() {
    let required = RequestChecksumCalculation::WhenRequired;
    let presets = |address: &'static str| {
        [
            ("minio", preset::minio(address)),
            (
                "generic",
                preset::generic(address, "r", Addressing::VirtualHosted, required),
            ),
            ("stackit", preset::stackit(address)),
            ("aws", preset::aws(address)),
            ("aws elsewhere", preset::aws("eu-west-1").endpoint_url(address)),
        ]
        .map(|(what, builder)| (what, address, builder))
    };
    join_all(
        ADDRESSES
            .iter()
            .copied()
            .flat_map(presets)
            .map(|(what, address, builder)| {
                let soon = TimeoutConfig::builder()
                    .operation_timeout(Duration::from_millis(200))
                    .build();
                let config = builder
                    .credentials_provider(Credentials::new("id", SECRET, None, None, "test"))
                    .timeout_config(soon);
                let client = aws_sdk_s3::Client::from_conf(config.build());
                bucket(what, address, S3::new(client, "b"))
            }),
    )
    .await;
}

#[cfg(feature = "azure_blob")]
async fn containers() {
    use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
    use evenkeel::provider::azure_blob::{AzureBlob, Credential};
    use std::sync::Arc;

    #[derive(Debug)]
    struct Token;

    #[async_trait::async_trait]
    impl TokenCredential for Token {
        async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
            unreachable!("nothing is sent")
        }
    }

    for address in ADDRESSES {
        let Ok(url) = azure_core::http::Url::parse(address) else {
            continue; // the caller's own, before there is a container
        };
        for credential in [Credential::InTheUrl, Credential::Token(Arc::new(Token))] {
            let is_token = matches!(credential, Credential::Token(_));
            match AzureBlob::new(url.clone(), credential) {
                Ok(container) if !is_token => bucket("azure", address, container).await,
                Ok(container) => hidden("azure", address, &format!("{container:?}")),
                Err(error) => hidden("azure", address, &printed(&error)),
            }
        }
    }
}

#[cfg(any(feature = "dynamodb", feature = "bigtable", feature = "redis"))]
mod keys {
    use super::*;
    use evenkeel::{KvClient, provider::KvProvider};

    async fn table(what: &str, address: &str, store: impl KvProvider + Debug) {
        let told = Told::default();
        let mut all = format!("{store:?}");
        let asking = async {
            let client = KvClient::builder().endpoint(Endpoint::new("a", store)).build().unwrap();
            let short = Duration::from_millis(300);
            let errors = [
                client.get("k").deadline(short).await.map(drop).unwrap_err(),
                client.put("k", "v").deadline(short).await.map(drop).unwrap_err(),
                client
                    .put_if_absent("k", "v")
                    .deadline(short)
                    .await
                    .map(drop)
                    .unwrap_err(),
                client.delete("k").deadline(short).await.unwrap_err(),
            ];
            for error in &errors {
                all += &format!(
                    "{}\n{:?}\n{}\n",
                    printed(error),
                    error.provider_error(),
                    error.explanation()
                );
            }
            let warm = client.warm_up().await;
            all += &format!(
                "{warm:?}\n{client:?}\n{:?}\n{:?}",
                client.snapshot(),
                client.dependencies()
            );
        };
        asking.with_subscriber(told.clone()).await;
        all += &told.0.lock().unwrap();
        hidden(what, address, &all);
    }

    #[cfg(feature = "dynamodb")]
    pub(super) async fn dynamodb() {
        use aws_sdk_dynamodb::{
            Client,
            config::{BehaviorVersion, Config, Credentials, Region},
        };
        for address in ADDRESSES {
            let config = Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("id", SECRET, None, None, "test"))
                .endpoint_url(address);
            let store = evenkeel::provider::DynamoDb::new(Client::from_conf(config.build()), "carts");
            table("dynamodb", address, store).await;
        }
    }

    #[cfg(feature = "bigtable")]
    pub(super) async fn bigtable() {
        let anonymous = || google_cloud_auth::credentials::anonymous::Builder::new().build();
        for address in ADDRESSES {
            let name = "projects/p/instances/i/tables/t";
            let store = evenkeel::provider::Bigtable::new(anonymous(), name).endpoint(address);
            table("bigtable", address, store).await;
        }
    }

    #[cfg(feature = "redis")]
    pub(super) async fn redis() {
        for address in [
            "redis://user:hunter2@127.0.0.1:1",
            "rediss://user:hunter2@127.0.0.1:1",
            "redis://user:hunter2@no.such.host.invalid:1",
            "rediss://user:hunter2@:1",
        ] {
            let Ok(client) = redis::Client::open(address) else {
                continue; // the caller's own
            };
            table("redis", address, evenkeel::provider::Redis::new(client.clone())).await;
            table("redis cluster", address, evenkeel::provider::Redis::cluster([client])).await;
        }
    }
}
