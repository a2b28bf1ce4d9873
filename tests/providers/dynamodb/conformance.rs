use crate::{
    races::races,
    table::{Dynoxide, config, flat, key, moto, put, sorted},
    tried,
};
use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use evenkeel::{
    provider::{AnyKvProvider, DynamoDb, KvProvider, ProviderErrorKind},
    request::kv::{Condition, Delete, Get, GetMany, PutMany, Scan, Version},
    testing::kv::{self, Claim, Claims},
    verdict::{Sent, Verdict},
};
use std::net::SocketAddr;

#[tokio::test]
async fn moto_passes_the_suite() {
    let Some(moto) = moto("DynamoDB: the conformance suite, races, what is not ours").await else {
        return;
    };
    let threads = "moto checks first and writes then, in threads";
    let claims = Claims::all()
        .without(Claim::AtomicCreate, threads)
        .without(Claim::AtomicCompareAndSet, threads);
    suite("moto 5.2", moto.addr, claims).await;
    batches_larger_than_an_answer(moto.addr).await;
    partitions_are_apart(moto.addr).await;
    a_flat_table_is_not_scanned(moto.addr).await;
    what_is_not_ours(moto.addr).await;
    configured_wrongly(moto.addr).await;
    what_is_large_is_refused_unsent(moto.addr).await;
}

/// Another implementation of the protocol, in this process, which its authors compare with DynamoDB itself. It decides
/// conditions one after the other.
#[tokio::test]
async fn dynoxide_passes_the_suite() {
    let dynoxide = Dynoxide::start().await;
    suite("dynoxide 3.2", dynoxide.addr, Claims::all()).await;
    races(flat(dynoxide.addr)).await;
}

async fn suite(server: &str, addr: SocketAddr, claims: Claims) {
    let table = flat(addr);
    table.warm_up().await.unwrap();
    let unsorted = claims.clone().without(Claim::Scan, "a flat table has no order");
    let report = kv::run(&format!("dynamodb on {server}, flat"), &table, &unsorted).await;
    tried::keys("`DynamoDb`, flat", server, &report);
    let table = sorted(addr, "suite");
    table.warm_up().await.unwrap();
    let report = kv::run(&format!("dynamodb on {server}, sorted"), &table, &claims).await;
    tried::keys("`DynamoDb`, sorted", server, &report);
}

/// An answer has 16 MB at most: the rest is left to be asked for again.
async fn batches_larger_than_an_answer(addr: SocketAddr) {
    let table = flat(addr);
    let large = bytes::Bytes::from(vec![7; 390_000]);
    let name = |i: usize| format!("large-{i}");
    for batch in (0..45).collect::<Vec<_>>().chunks(20) {
        let puts: Vec<_> = batch.iter().map(|&i| put(&name(i), large.clone())).collect();
        let stored = table.put_many(PutMany::new(puts)).await.unwrap();
        assert!(stored.iter().all(Result::is_ok));
    }
    let mut left: Vec<_> = (0..46).map(|i| key(&name(i))).collect();
    let mut found = 0;
    while !left.is_empty() {
        let got = table.get_many(GetMany::new(left.clone())).await.unwrap();
        let mut again = Vec::new();
        for (key, result) in left.into_iter().zip(got) {
            match result {
                Ok(value) => found += usize::from(value.bytes == large),
                Err(left) if left.kind() == ProviderErrorKind::Throttled => again.push(key),
                Err(absent) => assert_eq!(
                    (absent.kind(), &key),
                    (ProviderErrorKind::NotFound, &self::key(&name(45)))
                ),
            }
        }
        left = again;
    }
    assert_eq!(found, 45);
}

async fn partitions_are_apart(addr: SocketAddr) {
    let (one, other) = (sorted(addr, "one"), sorted(addr, "other"));
    for name in ["b", "a", "c"] {
        one.put(put(name, "1")).await.unwrap();
    }
    other.put(put("b", "2")).await.unwrap();
    let page = one.scan(Scan::default()).await.unwrap();
    let keys: Vec<_> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!((keys, page.next), (vec!["a", "b", "c"], None));
    assert_eq!(other.get(Get::new(key("b"))).await.unwrap().bytes, "2");
    let gone = other.get(Get::new(key("a"))).await.unwrap_err();
    assert_eq!(gone.kind(), ProviderErrorKind::NotFound);
}

