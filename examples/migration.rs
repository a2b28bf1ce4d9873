//! A service that talks to `aws-sdk-s3` directly, before and after. Ten lines are new or changed; they are numbered.
//!
//! ```text
//! cargo run --example migration --features s3
//! ```
//!
//! Both run here against two S3-protocol servers in this process, and once more when the first of them is dead.

#[path = "support/server.rs"]
#[allow(dead_code)] // the replay needs more of it
mod server;

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    error::{ConnectorError, SdkError},
    operation::get_object::GetObjectError,
    primitives::ByteStream,
};
use bytes::Bytes;
use server::{ACCESS_KEY, BUCKET, SECRET_KEY};
use std::{error::Error, time::Duration};

/// The service as it was.
mod before {
    use super::*;

    pub(super) async fn invoice(s3: &Client, key: &str) -> Result<Bytes, SdkError<GetObjectError>> {
        let object = s3.get_object().bucket(BUCKET).key(key).send().await?;
        let body = object.body.collect().await.map_err(SdkError::construction_failure)?;
        Ok(body.into_bytes())
    }
}

/// The service as it is. The body is collected within, so that one that breaks off is asked for elsewhere, too.
#[rustfmt::skip] // a changed line stays one line
mod after {
    use super::*;
    use evenkeel::Failover; // 1

    pub(super) async fn invoice(s3: &Failover<Client>, key: &str) -> Result<Bytes, evenkeel::Error<SdkError<GetObjectError>>> { // 2
        s3.read(|s3| async move { // 3
            let object = s3.get_object().bucket(BUCKET).key(key).send().await?;
            let body = object.body.collect().await.map_err(|e| SdkError::dispatch_failure(ConnectorError::io(e.into())))?; // 4
            Ok(body.into_bytes())
        }).await // 5
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [virginia, ireland] = [server::start().await?, server::start().await?];
    let urls = [&virginia, &ireland].map(|server| format!("http://{}", server.addr));
    for url in &urls {
        let put = client(url).put_object().bucket(BUCKET).key("invoice-42");
        put.body(ByteStream::from_static(b"forty-two euros")).send().await?;
    }

    // Before: one region, and the SDK's own retries.
    let plain = client(&urls[0]);
    // After: two, between which the provider copies. `prepared` turns the SDK's own retries off and bounds connecting.
    use evenkeel::{Endpoint, Failover, provider::s3::prepared}; // 6
    let failing_over = Failover::builder() // 7
        .endpoint(Endpoint::new("virginia", prepared(&client(&urls[0]))).region("us-east-1")) // 8
        .endpoint(Endpoint::new("ireland", prepared(&client(&urls[1]))).region("eu-west-1")) // 9
        .build()?; // 10

    println!(
        "before, all is well:      {:?}",
        before::invoice(&plain, "invoice-42").await?
    );
    println!(
        "after, all is well:       {:?}",
        after::invoice(&failing_over, "invoice-42").await?
    );

    virginia.stop().await;
    // Its connections end a moment after it.
    tokio::time::sleep(Duration::from_millis(50)).await;
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

/// A client as the service has always made it, whichever the region.
fn client(url: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "service"));
    Client::from_conf(config.build())
}
