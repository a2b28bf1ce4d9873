//! The three-line case: objects at two places, first in memory, then, if you say where, on S3.
//!
//! ```text
//! cargo run --example quickstart
//! EVENKEEL_S3_BUCKET=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… cargo run --example quickstart --features s3
//! ```
//!
//! Elsewhere than at AWS in us-east-1, set AWS_REGION, and EVENKEEL_S3_ENDPOINT to the provider's URL.

use evenkeel::{Endpoint, ObjectClient, Replication, provider::Memory};
use std::{error::Error, process::ExitCode};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    in_memory().await?;
    #[cfg(feature = "s3")]
    on_s3::run().await?;
    #[cfg(not(feature = "s3"))]
    println!("For the same on S3, add `--features s3`.");
    Ok(())
}

async fn in_memory() -> Result<(), Box<dyn Error>> {
    let places = ["virginia", "ireland"].map(|name| Endpoint::new(name, Memory::new()));
    let orders = ObjectClient::builder()
        .endpoints(places)
        .replication(Replication::write_once())
        .build()?;

    orders.put("2026/11/20/42.json", r#"{"total": 42}"#).await?;
    let order = orders.get("2026/11/20/42.json").await?;
    println!("memory: {} answered with {:?}", order.endpoint(), order.body());
    Ok(())
}

#[cfg(feature = "s3")]
mod on_s3 {
    use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation};
    use evenkeel::{
        Endpoint, ObjectClient,
        provider::{
            S3,
            s3::preset::{self, Addressing},
        },
    };
    use std::{
        env::{self, VarError},
        error::Error,
    };

    const NEEDED: &str = "For the same on S3, set EVENKEEL_S3_BUCKET, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and \
                          AWS_REGION and EVENKEEL_S3_ENDPOINT where it is not AWS in us-east-1).";

    pub(super) async fn run() -> Result<(), Box<dyn Error>> {
        let Ok((client, bucket)) = client() else {
            println!("{NEEDED}");
            return Ok(());
        };
        // One place or several: the calls are the same. Two or more need a `Replication`.
        let orders = ObjectClient::builder()
            .endpoint(Endpoint::new("s3", S3::new(client, bucket)))
            .build()?;

        // A fresh name each time: a put is a create unless it says otherwise.
        let key = format!("evenkeel-quickstart/{:016x}", fastrand::u64(..));
        orders.put(&key, r#"{"total": 42}"#).await?;
        let order = orders.get(&key).await?;
        println!("S3: {} answered with {:?}", order.endpoint(), order.body());
        orders.delete(&key).await?;
        Ok(())
    }

    fn client() -> Result<(aws_sdk_s3::Client, String), VarError> {
        let (id, secret) = (env::var("AWS_ACCESS_KEY_ID")?, env::var("AWS_SECRET_ACCESS_KEY")?);
        let token = env::var("AWS_SESSION_TOKEN").ok();
        let bucket = env::var("EVENKEEL_S3_BUCKET")?;
        let region = env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
        let config = match env::var("EVENKEEL_S3_ENDPOINT") {
            Ok(url) => preset::generic(url, region, Addressing::Path, RequestChecksumCalculation::WhenRequired),
            Err(_) => preset::aws(region),
        };
        let config = config.credentials_provider(Credentials::new(id, secret, token, None, "environment"));
        Ok((aws_sdk_s3::Client::from_conf(config.build()), bucket))
    }
}
