//! The same over real sockets: the SDK's emulator as an HTTP server, the drill's proxy before it, and the SDK with its own
//! HTTP client. (It speaks without TLS to an emulator at a loopback address, and to nobody else.)

use crate::{
    account::{key, put},
    raw::{self, Act, http},
};
use azure_core::{
    credentials::Secret,
    http::{Method, Request, Url},
};
use azure_data_cosmos::{
    AccountReference, CosmosClient, CosmosRuntimeBuilder, RoutingStrategy,
    options::{ConnectionPoolOptionsBuilder, Region},
};
use azure_data_cosmos_driver::in_memory_emulator::{
    ConsistencyLevel, ContainerConfig, InMemoryEmulatorHttpClient, VirtualAccountConfig, VirtualRegion,
};
use bytes::Bytes;
use evenkeel::{
    Endpoint, ErrorKind, KvClient,
    drill::{Fault, FaultProxy, Rule, Scenario, Timeline},
    provider::{Cosmos, KvProvider, ProviderError},
    request::kv::{Condition, Get},
    verdict::{Outcome, Sent, Verdict},
};
use http_body_util::{BodyExt, Full};
use hyper::{Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

const UNSENT: Outcome = Outcome::new(Verdict::Unreachable, Sent::No);
const FAULTY: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);
const BROKEN: Outcome = {
    let mut outcome = FAULTY;
    outcome.broken = true;
    outcome
};

/// The SDK repeats some requests, with waits of its own, before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// An account of one region behind a proxy that plays nothing yet.
struct Behind {
    orders: Cosmos,
    timeline: Timeline,
    proxy: FaultProxy,
    _server: JoinSet<()>,
}

impl Behind {
    async fn a(fault: Fault) -> Self {
        let mut scenario = Scenario::builtin("fastly-2021").unwrap();
        scenario.phases.truncate(1);
        scenario.phases[0].duration = Duration::from_secs(3600);
        scenario.phases[0].rules = vec![Rule::new(fault)];
        let timeline = Timeline::new(scenario, 7).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let profile = Endpoint::new("endpoint", ()).profile().clone();
        let server = listener.local_addr().unwrap();
        let proxy = FaultProxy::bind(server, profile, timeline.clone()).await.unwrap();
        let emulator = emulator(&url(proxy.addr()));
        let server = serve(listener, emulator, url(proxy.addr()));
        let orders = orders(proxy.addr()).await;
        // So that the SDK knows the account, the container and its partitions.
        orders.put(put("secret-key", vec![7; 20_000])).await.unwrap();
        orders.get(Get::new(key("secret-key"))).await.unwrap();
        Self {
            orders,
            timeline,
            proxy,
            _server: server,
        }
    }

    async fn meets(fault: Fault) -> [ProviderError; 2] {
        let name = fault.name();
        let closes = fault == Fault::Refuse;
        let behind = Self::a(fault).await;
        behind.timeline.start_now();
        let get = async || behind.orders.get(Get::new(key("secret-key"))).await.map(drop);
        let write = async || behind.orders.put(put("secret-key", "secret-value")).await.map(drop);
        if closes {
            // The connections that were open are reset, perhaps under a request.
            struck(name, get).await;
        }
        let errors = [struck(name, get).await, struck(name, write).await];
        for error in &errors {
            let shown = format!("{error} {error:?}");
            for secret in ["secret-key", "c2VjcmV0LWtleQ", "secret-value"] {
                assert!(!shown.contains(secret), "{name}: {secret} is shown: {shown}");
            }
        }
        errors
    }
}

