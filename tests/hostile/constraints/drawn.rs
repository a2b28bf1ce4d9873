//! Clients drawn by chance, and everything that can be done with them.

use super::counted::{Counted, Manner};
use crate::promise::{self, Promise};
use evenkeel::{
    Endpoint, Failover, KvClient, ObjectClient, Replication,
    backfill::Backfill,
    client::failover::Op,
    endpoint::Constraints,
    operator::{Operator, Selector},
    probe,
    provider::{Memory, MemoryTable},
    request::{Call, CallRecord, Key, OpClass, Safety, WriteId, kv, object},
};
use fastrand::Rng;
use libtest_mimic::Trial;
use std::{collections::BTreeSet, future::Future, time::Duration};
use tower::ServiceExt;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Constraint.paused(
            "constraints::no_door_of_an_object_client_leads_to_a_barred_endpoint",
            || drawn(0, objects),
        ),
        Promise::Constraint.paused("constraints::no_door_of_a_kv_client_leads_to_a_barred_endpoint", || {
            drawn(1, values)
        }),
        Promise::Constraint.paused("constraints::no_door_of_a_failover_leads_to_a_barred_endpoint", || {
            drawn(2, closures)
        }),
        Promise::Constraint.paused("constraints::no_backfill_asks_a_barred_endpoint", || {
            drawn(3, backfills)
        }),
    ]
}

