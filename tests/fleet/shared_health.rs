//! Trouble next door: evidence travels within a provider's region, and condemns nobody.

use crate::store::{Store as ObjectStore, Trouble};
use evenkeel::{
    Endpoint, Failover, ObjectClient,
    endpoint::{Host, Role},
    provider::ObjectProvider,
    request::OpClass,
    stack::breaker::Registry,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

#[derive(Clone, Default)]
struct Store {
    down: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Store {
    async fn get(self) -> Result<(), io::Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.down.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }

    fn down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
    }
}

/// A client of one service in Virginia, with a standby in Ireland.
fn service(provider: &str, registry: &Registry) -> (Failover<Store>, Store) {
    let virginia = Store::default();
    let client = Failover::builder()
        .endpoint(
            Endpoint::new("virginia", virginia.clone())
                .provider(provider)
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("ireland", Store::default())
                .provider(provider)
                .region("eu-west-1"),
        )
        .registry(registry.clone())
        .seed(1)
        .build()
        .unwrap();
    (client, virginia)
}

async fn reads(client: &Failover<Store>, count: u32) {
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(200)).await;
        client.read(Store::get).await.unwrap();
    }
}

/// How many calls a dying endpoint gets before it is left.
async fn touched_before_left(client: &Failover<Store>, virginia: &Store) -> u32 {
    virginia.down(true);
    while client.snapshot().endpoints[0].classes[OpClass::Read.index()]
        .breaker
        .as_str()
        == "closed"
    {
        reads(client, 1).await;
    }
    virginia.calls.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn dead_tables_halve_the_faults_their_neighbour_may_have() {
    let registry = Registry::new();
    let (tables, tables_virginia) = service("aws", &registry);
    let (objects, objects_virginia) = service("aws", &registry);
    reads(&tables, 20).await;
    reads(&objects, 20).await;
    assert_eq!(touched_before_left(&tables, &tables_virginia).await, 3);
    assert_eq!(touched_before_left(&objects, &objects_virginia).await, 2);
}

#[tokio::test(start_paused = true)]
async fn healthy_neighbours_lose_no_traffic() {
    let registry = Registry::new();
    let (tables, tables_virginia) = service("aws", &registry);
    let (objects, objects_virginia) = service("aws", &registry);
    reads(&tables, 20).await;
    reads(&objects, 20).await;
    touched_before_left(&tables, &tables_virginia).await;
    objects_virginia.down(false);
    reads(&objects, 50).await;
    assert_eq!(objects_virginia.calls.load(Ordering::Relaxed), 50);
    // A success has ended the wariness.
    assert_eq!(touched_before_left(&objects, &objects_virginia).await, 3);
}

#[tokio::test(start_paused = true)]
async fn equal_region_names_of_two_clouds_make_no_neighbours() {
    let registry = Registry::new();
    let (tables, tables_virginia) = service("aws", &registry);
    let (objects, objects_virginia) = service("other", &registry);
    reads(&tables, 20).await;
    reads(&objects, 20).await;
    touched_before_left(&tables, &tables_virginia).await;
    assert_eq!(touched_before_left(&objects, &objects_virginia).await, 3);
}

#[tokio::test(start_paused = true)]
async fn old_evidence_is_forgotten() {
    let registry = Registry::new();
    let (tables, tables_virginia) = service("aws", &registry);
    let (objects, objects_virginia) = service("aws", &registry);
    reads(&tables, 20).await;
    reads(&objects, 20).await;
    touched_before_left(&tables, &tables_virginia).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(touched_before_left(&objects, &objects_virginia).await, 3);
}

#[tokio::test(start_paused = true)]
async fn an_idle_neighbour_is_probed_as_soon_as_trouble_starts() {
    for dead in [true, false] {
        let registry = Registry::new();
        let (tables, tables_virginia) = service("aws", &registry);
        let virginia = Store::default();
        let objects = Failover::builder()
            .endpoint(
                Endpoint::new("virginia", virginia.clone())
                    .provider("aws")
                    .region("us-east-1"),
            )
            .endpoint(Endpoint::new("ireland", Store::default()))
            .registry(registry)
            .probe(Store::get)
            .build()
            .unwrap();
        reads(&tables, 20).await;
        virginia.down(dead);
        touched_before_left(&tables, &tables_virginia).await;
        assert_eq!(virginia.calls.load(Ordering::Relaxed), 0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let breaker = objects.snapshot().endpoints[0].classes[OpClass::Read.index()]
            .breaker
            .as_str();
        let probes = virginia.calls.load(Ordering::Relaxed);
        // Two faults are enough here; one that is well is asked once and not condemned.
        assert_eq!((breaker, probes), if dead { ("open", 2) } else { ("closed", 1) });
    }
}

/// Two clients of one bucket, as they say themselves: what the first has left the second leaves, and spends no faults of its own.
#[tokio::test(start_paused = true)]
async fn clients_that_name_the_same_host_share_health() {
    let registry = Registry::new();
    let virginia = Store::default();
    let client = || {
        let pair = [
            ("virginia", virginia.clone(), "us-east-1"),
            ("ireland", Store::default(), "eu-west-1"),
        ];
        let endpoints = pair.map(|(name, store, region)| {
            let host = format!("bucket.s3.{region}.amazonaws.com");
            let endpoint = Endpoint::new(name, store).provider("aws").region(region);
            endpoint.depends_on(host, Role::Data)
        });
        let builder = Failover::builder().endpoints(endpoints);
        builder.registry(registry.clone()).seed(1).build().unwrap()
    };
    let (busy, quiet) = (client(), client());
    reads(&busy, 20).await;
    touched_before_left(&busy, &virginia).await;
    virginia.down(true);
    quiet.read(Store::get).await.unwrap();
    assert!(virginia.calls.load(Ordering::Relaxed) <= 1);
    let starting = client();
    virginia.down(true);
    starting.read(Store::get).await.unwrap();
    assert!(
        virginia.calls.load(Ordering::Relaxed) <= 1,
        "one that starts later, too"
    );
    // It is no verdict for ever: each finds out by itself that it is back.
    virginia.down(false);
    tokio::time::sleep(Duration::from_secs(5)).await;
    reads(&quiet, 60).await;
    assert!(virginia.calls.load(Ordering::Relaxed) > 10);
}

/// A bucket that says where it is, as the adapters of SDKs do.
struct Bucket {
    at: &'static str,
    store: ObjectStore,
}

impl ObjectProvider for Bucket {
    objects_through!(self.store: put get head delete list);

    fn hosts(&self) -> Option<Vec<Host>> {
        Some(vec![Host::from(self.at)])
    }
}

/// Nobody declares anything: the adapters say where they are.
#[tokio::test(start_paused = true)]
async fn clients_with_adapters_at_the_same_host_share_health() {
    let registry = Registry::new();
    let client = |at| {
        let store = ObjectStore::new();
        let bucket = Bucket {
            at,
            store: store.clone(),
        };
        let virginia = Endpoint::new("virginia", bucket).provider("aws").region("us-east-1");
        let client = ObjectClient::builder()
            .endpoint(virginia)
            .endpoint(Endpoint::new("ireland", ObjectStore::new()).read_only())
            .registry(registry.clone())
            .seed(1)
            .build();
        (client.unwrap(), store)
    };
    let (busy, down) = client("photos.example");
    let (quiet, _) = client("PHOTOS.example:443");
    let (other, _) = client("videos.example");
    down.always(Trouble::Refused);
    for _ in 0..20 {
        let _ = busy.get("k").await;
    }
    assert_eq!([&busy, &quiet, &other].map(of_virginia), ["open", "open", "closed"]);
}

fn of_virginia(client: &ObjectClient) -> &'static str {
    client.snapshot().endpoints[0].classes[OpClass::Read.index()]
        .breaker
        .as_str()
}

fn at(place: &'static str, name: &'static str, store: &ObjectStore) -> Endpoint<Bucket> {
    let bucket = Bucket {
        at: place,
        store: store.clone(),
    };
    Endpoint::new(name, bucket).provider("minio").region("here")
}

fn breakers(client: &ObjectClient) -> Vec<&'static str> {
    let endpoints = client.snapshot().endpoints;
    let state =
        |endpoint: &evenkeel::ops::snapshot::EndpointSnapshot| endpoint.classes[OpClass::Read.index()].breaker.as_str();
    endpoints.iter().map(state).collect()
}

