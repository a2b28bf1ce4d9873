//! object_store's S3 client with its retries, over an HTTP connector of ours. The same holds of it as of OpenDAL: it knows one
//! store, and what to do when that one is gone is up to its user.

use super::attempt_limit;
use crate::{load::Client, store::Store};
use ::object_store::{
    BackoffConfig, ClientOptions, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    },
    path::Path,
};
use async_trait::async_trait;
use std::{io, sync::Arc, time::Duration};

#[derive(Clone)]
struct FallingBack(Arc<[AmazonS3; 2]>);

pub(super) fn falling_back(primary: Store, standby: Store, _: u64) -> impl Client {
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(10),
            max_backoff: Duration::from_millis(10),
            base: 2.0,
        },
        max_retries: 1,
        ..RetryConfig::default()
    };
    FallingBack(Arc::new([primary, standby].map(|store| {
        AmazonS3Builder::new()
            .with_region("us-east-1")
            .with_bucket_name("bucket")
            .with_access_key_id("key")
            .with_secret_access_key("secret")
            .with_retry(retry.clone())
            .with_http_connector(InProcess(store))
            .build()
            .unwrap()
    })))
}

impl Client for FallingBack {
    async fn read(&self) -> bool {
        let path = Path::from("key");
        for store in self.0.iter() {
            let Ok(got) = store.get(&path).await else { continue };
            if got.bytes().await.is_ok() {
                return true;
            }
        }
        false
    }
}

#[derive(Clone, Debug)]
struct InProcess(Store);

impl HttpConnector for InProcess {
    fn connect(&self, _: &ClientOptions) -> ::object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for InProcess {
    async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        let status = match tokio::time::timeout(attempt_limit(), self.0.get()).await {
            Ok(Ok(())) => 200,
            Ok(Err(_)) => 503,
            Err(_) => {
                return Err(HttpError::new(
                    HttpErrorKind::Timeout,
                    io::Error::from(io::ErrorKind::TimedOut),
                ));
            }
        };
        let response = http::Response::builder()
            .status(status)
            .header("etag", "\"1\"")
            .header("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")
            .header("content-length", "1024");
        Ok(response.body(HttpResponseBody::from(vec![0_u8; 1_024])).unwrap())
    }
}