async fn drawn<F: Future<Output = ()>>(number: u64, case: impl Fn(Rng) -> F) {
    for round in 0..promise::rounds(60) as u64 {
        Promise::Constraint.tried();
        let seed = promise::seed().wrapping_add(round * 4 + number);
        // Printed only where the trial fails.
        println!("case {seed}");
        case(Rng::with_seed(seed)).await;
    }
}

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
            writable: 0,
        };
        for (place, name) in places.iter().zip(NAMES) {
            let permitted = drawn.terms.permit(place);
            // A barred one is well, so that nobody is kept away by its trouble.
            let manner = match permitted {
                true => Manner::ALL[rng.usize(..Manner::ALL.len())],
                false => Manner::Well,
            };
            let counted = Counted::new(store(), manner);
            match permitted {
                true => drawn.writable += usize::from(!place.read_only),
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

fn probes(rng: &mut Rng) -> probe::Settings {
    let mut probes = probe::Settings::default();
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
        .narrowed(rng.bool())
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

fn name(rng: &mut Rng) -> &'static str {
    NAMES[rng.usize(..NAMES.len())]
}

async fn objects(mut rng: Rng) {
    let drawn = Drawn::new(&mut rng, Memory::new);
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
    let client = constrained!(builder, drawn.terms).build().unwrap();
    for _ in 0..30 {
        let rng = &mut rng;
        let key = format!("key/{}", rng.u8(..4));
        let pin = rng.bool().then(|| name(rng));
        let door = rng.u8(..9);
        match door {
            0 => drop(pinned!(client.put(key, "body"), pin).await),
            1 => drop(pinned!(client.get(key), pin).await),
            2 => drop(pinned!(client.head(key), pin).await),
            3 => drop(pinned!(client.delete(key).only_locations(PLACES), pin).await),
            4 => drop(pinned!(client.list("key/"), pin).collect_all().await),
            5 => drop(client.verify().await),
            6 => drop(client.warm_up().await),
            7 => order(&client.operator(), rng),
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
        drawn.assert_unasked(&format!("door {door} of an object client"));
        tokio::time::sleep(Duration::from_millis(rng.u64(..900))).await;
    }
    drawn.assert_unasked("a probe of an object client");
}

async fn values(mut rng: Rng) {
    let drawn = Drawn::new(&mut rng, MemoryTable::new);
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
    let client = constrained!(builder, drawn.terms).build().unwrap();
    for _ in 0..30 {
        let rng = &mut rng;
        let key = format!("key/{}", rng.u8(..4));
        let pin = rng.bool().then(|| name(rng));
        let door = rng.u8(..11);
        match door {
            0 => drop(pinned!(client.put(key, "value"), pin).await),
            1 => drop(pinned!(client.get(key), pin).await),
            2 => drop(pinned!(client.put_if_absent(key, "value"), pin).await),
            3 => drop(pinned!(client.delete(key).only_locations(PLACES), pin).await),
            4 => drop(pinned!(client.scan("key/"), pin).collect_all().await),
            5 => drop(pinned!(client.increment(key, 1), pin).await),
            6 => drop(client.warm_up().await),
            7 => order(&client.operator(), rng),
            8 => drop(pinned!(client.get_many([key, "key/9".to_owned()]), pin).await),
            9 => drop(pinned!(client.put_many([(key, "value")]), pin).await),
            _ => {
                let key = kv::Key::new(key).unwrap();
                let request = match rng.u8(..3) {
                    0 => kv::KvRequest::Put(kv::Put::new(key, "value", WriteId::generate(rng))),
                    1 => kv::KvRequest::Get(kv::Get::new(key)),
                    _ => kv::KvRequest::Scan(kv::Scan::default()),
                };
                drop(client.service().oneshot(Call::on_record(request, record(rng))).await);
            }
        }
        drawn.assert_unasked(&format!("door {door} of a kv client"));
        tokio::time::sleep(Duration::from_millis(rng.u64(..900))).await;
    }
    drawn.assert_unasked("a probe of a kv client");
}

async fn closures(mut rng: Rng) {
    let drawn = Drawn::new(&mut rng, || ());
    let ask = |client: Counted<()>| async move { client.ask().await };
    let mut builder = Failover::builder()
        .endpoints(drawn.endpoints.clone())
        .seed(rng.u64(..))
        .deadline(Duration::from_secs(2))
        .probes(probes(&mut rng));
    if rng.bool() {
        builder = builder.probe(ask);
    }
    let client = constrained!(builder, drawn.terms).build().unwrap();
    for _ in 0..30 {
        let rng = &mut rng;
        let pin = rng.bool().then(|| name(rng));
        let door = rng.u8(..6);
        match door {
            0 => drop(pinned!(client.read(ask), pin).await),
            1 => drop(pinned!(client.write(ask), pin).await),
            2 => drop(pinned!(client.idempotent_write(ask).only_locations(PLACES), pin).await),
            3 => drop(client.warm_up(|client| async move { client.ask().await }).await),
            4 => order(&client.operator(), rng),
            _ => drop(
                client
                    .service()
                    .oneshot(Call::on_record(Op::new(ask), record(rng)))
                    .await,
            ),
        }
        drawn.assert_unasked(&format!("door {door} of a failover"));
        tokio::time::sleep(Duration::from_millis(rng.u64(..900))).await;
    }
    drawn.assert_unasked("a probe of a failover");
}

async fn backfills(mut rng: Rng) {
    let rng = &mut rng;
    let drawn = Drawn::new(rng, Memory::new);
    let (from, to) = (rng.usize(..drawn.endpoints.len()), rng.usize(..drawn.endpoints.len()));
    let mut backfill = Backfill::objects(drawn.endpoints[from].clone(), drawn.endpoints[to].clone())
        .attempts(2)
        .patience(Duration::from_secs(5));
    // With both setters neither side is asked.
    backfill = constrained!(backfill, drawn.terms);
    let result = match rng.u8(..3) {
        0 => backfill.estimate().await.map(drop),
        1 => backfill.dry_run().await.map(drop),
        _ => backfill.run().await.map(drop),
    };
    drop(result);
    drawn.assert_unasked("a backfill");
    // With constraints on the target, data may come from a barred place and not go there.
    let target = Counted::new(MemoryTable::new(), Manner::Well);
    let terms = Constraints::new().only_locations(["DE"]);
    let from = Endpoint::new("from", Counted::new(MemoryTable::new(), Manner::Well)).location("US");
    let to = Endpoint::new("to", target.clone()).location("US");
    Backfill::table(from, to).constraints(terms).run().await.unwrap_err();
    assert_eq!(target.requests(), 0);
}
