//! The same suite on every table, and on clients over several.

use crate::tried;
use evenkeel::{
    Endpoint, KvClient, Replication,
    provider::{AnyKvProvider, MemoryTable},
    testing::kv::{self, Claim, Claims},
};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_memory_table_passes_the_suite() {
    let report = kv::run("memory", &MemoryTable::new(), &Claims::all()).await;
    assert_eq!((report.passed.len(), report.skipped.len()), (kv::CHECKS.len(), 0));
    tried::keys("`MemoryTable`", "itself", &report);
    let slow = MemoryTable::new().with_latency(Duration::ZERO..Duration::from_millis(20), 7);
    kv::run("slow memory", &AnyKvProvider::new(slow), &Claims::all()).await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_managed_client_passes_the_suite() {
    let client = KvClient::builder()
        .endpoint(Endpoint::new("home", MemoryTable::new()))
        .endpoint(Endpoint::new("copy", MemoryTable::new()).read_only())
        .seed(1)
        .build()
        .unwrap();
    let claims = Claims::all().without(Claim::Paging, "it streams");
    kv::run("client with a home", &client, &claims).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_over_strong_replicas_passes_the_suite() {
    let table = MemoryTable::new().with_latency(Duration::ZERO..Duration::from_millis(5), 7);
    let client = KvClient::builder()
        .endpoint(Endpoint::new("a", table.clone()).tier(0))
        .endpoint(Endpoint::new("b", table).tier(0))
        .replication(Replication::strong())
        .seed(1)
        .build()
        .unwrap();
    let claims = Claims::all().without(Claim::Paging, "it streams");
    kv::run("client over replicas", &client, &claims).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_once_client_passes_the_suite() {
    let client = KvClient::builder()
        .endpoint(Endpoint::new("a", MemoryTable::new()))
        .endpoint(Endpoint::new("b", MemoryTable::new()))
        .replication(Replication::write_once())
        .seed(1)
        .build()
        .unwrap();
    let reason = "a key is written once, wherever it can be";
    let claims = [
        Claim::Overwrite,
        Claim::Create,
        Claim::AtomicCreate,
        Claim::CompareAndSet,
        Claim::AtomicCompareAndSet,
        Claim::PutMany,
        Claim::Paging,
    ];
    let claims = claims
        .into_iter()
        .fold(Claims::all(), |claims, gap| claims.without(gap, reason));
    kv::run("write once", &client, &claims).await;
}
