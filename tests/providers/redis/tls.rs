//! TLS with an authority of the test's own: what is trusted, and what is not.

use crate::{
    authority::Authority,
    redis_cluster::Cluster,
    redis_server::{Server, is_installed, trusting},
    tried,
};
use evenkeel::{
    Endpoint, KvClient,
    provider::{KvProvider, Redis},
    request::{
        WriteId,
        kv::{Get, Key, Put, PutMany, Scan},
    },
    testing::kv::{self, Claims},
    verdict::{Outcome, Sent, Verdict},
};

fn put(name: &str) -> Put {
    Put::new(Key::new(name).unwrap(), "v", WriteId::new(name))
}

#[tokio::test]
async fn a_redis_server_over_tls_passes_the_suite() {
    if !is_installed() {
        return;
    }
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = Server::start_with_tls(&ours, "127.0.0.1");
    let redis = Redis::new(trusting(&ours, server.addr));
    let report = kv::run("redis over TLS", &redis, &Claims::all()).await;
    assert_eq!((report.passed.len(), report.skipped.len()), (kv::CHECKS.len(), 0));
    tried::keys("`Redis`", "redis-server 7.0, TLS", &report);

    let unreachable = Outcome::new(Verdict::Unreachable, Sent::No);
    // Another authority than the one that has signed, the system's, and no TLS at all where there must be.
    let systems = redis::Client::open(format!("rediss://{}", server.addr)).unwrap();
    let plain = redis::Client::open(format!("redis://{}", server.addr)).unwrap();
    for (client, what) in [
        (trusting(&theirs, server.addr), "another"),
        (systems, "the system's"),
        (plain, "none"),
    ] {
        let redis = Redis::new(client);
        let error = redis.put(put("k")).await.unwrap_err();
        assert_eq!(error.outcome(), unreachable, "{what}: {error}");
        assert_eq!(redis.warm_up().await.unwrap_err().outcome(), unreachable, "{what}");
    }
    // The right authority and another's name.
    let misnamed = Server::start_with_tls(&ours, "redis.example");
    let error = Redis::new(trusting(&ours, misnamed.addr))
        .put(put("k"))
        .await
        .unwrap_err();
    assert_eq!(error.outcome(), unreachable, "{error}");
    assert_eq!(error.detail().code.as_deref(), Some("tls handshake failed"));
    assert_eq!(server.tell(&["EXISTS", "k"]).await, redis::Value::Int(0));

    // So it may go elsewhere.
    let client = KvClient::builder()
        .endpoint(Endpoint::new("misnamed", Redis::new(trusting(&ours, misnamed.addr))))
        .build()
        .unwrap();
    let error = client.put("k", "v").await.unwrap_err();
    assert!(!error.may_have_been_applied(), "{error}");
}

/// What nodes say of each other are addresses only: the authority and the user are the seed's.
#[tokio::test]
async fn a_redis_cluster_works_over_tls() {
    if !is_installed() {
        return;
    }
    let authority = Authority::new();
    let cluster = Cluster::start_with_tls(2, &authority).await;
    let redis = Redis::cluster([cluster.nodes[0].server.client()]);
    let puts = (0..20).map(|i| put(&format!("k{i:02}"))).collect::<Vec<_>>();
    for result in redis.put_many(PutMany::new(puts)).await.unwrap() {
        result.unwrap();
    }
    for node in &cluster.nodes {
        assert_ne!(node.tell(&["DBSIZE"]).await, redis::Value::Int(0));
    }
    assert_eq!(redis.scan(Scan::default()).await.unwrap().entries.len(), 20);
    assert_eq!(redis.get(Get::new(Key::new("k07").unwrap())).await.unwrap().bytes, "v");
    let stranger = trusting(&Authority::new(), cluster.nodes[0].server.addr);
    let error = Redis::cluster([stranger]).put(put("k")).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::new(Verdict::Unreachable, Sent::No), "{error}");
}
