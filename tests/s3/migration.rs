//! The migration of `src/guide/migration_s3.md`, over real sockets: a service's own calls of the SDK, wrapped.

use crate::{
    raw::{self, Act, http},
    s3s_server::config,
};
use aws_sdk_s3::error::{ConnectorError, SdkError};
use aws_sdk_s3::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    operation::get_object::GetObjectError,
};
use bytes::Bytes;
use evenkeel::{BuildError, Endpoint, Failover, verdict::Verdict};
use std::{net::SocketAddr, time::Duration};

type Failure = SdkError<GetObjectError>;

async fn fetch(s3: Client, bucket: &str, key: &str) -> Result<Bytes, Failure> {
    let got = s3.get_object().bucket(bucket).key(key).send().await?;
    let body = got.body.collect().await.map_err(|lost| ConnectorError::io(lost.into()));
    Ok(body.map_err(SdkError::dispatch_failure)?.into_bytes())
}

struct Invoices {
    s3: Failover<(Client, &'static str)>,
}

impl Invoices {
    fn new(frankfurt: Client, dublin: Client) -> Result<Self, BuildError> {
        let s3 = Failover::builder()
            .endpoint(Endpoint::new("frankfurt", (frankfurt, "invoices-frankfurt")))
            .endpoint(Endpoint::new("dublin", (dublin, "invoices-dublin")))
            .build()?;
        Ok(Self { s3 })
    }

    async fn load(&self, key: &str) -> Result<Bytes, evenkeel::Error<Failure>> {
        self.s3.read(|(s3, bucket)| fetch(s3, bucket, key)).await
    }
}

fn client(addr: SocketAddr) -> Client {
    let connect = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(900))
        .build();
    let config = config(&format!("http://{addr}"));
    let config = config.retry_config(RetryConfig::disabled()).timeout_config(connect);
    Client::from_conf(config.build())
}

/// Announces more than it sends.
fn half() -> Act {
    http("200 OK", &[("etag", "\"1\""), ("content-length", "100")], "half")
}

#[tokio::test]
async fn the_example_reads_from_dublin_during_every_fault_of_frankfurt() {
    let dublin = raw::serve(http("200 OK", &[("etag", "\"1\"")], "invoice")).await;
    for act in [Act::Reset, Act::ReadAndReset, Act::ReadAndClose, Act::Hang, half()] {
        let frankfurt = raw::serve(act.clone()).await;
        let invoices = Invoices::new(client(frankfurt.addr), client(dublin.addr)).unwrap();
        let body = invoices
            .load("42")
            .await
            .unwrap_or_else(|error| panic!("{act:?}: {error}"));
        assert_eq!(body, "invoice", "{act:?}");
    }
}

#[tokio::test]
async fn a_truncated_body_is_the_endpoints_fault() {
    let [frankfurt, dublin] = [raw::serve(half()).await, raw::serve(half()).await];
    let invoices = Invoices::new(client(frankfurt.addr), client(dublin.addr)).unwrap();
    let error = invoices.load("secret-key").await.unwrap_err();
    assert_eq!(error.attempts()[0].verdict(), Some(Verdict::Faulty), "{error}");
    assert!(
        matches!(error.provider_error(), Some(SdkError::DispatchFailure(_))),
        "{error:?}"
    );
    assert!(!error.to_string().contains("secret-key"), "{error}");
}
