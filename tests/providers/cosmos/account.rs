//! An account in this process, in two regions in step, writes in the first.

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::Url,
};
use azure_data_cosmos::{
    AccountReference, ContainerClient, CosmosClient, CosmosRuntimeBuilder, RoutingStrategy, options::Region,
};
use azure_data_cosmos_driver::{
    fault_injection::{
        CustomResponse, FaultInjectionConditionBuilder, FaultInjectionErrorType, FaultInjectionResultBuilder,
        FaultInjectionRule, FaultInjectionRuleBuilder, FaultOperationType,
    },
    in_memory_emulator::{
        ConsistencyLevel, ContainerConfig, EmulatorStore, InMemoryEmulatorHttpClient, ReplicationConfig,
        VirtualAccountConfig, VirtualRegion,
    },
};
use bytes::Bytes;
use evenkeel::{
    provider::Cosmos,
    request::{
        WriteId,
        kv::{Key, Put},
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

const EAST: &str = "https://eastus.emulator.local";
const WEST: &str = "https://westus.emulator.local";

pub(crate) struct Account {
    pub(crate) client: CosmosClient,
    pub(crate) store: Arc<EmulatorStore>,
}

impl Account {
    /// With these faults on the way, and a container `orders` of so many request units per second.
    pub(crate) async fn new(faults: &[Arc<FaultInjectionRule>], units: Option<u64>) -> Self {
        let key = AccountReference::with_authentication_key(EAST.parse().unwrap(), Secret::new("dGVzdGtleQ=="));
        Self::of(key, faults, units).await
    }

    /// The same, by token.
    pub(crate) async fn by_token(credential: Arc<dyn TokenCredential>) -> Self {
        Self::of(
            AccountReference::with_credential(EAST.parse().unwrap(), credential),
            &[],
            None,
        )
        .await
    }

    async fn of(account: AccountReference, faults: &[Arc<FaultInjectionRule>], units: Option<u64>) -> Self {
        let regions = [("East US", EAST), ("West US", WEST)];
        let regions = regions.map(|(name, url)| VirtualRegion::new(name, Url::parse(url).unwrap()));
        let config = VirtualAccountConfig::new(regions.into())
            .unwrap()
            .with_consistency(ConsistencyLevel::Session)
            .with_replication_config(ReplicationConfig::immediate())
            .with_throttling_enabled(units.is_some());
        let emulator = Arc::new(InMemoryEmulatorHttpClient::new(config));
        let store = emulator.store();
        store.create_database("shop");
        let by_id = serde_json::json!({ "paths": ["/id"], "kind": "Hash", "version": 2 });
        let mut container = ContainerConfig::new().with_partition_count(1);
        if let Some(units) = units {
            container = container.with_throughput(units);
        }
        store.create_container_with_config(
            "shop",
            "orders",
            serde_json::from_value(by_id).unwrap(),
            container.build().unwrap(),
        );
        let runtime = CosmosRuntimeBuilder::from(emulator.runtime_builder_with_fault_rules(faults.to_vec()));
        let client = CosmosClient::builder()
            .with_runtime(runtime.build().await.unwrap())
            .build(account, RoutingStrategy::ProximityTo(Region::EAST_US))
            .await
            .unwrap();
        Self { client, store }
    }

    pub(crate) async fn container(&self) -> ContainerClient {
        let database = self.client.database_client("shop");
        database.container_client("orders", None).await.unwrap()
    }

    pub(crate) async fn orders(&self) -> Cosmos {
        Cosmos::new(self.container().await)
    }
}

/// What items meet once it is enabled. Not so the SDK's own look at account and container.
pub(crate) fn fault(name: &str, result: FaultInjectionResultBuilder) -> Vec<Arc<FaultInjectionRule>> {
    let result = result.build();
    let of = |operation| {
        let condition = FaultInjectionConditionBuilder::new().with_operation_type(operation);
        let rule = FaultInjectionRuleBuilder::new(format!("{name}-{operation:?}"), result.clone())
            .with_condition(condition.build())
            .build();
        rule.disable();
        Arc::new(rule)
    };
    use FaultOperationType::*;
    [ReadItem, CreateItem, UpsertItem, ReplaceItem, DeleteItem]
        .map(of)
        .into()
}

pub(crate) fn error(kind: FaultInjectionErrorType) -> FaultInjectionResultBuilder {
    FaultInjectionResultBuilder::new().with_error(kind)
}

pub(crate) fn response(response: CustomResponse) -> FaultInjectionResultBuilder {
    FaultInjectionResultBuilder::new().with_custom_response(response)
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

/// A put under an id of its own.
pub(crate) fn put(name: &str, value: impl Into<Bytes>) -> Put {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let id = WriteId::new(format!("write-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    Put::new(key(name), value, id)
}
