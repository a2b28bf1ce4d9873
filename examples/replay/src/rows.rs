//! The tables of a replay with `--kv`: servers of DynamoDB's protocol, behind proxies as the buckets are.

use super::{
    contender::{EvenkeelRows, PlainRows},
    course::{self, Course},
    flags::Flags,
    load, real,
};
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest, ScalarAttributeType,
        WriteRequest,
    },
};
use dynoxide::Database;
use evenkeel::{
    Endpoint, KvClient, Replication,
    drill::{FaultProxy, Timeline},
    endpoint::Profile,
    provider::DynamoDb,
    stack::breaker::Registry,
};
use std::{error::Error, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};

const TABLE: &str = "orders";
/// The plain SDK's own, so that neither finds what the other wrote.
const PLAIN_TABLE: &str = "orders-plain";

/// As many places as a global table would have here: the third is no place of Amazon's.
const PLACES: usize = 2;

/// What one request of DynamoDB's may write.
const BATCH: usize = 25;

/// The contenders, and what ends with the run.
pub(crate) struct Rows {
    pub(crate) evenkeel: EvenkeelRows,
    pub(crate) plain: PlainRows,
    _servers: Vec<(Server, FaultProxy)>,
    _plain: FaultProxy,
}

impl Rows {
    /// Servers with rows in them, proxies before them, a client over both. It shares its evidence through `registry`.
    pub(crate) async fn start(
        flags: &Flags,
        course: &Course,
        timeline: &Timeline,
        registry: &Registry,
    ) -> Result<Self, Box<dyn Error>> {
        let mut servers = Vec::new();
        let mut builder = KvClient::builder()
            .replication(Replication::write_once())
            .registry(registry.clone());
        if flags.events {
            builder = builder.on_event(super::progress::event);
        }
        let places = course.places().into_iter().zip(course::DISTANCES).take(PLACES);
        for (place, distance) in places {
            let place = beside(place.profile());
            let server = Server::start().await?;
            fill(&server, place.profile()).await?;
            let proxy = FaultProxy::bind(server.addr, place.profile().clone(), timeline.clone()).await?;
            proxy.set_distance(Duration::from_millis(distance));
            let client = sdk(proxy.addr().port(), place.profile(), timeline)?;
            builder = builder.endpoint(place.map(|()| DynamoDb::new(client, TABLE)));
            servers.push((server, proxy));
        }
        let client = builder.build()?;
        if !client.warm_up().await.is_complete() {
            return Err("not every table answered before the start".into());
        }

        let [primary, ..] = course.places();
        let proxy = FaultProxy::bind(servers[0].0.addr, primary.profile().clone(), timeline.clone()).await?;
        proxy.set_distance(Duration::from_millis(course::DISTANCES[0]));
        let plain = sdk(proxy.addr().port(), primary.profile(), timeline)?;
        plain.describe_table().table_name(PLAIN_TABLE).send().await?;
        Ok(Self {
            evenkeel: EvenkeelRows(client),
            plain: PlainRows {
                client: plain,
                table: PLAIN_TABLE,
            },
            _servers: servers,
            _plain: proxy,
        })
    }
}

/// Another service at the same place: one failure domain.
fn beside(place: &Profile) -> Endpoint<()> {
    Endpoint::new(course::table(place.name()), ())
        .provider(place.provider().unwrap_or_default())
        .region(place.region().unwrap_or_default())
}

fn sdk(port: u16, profile: &Profile, timeline: &Timeline) -> Result<Client, Box<dyn Error>> {
    let region = profile.region().unwrap_or("us-east-1").to_owned();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://dynamodb.{region}.replay.test:{port}"))
        .region(Region::new(region))
        .credentials_provider(Credentials::new("replay", "replay", None, None, "replay"))
        .http_client(real::http(profile, timeline)?)
        .build();
    Ok(Client::from_conf(config))
}

/// Makes both tables and puts the rows into them that will be read, around the proxy.
async fn fill(server: &Server, profile: &Profile) -> Result<(), Box<dyn Error>> {
    let client = sdk(server.addr.port(), profile, &Timeline::idle())?;
    for table in [TABLE, PLAIN_TABLE] {
        let attribute = AttributeDefinition::builder().attribute_name("key");
        let key = KeySchemaElement::builder()
            .attribute_name("key")
            .key_type(KeyType::Hash);
        let create = client.create_table().table_name(table).key_schema(key.build()?);
        let create = create.attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build()?);
        create.billing_mode(BillingMode::PayPerRequest).send().await?;
        let numbers: Vec<_> = (0..load::SEEDED).collect();
        for some in numbers.chunks(BATCH) {
            let mut writes = Vec::new();
            for number in some {
                let key = load::row(&load::seeded(*number));
                let value = AttributeValue::B(Blob::new(load::body(&key)));
                let put = PutRequest::builder()
                    .item("key", AttributeValue::S(key))
                    .item("value", value);
                writes.push(WriteRequest::builder().put_request(put.build()?).build());
            }
            client.batch_write_item().request_items(table, writes).send().await?;
        }
    }
    Ok(())
}

/// A server that speaks DynamoDB's protocol, inside this process. Ends with this.
struct Server {
    addr: SocketAddr,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let tables = Database::memory()?;
        let mut serving = JoinSet::new();
        serving.spawn(dynoxide::server::serve_on(listener, tables));
        Ok(Self {
            addr,
            _serving: serving,
        })
    }
}
