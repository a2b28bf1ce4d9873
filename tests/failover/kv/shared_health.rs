//! One health model: tables and buckets in one region tell each other of trouble, and condemn nobody.

use crate::{
    scripted::ms,
    store::{Store, Table, Trouble},
};
use evenkeel::{Endpoint, KvClient, ObjectClient, Replication, request::OpClass, stack::breaker::Registry};
use tokio::time::sleep;

struct World {
    tables: KvClient,
    objects: ObjectClient,
    dynamodb: Table,
    s3: Store,
}

/// DynamoDB and S3 in Virginia, each with a standby in Ireland, under one registry.
async fn world(registry: &Registry) -> World {
    let (dynamodb, s3) = (Table::new(), Store::new());
    let tables = KvClient::builder()
        .endpoint(
            Endpoint::new("dynamodb", dynamodb.clone())
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("dynamodb-ireland", dynamodb_copy(&dynamodb))
                .provider("aws")
                .region("eu-west-1"),
        )
        .replication(Replication::provider_managed())
        .registry(registry.clone())
        .seed(1)
        .build()
        .unwrap();
    let objects = ObjectClient::builder()
        .endpoint(Endpoint::new("s3", s3.clone()).provider("aws").region("us-east-1"))
        .endpoint(
            Endpoint::new("s3-ireland", Store::on(s3.memory.clone()))
                .provider("aws")
                .region("eu-west-1"),
        )
        .replication(Replication::provider_managed())
        .registry(registry.clone())
        .seed(2)
        .build()
        .unwrap();
    tables.put("k", "v").await.unwrap();
    objects.put("k", "v").await.unwrap();
    let world = World {
        tables,
        objects,
        dynamodb,
        s3,
    };
    for _ in 0..20 {
        world.read_table().await;
        world.read_object().await;
    }
    world
}

fn dynamodb_copy(home: &Table) -> Table {
    Table::on(home.memory.clone())
}

impl World {
    async fn read_table(&self) {
        sleep(ms(200)).await;
        self.tables.get("k").await.unwrap();
    }

    async fn read_object(&self) {
        sleep(ms(200)).await;
        self.objects.get("k").await.unwrap();
    }

    async fn lose_dynamodb(&self) {
        self.dynamodb.always(Trouble::Reset);
        while breaker(&self.tables.snapshot()) == "closed" {
            self.read_table().await;
        }
    }

    /// How many calls S3 gets before it is left.
    async fn lose_s3(&self) -> usize {
        self.s3.forget();
        self.s3.always(Trouble::Reset);
        while breaker(&self.objects.snapshot()) == "closed" {
            self.read_object().await;
        }
        self.s3.asked()
    }
}

fn breaker(snapshot: &evenkeel::ops::snapshot::Snapshot) -> &'static str {
    snapshot.endpoints[0].classes[OpClass::Read.index()].breaker.as_str()
}

#[tokio::test(start_paused = true)]
async fn a_dead_dynamodb_halves_the_faults_s3_may_have_for_30_s() {
    let alone = world(&Registry::new()).await.lose_s3().await;
    let together = world(&Registry::new()).await;
    together.lose_dynamodb().await;
    let warned = together.lose_s3().await;
    assert!(
        warned <= alone.div_ceil(2),
        "{warned} calls with the warning, {alone} without"
    );
    // The warning ends by itself.
    let late = world(&Registry::new()).await;
    late.lose_dynamodb().await;
    sleep(ms(30_001)).await;
    assert_eq!(late.lose_s3().await, alone);
}

#[tokio::test(start_paused = true)]
async fn a_healthy_s3_beside_a_dead_dynamodb_keeps_its_traffic() {
    let world = world(&Registry::new()).await;
    world.lose_dynamodb().await;
    world.s3.forget();
    for _ in 0..100 {
        world.read_object().await;
        let got = world.objects.get("k").await.unwrap();
        assert_eq!(got.endpoint(), "s3");
        assert_eq!(breaker(&world.objects.snapshot()), "closed");
    }
    assert_eq!(world.s3.asked(), 200);
    // Its successes took the warning back: it is not left sooner than ever.
    let alone = self::world(&Registry::new()).await.lose_s3().await;
    assert_eq!(world.lose_s3().await, alone);
}
