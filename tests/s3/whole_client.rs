//! The conformance suite through the whole client: on memory and on S3, with all endpoints up, one dead from
//! construction, one flapping; under both replications, as far as each claims.

use crate::{
    retrying_caller::Patient,
    s3s_server::{self as server, Server},
};
use aws_sdk_s3::Client;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    client::ObjectClientBuilder,
    provider::{AnyObjectProvider, Memory, S3},
    testing::objects::{self, Claim, Claims},
};
use std::net::SocketAddr;

pub(crate) const NAMES: [&str; 3] = ["virginia", "ireland", "frankfurt"];

fn streaming() -> Claims {
    Claims::all()
        .without(Claim::Paging, "a client streams")
        .without(Claim::WriteId, "a client draws an id for every write")
}

fn once(claims: Claims) -> Claims {
    let refused = "write-once refuses it";
    claims
        .without(Claim::Overwrite, refused)
        .without(Claim::IfMatch, refused)
        .without(Claim::ConditionalDelete, refused)
}

/// Of a write-once client one of whose endpoints cannot be reached.
fn one_missing(claims: Claims) -> Claims {
    let everyone = "write-once needs the word of every endpoint, and one is dead";
    claims
        .without(Claim::Absence, everyone)
        .without(Claim::Delete, everyone)
}

/// Of a write-once client one of whose endpoints comes and goes.
fn one_flapping(claims: Claims) -> Claims {
    let reuse = "under write-once a second create of a key is the caller's breach: it may go to another endpoint";
    claims.without(Claim::Create, reuse).without(Claim::AtomicCreate, reuse)
}

/// What S3 does not do; see conformance.rs.
fn on_s3(claims: Claims) -> Claims {
    claims.content_etags()
}

fn client(providers: [AnyObjectProvider; 3], replication: Replication) -> ObjectClient {
    building(providers, replication).build().unwrap()
}

/// Not hedged: on a busy machine a late read would be answered by a copy, which is right, and whose tag is another.
fn building(providers: [AnyObjectProvider; 3], replication: Replication) -> ObjectClientBuilder {
    let endpoints = NAMES.into_iter().zip(providers);
    let endpoints: Vec<_> = endpoints
        .map(|(name, provider)| Endpoint::new(name, provider))
        .collect();
    let builder = ObjectClient::builder().endpoints(endpoints);
    builder.replication(replication).hedging(false).seed(7)
}

fn memories() -> [AnyObjectProvider; 3] {
    [(); 3].map(|()| AnyObjectProvider::new(Memory::new()))
}

/// Three handles on one store: a provider whose copies have no lag.
fn copies() -> [AnyObjectProvider; 3] {
    let store = Memory::new();
    [(); 3].map(|()| AnyObjectProvider::new(store.clone()))
}

fn s3(addr: SocketAddr) -> AnyObjectProvider {
    let config = server::config(&format!("http://{addr}"));
    // Our server keeps to conditions: see the conformance suite.
    AnyObjectProvider::new(S3::new(Client::from_conf(config.build()), "orders").trusting_conditions())
}

/// Three servers: each with a store of its own, or all on one.
async fn servers(replication: &Replication) -> [Server; 3] {
    let first = server::start(&["orders"]).await;
    if is_managed(replication) {
        let (second, third) = (first.copy().await, first.copy().await);
        return [first, second, third];
    }
    [
        first,
        server::start(&["orders"]).await,
        server::start(&["orders"]).await,
    ]
}

fn is_managed(replication: &Replication) -> bool {
    format!("{replication:?}").contains("ProviderManaged")
}

/// A port at which nobody listens.
async fn dead() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_client_with_one_endpoint_passes_the_suite() {
    let builder = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new()));
    objects::run("client, one endpoint", &builder.build().unwrap(), &streaming()).await;
}

#[tokio::test]
async fn memory_clients_pass_the_suite() {
    let managed = client(copies(), Replication::provider_managed());
    let report = objects::run("client, provider-managed", &managed, &streaming()).await;
    assert_eq!(report.skipped.len(), 4, "{:?}", report.skipped);
    let write_once = client(memories(), Replication::write_once());
    objects::run("client, write-once", &write_once, &once(streaming())).await;
}

