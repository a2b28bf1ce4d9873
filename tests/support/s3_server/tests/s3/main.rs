//! The server before the real SDK of AWS: each operation, each condition, each fault.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod checksums;
mod conditions;
mod copies;
mod faults;
mod listing;
mod multipart;
mod objects;
mod server;

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation, retry::RetryConfig},
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use evenkeel_s3_server::{ACCESS_KEY, SECRET_KEY, Server, Settings};

const BUCKET: &str = "orders";

/// A server with small parts, and a client that asks once.
struct Pair {
    server: Server,
    client: Client,
}

async fn pair() -> Pair {
    pair_with(Settings::new(&[BUCKET]).min_part_size(5)).await
}

async fn pair_with(settings: Settings) -> Pair {
    let server = Server::start(settings).await.unwrap();
    let client = client(&server);
    Pair { server, client }
}

fn client(server: &Server) -> Client {
    Client::from_conf(config(server).build())
}

fn config(server: &Server) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(server.url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
}

/// Sends no checksum of its own.
fn plain_client(server: &Server) -> Client {
    let config = config(server).request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    Client::from_conf(config.build())
}

impl Pair {
    async fn put(&self, key: &str, body: &str) -> String {
        put(&self.client, key, body).await
    }

    async fn get(&self, key: &str) -> String {
        let got = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap()
    }

    /// What the store has, not by HTTP.
    fn stored(&self, key: &str) -> Option<String> {
        let object = self.server.store().object(BUCKET, key)?;
        Some(String::from_utf8(object.body.to_vec()).unwrap())
    }
}

async fn put(client: &Client, key: &str, body: &str) -> String {
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(bytes(body))
        .send()
        .await;
    put.unwrap().e_tag.unwrap()
}

fn bytes(body: &str) -> ByteStream {
    ByteStream::from(body.as_bytes().to_vec())
}

/// The status, and S3's code where the answer has a body.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = result.unwrap_err();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    (status, error.code().unwrap_or_default().to_owned())
}

fn says(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