/// A gate that closes takes the proxy's task a moment.
async fn struck(what: &str, ask: impl AsyncFn() -> Result<(), ProviderError>) -> ProviderError {
    for _ in 0..100 {
        if let Err(error) = timeout(PATIENCE, ask()).await.unwrap() {
            return error;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never struck");
}

fn url(addr: SocketAddr) -> Url {
    Url::parse(&format!("http://{addr}/")).unwrap()
}

fn emulator(region: &Url) -> Arc<InMemoryEmulatorHttpClient> {
    let config = VirtualAccountConfig::new(vec![VirtualRegion::new("East US", region.clone())]).unwrap();
    let emulator = InMemoryEmulatorHttpClient::new(config.with_consistency(ConsistencyLevel::Session));
    let store = emulator.store();
    store.create_database("shop");
    let by_id = serde_json::json!({ "paths": ["/id"], "kind": "Hash", "version": 2 });
    store.create_container_with_config(
        "shop",
        "orders",
        serde_json::from_value(by_id).unwrap(),
        ContainerConfig::new().with_partition_count(1).build().unwrap(),
    );
    Arc::new(emulator)
}

/// The emulator, which answers in memory, as a server.
fn serve(listener: TcpListener, emulator: Arc<InMemoryEmulatorHttpClient>, region: Url) -> JoinSet<()> {
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let (emulator, region) = (emulator.clone(), region.clone());
            connections.spawn(async move {
                let service = service_fn(move |request| answer(emulator.clone(), region.clone(), request));
                // A client that goes away is no failure of the server's.
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    accepting
}

async fn answer(
    emulator: Arc<InMemoryEmulatorHttpClient>,
    region: Url,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let method = match head.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => panic!("{other}"),
    };
    let mut asked = Request::new(region.join(path).unwrap(), method);
    for (name, value) in &head.headers {
        asked.insert_header(name.as_str().to_owned(), value.to_str().unwrap().to_owned());
    }
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    asked.set_body(body);
    let answer = emulator.execute_request(&asked).await.unwrap();
    let mut response = Response::builder().status(u16::from(answer.status()));
    for (name, value) in answer.headers().iter() {
        response = response.header(name.as_str(), value.as_str());
    }
    let body = answer.try_into_raw_response().await.unwrap().into_body();
    let body: &[u8] = body.as_ref();
    Ok(response.body(Full::new(Bytes::copy_from_slice(body))).unwrap())
}

/// With the SDK's own HTTP client, of which the connect timeout is what the adapter's docs ask for.
async fn try_orders(addr: SocketAddr) -> Result<Cosmos, azure_data_cosmos::CosmosError> {
    let pool = ConnectionPoolOptionsBuilder::new()
        .with_is_http2_allowed(false)
        .with_min_connect_timeout(Duration::from_millis(100))
        .with_max_connect_timeout(Duration::from_millis(900))
        .build()
        .unwrap();
    let runtime = CosmosRuntimeBuilder::new().with_connection_pool(pool).build().await?;
    let account =
        AccountReference::with_authentication_key(url(addr).as_str().parse().unwrap(), Secret::new("dGVzdGtleQ=="));
    let client = CosmosClient::builder()
        .with_runtime(runtime)
        .build(account, RoutingStrategy::ProximityTo(Region::EAST_US))
        .await?;
    Ok(Cosmos::new(
        client.database_client("shop").container_client("orders", None).await?,
    ))
}

async fn orders(addr: SocketAddr) -> Cosmos {
    try_orders(addr).await.unwrap()
}

fn rule(json: &str) -> Fault {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn connection_failures_have_the_expected_outcome() {
    for (fault, expected) in [
        (Fault::Refuse, UNSENT),
        (Fault::ResetBeforeRequest, FAULTY),
        (Fault::ResetAfterRequest, FAULTY),
        (rule(r#"{ "status": { "code": 500 } }"#), FAULTY),
        (rule(r#"{ "status": { "code": 502 } }"#), FAULTY),
        (rule(r#"{ "status": { "code": 503 } }"#), FAULTY),
    ] {
        let name = format!("{fault:?}");
        for met in Behind::meets(fault).await {
            let met = (met.outcome().verdict, met.outcome().sent, format!("{met:?}"));
            assert_eq!((met.0, met.1), (expected.verdict, expected.sent), "{name}: {}", met.2);
        }
    }
}

#[tokio::test]
async fn refusals_have_the_expected_outcome() {
    let denied = Outcome::new(Verdict::Denied, Sent::Maybe);
    let throttled = Outcome::new(Verdict::Throttled, Sent::Maybe);
    for (fault, expected) in [
        (rule(r#"{ "status": { "code": 429 } }"#), throttled),
        (rule(r#"{ "status": { "code": 401 } }"#), denied.naming_the_credential()),
        (rule(r#"{ "status": { "code": 403 } }"#), denied),
    ] {
        let name = format!("{fault:?}");
        for met in Behind::meets(fault).await {
            let outcome = Outcome {
                retry_after: None,
                ..met.outcome()
            };
            assert_eq!(outcome, expected, "{name}: {met:?}");
        }
    }
}

#[tokio::test]
async fn connecting_to_a_black_hole_is_unsent() {
    let behind = Behind::a(Fault::HangConnect).await;
    behind.timeline.start_now();
    tokio::time::sleep(Duration::from_millis(50)).await;
    // Open connections are not touched; a client without one hangs in connecting, which the SDK bounds.
    behind.orders.get(Get::new(key("secret-key"))).await.unwrap();
    let connecting = timeout(PATIENCE, try_orders(behind.proxy.addr())).await.unwrap();
    let error = connecting.err().unwrap();
    use evenkeel::{provider::CosmosVerdicts, verdict::Classify};
    assert_eq!(CosmosVerdicts.classify(Err::<&(), _>(&error)), UNSENT, "{error:?}");
}

#[tokio::test]
async fn a_truncated_response_is_faulty() {
    let behind = Behind::a(rule(r#"{ "truncate": { "share": 0.5 } }"#)).await;
    behind.timeline.start_now();
    let get = timeout(PATIENCE, behind.orders.get(Get::new(key("secret-key")))).await;
    let error = get.unwrap().unwrap_err();
    assert_eq!(error.outcome(), BROKEN, "{error:?}");
}

/// Nothing in the adapter decides before the stack's limit does.
#[tokio::test]
async fn the_adapter_leaves_hangs_and_drips_to_the_stack() {
    for fault in [Fault::Hang, rule(r#"{ "drip": { "bytes_per_second": 1000 } }"#)] {
        let name = fault.name();
        let behind = Behind::a(fault).await;
        behind.timeline.start_now();
        let get = behind.orders.get(Get::new(key("secret-key")));
        let got = timeout(Duration::from_millis(400), get).await;
        assert!(got.is_err(), "{name}: {got:?}");
    }
    let behind = Behind::a(Fault::Hang).await;
    let client = KvClient::builder()
        .endpoint(Endpoint::new("azure", behind.orders.clone()))
        .deadline(Duration::from_millis(1_500))
        .build()
        .unwrap();
    behind.timeline.start_now();
    let error = client.put("secret-key", "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MaybeApplied, "{error}");
}

/// What was stored and not confirmed is no conflict with itself.
#[tokio::test]
async fn a_write_with_a_lost_answer_recognises_itself() {
    let behind = Behind::a(Fault::ResetAfterRequest).await;
    let mut mine = put("lost", "mine");
    mine.condition = Condition::Absent;
    behind.timeline.start_now();
    let lost = timeout(PATIENCE, behind.orders.put(mine.clone()))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(lost.outcome(), BROKEN, "{lost:?}");
    behind.timeline.stop();
    let stored = behind.orders.put(mine.clone()).await.unwrap();
    let there = behind.orders.get(Get::new(key("lost"))).await.unwrap();
    assert_eq!((there.version, there.write_id), (stored.version, Some(mine.write_id)));
}

/// Without an account that answers the SDK cannot be built, and says why.
#[tokio::test]
async fn foreign_servers_are_faulty() {
    use evenkeel::{provider::CosmosVerdicts, verdict::Classify};
    for (act, expected) in [
        (http("200 OK", &[], "<html>welcome to this hotel</html>"), FAULTY),
        (Act::Answer(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()), FAULTY),
        (Act::ReadAndReset, FAULTY),
    ] {
        let server = raw::serve(act.clone()).await;
        let error = timeout(PATIENCE, try_orders(server.addr)).await.unwrap().err().unwrap();
        let met = CosmosVerdicts.classify(Err::<&(), _>(&error));
        assert_eq!(
            (met.verdict, met.sent),
            (expected.verdict, expected.sent),
            "{act:?}: {error:?}"
        );
    }
    let error = timeout(PATIENCE, try_orders(raw::nobody().await))
        .await
        .unwrap()
        .err()
        .unwrap();
    assert_eq!(CosmosVerdicts.classify(Err::<&(), _>(&error)), UNSENT, "{error:?}");
}

/// The SDK's own HTTP client follows redirects, and takes no other: what the docs of the adapter and the README say. The
/// account's key does not travel: its client leaves out `Authorization` on the way to another host.
#[tokio::test]
async fn the_sdk_follows_redirects_without_its_credential() {
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (second, first) = (elsewhere.local_addr().unwrap(), listener.local_addr().unwrap());
    let emulator = emulator(&url(first));
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = heads.clone();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = elsewhere.accept().await {
            let (emulator, seen) = (emulator.clone(), seen.clone());
            connections.spawn(async move {
                let service = service_fn(move |request: hyper::Request<Incoming>| {
                    seen.lock().unwrap().push(request.headers().clone());
                    answer(emulator.clone(), url(first), request)
                });
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            connections.spawn(async move {
                let service = service_fn(move |request: hyper::Request<Incoming>| async move {
                    let location = format!("http://localhost:{}{}", second.port(), request.uri());
                    let redirect = Response::builder().status(307).header("location", location);
                    Ok::<_, Infallible>(redirect.body(Full::new(Bytes::new())).unwrap())
                });
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    let orders = timeout(PATIENCE, orders(first)).await.unwrap();
    let _ = timeout(PATIENCE, orders.get(Get::new(key("secret-key"))))
        .await
        .unwrap();
    let heads = heads.lock().unwrap();
    assert!(!heads.is_empty(), "it follows none: say so in the docs");
    assert!(
        heads.iter().all(|head| !head.contains_key("authorization")),
        "{heads:?}"
    );
}
