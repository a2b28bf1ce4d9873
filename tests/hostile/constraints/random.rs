//! Clients drawn by chance, and everything that can be done with them.

use super::counted::{Counted, Manner};
use crate::promise::{self, Promise};
use evenkeel::{
    Endpoint, Failover, KvClient, ObjectClient, Replication,
    backfill::Backfill,
    client::failover::Op,
    endpoint::Constraints,
    ops::{
        operator::{Operator, Selector},
        probe,
    },
    provider::{Memory, MemoryTable, ObjectProvider},
    request::{Call, CallRecord, Key, OpClass, Safety, WriteId, kv, object},
};
use fastrand::Rng;
use futures_util::StreamExt;
use libtest_mimic::Trial;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};
use tower::ServiceExt;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Constraint.paused(
            "constraints::no_door_of_an_object_client_leads_to_a_barred_endpoint",
            || drawn(0, &OBJECTS, objects),
        ),
        Promise::Constraint.paused("constraints::no_door_of_a_kv_client_leads_to_a_barred_endpoint", || {
            drawn(1, &VALUES, values)
        }),
        Promise::Constraint.paused("constraints::no_door_of_a_failover_leads_to_a_barred_endpoint", || {
            drawn(2, &CLOSURES, closures)
        }),
        Promise::Constraint.paused("constraints::no_backfill_asks_a_barred_endpoint", || {
            drawn(3, &["backfill"], backfills)
        }),
    ]
}

/// How often each door led to an endpoint that may be asked.
type Reached = BTreeMap<&'static str, usize>;

