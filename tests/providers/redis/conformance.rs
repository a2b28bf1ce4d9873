//! The suite on a server, in a namespace of it, and on a client over it.

use crate::{
    races::races,
    redis_server::{Server, is_installed},
    tried,
};
use evenkeel::{
    Endpoint, KvClient,
    provider::Redis,
    testing::kv::{self, Claim, Claims},
};

#[tokio::test]
async fn a_redis_server_passes_the_suite() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&[]);
    let redis = Redis::new(server.client());
    let report = kv::run("redis", &redis, &Claims::all()).await;
    assert_eq!((report.passed.len(), report.skipped.len()), (kv::CHECKS.len(), 0));
    tried::keys("`Redis`", "redis-server 7.0", &report);
    // In a namespace, beside others' keys, and through a whole client.
    server.tell(&["SET", "suite:others", "x"]).await;
    let spaced = redis.clone().namespace("an*other [space]:");
    kv::run("redis in a namespace", &spaced, &Claims::all()).await;
    let client = KvClient::builder()
        .endpoint(Endpoint::new("redis", redis.namespace("client:")))
        .build()
        .unwrap();
    let claims = Claims::all().without(Claim::Paging, "it streams");
    kv::run("client on redis", &client, &claims).await;
    races(Redis::new(server.client()).namespace("races:")).await;
    println!("redis: ran");
}
