//! An empty DNS answer, as the AWS SDK meets it.

use crate::{
    server::Server,
    support::{profile, timeline},
};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_smithy_http_client::{Builder, tls};
use evenkeel::{
    Endpoint, Failover,
    drill::{DrillResolver, Timeline},
    telemetry::Event,
};
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

/// A client that knows its server by name only. Each has its own pool.
fn client(server: &Server, timeline: &Timeline) -> aws_sdk_s3::Client {
    let resolver = DrillResolver::new(timeline.clone(), profile()).unwrap();
    let http = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_with_resolver(resolver);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://s3.us-east-1.drill.test:{}", server.addr.port()))
        .force_path_style(true)
        .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

async fn get(client: &aws_sdk_s3::Client) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let object = client.get_object().bucket("bucket").key("a").send().await?;
    Ok(object.body.collect().await?.into_bytes().len())
}

/// Whether the chain proves that connecting failed.
fn is_connect(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(|e| e.is_connect())
        {
            return true;
        }
        next = error.source();
    }
    false
}

#[tokio::test]
async fn an_empty_dns_answer_fails_new_connections_and_spares_the_pool() {
    let server = Server::start().await;
    let timeline = timeline(r#"{ "fault": "dns_empty" }"#);
    // Given a client with a connection in its pool, and one without,
    let pooled = client(&server, &timeline);
    let fresh = client(&server, &timeline);
    assert_eq!(get(&pooled).await.unwrap(), 1000);
    // when the name resolves to nothing,
    timeline.start_now();
    // then the pooled connection goes on working,
    assert_eq!(get(&pooled).await.unwrap(), 1000);
    assert_eq!(server.connections.load(SeqCst), 1);
    // a new one cannot be made, which proves that nothing was sent,
    let error = get(&fresh).await.unwrap_err();
    assert!(is_connect(&*error), "{error:?}");
    assert_eq!(server.requests(), 2);
    // and all is well when the name is back.
    timeline.stop();
    assert_eq!(get(&fresh).await.unwrap(), 1000);
    assert_eq!(server.connections.load(SeqCst), 2);
}

/// This host's own DNS is dead: no name leads anywhere, at no provider. Nobody else is to blame, and nobody is ejected.
#[tokio::test]
async fn dead_local_dns_ejects_no_endpoint() {
    let server = Server::start().await;
    let timeline = timeline(r#"{ "fault": "dns_empty" }"#);
    let suspected = Arc::new(AtomicUsize::new(0));
    let heard = suspected.clone();
    let failover = Failover::builder()
        .endpoints(["virginia", "ireland", "stackit"].map(|name| Endpoint::new(name, client(&server, &timeline))))
        .hedging(false)
        .on_event(move |event| {
            heard.fetch_add(usize::from(matches!(event, Event::AllBad { .. })), SeqCst);
        })
        .build()
        .unwrap();
    let read = async || {
        let get = async |s3: aws_sdk_s3::Client| s3.get_object().bucket("bucket").key("a").send().await;
        failover.read(get).await
    };
    timeline.start_now();
    for _ in 0..12 {
        let error = read().await.unwrap_err();
        // Each call looked whether it is still so,
        assert!(!error.attempts().is_empty(), "{error}");
        assert!(
            error.attempts().iter().all(|attempt| attempt.result() == "unreachable"),
            "{error}"
        );
    }
    // and somebody was told where to look, once.
    assert_eq!(suspected.load(SeqCst), 1);
    // With the first name that leads somewhere again, calls are served.
    timeline.stop();
    read().await.unwrap();
}

#[test]
fn an_empty_dns_answer_for_some_classes_is_refused() {
    let writes = timeline(r#"{ "classes": ["write"], "fault": "dns_empty" }"#);
    assert_eq!(
        DrillResolver::new(writes, profile()).unwrap_err().to_string(),
        "the resolver cannot play `dns_empty` in phase \"trouble\": a look-up does not know which class of work it is for"
    );
}