/// What one client reaches by one host it sees for itself, also of an endpoint that it has not asked yet.
#[tokio::test(start_paused = true)]
async fn two_endpoints_of_one_client_at_one_host_are_judged_apart() {
    let dead = ObjectStore::new();
    let client = ObjectClient::builder()
        .endpoint(at("minio.example", "dead", &dead))
        .endpoint(at("other.example", "used", &ObjectStore::new()).read_only())
        .endpoint(at("minio.example", "idle", &ObjectStore::new()).read_only())
        .probes(evenkeel::ops::probe::ProbeSettings::off())
        .build()
        .unwrap();
    dead.always(Trouble::Reset);
    for _ in 0..20 {
        let _ = client.get("k").await;
    }
    assert_eq!(breakers(&client), ["open", "closed", "closed"]);
}

/// Another client has left the host, and this one's standby is out: what is left is not left.
#[tokio::test(start_paused = true)]
async fn the_last_endpoint_is_not_left_on_another_clients_verdict() {
    let registry = Registry::new();
    let client = |home: &ObjectStore, standby: &ObjectStore| {
        ObjectClient::builder()
            .endpoint(at("minio.example", "home", home))
            .endpoint(at("other.example", "standby", standby).read_only())
            .registry(registry.clone())
            .probes(evenkeel::ops::probe::ProbeSettings::off())
            .build()
            .unwrap()
    };
    let (dead, out) = (ObjectStore::new(), ObjectStore::new());
    let (dying, alone) = (client(&dead, &ObjectStore::new()), client(&ObjectStore::new(), &out));
    out.always(Trouble::Reset);
    for _ in 0..20 {
        let _ = alone.get("k").pin("standby").await;
    }
    assert_eq!(breakers(&alone), ["closed", "open"]);
    dead.always(Trouble::Reset);
    for _ in 0..20 {
        let _ = dying.get("k").await;
    }
    assert_eq!((breakers(&dying)[0], breakers(&alone)[0]), ("open", "closed"));
}

