//! The AWS SDK over an HTTP connector of ours.

use super::attempt_limit;
use crate::{
    load::Client,
    store::{Failure, Store},
};
use aws_sdk_s3::{
    Client as S3,
    config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use std::{io, time::Duration};

#[derive(Clone)]
struct InTurn<const N: usize>([S3; N]);

pub(super) fn plain(primary: Store, _: Store, _: u64) -> impl Client {
    InTurn([S3::from_conf(config(primary).build())])
}

pub(super) fn falling_back(primary: Store, standby: Store, _: u64) -> impl Client {
    let retry = RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(Duration::from_millis(10));
    let limit = TimeoutConfig::builder()
        .operation_attempt_timeout(attempt_limit())
        .build();
    InTurn([primary, standby].map(|store| {
        let config = config(store).retry_config(retry.clone()).timeout_config(limit.clone());
        S3::from_conf(config.build())
    }))
}

impl<const N: usize> Client for InTurn<N> {
    async fn read(&self) -> bool {
        for s3 in &self.0 {
            let Ok(got) = s3.get_object().bucket("bucket").key("key").send().await else {
                continue;
            };
            if got.body.collect().await.is_ok() {
                return true;
            }
        }
        false
    }
}

fn config(store: Store) -> aws_sdk_s3::config::Builder {
    let connector = SharedHttpConnector::new(InProcess(store));
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
}

fn refused() -> ConnectorError {
    ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionRefused).into())
}

#[derive(Clone, Debug)]
struct InProcess(Store);

impl HttpConnector for InProcess {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        static OBJECT: [u8; 1_024] = [0; 1_024];
        let store = self.0.clone();
        HttpConnectorFuture::new(async move {
            let (status, body): (u16, &[u8]) = match store.get().await {
                Ok(()) => (200, &OBJECT),
                Err(Failure::Broken) => (503, b"<Error><Code>ServiceUnavailable</Code></Error>"),
                Err(Failure::Unreachable) => return Err(refused()),
                Err(Failure::SlowDown) => (503, b"<Error><Code>SlowDown</Code></Error>"),
            };
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(Bytes::from_static(body)));
            response.headers_mut().insert("etag", "\"1\"");
            Ok(response)
        })
    }
}
