//! What the AWS SDK makes of the proxy, before a server that checks signatures.

use crate::support::{profile, timeline};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::ProvideErrorMetadata,
    primitives::ByteStream,
};
use evenkeel::{
    drill::{FaultProxy, Timeline},
    request::OpClass,
};
use evenkeel_s3_server::{Server, Settings};
use std::net::SocketAddr;

struct Drill {
    proxy: FaultProxy,
    timeline: Timeline,
    client: Client,
    _server: Server,
}

/// The SDK, a proxy with these rules, and an S3 server with an empty bucket. Not started.
async fn drill(rules: &str) -> Drill {
    let settings = Settings::new(&["bucket"]).credentials("key", "secret");
    let server = Server::start(settings).await.unwrap();
    let timeline = timeline(rules);
    let proxy = FaultProxy::bind(server.addr(), profile(), timeline.clone())
        .await
        .unwrap();
    Drill {
        client: client(proxy.addr()),
        proxy,
        timeline,
        _server: server,
    }
}

fn client(addr: SocketAddr) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{addr}"))
        .force_path_style(true)
        .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

impl Drill {
    async fn put(&self, key: &str, size: usize) {
        let body = ByteStream::from(vec![7; size]);
        self.client
            .put_object()
            .bucket("bucket")
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn signed_requests_pass_unharmed() {
    let drill = drill(r#"{ "fault": "hang" }"#).await;
    // Large enough to be sent in many pieces.
    drill.put("a/b c+d", 3_000_000).await;
    let got = drill
        .client
        .get_object()
        .bucket("bucket")
        .key("a/b c+d")
        .send()
        .await
        .unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes().len(), 3_000_000);
    let listed = drill.client.list_objects_v2().bucket("bucket").send().await.unwrap();
    assert_eq!(listed.contents()[0].key(), Some("a/b c+d"));
    let head = drill
        .client
        .head_object()
        .bucket("bucket")
        .key("a/b c+d")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(3_000_000));
    let counts = drill.proxy.counts();
    let forwarded = OpClass::ALL.map(|class| counts.of(class).forwarded);
    assert_eq!(forwarded, [2, 1, 1], "reads, writes, lists");
}

#[tokio::test]
async fn the_sdk_reads_the_injected_error_codes() {
    for (fault, status, code) in [
        (
            r#"{ "status": { "code": 503, "s3_code": "SlowDown" } }"#,
            503,
            "SlowDown",
        ),
        (
            r#"{ "authentication": { "s3_code": "ExpiredToken" } }"#,
            403,
            "ExpiredToken",
        ),
        (r#"{ "throttle": { "calls_per_second": 0.001 } }"#, 503, "SlowDown"),
    ] {
        let drill = drill(&format!(r#"{{ "fault": {fault} }}"#)).await;
        drill.put("a", 1).await;
        drill.timeline.start_now();
        let mut error = None;
        // The throttle lets two pass.
        for _ in 0..3 {
            error = drill.client.get_object().bucket("bucket").key("a").send().await.err();
        }
        let error = error.unwrap();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
        assert_eq!(error.code(), Some(code));
    }
}

#[tokio::test]
async fn a_truncated_object_is_an_error_of_the_sdk() {
    let drill = drill(r#"{ "classes": ["read"], "fault": { "truncate": { "share": 0.5 } } }"#).await;
    drill.put("a", 100_000).await;
    drill.timeline.start_now();
    let got = drill
        .client
        .get_object()
        .bucket("bucket")
        .key("a")
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_length(), Some(100_000));
    got.body.collect().await.unwrap_err();
}

#[tokio::test]
async fn a_write_with_a_lost_answer_took_place() {
    let drill = drill(r#"{ "classes": ["write"], "fault": "reset_after_request" }"#).await;
    drill.timeline.start_now();
    let body = ByteStream::from_static(b"there");
    drill
        .client
        .put_object()
        .bucket("bucket")
        .key("a")
        .body(body)
        .send()
        .await
        .unwrap_err();
    let got = drill
        .client
        .get_object()
        .bucket("bucket")
        .key("a")
        .send()
        .await
        .unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "there");
}
