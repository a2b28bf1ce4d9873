//! The suite on the adapter and on a client over it, and what is this adapter's own.

use crate::{at, create, emulator, get, put, races::races, tried};
use evenkeel::{
    Endpoint, KvClient,
    provider::{KvProvider, ProviderErrorKind},
    request::{
        WriteId,
        kv::{Condition, Delete, GetMany, Key, Put, PutMany, Scan, Version},
    },
    testing::kv::{self, Claim, Claims},
    verdict::{Sent, Verdict},
};
use std::time::Duration;

#[tokio::test]
async fn a_bigtable_passes_the_suite() {
    let Some(one) = emulator("the conformance suite").await else {
        return;
    };
    let report = kv::run("bigtable", &at(one.addr), &Claims::all()).await;
    assert_eq!((report.passed.len(), report.skipped.len()), (kv::CHECKS.len(), 0));
    tried::keys("`Bigtable`", "bttest, Google's emulator", &report);
    races(at(one.addr)).await;
    let Some(another) = emulator("the conformance suite on a client").await else {
        return;
    };
    let client = KvClient::builder()
        .endpoint(Endpoint::new("bigtable", at(another.addr)))
        .build()
        .unwrap();
    let claims = Claims::all().without(Claim::Paging, "it streams");
    kv::run("client on bigtable", &client, &claims).await;
}

#[tokio::test]
async fn values_beyond_grpcs_default_limit_round_trip() {
    let Some(emulator) = emulator("large values").await else {
        return;
    };
    let table = at(emulator.addr);
    let large = vec![7_u8; 9 * 1024 * 1024];
    let puts: Vec<Put> = (0..8)
        .map(|i| {
            Put::new(
                Key::new(format!("large-{i}")).unwrap(),
                large.clone(),
                WriteId::new(format!("{i}")),
            )
        })
        .collect();
    let all: Vec<Key> = puts.iter().map(|put| put.key.clone()).collect();
    // 72 MiB are two requests.
    for result in table.put_many(PutMany::new(puts)).await.unwrap() {
        result.unwrap();
    }
    let got = table.get_many(GetMany::new(all)).await.unwrap();
    assert!(got.iter().all(|value| value.as_ref().unwrap().bytes == large));
    // A page ends with the row that fills it.
    let mut scan = Scan::default();
    let mut keys = Vec::new();
    loop {
        let page = table.scan(scan.clone()).await.unwrap();
        assert!(page.entries.len() <= 2);
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        match page.next {
            Some(next) => scan.after = Some(next),
            None => break,
        }
    }
    assert_eq!(keys, (0..8).map(|i| format!("large-{i}")).collect::<Vec<_>>());
    let beyond = Put::new(Key::new("k").unwrap(), vec![0; 100 * 1024 * 1024], WriteId::new("w"));
    let error = table.put(beyond).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unsupported);
    assert!(error.to_string().contains("Bigtable"), "{error}");
}

#[tokio::test]
async fn a_scan_continues_past_a_page_of_expired_rows() {
    let Some(emulator) = emulator("scans over what has expired").await else {
        return;
    };
    let table = at(emulator.addr);
    for i in 0..20 {
        table
            .put(put(&format!("old-{i:02}")).expiring(Duration::from_millis(1)))
            .await
            .unwrap();
    }
    table.put(put("young")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut scan = Scan::default();
    scan.limit = Some(8);
    let mut pages = 0;
    let found = loop {
        let page = table.scan(scan.clone()).await.unwrap();
        pages += 1;
        if let Some(entry) = page.entries.first() {
            break entry.key.clone();
        }
        scan.after = Some(page.next.unwrap());
    };
    assert_eq!((found.as_str(), pages), ("young", 3));
    // Bigtable has them still; here they are absent, also for conditions.
    let error = table.get(get("old-00")).await.unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::NotFound);
    let version = table
        .put(put("old-01").expiring(Duration::from_millis(1)))
        .await
        .unwrap()
        .version;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let late = table
        .put(put("old-01").on(Condition::Version(version.clone())))
        .await
        .unwrap_err();
    assert_eq!(late.kind(), ProviderErrorKind::PreconditionFailed);
    let mut delete = Delete::new(Key::new("old-01").unwrap(), WriteId::new("d"));
    delete.if_version = Some(version);
    assert_eq!(
        table.delete(delete).await.unwrap_err().kind(),
        ProviderErrorKind::PreconditionFailed
    );
    table.put(create("old-01")).await.unwrap();
}

#[tokio::test]
async fn another_providers_version_is_refused_unsent() {
    let Some(emulator) = emulator("versions of others").await else {
        return;
    };
    let table = at(emulator.addr);
    let foreign = put("k").on(Condition::Version(Version::new("etag", "")));
    let error = table.put(foreign).await.unwrap_err();
    assert_eq!(error.outcome().sent, Sent::No);
    // A table, and a family, that is not there is the configuration's fault and nobody's absence.
    let credentials = google_cloud_auth::credentials::anonymous::Builder::new().build();
    let elsewhere = evenkeel::provider::Bigtable::new(credentials, "projects/tests/instances/emulator/tables/none")
        .endpoint(format!("http://{}", emulator.addr));
    let error = elsewhere.get(get("k")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome().verdict),
        (ProviderErrorKind::Invalid, Verdict::Caller),
        "{error}"
    );
    assert!(elsewhere.warm_up().await.is_err());
    assert!(!format!("{error} {error:?}").contains("none"), "{error:?}");
}
