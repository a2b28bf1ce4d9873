//! Decision 11 over real sockets: credentials that just worked and are refused are the provider's outage, a missing permission
//! is the caller's affair.

use crate::{
    store::{self, Keys, Store},
    web::{Web, dynamo, dynamo_refusal},
};
use aws_sdk_s3::{
    Client,
    config::{Credentials, retry::RetryConfig},
};
use evenkeel::{
    Endpoint, ErrorKind, Failover, KvClient, ObjectClient, Replication,
    ops::snapshot::Snapshot,
    provider::{DynamoDb, S3},
    request::OpClass,
};
use std::time::Duration;
use tokio::time::sleep;

/// Two providers that do what they should, and the keys that each knows.
async fn two() -> [(Store, Keys); 2] {
    let (first, second) = (Keys::issued(), Keys::issued());
    [
        (store::start(first.clone()).await, first),
        (store::start(second.clone()).await, second),
    ]
}

fn client(store: &Store) -> Client {
    let config = store
        .config()
        .credentials_provider(Credentials::new("key-0", "s3cret-0", None, None, "test"));
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

/// Every request counts here: nobody asks in the background.
fn s3(store: &Store) -> S3 {
    S3::new(client(store), "orders").trusting_conditions()
}

fn breaker(snapshot: &Snapshot, endpoint: usize) -> &'static str {
    snapshot.endpoints[endpoint].classes[OpClass::Read.index()]
        .breaker
        .as_str()
}

#[tokio::test]
async fn an_object_client_fails_over_on_suddenly_refused_credentials() {
    let stores = two().await;
    let orders = ObjectClient::builder()
        .endpoint(Endpoint::new("aws", s3(&stores[0].0)).provider("aws"))
        .endpoint(Endpoint::new("stackit", s3(&stores[1].0)).provider("stackit"))
        .replication(Replication::write_once())
        .hedging(false) // a late answer goes elsewhere for another reason
        .build()
        .unwrap();
    for number in 0..20 {
        orders.put(format!("before/{number}"), "x").await.unwrap();
    }
    // One caller's missing permission, again and again, moves nothing.
    for _ in 0..20 {
        let error = orders.put("forbidden", "x").await.unwrap_err();
        assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::Denied, 1), "{error}");
    }
    assert_eq!(breaker(&orders.snapshot(), 0), "closed");
    assert_eq!(stores[1].0.asked(), 0);
    // Every key unknown from one moment to the next: not one put fails,
    let known = stores[0].1.fail();
    for number in 0..40 {
        let (_, explanation) = orders.put(format!("during/{number}"), "x").explained().await.unwrap();
        assert_eq!(explanation.answered_by(), Some("stackit"));
    }
    let asked = stores[0].0.asked();
    for number in 40..60 {
        orders.put(format!("during/{number}"), "x").await.unwrap();
    }
    assert!(stores[0].0.asked() - asked <= 2, "it is left but for probes");
    // and when the keys are known again, the puts return.
    stores[0].1.heal(known);
    returns(async |number| {
        let (_, explanation) = orders.put(format!("after/{number}"), "x").explained().await.unwrap();
        explanation.answered_by() == Some("aws")
    })
    .await;
}

#[tokio::test]
async fn a_failover_fails_over_on_suddenly_refused_credentials() {
    let stores = two().await;
    let orders = Failover::builder()
        .endpoint(Endpoint::new("aws", client(&stores[0].0)).provider("aws"))
        .endpoint(Endpoint::new("stackit", client(&stores[1].0)).provider("stackit"))
        .hedging(false)
        .build()
        .unwrap();
    let list = |s3: Client| async move { s3.list_objects_v2().bucket("orders").send().await };
    let forbidden = |s3: Client| async move { s3.head_object().bucket("orders").key("forbidden").send().await };
    for _ in 0..20 {
        orders.read(list).await.unwrap();
        let error = orders.read(forbidden).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::Denied, 1), "{error}");
    }
    assert_eq!((breaker(&orders.snapshot(), 0), stores[1].0.asked()), ("closed", 0));
    let known = stores[0].1.fail();
    for _ in 0..40 {
        let (_, explanation) = orders.read(list).explained().await.unwrap();
        assert_eq!(explanation.answered_by(), Some("stackit"));
    }
    assert_ne!(breaker(&orders.snapshot(), 0), "closed");
    stores[0].1.heal(known);
    returns(async |_| orders.read(list).explained().await.unwrap().1.answered_by() == Some("aws")).await;
}

/// A table in which there is one value.
fn serves(_: &str) -> Option<String> {
    Some(dynamo(
        "200 OK",
        r#"{"Item":{"key":{"S":"k"},"value":{"B":"eA=="},"write_id":{"S":"w1"}}}"#,
    ))
}

#[tokio::test]
async fn a_kv_client_fails_over_on_suddenly_refused_credentials() {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
    let servers = [Web::start(serves).await, Web::start(serves).await];
    let table = |web: &Web| {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(format!("http://{}", web.addr))
            .credentials_provider(Credentials::new("key-0", "s3cret-0", None, None, "test"));
        DynamoDb::new(aws_sdk_dynamodb::Client::from_conf(config.build()), "orders")
    };
    let orders = KvClient::builder()
        .endpoint(
            Endpoint::new("virginia", table(&servers[0]))
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("ireland", table(&servers[1]))
                .provider("aws")
                .region("eu-west-1"),
        )
        .replication(Replication::provider_managed())
        .hedging(false)
        .build()
        .unwrap();
    for _ in 0..20 {
        orders.get("k").await.unwrap();
    }
    let asked = servers[1].asked();
    servers[0].now(|_| Some(dynamo_refusal("AccessDeniedException")));
    for _ in 0..20 {
        let error = orders.get("forbidden").await.unwrap_err();
        assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::Denied, 1), "{error}");
    }
    assert_eq!((breaker(&orders.snapshot(), 0), servers[1].asked()), ("closed", asked));
    for code in [
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "InvalidSignatureException",
    ] {
        servers[0].now(move |_| Some(dynamo_refusal(code)));
        for _ in 0..20 {
            let (_, explanation) = orders.get("k").explained().await.unwrap();
            assert_eq!(explanation.answered_by(), Some("ireland"), "{code}");
        }
        assert_ne!(breaker(&orders.snapshot(), 0), "closed", "{code}");
        servers[0].now(serves);
        returns(async |_| orders.get("k").explained().await.unwrap().1.answered_by() == Some("virginia")).await;
    }
}

/// Within 30 s, and for good: ten calls in a row.
async fn returns(mut served_by_the_first: impl AsyncFnMut(u32) -> bool) {
    let mut in_a_row = 0;
    for number in 0..3000 {
        in_a_row = if served_by_the_first(number).await {
            in_a_row + 1
        } else {
            0
        };
        if in_a_row == 10 {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not return");
}
