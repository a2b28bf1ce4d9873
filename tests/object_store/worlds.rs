//! The clients that the tests are run at. Each is fresh.

#[cfg(feature = "s3")]
use crate::s3s_server::{self, Server};
use crate::store::{Store, Trouble};
#[cfg(feature = "s3")]
use evenkeel::provider::S3;
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    client::{ObjectClientBuilder, object_store::FailoverStore},
    provider::{Capabilities, Capability, Memory, PartRule},
    stack::retry::Budget,
};
use std::{any::Any, time::Duration};
use tokio::task::JoinHandle;

/// How long an endpoint that flaps is up, and how long it is down.
const FLAP: Duration = Duration::from_millis(200);

/// A store, and whatever goes on beside it.
pub(crate) struct World {
    pub(crate) store: FailoverStore,
    _beside: Vec<Box<dyn Any + Send>>,
}

struct Flapping(JoinHandle<()>);

impl Drop for Flapping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes the store away and gives it back for ever, in a different way each time.
fn flap(store: &Store, troubles: &'static [Trouble]) -> Flapping {
    let store = store.clone();
    Flapping(tokio::spawn(async move {
        for trouble in troubles.iter().copied().cycle() {
            tokio::time::sleep(FLAP).await;
            store.always(trouble);
            tokio::time::sleep(FLAP).await;
            store.heal();
        }
    }))
}

/// A store that answers after a while, so that a test sees it come and go a few times.
fn slow() -> Memory {
    Memory::new().with_latency(Duration::from_millis(5)..Duration::from_millis(25), 7)
}

/// A store whose listings show stamps. The ETag of an object is then the same at all endpoints that have it.
pub(crate) fn stamped(memory: Memory) -> Store {
    let all = Capabilities::all(Capability::Kept).with_copy();
    let all = all.with_parts(PartRule::S3.lengths(0, u64::MAX));
    Store::on(memory.with_capabilities(all.with_listed_ids()))
}

fn world(client: ObjectClientBuilder) -> World {
    World {
        store: FailoverStore::new(client.seed(7).build().unwrap()),
        _beside: Vec::new(),
    }
}

impl World {
    fn with(mut self, beside: impl Any + Send) -> Self {
        self._beside.push(Box::new(beside));
        self
    }

    fn once(mut self) -> Self {
        self.store = self.store.overwrite_as_create();
        self
    }
}

pub(crate) async fn one() -> World {
    world(ObjectClient::builder().endpoint(Endpoint::new("home", Store::new())))
}

/// A home, and two copies to which nothing is ever carried.
fn managed(home: &Store, copy: &Store, other: &Store) -> World {
    world(builder(home, copy, other))
}

pub(crate) fn builder(home: &Store, copy: &Store, other: &Store) -> ObjectClientBuilder {
    let endpoint = |name: &'static str, store: &Store| Endpoint::new(name, store.clone());
    ObjectClient::builder()
        .endpoint(endpoint("home", home))
        .endpoint(endpoint("copy", copy).read_only())
        .endpoint(endpoint("other", other).read_only())
        .replication(Replication::provider_managed().home("home"))
}

pub(crate) async fn three() -> World {
    managed(&Store::new(), &Store::new(), &Store::new())
}

pub(crate) async fn three_with_stamps() -> World {
    let [home, copy, other] = [(); 3].map(|()| stamped(Memory::new()));
    managed(&home, &copy, &other)
}

pub(crate) async fn a_copy_is_dead() -> World {
    let dead = Store::new();
    dead.always(Trouble::Refused);
    managed(&Store::new(), &dead, &Store::new())
}

pub(crate) async fn a_copy_flaps() -> World {
    let copy = Store::new();
    managed(&Store::on(slow()), &copy, &Store::new()).with(flap(
        &copy,
        &[
            Trouble::Refused,
            Trouble::Reset,
            Trouble::Hang,
            Trouble::Code("InternalError"),
        ],
    ))
}

/// The home and its copy are two ways to one store.
pub(crate) async fn the_home_flaps() -> World {
    let home = stamped(slow());
    let twin = Store::on(home.memory.clone());
    let client = builder(&home, &twin, &twin);
    world(client.budget(Budget::new(10.0, 100.0))).with(flap(&home, &[Trouble::Refused, Trouble::Code("SlowDown")]))
}

pub(crate) async fn write_once_at_one() -> World {
    world(
        ObjectClient::builder()
            .endpoint(Endpoint::new("only", Store::new()))
            .replication(Replication::write_once()),
    )
    .once()
}

pub(crate) async fn write_once_at_three() -> World {
    let endpoint = |name: &'static str| Endpoint::new(name, Store::new());
    let names = ["first", "second", "third"];
    world(
        ObjectClient::builder()
            .endpoints(names.map(endpoint))
            .replication(Replication::write_once()),
    )
    .once()
}

/// A bucket at a server for S3 over real sockets, and another server over the same bucket.
#[cfg(feature = "s3")]
pub(crate) async fn s3_and_its_replica() -> World {
    let (client, home, copy) = s3().await;
    world(client).with(home).with(copy)
}

#[cfg(feature = "s3")]
pub(crate) async fn s3_whose_replica_is_killed() -> World {
    let (client, home, copy) = s3().await;
    drop(copy);
    world(client).with(home)
}

#[cfg(feature = "s3")]
async fn s3() -> (ObjectClientBuilder, Server, Server) {
    let home = s3s_server::start(&["orders"]).await;
    let copy = home.copy().await;
    let at = |server: &Server| {
        let client = aws_sdk_s3::Client::from_conf(server.config().build());
        S3::new(client, "orders").trusting_all_conditions()
    };
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", at(&home)))
        .endpoint(Endpoint::new("copy", at(&copy)).read_only());
    (client, home, copy)
}