/// This host's network is gone, and comes back: that is nobody's fault, and the primary has its calls at once.
#[tokio::test(start_paused = true)]
async fn an_endpoint_is_not_left_while_the_network_is_down() {
    for per_second in [5, 200] {
        let (home, standby) = (ObjectStore::new(), ObjectStore::new());
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("home", home.clone()))
            .endpoint(Endpoint::new("standby", standby.clone()).read_only())
            .build()
            .unwrap();
        client.put("k", "v").await.unwrap();
        let get = || async {
            tokio::time::sleep(Duration::from_secs(1) / per_second).await;
            client.get("k").await
        };
        for _ in 0..per_second * 10 {
            get().await.unwrap();
        }
        for store in [&home, &standby] {
            store.always(Trouble::Refused);
        }
        for _ in 0..per_second * 20 {
            assert!(get().await.is_err());
        }
        assert_eq!(
            client.snapshot().endpoints[0].classes[OpClass::Read.index()]
                .breaker
                .as_str(),
            "closed"
        );
        for store in [&home, &standby] {
            store.always(Trouble::None);
        }
        home.forget();
        get().await.unwrap();
        assert_eq!(home.log(), ["get"]);
        // The standby is reached again: what the home fails is its own fault.
        home.always(Trouble::Refused);
        home.forget();
        for _ in 0..per_second * 20 {
            get().await.ok();
        }
        assert!(home.log().len() < 80, "{} at {per_second}/s", home.log().len());
    }
}

/// Nobody calls, and nobody can be reached: the probes become fewer, as with any outage, and the service is not ready.
#[tokio::test(start_paused = true)]
async fn an_idle_client_without_a_network_probes_rarely() {
    let (home, standby) = (ObjectStore::new(), ObjectStore::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .endpoint(Endpoint::new("standby", standby.clone()).read_only())
        .build()
        .unwrap();
    client.put("k", "v").await.unwrap();
    for store in [&home, &standby] {
        store.always(Trouble::Refused);
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(client.snapshot().viable(OpClass::Read).count(), 0);
    for store in [&home, &standby] {
        store.forget();
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    let asked = [&home, &standby].map(|store| store.asked());
    assert!(asked.iter().all(|asked| *asked < 60), "{asked:?} in ten minutes");
}

/// Under traffic no breaker opens for it, and the snapshot says it all the same.
#[tokio::test(start_paused = true)]
async fn a_client_without_a_reachable_endpoint_is_not_viable() {
    let (home, standby) = (ObjectStore::new(), ObjectStore::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("home", home.clone()))
        .endpoint(Endpoint::new("standby", standby.clone()).read_only())
        .probes(evenkeel::ops::probe::ProbeSettings::off())
        .build()
        .unwrap();
    client.put("k", "v").await.unwrap();
    assert_eq!(client.snapshot().viable(OpClass::Read).count(), 2);
    for store in [&home, &standby] {
        store.always(Trouble::Refused);
    }
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(client.get("k").await.is_err());
    }
    let snapshot = client.snapshot();
    assert_eq!(snapshot.viable(OpClass::Read).count(), 0, "{snapshot}");
    assert_eq!(of_virginia(&client), "closed");
}

/// Two buckets of one host: one is dead for an hour, and the other, which is asked rarely, is well.
#[tokio::test(start_paused = true)]
async fn a_dead_neighbour_does_not_keep_reopening_a_healthy_one() {
    let registry = Registry::new();
    let client = |standby: &ObjectStore| {
        let store = ObjectStore::new();
        let bucket = Bucket {
            at: "minio.example",
            store: store.clone(),
        };
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("home", bucket).provider("minio").region("here"))
            .endpoint(Endpoint::new("standby", standby.clone()).read_only())
            .registry(registry.clone())
            .seed(1)
            .build();
        (client.unwrap(), store)
    };
    let ((dying, dead), (quiet, well)) = (client(&ObjectStore::new()), client(&ObjectStore::new()));
    quiet.put("k", "v").await.unwrap();
    dead.always(Trouble::Reset);
    let mut closed = 0;
    for _ in 0..400 {
        tokio::time::sleep(Duration::from_secs(7)).await;
        let _ = dying.get("k").await;
        quiet.get("k").await.unwrap();
        closed += u32::from(of_virginia(&quiet) == "closed");
    }
    assert!(closed >= 390, "closed at {closed} of 400; {} asked", well.asked());
}
