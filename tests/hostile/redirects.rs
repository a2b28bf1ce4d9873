//! Servers that redirect: nobody follows, and no credential travels.
//!
//! `GenericStore` over `object_store`'s own clients, Bigtable and Cosmos are tried in `tests/providers`, where their servers
//! are.

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    #[allow(unused_mut)]
    let mut trials = vec![];
    #[cfg(feature = "s3")]
    trials.extend(s3::trials());
    #[cfg(feature = "dynamodb")]
    trials.extend(dynamodb::trials());
    #[cfg(feature = "azure_blob")]
    trials.extend(azure::trials());
    #[cfg(feature = "gcs")]
    trials.extend(gcs::trials());
    #[cfg(feature = "object_store_http")]
    trials.extend(transport::trials());
    trials
}

#[cfg(any(
    feature = "s3",
    feature = "dynamodb",
    feature = "azure_blob",
    feature = "gcs",
    feature = "object_store_http"
))]
mod servers {
    use crate::{
        promise::Promise,
        script::{self, Answer, Server, answer},
    };
    use evenkeel::{provider::ProviderError, verdict::Verdict};

    pub(super) const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

    /// A store that redirects, and the host that it redirects to, under another name and port. What that one would answer is a
    /// success of every kind at once.
    pub(super) struct Servers {
        pub(super) store: Server,
        pub(super) elsewhere: Server,
    }

    impl Servers {
        pub(super) async fn redirecting(status: u16) -> Self {
            Promise::Constraint.tried();
            let elsewhere = script::serve(|_| async { stolen() }).await;
            let port = elsewhere.addr.port();
            let store = script::serve(move |asked| async move {
                let location = format!("http://localhost:{port}{}", asked.uri);
                answer(status, &[("location", &location), ("x-amz-request-id", "REQ42")], "")
            })
            .await;
            Self { store, elsewhere }
        }

        /// Nobody has asked elsewhere, and the store was asked.
        pub(super) fn nobody_followed(&self, what: &str) {
            assert_eq!(self.elsewhere.count(), 0, "{what}: {:?}", self.elsewhere.asked());
            assert!(self.store.count() > 0, "{what}");
        }
    }

    fn stolen() -> Answer {
        let headers = [
            ("etag", "\"stolen\""),
            ("x-amz-request-id", "REQ66"),
            ("x-amzn-requestid", "REQ66"),
            ("x-ms-request-id", "REQ66"),
            ("x-goog-generation", "66"),
            ("last-modified", "Fri, 27 Nov 2026 09:00:00 GMT"),
        ];
        answer(200, &headers, "stolen")
    }

    #[cfg_attr(
        not(any(feature = "s3", feature = "dynamodb", feature = "azure_blob", feature = "gcs")),
        allow(dead_code)
    )]
    pub(super) fn lies_elsewhere(what: &str, error: &ProviderError) {
        assert_eq!(error.outcome().verdict, Verdict::Caller, "{what}: {error} {error:?}");
    }
}

#[cfg(any(feature = "s3", feature = "azure_blob", feature = "gcs"))]
mod objects {
    use super::servers::lies_elsewhere;
    use evenkeel::{
        provider::{ObjectProvider, ProviderError},
        request::{
            Key,
            object::{Delete, Get, Head, List, Put, PutMode},
        },
    };

    pub(super) fn key() -> Key {
        Key::new("secret-key").unwrap()
    }

    pub(super) async fn each(store: &impl ObjectProvider) -> Vec<(&'static str, Result<(), ProviderError>)> {
        let mut overwrite = Put::new(key(), "secret-value");
        overwrite.mode = PutMode::Overwrite;
        vec![
            ("create", store.put(Put::new(key(), "secret-value")).await.map(drop)),
            ("put", store.put(overwrite).await.map(drop)),
            ("get", store.get(Get::new(key())).await.map(drop)),
            ("head", store.head(Head::new(key())).await.map(drop)),
            ("delete", store.delete(Delete::new(key())).await),
            ("list", store.list(List::default()).await.map(drop)),
            ("warm_up", store.warm_up().await),
        ]
    }

    #[cfg_attr(not(any(feature = "s3", feature = "azure_blob")), allow(dead_code))]
    pub(super) async fn all_lie_elsewhere(name: &str, store: &impl ObjectProvider) {
        for (what, result) in each(store).await {
            lies_elsewhere(&format!("{name}: {what}"), &result.unwrap_err());
        }
    }
}

#[cfg(feature = "s3")]
mod s3 {
    use super::{objects, servers::*};
    use crate::promise::Promise;
    use aws_sdk_s3::config::Credentials;
    use evenkeel::provider::{S3, s3::preset};
    use libtest_mimic::Trial;

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Constraint.trial("redirects::s3_follows_no_redirect", || async {
                for status in REDIRECTS {
                    let servers = Servers::redirecting(status).await;
                    let credentials = Credentials::new("test-access-key", "test-secret-key", None, None, "test");
                    let config = preset::minio(servers.store.url()).credentials_provider(credentials);
                    let store = S3::new(aws_sdk_s3::Client::from_conf(config.build()), "orders");
                    objects::all_lie_elsewhere(&format!("S3, {status}"), &store).await;
                    servers.nobody_followed("S3");
                }
            }),
        ]
    }
}