/// Many clients. `doors`: each must have led somewhere, or nothing was shown of it.
async fn drawn<F: Future<Output = Reached>>(number: u64, doors: &[&'static str], case: impl Fn(Rng) -> F) {
    let mut reached = Reached::new();
    for round in 0..promise::rounds(60) as u64 {
        Promise::Constraint.tried();
        let seed = promise::seed().wrapping_add(round * 4 + number);
        // Printed only where the trial fails.
        println!("case {seed}");
        for (door, times) in case(Rng::with_seed(seed)).await {
            *reached.entry(door).or_default() += times;
        }
    }
    for door in doors {
        let times = reached.get(door).copied().unwrap_or_default();
        assert!(
            times >= LEAST,
            "{door} led to a permitted endpoint {times} times: {reached:?}"
        );
    }
    let unknown: Vec<_> = reached.keys().filter(|door| !doors.contains(door)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// In sixty rounds; at a dozen seeds no door had fewer than twice as many.
const LEAST: usize = 5;

const HOUR: Duration = Duration::from_secs(3_600);
const PLACES: [&str; 4] = ["DE", "FR", "US", "IE"];

/// What a client may use. The test's own reckoning of it.
#[derive(Clone, Debug)]
struct Terms {
    locations: Option<BTreeSet<&'static str>>,
    excluded: BTreeSet<&'static str>,
}

/// One endpoint, as drawn.
#[derive(Clone, Debug)]
struct Place {
    location: Option<&'static str>,
    jurisdictions: Option<Vec<&'static str>>,
    tier: Option<u8>,
    read_only: bool,
}

impl Terms {
    fn drawn(rng: &mut Rng) -> Self {
        let mut some = |least: usize| -> BTreeSet<_> {
            let more = PLACES.into_iter().filter(|_| rng.bool()).collect::<BTreeSet<_>>();
            if more.len() < least { ["DE"].into() } else { more }
        };
        let (locations, excluded) = (some(1), some(0));
        match rng.u8(..3) {
            0 => Self {
                locations: Some(locations),
                excluded: BTreeSet::new(),
            },
            1 => Self {
                locations: None,
                excluded,
            },
            _ => Self {
                locations: Some(locations),
                excluded,
            },
        }
    }

    fn permit(&self, place: &Place) -> bool {
        let here = |places: &BTreeSet<_>| place.location.is_some_and(|location| places.contains(location));
        let reached = match &place.jurisdictions {
            None => !self.excluded.is_empty(),
            Some(laws) => laws.iter().any(|law| self.excluded.contains(law)),
        };
        self.locations.as_ref().is_none_or(here) && !reached
    }
}

impl Place {
    fn drawn(rng: &mut Rng) -> Self {
        let place = |rng: &mut Rng| PLACES[rng.usize(..PLACES.len())];
        Self {
            location: (rng.u8(..5) > 0).then(|| place(rng)),
            jurisdictions: (rng.u8(..5) > 0).then(|| (0..rng.u8(..3)).map(|_| place(rng)).collect()),
            tier: rng.bool().then(|| rng.u8(..3)),
            read_only: rng.u8(..4) == 0,
        }
    }

    fn endpoint<C>(&self, name: &'static str, client: C) -> Endpoint<C> {
        let mut endpoint = Endpoint::new(name, client).provider("one");
        if let Some(location) = self.location {
            endpoint = endpoint.location(location);
        }
        if let Some(jurisdictions) = &self.jurisdictions {
            endpoint = endpoint.jurisdictions(jurisdictions.clone());
        }
        if let Some(tier) = self.tier {
            endpoint = endpoint.tier(tier);
        }
        match self.read_only {
            true => endpoint.read_only(),
            false => endpoint,
        }
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Two to five endpoints, of which at least one may be used; its place is drawn, too.
struct Drawn<C> {
    terms: Terms,
    endpoints: Vec<Endpoint<Counted<C>>>,
    /// With what each may not be asked.
    barred: Vec<Counted<C>>,
    permitted: Vec<Counted<C>>,
    /// Where those stand.
    may: Vec<usize>,
    reached: Reached,
    writable: usize,
}

impl<C: Clone> Drawn<C> {
    fn new(rng: &mut Rng, store: impl Fn() -> C) -> Self {
        let terms = Terms::drawn(rng);
        let mut places: Vec<_> = (0..rng.usize(2..6)).map(|_| Place::drawn(rng)).collect();
        if !places.iter().any(|place| terms.permit(place)) {
            let at = rng.usize(..places.len());
            let location = terms.locations.as_ref().and_then(|all| all.first()).copied();
            (places[at].location, places[at].jurisdictions) = (location, Some(Vec::new()));
        }
        let mut drawn = Self {
            terms,
            endpoints: Vec::new(),
            barred: Vec::new(),
            permitted: Vec::new(),
            may: Vec::new(),
            reached: Reached::new(),
            writable: 0,
        };
        for (place, name) in places.iter().zip(NAMES) {
            let permitted = drawn.terms.permit(place);
            // A barred one is well, so that nobody is kept away by its trouble.
            let manner = match permitted {
                true if rng.bool() => Manner::ALL[rng.usize(..Manner::ALL.len())],
                _ => Manner::Well,
            };
            let counted = Counted::new(store(), manner);
            match permitted {
                true => {
                    drawn.writable += usize::from(!place.read_only);
                    drawn.permitted.push(counted.clone());
                    drawn.may.push(drawn.endpoints.len());
                }
                false => drawn.barred.push(counted.clone()),
            }
            drawn.endpoints.push(place.endpoint(name, counted));
        }
        drawn
    }

    fn assert_unasked(&self, door: &str) {
        for store in &self.barred {
            assert_eq!(store.requests(), 0, "{door} led to a barred endpoint: {:?}", self.terms);
        }
    }

    /// Requests to those that may be asked.
    fn asked(&self) -> usize {
        self.permitted.iter().map(Counted::requests).sum()
    }

    /// One has gone through this door. `before`: what was asked until then.
    fn passed(&mut self, door: &'static str, before: usize) {
        self.assert_unasked(door);
        let led_somewhere = self.asked() > before;
        *self.reached.entry(door).or_default() += usize::from(led_somewhere);
    }
}

macro_rules! constrained {
    ($builder:expr, $terms:expr) => {{
        let mut builder = $builder;
        if let Some(locations) = &$terms.locations {
            builder = builder.only_locations(locations.iter().copied());
        }
        for law in &$terms.excluded {
            builder = builder.not_under_jurisdiction_of(*law);
        }
        builder
    }};
}

macro_rules! pinned {
    ($call:expr, $pin:expr) => {{
        let call = $call;
        match $pin {
            Some(pin) => call.pin(pin),
            None => call,
        }
    }};
}

fn probes(rng: &mut Rng) -> probe::ProbeSettings {
    let mut probes = probe::ProbeSettings::default();
    probes.idle = rng.bool().then_some(Duration::from_secs(1));
    probes.writes = rng.bool();
    probes
}

/// A record as no client would make it.
fn record(rng: &mut Rng) -> CallRecord {
    let class = OpClass::ALL[rng.usize(..3)];
    let safety = [Safety::ReadOnly, Safety::Idempotent, Safety::Once][rng.usize(..3)];
    CallRecord::new(class, safety)
        .pinned(rng.bool().then(|| rng.usize(..6)))
        .barring(if rng.bool() { rng.u64(..) } else { 0 })
}

fn order(operator: &Operator, rng: &mut Rng) {
    let selector = match rng.u8(..4) {
        0 => Selector::provider("one"),
        _ => Selector::endpoint(NAMES[rng.usize(..NAMES.len())]),
    };
    let proposal = match rng.u8(..4) {
        0 => operator.drain(selector, "by chance", HOUR),
        1 => operator.force(selector, "by chance", HOUR),
        2 => operator.freeze_failback(selector, "by chance", HOUR),
        _ => operator.shadow(selector, "by chance", HOUR),
    };
    let _ = proposal.apply_regardless();
}

/// Streams and uploads have no deadline of their own.
const SHORT: Duration = Duration::from_secs(2);

fn name(rng: &mut Rng) -> &'static str {
    NAMES[rng.usize(..NAMES.len())]
}

const OBJECTS: [&str; 22] = [
    "put",
    "get",
    "get_stream",
    "put_stream",
    "upload",
    "copy",
    "rename",
    "delete_many",
    "sweep_uploads",
    "presign",
    "head",
    "delete",
    "list",
    "verify",
    "warm_up",
    "service",
    "overwrite",
    "fenced put",
    "if_match",
    "delete if_match",
    "fenced delete",
    "a probe",
];

/// A tag that was seen, or one that is made up, under the name of any endpoint.
async fn tag(client: &ObjectClient, key: &str, rng: &mut Rng) -> object::ETag {
    let seen = match rng.u8(..4) > 0 {
        true => {
            let _ = client.put(key, "body").await;
            client.head(key).await.ok().and_then(|head| head.etag().cloned())
        }
        false => None,
    };
    seen.unwrap_or_else(|| object::ETag::new("\"made-up\"", name(rng)))
}

async fn objects(mut rng: Rng) -> Reached {
    let mut drawn = Drawn::new(&mut rng, Memory::new);
    let mut builder = ObjectClient::builder()
        .endpoints(drawn.endpoints.clone())
        .seed(rng.u64(..))
        .deadline(Duration::from_secs(2))
        .probes(probes(&mut rng));
    builder = match drawn.writable {
        0 => builder,
        1 if rng.bool() => builder,
        _ if rng.bool() => builder.replication(Replication::provider_managed()),
        _ => builder.replication(Replication::write_once()),
    };
    if rng.bool() {
        builder = builder.layer(tower::limit::ConcurrencyLimitLayer::new(2));
    }
    if rng.bool() {
        builder = builder.endpoint_layer(|_| tower::limit::ConcurrencyLimitLayer::new(2));
    }
    if rng.u8(..4) == 0 {
        builder = builder.fenced();
    }
    let client = constrained!(builder, drawn.terms).build().unwrap();
    for _ in 0..30 {
        let rng = &mut rng;
        let key = format!("key/{}", rng.u8(..4));
        let pin = rng.bool().then(|| name(rng));
        let door = OBJECTS[rng.usize(..OBJECTS.len() - 1)];
        if rng.u8(..8) == 0 {
            order(&client.operator(), rng);
        }
        let tag = match door {
            "if_match" | "delete if_match" => Some(tag(&client, &key, rng).await),
            _ => None,
        };
        let before = drawn.asked();
        match (door, tag) {
            ("put", _) => drop(pinned!(client.put(key, "body"), pin).await),
            ("get", _) => drop(pinned!(client.get(key), pin).await),
            ("get_stream", _) => {
                if let Ok(download) = pinned!(client.get_stream(key).part_size(2).deadline(SHORT), pin).await {
                    let _ = download.collect::<Vec<_>>().await;
                }
            }
            ("put_stream", _) => {
                let parts = vec![7; 200];
                drop(pinned!(client.put_stream(key, parts).part_size(64).deadline(SHORT), pin).await);
            }
            ("upload", _) => {
                if let Ok(mut upload) = pinned!(client.upload(key).deadline(SHORT), pin).await {
                    drop(upload.part("body").await);
                    drop(match rng.bool() {
                        true => upload.complete().await.map(drop),
                        false => upload.abort().await,
                    });
                }
            }
            ("copy", _) => drop(pinned!(client.copy(key, "key/copy").overwrite(), pin).await),
            ("rename", _) => drop(pinned!(client.rename(key, "key/copy").overwrite(), pin).await),
            ("delete_many", _) => drop(client.delete_many([key]).await),
            ("sweep_uploads", _) => drop(client.sweep_uploads(Duration::from_secs(3_600)).await),
            ("presign", _) => {
                let method = [object::PresignMethod::Get, object::PresignMethod::Put][rng.usize(..2)];
                drop(pinned!(client.presign(key, method, HOUR), pin).await);
            }
            ("head", _) => drop(pinned!(client.head(key), pin).await),
            ("delete", _) => drop(pinned!(client.delete(key).only_locations(PLACES), pin).await),
            ("list", _) => drop(pinned!(client.list("key/"), pin).collect_all().await),
            ("verify", _) => drop(client.verify().await),
            ("warm_up", _) => drop(client.warm_up().await),
            ("overwrite", _) => drop(pinned!(client.put(key, "body").overwrite(), pin).await),
            ("fenced put", _) => drop(pinned!(client.put(key, "body").overwrite().fenced(), pin).await),
            ("if_match", Some(tag)) => drop(pinned!(client.put(key, "body").if_match(tag), pin).await),
            ("delete if_match", Some(tag)) => drop(pinned!(client.delete(key).if_match(tag), pin).await),
            ("fenced delete", _) => drop(pinned!(client.delete(key).fenced(), pin).await),
            _ => {
                let key = Key::new(key).unwrap();
                let request = match rng.u8(..4) {
                    0 => object::ObjectRequest::Put(object::Put::new(key, "body")),
                    1 => object::ObjectRequest::Get(object::Get::new(key)),
                    2 => object::ObjectRequest::Delete(object::Delete::new(key)),
                    _ => object::ObjectRequest::List(object::List::default()),
                };
                drop(client.service().oneshot(Call::on_record(request, record(rng))).await);
            }
        }
        drawn.passed(door, before);
        let before = drawn.asked();
        tokio::time::sleep(Duration::from_millis(rng.u64(..900))).await;
        drawn.passed("a probe", before);
    }
    drawn.reached
}

const VALUES: [&str; 16] = [
    "put",
    "get",
    "put_if_absent",
    "delete",
    "scan",
    "increment",
    "warm_up",
    "get_many",
    "put_many",
    "service",
    "fenced put",
    "fenced delete",
    "compare_and_set",
    "delete_if",
    "eventual get",
    "a probe",
];

/// A version that was seen, or one that is made up, under the name of any endpoint.
async fn version(client: &KvClient, key: &str, rng: &mut Rng) -> kv::Version {
    let seen = match rng.u8(..4) > 0 {
        true => {
            let _ = client.put(key, "value").await;
            client.get(key).await.ok().map(|got| got.version().clone())
        }
        false => None,
    };
    seen.unwrap_or_else(|| kv::Version::new("made-up", name(rng)))
}

async fn values(mut rng: Rng) -> Reached {
    let mut drawn = Drawn::new(&mut rng, MemoryTable::new);
    let mut builder = KvClient::builder()
        .endpoints(drawn.endpoints.clone())
        .seed(rng.u64(..))
        .deadline(Duration::from_secs(2))
        .probes(probes(&mut rng));
    builder = match drawn.writable {
        0 => builder,
        1 if rng.bool() => builder,
        _ if rng.bool() => builder.replication(Replication::provider_managed()),
        _ => builder.replication(Replication::strong()),
    };
    if rng.bool() {
        builder = builder.layer(tower::limit::ConcurrencyLimitLayer::new(2));
    }
    if rng.u8(..4) == 0 {
        builder = builder.fenced();
    }
    let client = constrained!(builder, drawn.terms).build().unwrap();
    for _ in 0..30 {
        let rng = &mut rng;
        let key = format!("key/{}", rng.u8(..4));
        let pin = rng.bool().then(|| name(rng));
        let door = VALUES[rng.usize(..VALUES.len() - 1)];
        if rng.u8(..8) == 0 {
            order(&client.operator(), rng);
        }
        let version = match door {
            "compare_and_set" | "delete_if" => Some(version(&client, &key, rng).await),
            _ => None,
        };
        let before = drawn.asked();
        match (door, version) {
            ("put", _) => drop(pinned!(client.put(key, "value"), pin).await),
            ("get", _) => drop(pinned!(client.get(key), pin).await),
            ("put_if_absent", _) => drop(pinned!(client.put_if_absent(key, "value"), pin).await),
            ("delete", _) => drop(pinned!(client.delete(key).only_locations(PLACES), pin).await),
            ("scan", _) => drop(pinned!(client.scan("key/"), pin).collect_all().await),
            ("increment", _) => drop(pinned!(client.increment(key, 1), pin).await),
            ("warm_up", _) => drop(client.warm_up().await),
            ("get_many", _) => drop(pinned!(client.get_many([key, "key/9".to_owned()]), pin).await),
            ("put_many", _) => drop(pinned!(client.put_many([(key, "value")]), pin).await),
            ("fenced put", _) => drop(pinned!(client.put(key, "value").fenced(), pin).await),
            ("fenced delete", _) => drop(pinned!(client.delete(key).fenced(), pin).await),
            ("compare_and_set", Some(version)) => {
                drop(pinned!(client.compare_and_set(key, version, "value"), pin).await);
            }
            ("delete_if", Some(version)) => drop(pinned!(client.delete_if(key, version), pin).await),
            ("eventual get", _) => drop(pinned!(client.get(key).eventual(), pin).await),
            _ => {
                let key = kv::Key::new(key).unwrap();
                let request = match rng.u8(..3) {
                    0 => kv::KvRequest::Put(kv::Put::new(
                        key,
                        "value",
                        WriteId::new(format!("{:032x}", rng.u128(..))),
                    )),
                    1 => kv::KvRequest::Get(kv::Get::new(key)),
                    _ => kv::KvRequest::Scan(kv::Scan::default()),
                };
                drop(client.service().oneshot(Call::on_record(request, record(rng))).await);
            }
        }
        drawn.passed(door, before);
        let before = drawn.asked();
        tokio::time::sleep(Duration::from_millis(rng.u64(..900))).await;
        drawn.passed("a probe", before);
    }
    drawn.reached
}

const CLOSURES: [&str; 6] = ["read", "write", "idempotent_write", "warm_up", "service", "a probe"];

async fn closures(mut rng: Rng) -> Reached {
    let mut drawn = Drawn::new(&mut rng, || ());
    let ask = |client: Counted<()>| async move { client.ask().await };
    let builder = Failover::builder()
        .endpoints(drawn.endpoints.clone())
        .seed(rng.u64(..))
        .deadline(Duration::from_secs(2))
        .probes(probes(&mut rng));
    let client = match rng.bool() {
        true => constrained!(builder.probe(ask), drawn.terms).build().unwrap(),
        false => constrained!(builder, drawn.terms).build().unwrap(),
    };
    for _ in 0..30 {
        let rng = &mut rng;
        let pin = rng.bool().then(|| name(rng));
        let door = CLOSURES[rng.usize(..CLOSURES.len() - 1)];
        if rng.u8(..8) == 0 {
            order(&client.operator(), rng);
        }
        let before = drawn.asked();
        match door {
            "read" => drop(pinned!(client.read(ask), pin).await),
            "write" => drop(pinned!(client.write(ask), pin).await),
            "idempotent_write" => drop(pinned!(client.idempotent_write(ask).only_locations(PLACES), pin).await),
            "warm_up" => drop(client.warm_up(|client| async move { client.ask().await }).await),
            _ => drop(
                client
                    .service()
                    .oneshot(Call::on_record(Op::new(ask), record(rng)))
                    .await,
            ),
        }
        drawn.passed(door, before);
        let before = drawn.asked();
        tokio::time::sleep(Duration::from_millis(rng.u64(..900))).await;
        drawn.passed("a probe", before);
    }
    drawn.reached
}

async fn backfills(mut rng: Rng) -> Reached {
    let rng = &mut rng;
    let mut drawn = Drawn::new(rng, Memory::new);
    for _ in 0..4 {
        // Half of the time a pair that may be asked, if there is one.
        let may = if rng.bool() {
            drawn.may.clone()
        } else {
            Default::default()
        };
        let mut draw = || match may[..] {
            [] => rng.usize(..drawn.endpoints.len()),
            _ => may[rng.usize(..may.len())],
        };
        let (from, to) = (draw(), draw());
        // There is something to copy: else nothing would be asked of the target.
        let put = object::Put::new(Key::new("k").unwrap(), "body");
        let _ = ObjectProvider::put(drawn.endpoints[from].client().store(), put).await;
        let mut backfill = Backfill::objects(drawn.endpoints[from].clone(), drawn.endpoints[to].clone())
            .attempts(2)
            .patience(Duration::from_secs(5));
        // With both setters neither side is asked.
        backfill = constrained!(backfill, drawn.terms);
        let before = drawn.asked();
        let result = match rng.u8(..3) {
            0 => backfill.estimate().await.map(drop),
            1 => backfill.dry_run().await.map(drop),
            _ => backfill.run().await.map(drop),
        };
        drop(result);
        drawn.passed("backfill", before);
    }
    // With constraints on the target, data may come from a barred place and not go there.
    let target = Counted::new(MemoryTable::new(), Manner::Well);
    let terms = Constraints::new().only_locations(["DE"]);
    let from = Endpoint::new("from", Counted::new(MemoryTable::new(), Manner::Well)).location("US");
    let to = Endpoint::new("to", target.clone()).location("US");
    Backfill::table(from, to).constraints(terms).run().await.unwrap_err();
    assert_eq!(target.requests(), 0);
    drawn.reached
}
