//! Faults on the way to a real server, and what the adapter makes of them.

use crate::{
    raw::{self, Act},
    table::{FAULTY, THROTTLED, UNSENT, config, flat, key, moto, put, shows_nothing},
};
use aws_sdk_dynamodb::{Client, config::timeout::TimeoutConfig};
use aws_smithy_http_client::tls;
use evenkeel::{
    Endpoint, ErrorKind, KvClient,
    drill::{DrillResolver, Fault, FaultProxy, Rule, Scenario, Timeline},
    provider::{DynamoDb, KvProvider, ProviderError, ProviderErrorKind},
    request::kv::{Condition, Get, GetMany, Put, PutMany},
    verdict::{Outcome, Sent, Verdict},
};
use std::{net::SocketAddr, time::Duration};
use tokio::time::timeout;

/// Ample on loopback, and less than the SDK waits before it repeats or gives up.
const A_WHILE: Duration = Duration::from_millis(400);

fn rule(json: &str) -> Fault {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn timeline(fault: Fault) -> Timeline {
    let mut scenario = Scenario::builtin("fastly-2021").unwrap();
    scenario.phases.truncate(1);
    scenario.phases[0].duration = Duration::from_secs(3600);
    scenario.phases[0].rules = vec![Rule::new(fault)];
    Timeline::new(scenario, 7).unwrap()
}

pub(crate) async fn proxy(server: SocketAddr, timeline: &Timeline) -> FaultProxy {
    let profile = Endpoint::new("endpoint", ()).profile().clone();
    FaultProxy::bind(server, profile, timeline.clone()).await.unwrap()
}

/// The table behind a proxy that plays this from now on.
async fn behind(server: SocketAddr, fault: Fault) -> (DynamoDb, FaultProxy) {
    let timeline = timeline(fault);
    let proxy = proxy(server, &timeline).await;
    timeline.start_now();
    (flat(proxy.addr()), proxy)
}

fn secret() -> Put {
    put("secret-key", "secret-value")
}

fn judge(what: &str, error: &ProviderError, expected: Outcome) {
    // Whether a connection broke is asked elsewhere.
    let met = Outcome {
        broken: expected.broken,
        ..error.outcome()
    };
    assert_eq!(met, expected, "{what}: {error} {error:?}");
    shows_nothing(error);
}

async fn meets(server: SocketAddr, fault: Fault, expected: Outcome) {
    let name = fault.name();
    let (table, _proxy) = behind(server, fault).await;
    judge(name, &struck(name, async || table.put(secret()).await).await, expected);
    let get = async || table.get(Get::new(key("secret-key"))).await;
    judge(name, &struck(name, get).await, expected);
    let get_many = async || table.get_many(GetMany::new([key("secret-key")])).await;
    judge(name, &struck(name, get_many).await, expected);
    let put_many = async || table.put_many(PutMany::new([secret()])).await;
    judge(name, &struck(name, put_many).await, expected);
}

/// What it meets. A gate that turns takes the proxy's task a moment, in which a connection may get through; a throttle lets
/// the first few pass.
async fn struck<T>(what: &str, ask: impl AsyncFn() -> Result<T, ProviderError>) -> ProviderError {
    for _ in 0..50 {
        // Nobody is connected and then left alone.
        let met = timeout(DynamoDb::CONNECT_TIMEOUT + Duration::from_secs(5), ask()).await;
        if let Err(error) = met.unwrap_or_else(|_| panic!("{what} has no end")) {
            return error;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never struck");
}

#[tokio::test]
async fn proxy_faults_have_the_expected_outcome() {
    let Some(moto) = moto("DynamoDB: faults on the way").await else {
        return;
    };
    let server = moto.addr;
    let denied = Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential();
    for (fault, expected) in [
        (Fault::Refuse, UNSENT),
        (Fault::HangConnect, UNSENT),
        (Fault::ResetBeforeRequest, FAULTY),
        (Fault::ResetAfterRequest, FAULTY),
        (
            rule(r#"{ "status": { "code": 500, "s3_code": "InternalError" } }"#),
            FAULTY,
        ),
        (rule(r#"{ "status": { "code": 500 } }"#), FAULTY),
        (rule(r#"{ "status": { "code": 502 } }"#), FAULTY),
        (rule(r#"{ "status": { "code": 503 } }"#), FAULTY),
        (rule(r#"{ "status": { "code": 504 } }"#), FAULTY),
        (rule(r#"{ "status": { "code": 429 } }"#), THROTTLED),
        (rule(r#"{ "throttle": { "calls_per_second": 0.001 } }"#), THROTTLED),
        (
            rule(r#"{ "authentication": { "s3_code": "InvalidAccessKeyId" } }"#),
            denied,
        ),
        (rule(r#"{ "authentication": { "s3_code": "ExpiredToken" } }"#), denied),
        (
            rule(r#"{ "authentication": { "s3_code": "SignatureDoesNotMatch" } }"#),
            denied,
        ),
    ] {
        meets(server, fault, expected).await;
    }
    half_an_answer(server).await;
    an_empty_name(server).await;
    a_hang_has_no_end_of_its_own(server).await;
    a_lost_answer_is_recognised(server).await;
    the_stack_ends_a_hang(server).await;
}

async fn half_an_answer(server: SocketAddr) {
    let real = flat(server);
    real.put(put("secret-key", vec![7; 20_000])).await.unwrap();
    let (table, _proxy) = behind(server, rule(r#"{ "truncate": { "share": 0.5 } }"#)).await;
    let error = table.get(Get::new(key("secret-key"))).await.unwrap_err();
    judge("a truncated body", &error, FAULTY);
}

async fn an_empty_name(server: SocketAddr) {
    let timeline = timeline(Fault::DnsEmpty);
    timeline.start_now();
    let profile = Endpoint::new("endpoint", ()).profile().clone();
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build_with_resolver(DrillResolver::new(timeline.clone(), profile).unwrap());
    let config = config(&format!("http://dynamodb.us-east-1.drill.test:{}", server.port())).http_client(http);
    let table = DynamoDb::new(Client::from_conf(config.build()), "flat");
    let error = table.put(secret()).await.unwrap_err();
    judge("an empty name", &error, UNSENT);
    assert_eq!(error.detail().code.as_deref(), Some("dns: no address"));
    timeline.stop();
    table.put(secret()).await.unwrap();
}

/// Nothing in the adapter decides before the stack's limit does.
async fn a_hang_has_no_end_of_its_own(server: SocketAddr) {
    flat(server).put(put("secret-key", vec![7; 20_000])).await.unwrap();
    for fault in [Fault::Hang, rule(r#"{ "drip": { "bytes_per_second": 1000 } }"#)] {
        let name = fault.name();
        let (table, _proxy) = behind(server, fault).await;
        let got = timeout(A_WHILE, table.get(Get::new(key("secret-key")))).await;
        assert!(got.is_err(), "{name}: {got:?}");
    }
}

/// What was stored and not confirmed is no conflict with itself, and one with everybody else.
async fn a_lost_answer_is_recognised(server: SocketAddr) {
    let timeline = timeline(Fault::ResetAfterRequest);
    let proxy = proxy(server, &timeline).await;
    let table = flat(proxy.addr());
    let conditions = [Condition::Absent, {
        let version = flat(server).put(put("lost-1", "before")).await.unwrap().version;
        Condition::Version(version)
    }];
    for (i, condition) in conditions.into_iter().enumerate() {
        let name = format!("lost-{i}");
        let mut mine = put(&name, "mine");
        mine.condition = condition;
        timeline.start_now();
        judge("a lost answer", &table.put(mine.clone()).await.unwrap_err(), FAULTY);
        timeline.stop();
        let stored = table.put(mine.clone()).await.unwrap();
        let there = table.get(Get::new(key(&name))).await.unwrap();
        assert_eq!((there.version, &there.bytes[..]), (stored.version, &b"mine"[..]));
        let mut theirs = mine;
        theirs.write_id = put("other", "").write_id;
        let kind = table.put(theirs).await.unwrap_err().kind();
        let expected = [ProviderErrorKind::AlreadyExists, ProviderErrorKind::PreconditionFailed];
        assert_eq!(kind, expected[i]);
    }
}

async fn the_stack_ends_a_hang(server: SocketAddr) {
    let client = |table| {
        KvClient::builder()
            .endpoint(Endpoint::new("virginia", table))
            .deadline(Duration::from_millis(1_500))
            .build()
            .unwrap()
    };
    let (table, _proxy) = behind(server, Fault::Hang).await;
    let error = client(table).put("secret-key", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
    let error = client(flat(raw::nobody().await))
        .put("secret-key", "x")
        .await
        .unwrap_err();
    assert_ne!(error.kind(), ErrorKind::MaybeApplied, "{error}");
}

/// The SDK alone would try ten times.
#[tokio::test]
async fn the_sdk_makes_one_attempt_per_put() {
    for act in [raw::http("503 Service Unavailable", &[], ""), Act::ReadAndReset] {
        let server = raw::serve(act).await;
        flat(server.addr).put(secret()).await.unwrap_err();
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn connect_time_is_bounded_and_other_timeouts_are_kept() {
    let given = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(7))
        .build();
    let client = Client::from_conf(config("http://127.0.0.1:1").timeout_config(given).build());
    let table = DynamoDb::new(client, "flat");
    let config = table.client().config();
    let timeouts = config.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(DynamoDb::CONNECT_TIMEOUT));
    assert_eq!(timeouts.read_timeout(), Some(Duration::from_secs(7)));
    assert_eq!(config.retry_config().unwrap().max_attempts(), 1);
    assert_eq!(config.region().unwrap().as_ref(), "us-east-1");
}
