//! A service that talks to `aws-sdk-s3` directly, before and after: the ten lines that are new or changed are numbered.
//!
//! ```text
//! cargo run --example migration --features s3
//! ```
//!
//! Both run here against two S3-protocol servers in this process, and once more when the first of them is dead.

#[path = "replay/server.rs"]
#[allow(dead_code)] // the replay needs more of it
mod server;

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ConnectorError, SdkError},
    operation::get_object::GetObjectError,
    primitives::ByteStream,
};
use bytes::Bytes;
use server::{ACCESS_KEY, BUCKET, SECRET_KEY};
use std::{error::Error, time::Duration};

/// The service as it was: one region, and the SDK's own retries.
mod before {
    use super::*;

    pub(super) fn connect(virginia: &str) -> Client {
        Client::from_conf(config(virginia).build())
    }

    pub(super) async fn invoice(s3: &Client, key: &str) -> Result<Bytes, Box<dyn Error>> {
        let object = s3.get_object().bucket(BUCKET).key(key).send().await?;
        Ok(object.body.collect().await?.into_bytes())
    }
}

/// The service as it is: two regions, between which the provider copies (or which were written both).
#[rustfmt::skip] // so that a changed line stays one line
mod after {
    use super::*;
    use evenkeel::{BuildError, Endpoint, Failover};                                                        //  1

    pub(super) fn connect(virginia: &str, ireland: &str) -> Result<Failover<Client>, BuildError> {
        let quick = TimeoutConfig::builder().connect_timeout(Duration::from_millis(900)).build();          //  2
        let client = |url| config(url).retry_config(RetryConfig::disabled()).timeout_config(quick.clone()).build(); // 3
        Failover::builder()                                                                                //  4
            .endpoint(Endpoint::new("virginia", Client::from_conf(client(virginia))).provider("aws").region("us-east-1")) // 5
            .endpoint(Endpoint::new("ireland", Client::from_conf(client(ireland))).provider("aws").region("eu-west-1"))   // 6
            .build()
    }

    type Failed = evenkeel::Error<SdkError<GetObjectError>>;                                               //  7

    pub(super) async fn invoice(s3: &Failover<Client>, key: &str) -> Result<Bytes, Failed> {               //  8
        s3.read(|s3| async move {                                                                          //  9
            let object = s3.get_object().bucket(BUCKET).key(key).send().await?;
            // Collected here, so that a body that breaks off is seen, and asked for elsewhere.
            Ok(object.body.collect().await.map_err(|e| SdkError::dispatch_failure(ConnectorError::io(e.into())))?.into_bytes()) // 10
        }).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [virginia, ireland] = [server::start().await?, server::start().await?];
    let urls = [&virginia, &ireland].map(|server| format!("http://{}", server.addr));
    for url in &urls {
        let put = before::connect(url).put_object().bucket(BUCKET).key("invoice-42");
        put.body(ByteStream::from_static(b"forty-two euros")).send().await?;
    }

    let plain = before::connect(&urls[0]);
    let failing_over = after::connect(&urls[0], &urls[1])?;
    println!(
        "before, all is well:      {:?}",
        before::invoice(&plain, "invoice-42").await?
    );
    println!(
        "after, all is well:       {:?}",
        after::invoice(&failing_over, "invoice-42").await?
    );

    drop(virginia);
    match before::invoice(&plain, "invoice-42").await {
        Ok(body) => println!("before, virginia is dead: {body:?}"),
        Err(error) => println!("before, virginia is dead: {error}"),
    }
    println!(
        "after, virginia is dead:  {:?}",
        after::invoice(&failing_over, "invoice-42").await?
    );
    Ok(())
}

/// What the service had always set, whichever the region.
fn config(url: &str) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "service"))
}
