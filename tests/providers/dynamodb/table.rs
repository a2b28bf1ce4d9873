//! Tables and clients for them.

use crate::process::{self, Process};
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region},
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use evenkeel::{
    provider::{DynamoDb, ProviderError},
    request::{
        WriteId,
        kv::{Key, Put},
    },
    verdict::{Outcome, Sent, Verdict},
};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
};
use tokio::{net::TcpListener, task::JoinSet};

pub(crate) const UNSENT: Outcome = Outcome::new(Verdict::Unreachable, Sent::No);
pub(crate) const FAULTY: Outcome = Outcome::new(Verdict::Faulty, Sent::Maybe);
pub(crate) const THROTTLED: Outcome = Outcome::new(Verdict::Throttled, Sent::Maybe);

/// moto with the tables `flat` and `sorted`, or `None` with a word why not.
pub(crate) async fn moto(what: &str) -> Option<Process> {
    let moto = process::moto(what)?;
    create_both(moto.addr).await;
    Some(moto)
}

/// A server in this process, with the same tables. Ends when dropped.
pub(crate) struct Dynoxide {
    pub(crate) addr: SocketAddr,
    _serving: JoinSet<()>,
}

impl Dynoxide {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(dynoxide::server::serve_on(
            listener,
            dynoxide::Database::memory().unwrap(),
        ));
        create_both(addr).await;
        Self {
            addr,
            _serving: serving,
        }
    }
}

async fn create_both(addr: SocketAddr) {
    let client = Client::from_conf(config(&format!("http://{addr}")).build());
    create(&client, "flat", &[("key", KeyType::Hash)]).await;
    let sorted = [("partition", KeyType::Hash), ("key", KeyType::Range)];
    create(&client, "sorted", &sorted).await;
}

async fn create(client: &Client, name: &str, keys: &[(&str, KeyType)]) {
    let mut table = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in keys {
        let attribute = AttributeDefinition::builder().attribute_name(*name);
        let key = KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone());
        table = table
            .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build().unwrap())
            .key_schema(key.build().unwrap());
    }
    table.send().await.unwrap();
}

pub(crate) fn config(url: &str) -> Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(
            "test-access-key",
            "test-secret-key",
            None,
            None,
            "test",
        ))
}

pub(crate) fn flat(addr: SocketAddr) -> DynamoDb {
    DynamoDb::new(Client::from_conf(config(&format!("http://{addr}")).build()), "flat")
}

pub(crate) fn sorted(addr: SocketAddr, partition: &str) -> DynamoDb {
    let client = Client::from_conf(config(&format!("http://{addr}")).build());
    DynamoDb::sorted(client, "sorted", partition)
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

/// A put under an id of its own.
pub(crate) fn put(name: &str, value: impl Into<bytes::Bytes>) -> Put {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let id = WriteId::new(format!("write-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    Put::new(key(name), value, id)
}

/// Neither key, value nor credential, in any form.
pub(crate) fn shows_nothing(error: &ProviderError) {
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        shown += &format!(" {error} {error:?}");
        source = error.source();
    }
    for secret in ["secret-key", "secret-value", "test-access-key", "Signature="] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
}
