//! What is known of a refusal that has no body, and of two ends that speak different protocols.

use super::s3::{at, key};
use crate::{
    promise::Promise,
    script::{self, answer, s3_refusal, serve},
};
use aws_sdk_s3::{
    Client,
    config::{Credentials, RequestChecksumCalculation::WhenRequired},
};
use evenkeel::{
    Endpoint, ObjectClient,
    provider::{
        ObjectProvider, ProviderErrorKind,
        s3::{
            S3,
            preset::{self, Addressing},
        },
    },
    request::object::Head,
};
use libtest_mimic::Trial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn client(store: S3) -> ObjectClient {
    ObjectClient::builder()
        .endpoint(Endpoint::new("a", store).provider("one"))
        .build()
        .unwrap()
}

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Words.trial("proof::warm_up_names_a_missing_bucket", || async {
            let server = serve(|asked| async move {
                match asked.method.as_str() {
                    "HEAD" => answer(404, &[("x-amz-request-id", "REQ42")], ""),
                    _ => s3_refusal(404, "NoSuchBucket"),
                }
            })
            .await;
            let error = at(&server).warm_up().await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Invalid);
            assert_eq!(error.to_string(), "no such bucket (NoSuchBucket)");
            let found = client(at(&server)).warm_up().await;
            assert_eq!(found.endpoints()[0].failure(), Some("no such bucket (NoSuchBucket)"));
        }),
        Promise::Words.trial("proof::a_refused_head_reports_its_status", || async {
            const MARK: (&str, &str) = ("x-amz-request-id", "REQ42");
            let region = ("x-amz-bucket-region", "eu-west-1");
            let hostile = ("x-amz-bucket-region", "eu<script>west");
            for (status, headers, words) in [
                (
                    301,
                    vec![MARK, region],
                    "the bucket lies in another region: eu-west-1 (HTTP 301)",
                ),
                (301, vec![MARK], "the bucket lies elsewhere (HTTP 301)"),
                (301, vec![MARK, hostile], "the bucket lies elsewhere (HTTP 301)"),
                (
                    400,
                    vec![MARK, region],
                    "the request is not valid; the bucket lies in eu-west-1 (HTTP 400)",
                ),
                (
                    400,
                    vec![MARK],
                    "the request is not valid; the answer to a HEAD does not say why (HTTP 400)",
                ),
                (
                    403,
                    vec![MARK],
                    "access was denied; the answer to a HEAD does not say why (HTTP 403)",
                ),
            ] {
                let server = serve(move |_| {
                    let headers = headers.clone();
                    async move { answer(status, &headers, "") }
                })
                .await;
                let error = at(&server).head(Head::new(key())).await.unwrap_err();
                assert_eq!(error.to_string(), words);
                let error = client(at(&server)).head("some/key").await.unwrap_err().to_string();
                assert!(error.contains(words), "{error}");
            }
        }),
        Promise::Words.trial("proof::a_gateways_404_is_named", || async {
            let server = script::always(404, &[("server", "envoy")], "").await;
            for error in [
                client(at(&server)).get("some/key").await.unwrap_err(),
                client(at(&server)).head("some/key").await.unwrap_err(),
            ] {
                let said = error.to_string();
                assert!(said.contains("the 404 is not the provider's own"), "{said}");
            }
        }),
        Promise::Words.trial("proof::tls_to_a_plain_port_is_named", || async {
            let server = script::always(400, &[("content-type", "text/plain")], "Bad Request").await;
            let url = server.url().replace("http:", "https:");
            let config = preset::generic(url, "us-east-1", Addressing::Path, WhenRequired)
                .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
            let store = S3::new(Client::from_conf(config.build()), "bucket");
            let error = client(store).head("some/key").await.unwrap_err();
            let said = error.to_string();
            assert!(said.contains("does not speak TLS: check scheme and port"), "{said}");
            assert!(!error.is_retryable() && !said.contains("trying again"), "{said}");
        }),
        Promise::Words.trial("proof::plain_http_to_a_tls_port_is_named", || async {
            // Go's servers and nginx say so in a page; the others send an alert of TLS's.
            let pages = [
                "Client sent an HTTP request to an HTTPS server.\n",
                "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
            ];
            for page in pages {
                let server = script::always(400, &[("content-type", "text/html")], page).await;
                let error = client(at(&server)).get("some/key").await.unwrap_err();
                let said = error.to_string();
                assert!(said.contains("speaks TLS: check scheme and port"), "{said}");
                assert!(!error.is_retryable() && !said.contains("trying again"), "{said}");
            }
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let alerting = tokio::spawn(async move {
                while let Ok((mut socket, _)) = listener.accept().await {
                    let _ = socket.read(&mut [0; 4096]).await;
                    let _ = socket.write_all(&[0x15, 3, 1, 0, 2, 2, 40]).await;
                }
            });
            let config = preset::generic(url, "us-east-1", Addressing::Path, WhenRequired)
                .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
            let store = S3::new(Client::from_conf(config.build()), "bucket");
            let error = client(store).get("some/key").await.unwrap_err();
            assert!(
                error.to_string().contains("perhaps TLS: check scheme and port"),
                "{error}"
            );
            alerting.abort();
        }),
    ]
}
