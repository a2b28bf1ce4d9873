//! A query of DataFusion, and a Delta table, through a client whose home comes and goes.
//!
//! Home and copy are two ways to one store in memory: the provider replicates without lag. Nothing here is paused: DataFusion
//! and Delta run on a runtime of several threads.

mod commits;
mod query;
#[path = "../../../support/store.rs"]
mod store;

use evenkeel::{
    Endpoint, ObjectClient, Replication,
    provider::{Capabilities, Capability, Memory, PartRule},
    stack::retry::{Budget, RetrySettings},
};
use evenkeel_lake::Bridge;
use std::{sync::Arc, time::Duration};
use store::Store;
use url::Url;

struct World {
    home: Store,
    copy: Store,
    client: ObjectClient,
}

impl World {
    /// Every answer of the store takes some milliseconds, so that writers meet each other.
    fn new() -> Self {
        let all = Capabilities::all(Capability::Kept).with_copy();
        let all = all.with_parts(PartRule::S3.lengths(0, u64::MAX)).with_listed_ids();
        let memory = Memory::new().with_latency(Duration::from_millis(1)..Duration::from_millis(10), 7);
        let home = Store::on(memory.with_capabilities(all));
        let copy = Store::on(home.memory.clone());
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("home", home.clone()))
            .endpoint(Endpoint::new("copy", copy.clone()).read_only())
            .replication(Replication::provider_managed().home("home"))
            // A home that is away half the time needs more retries than a tenth of the calls, and more attempts than three.
            .budget(Budget::new(10.0, 1_000.0))
            .retry({
                let mut retry = RetrySettings::default();
                retry.max_attempts = 30;
                retry
            })
            .seed(7)
            .build()
            .unwrap();
        Self { home, copy, client }
    }

    /// The one line that changes in an application, and the bridge.
    fn store(&self) -> Arc<Bridge> {
        Arc::new(Bridge(Arc::new(self.client.clone())))
    }
}

fn url(path: &str) -> Url {
    Url::parse(&format!("memory://lake/{path}")).unwrap()
}
