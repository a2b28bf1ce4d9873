//! `object_store`'s own tests of a store, at a client whose home and whose copy are of two providers, on real sockets.
//!
//! Nothing carries objects between two servers here, so the copy stays empty. Under `provider_managed` the home answers
//! everything while the home is up, and the copy must not get into any answer.

use crate::{
    azure, gcs, gcs_server,
    process::{self, Process},
    s3s_server,
};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    client::object_store::FailoverStore,
    provider::{AnyObjectProvider, S3},
};
use std::any::Any;

#[derive(Clone, Copy)]
enum Cloud<'a> {
    /// Our own server.
    S3,
    Azure(&'a Process),
    /// Our own server.
    Gcs,
}

struct World {
    store: FailoverStore,
    _servers: [Box<dyn Any + Send>; 2],
}

impl Cloud<'_> {
    /// An empty bucket, and what ends with it.
    async fn bucket(self, name: &'static str) -> (AnyObjectProvider, Box<dyn Any + Send>) {
        match self {
            Cloud::S3 => {
                let server = s3s_server::start(&["orders"]).await;
                let client = aws_sdk_s3::Client::from_conf(server.config().build());
                let store = S3::new(client, "orders").trusting_all_conditions();
                (AnyObjectProvider::new(store), Box::new(server))
            }
            Cloud::Azure(azurite) => {
                // A container's name has no underscore.
                let store = azure::with_key_at(azurite.addr, &name.replace('_', "-"));
                store.client().create(None).await.unwrap();
                (AnyObjectProvider::new(store), Box::new(()))
            }
            Cloud::Gcs => {
                let server = gcs_server::start().await;
                (AnyObjectProvider::new(gcs::at(server.addr).await), Box::new(server))
            }
        }
    }
}

async fn world(home: Cloud<'_>, copy: Cloud<'_>, name: &'static str) -> World {
    let (home, first) = home.bucket(name).await;
    let (copy, second) = copy.bucket(name).await;
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home))
        .endpoint(Endpoint::new("copy", copy).read_only())
        .replication(Replication::provider_managed().home("home"))
        .hedging(false) // on a busy machine the home is slow, and a hedge would ask the empty copy
        .seed(7);
    World {
        store: FailoverStore::new(client.build().unwrap()),
        _servers: [first, second],
    }
}

/// Azure forgets the blocks of an upload when another one of the same blob is completed: the first writer wins, and the
/// second is told. `object_store` demands no more of its own store for Azure.
macro_rules! demand_at {
    (multipart_race_condition, $store:expr, $last_writer_wins:expr, true) => {
        object_store::integration::multipart_race_condition($store, $last_writer_wins).await
    };
    ($name:ident, $store:expr, $last_writer_wins:expr $(, $more:tt)?) => { demand!($name, $store $(, $more)?) };
}

/// All of them, each at fresh buckets. Gives the names of those that failed.
macro_rules! failed {
    ($home:expr, $copy:expr) => { every_demand!(failed!($home, $copy)) };
    ($home:expr, $copy:expr; $($name:ident($($more:tt)?)),+) => {{
        let mut failed = Vec::new();
        $({
            let world = world($home, $copy, stringify!($name)).await;
            let last_writer_wins = !matches!($home, Cloud::Azure(_));
            let demand = tokio::spawn(async move {
                let _ = last_writer_wins;
                demand_at!($name, &world.store, last_writer_wins $(, $more)?);
            });
            if demand.await.is_err() {
                failed.push(stringify!($name));
            }
        })+
        failed
    }};
}

const NONE: [&str; 0] = [];

#[tokio::test]
async fn s3_before_gcs_meets_every_demand() {
    assert_eq!(failed!(Cloud::S3, Cloud::Gcs), NONE);
}

#[tokio::test]
async fn gcs_before_s3_meets_every_demand() {
    assert_eq!(failed!(Cloud::Gcs, Cloud::S3), NONE);
}

#[tokio::test]
async fn s3_before_azure_meets_every_demand() {
    if let Some(azurite) = process::azurite("the demands of object_store, behind S3", &[]) {
        assert_eq!(failed!(Cloud::S3, Cloud::Azure(&azurite)), NONE);
    }
}

#[tokio::test]
async fn azure_before_s3_meets_every_demand() {
    if let Some(azurite) = process::azurite("the demands of object_store, before S3", &[]) {
        assert_eq!(failed!(Cloud::Azure(&azurite), Cloud::S3), NONE);
    }
}

/// Both list stamps, which are the ETags then.
#[tokio::test]
async fn azure_before_gcs_meets_every_demand() {
    if let Some(azurite) = process::azurite("the demands of object_store, before GCS", &[]) {
        assert_eq!(failed!(Cloud::Azure(&azurite), Cloud::Gcs), NONE);
    }
}
