use crate::{
    account::{Account, key, put},
    races::races,
    tried,
};
use azure_data_cosmos::options::{ItemWriteOptions, OperationOptionsBuilder, ThrottlingRetryOptionsBuilder};
use evenkeel::{
    Endpoint, ErrorKind, Failover, KvClient,
    provider::{KvProvider, ProviderErrorKind},
    request::kv::{Condition, Get},
    testing::kv::{self, Claim, Claims},
    verdict::Verdict,
};
use futures_util::future::join_all;

#[tokio::test]
async fn a_cosmos_container_passes_the_suite() {
    let account = Account::new(&[], None).await;
    let orders = account.orders().await;
    orders.warm_up().await.unwrap();
    let claims = Claims::all().without(Claim::Scan, "the service promises no order");
    let report = kv::run("cosmos on its emulator", &orders, &claims).await;
    assert!(report.skipped.iter().all(|skip| skip.claim == Claim::Scan));
    tried::keys("`Cosmos`", "the SDK's emulator", &report);
    println!("cosmos, the SDK's emulator in this process: ran the conformance suite");
}

#[tokio::test]
async fn concurrent_writers_have_one_winner() {
    let account = Account::new(&[], None).await;
    races(account.orders().await).await;
}

/// The account is one endpoint: its SDK reads in the other region, evenkeel has nothing to do.
#[tokio::test]
async fn reads_survive_a_region_that_goes_offline() {
    let account = Account::new(&[], None).await;
    let client = KvClient::builder()
        .endpoint(Endpoint::new("azure", account.orders().await))
        .build()
        .unwrap();
    client.put("k", "before").await.unwrap();
    account.store.set_region_offline("East US").unwrap();
    let got = client.get("k").await.unwrap();
    assert_eq!((got.bytes(), got.endpoint()), (&"before".into(), "azure"));
    // It was the only one that takes writes. The SDK learns of another when it looks at the account again, in minutes;
    // until then it sends nothing, and proves it.
    let error = client.put("k", "meanwhile").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    account.store.set_region_online("East US").unwrap();
    assert_eq!(client.get("k").await.unwrap().bytes(), "before");
}

/// What has used its request units up says so at once, and for how long; another endpoint takes over.
#[tokio::test]
async fn exhausted_request_units_are_throttled() {
    let small = Account::new(&[], Some(400)).await;
    let orders = small.orders().await;
    let mut error = None;
    for i in 0..400 {
        match orders.put(put(&format!("k{i}"), vec![7; 8_000])).await {
            Ok(_) => {}
            Err(refused) => {
                error = Some(refused);
                break;
            }
        }
    }
    let error = error.unwrap();
    assert_eq!(
        (error.kind(), error.outcome().verdict),
        (ProviderErrorKind::Throttled, Verdict::Throttled)
    );
    assert!(error.outcome().retry_after.is_some(), "{error:?}");
}

/// An expired item that nobody has removed is as good as none.
#[tokio::test]
async fn an_expired_item_may_be_created_once() {
    let account = Account::new(&[], None).await;
    let orders = account.orders().await;
    let expired = serde_json::json!({
        "id": "bG9jaw", "key": "lock", "value": "eA==", "write_id": "old", "expires": 1_000_000
    });
    let written = account
        .container()
        .await
        .create_item("bG9jaw", "bG9jaw", expired, None)
        .await;
    written.unwrap();
    let absent = orders.get(Get::new(key("lock"))).await.unwrap_err();
    assert_eq!(absent.kind(), ProviderErrorKind::NotFound);
    let creates = (0..8).map(|i| {
        let mut create = put("lock", format!("{i}"));
        create.condition = Condition::Absent;
        orders.put(create)
    });
    let results = join_all(creates).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
}

/// The SDK's own calls, with its errors judged.
#[tokio::test]
async fn the_sdks_own_calls_fail_over() {
    let (one, other) = (Account::new(&[], None).await, Account::new(&[], None).await);
    let item = serde_json::json!({ "id": "a", "value": "eA==" });
    for account in [&one, &other] {
        account
            .container()
            .await
            .create_item("a", "a", &item, None)
            .await
            .unwrap();
    }
    let accounts = Failover::builder()
        .endpoint(Endpoint::new("one", one.container().await))
        .endpoint(Endpoint::new("other", other.container().await))
        .build()
        .unwrap();
    for region in ["East US", "West US"] {
        drop(one.store.set_region_offline(region));
    }
    let read = accounts.read(|orders| async move { orders.read_item("a", "a", None).await });
    read.await.unwrap();
    let conflict = accounts.write(|orders| {
        let item = serde_json::json!({ "id": "a" });
        let quick = ThrottlingRetryOptionsBuilder::new().with_max_retry_count(0).build();
        let quick = OperationOptionsBuilder::new()
            .with_throttling_retry_options(quick)
            .build();
        async move {
            let options = ItemWriteOptions::default().with_operation_options(quick);
            orders.create_item("a", "a", item, Some(options)).await
        }
    });
    let conflict = conflict.pin("other").await.unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::PreconditionFailed, "{conflict}");
}