async fn a_flat_table_is_not_scanned(addr: SocketAddr) {
    let refused = flat(addr).scan(Scan::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ProviderErrorKind::Unsupported);
    assert_eq!(refused.outcome().sent, Sent::No);
}

/// Items that somebody else has put into the table.
async fn what_is_not_ours(addr: SocketAddr) {
    let table = flat(addr);
    let foreign = |name: &str, value| {
        let item = table.client().put_item().table_name("flat");
        item.item("key", AttributeValue::S(name.to_owned()))
            .item("value", value)
            .send()
    };
    foreign("foreign", AttributeValue::B(Blob::new("theirs")))
        .await
        .unwrap();
    let read = table.get(Get::new(key("foreign"))).await.unwrap();
    assert_eq!((&read.bytes[..], &read.write_id), (&b"theirs"[..], &None));
    // It has no version to compare with, and so is not replaced under a condition; it is there, though.
    let mut swap = put("foreign", "ours");
    swap.condition = Condition::Version(read.version);
    assert_eq!(
        table.put(swap).await.unwrap_err().kind(),
        ProviderErrorKind::Unsupported
    );
    let mut create = put("foreign", "ours");
    create.condition = Condition::Absent;
    assert_eq!(
        table.put(create).await.unwrap_err().kind(),
        ProviderErrorKind::AlreadyExists
    );
    table.put(put("foreign", "ours")).await.unwrap();
    foreign("text", AttributeValue::S("a text".into())).await.unwrap();
    let odd = table.get(Get::new(key("text"))).await.unwrap_err();
    assert_eq!(odd.outcome().verdict, Verdict::Caller);
    assert_eq!(odd.to_string(), "an item of this table has another layout");
}

async fn configured_wrongly(addr: SocketAddr) {
    let client = || Client::from_conf(config(&format!("http://{addr}")).build());
    let nowhere = DynamoDb::new(client(), "nowhere");
    for refused in [
        nowhere.warm_up().await.unwrap_err(),
        nowhere.get(Get::new(key("k"))).await.unwrap_err(),
        nowhere.put(put("k", "v")).await.unwrap_err(),
        nowhere.get_many(GetMany::new([key("k")])).await.unwrap_err(),
        nowhere.put_many(PutMany::new([put("k", "v")])).await.unwrap_err(),
    ] {
        assert_eq!(refused.outcome().verdict, Verdict::Caller, "{refused:?}");
        assert_eq!(refused.to_string(), "no such table (ResourceNotFoundException)");
    }
    // A sorted table taken for a flat one.
    let mistaken = DynamoDb::new(client(), "sorted").warm_up().await.unwrap_err();
    assert_eq!(mistaken.kind(), ProviderErrorKind::Invalid, "{mistaken:?}");
    // A version that was never given, on what is not there.
    let mut swap = put("never", "x");
    swap.condition = Condition::Version(Version::new("another", ""));
    let refused = flat(addr).put(swap).await.unwrap_err();
    assert_eq!(refused.kind(), ProviderErrorKind::PreconditionFailed);
    let mut delete = Delete::new(key("never"), put("never", "x").write_id);
    delete.if_version = Some(Version::new("another", ""));
    let refused = flat(addr).delete(delete).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.outcome().verdict),
        (ProviderErrorKind::PreconditionFailed, Verdict::Answer)
    );
    assert!(refused.detail().request_id.is_some());
}

async fn what_is_large_is_refused_unsent(addr: SocketAddr) {
    for table in [flat(addr), sorted(addr, "large")] {
        let limits = table.limits();
        assert_eq!((limits.get_many, limits.put_many), (100, 25));
        let name = "k".repeat(limits.key_bytes);
        let most = limits.item_bytes - name.len();
        // moto measures a value as it is sent, in base64.
        table.put(put(&name, vec![7; 300_000])).await.unwrap();
        let refused = table.put(put(&name, vec![7; most + 1])).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.outcome().sent),
            (ProviderErrorKind::Unsupported, Sent::No)
        );
        let refused = table
            .put_many(PutMany::new([put(&name, vec![7; most + 1])]))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ProviderErrorKind::Unsupported);
    }
    let any = AnyKvProvider::new(flat(addr).strong());
    assert!(any.has_strong_replicas() && !flat(addr).has_strong_replicas());
}