/// Copies that the provider has not filled yet: what they lack is asked of the home.
#[tokio::test]
async fn a_client_with_empty_copies_passes_the_suite() {
    let managed = client(memories(), Replication::provider_managed());
    objects::run("client, provider-managed, empty copies", &managed, &streaming()).await;
}

#[tokio::test]
async fn s3_clients_pass_the_suite() {
    let replication = Replication::provider_managed();
    let servers_of = servers(&replication).await;
    let managed = client(servers_of.each_ref().map(|server| s3(server.addr)), replication);
    assert!(managed.warm_up().await.is_complete());
    objects::run("client on s3, provider-managed", &managed, &on_s3(streaming())).await;

    let replication = Replication::write_once();
    let servers_of = servers(&replication).await;
    let write_once = client(servers_of.each_ref().map(|server| s3(server.addr)), replication);
    objects::run("client on s3, write-once", &write_once, &once(on_s3(streaming()))).await;
}

#[tokio::test]
async fn s3_clients_pass_the_suite_with_one_endpoint_dead() {
    // The preferred one is dead; the home is the next.
    let replication = Replication::provider_managed().home("ireland");
    let [_, ireland, frankfurt] = servers(&replication).await;
    let managed = client([s3(dead().await), s3(ireland.addr), s3(frankfurt.addr)], replication);
    assert!(!managed.warm_up().await.is_complete());
    objects::run(
        "client on s3, provider-managed, one dead",
        &managed,
        &on_s3(streaming()),
    )
    .await;

    let replication = Replication::write_once();
    let [_, ireland, frankfurt] = servers(&replication).await;
    let write_once = client([s3(dead().await), s3(ireland.addr), s3(frankfurt.addr)], replication);
    let claims = one_missing(once(on_s3(streaming())));
    objects::run("client on s3, write-once, one dead", &write_once, &claims).await;
}

#[cfg(feature = "drill")]
mod flapping {
    use super::*;
    use evenkeel::{
        drill::{Fault, FaultProxy, Rule, Scenario, Timeline},
        stack::breaker,
    };
    use std::time::Duration;

    /// Refuses for 150 ms of each 500, for ten minutes.
    fn flaps() -> Timeline {
        let mut scenario = Scenario::builtin("fastly-2021").unwrap();
        let mut well = scenario.phases[0].clone();
        (well.duration, well.rules) = (Duration::from_millis(350), Vec::new());
        let mut ill = well.clone();
        (ill.duration, ill.rules) = (Duration::from_millis(150), vec![Rule::new(Fault::Refuse)]);
        scenario.phases = (0..1_200).flat_map(|_| [well.clone(), ill.clone()]).collect();
        Timeline::new(scenario, 7).unwrap()
    }

    async fn s3_flapping(replication: Replication, claims: Claims) {
        let [virginia, ireland, frankfurt] = servers(&replication).await;
        let flaps = flaps();
        let profile = Endpoint::new(NAMES[0], ()).profile().clone();
        let proxy = FaultProxy::bind(virginia.addr, profile, flaps.clone()).await.unwrap();
        let name = format!("client on s3, one flapping, {replication:?}");
        let home = is_managed(&replication).then_some(NAMES[0]);
        // So rare are the suite's calls that the breaker would stay open for half a minute each time.
        let mut soon = breaker::BreakerSettings::default();
        soon.open_max = Duration::from_millis(200);
        let providers = [s3(proxy.addr()), s3(ireland.addr), s3(frankfurt.addr)];
        let client = building(providers, replication).breaker(soon).build().unwrap();
        flaps.start_now();
        let patient = Patient::new(client, home);
        objects::run(&name, &patient, &claims).await;
        assert!(proxy.counts().total().forwarded > 0, "nothing went through the proxy");
        assert!(patient.repeated() > 0, "nothing ever flapped");
    }

    /// The home itself flaps: what fails says that it may be repeated, and repeated it is as if nothing had been.
    #[tokio::test]
    async fn a_provider_managed_client_passes_the_suite() {
        s3_flapping(Replication::provider_managed(), on_s3(streaming())).await;
    }

    #[tokio::test]
    async fn a_write_once_client_passes_the_suite() {
        s3_flapping(Replication::write_once(), one_flapping(once(on_s3(streaming())))).await;
    }
}