#[cfg(feature = "azure_blob")]
mod azure {
    use super::{objects, servers::*};
    use crate::promise::Promise;
    use azure_core::http::{Transport, Url};
    use azure_storage_blob::BlobContainerClientOptions;
    use evenkeel::provider::{AzureBlob, azure_blob::Credential};
    use libtest_mimic::Trial;
    use std::sync::Arc;

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Constraint.trial("redirects::azure_follows_no_redirect", || async {
                for status in REDIRECTS {
                    let servers = Servers::redirecting(status).await;
                    let url = Url::parse(&format!("{}/account/orders?sig=secret", servers.store.url())).unwrap();
                    let store = AzureBlob::new(url, Credential::InTheUrl).unwrap();
                    objects::all_lie_elsewhere(&format!("Azure, {status}"), &store).await;
                    servers.nobody_followed("Azure");
                }
            }),
            Promise::Constraint.trial("redirects::azure_refuses_a_foreign_transport_until_trusted", || async {
                let mut options = BlobContainerClientOptions::default();
                options.client_options.transport = Some(Transport::new(Arc::new(reqwest::Client::new())));
                let url = Url::parse("http://127.0.0.1:1/account/orders").unwrap();
                let refused = AzureBlob::with_options(url.clone(), Credential::InTheUrl, options.clone()).unwrap_err();
                assert!(refused.to_string().contains("trusting_transport"), "{refused}");
                AzureBlob::trusting_transport(url, Credential::InTheUrl, options).unwrap();
            }),
        ]
    }
}

#[cfg(feature = "dynamodb")]
mod dynamodb {
    use super::servers::*;
    use crate::promise::Promise;
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    use evenkeel::{
        provider::{DynamoDb, KvProvider},
        request::{
            WriteId,
            kv::{Delete, Get, Key, Put, Scan},
        },
    };
    use libtest_mimic::Trial;

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Constraint.trial("redirects::dynamodb_follows_no_redirect", || async {
                for status in REDIRECTS {
                    let servers = Servers::redirecting(status).await;
                    let config = aws_sdk_dynamodb::Config::builder()
                        .behavior_version(BehaviorVersion::latest())
                        .region(Region::from_static("us-east-1"))
                        .endpoint_url(servers.store.url())
                        .credentials_provider(Credentials::new(
                            "test-access-key",
                            "test-secret-key",
                            None,
                            None,
                            "test",
                        ));
                    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
                    let table = DynamoDb::sorted(client, "table", "p");
                    let key = || Key::new("secret-key").unwrap();
                    let write = Put::new(key(), "secret-value", WriteId::new("w"));
                    for (what, result) in [
                        ("get", table.get(Get::new(key())).await.map(drop)),
                        ("put", table.put(write).await.map(drop)),
                        ("delete", table.delete(Delete::new(key(), WriteId::new("d"))).await),
                        ("scan", table.scan(Scan::default()).await.map(drop)),
                        ("warm_up", table.warm_up().await),
                    ] {
                        lies_elsewhere(&format!("DynamoDB, {status}: {what}"), &result.unwrap_err());
                    }
                    servers.nobody_followed("DynamoDB");
                }
            }),
        ]
    }
}

#[cfg(feature = "gcs")]
mod gcs {
    use super::{objects, servers::*};
    use crate::promise::Promise;
    use evenkeel::provider::Gcs;
    use google_cloud_auth::credentials::anonymous;
    use google_cloud_storage::client::{Storage, StorageControl};
    use libtest_mimic::Trial;

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Constraint.trial("redirects::gcs_follows_no_redirect", || async {
                for status in REDIRECTS {
                    let servers = Servers::redirecting(status).await;
                    let anonymous = || anonymous::Builder::new().build();
                    let storage = Storage::builder()
                        .with_endpoint(servers.store.url())
                        .with_credentials(anonymous());
                    let control = StorageControl::builder()
                        .with_endpoint(servers.store.url())
                        .with_credentials(anonymous());
                    let store = Gcs::new(storage.build().await.unwrap(), control.build().await.unwrap(), "orders");
                    for (what, result) in objects::each(&store).await {
                        let error = result.unwrap_err();
                        // The others speak gRPC, which knows no redirects: such a server is none.
                        if matches!(what, "create" | "put" | "get") {
                            lies_elsewhere(&format!("GCS, {status}: {what}"), &error);
                        }
                    }
                    servers.nobody_followed("GCS");
                }
            }),
        ]
    }
}

#[cfg(feature = "object_store_http")]
mod transport {
    use super::servers::*;
    use crate::promise::Promise;
    use evenkeel::provider::object_store::NoRedirects;
    use libtest_mimic::Trial;
    use object_store::{
        ClientOptions,
        client::{HttpConnector, HttpRequestBody},
    };

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Constraint.trial("redirects::the_no_redirects_transport_follows_no_redirect", || async {
                for status in REDIRECTS {
                    // Whatever its configuration says.
                    let follows =
                        NoRedirects::configured(|builder| builder.redirect(reqwest::redirect::Policy::limited(5)));
                    for connector in [NoRedirects::new(), follows] {
                        let servers = Servers::redirecting(status).await;
                        let client = connector.connect(&ClientOptions::new().with_allow_http(true)).unwrap();
                        for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
                            let request = http::Request::builder()
                                .method(method)
                                .uri(format!("{}/orders/secret-key", servers.store.url()))
                                .header("authorization", "secret")
                                .body(HttpRequestBody::empty());
                            let answer = client.execute(request.unwrap()).await.unwrap();
                            assert_eq!(answer.status(), status);
                        }
                        servers.nobody_followed("NoRedirects");
                    }
                }
            }),
        ]
    }
}
