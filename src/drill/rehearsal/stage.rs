//! A real client over stores in memory: what it can do, before a loss and during it.

use crate::{
    BuildError, Endpoint, Error, ErrorKind, Failover, KvClient, ObjectClient, Replication,
    client::{kv::KvClientBuilder, object::ObjectClientBuilder},
    drill::{FaultLayer, Timeline},
    endpoint::{Constraints, Profile},
    ops::{
        impact::{Analysis, Effect, Operation},
        probe::ProbeSettings,
    },
    provider::{KvProvider as _, Memory, MemoryTable, ObjectProvider as _},
    request::{Key, WriteId, kv, object},
    stack::retry::Budget,
};
use futures_util::future::join_all;
use std::{collections::BTreeMap, io, ops::Range, time::Duration};

/// What a rehearsal is of.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) kind: Kind,
    pub(super) profiles: Vec<Profile>,
    pub(super) replication: Option<Replication>,
    pub(super) constraints: Constraints,
    pub(super) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Objects,
    Tables,
    Calls,
}

/// So many reads and listings at once show who answers: endpoints of one tier share them, and a tier that spills gives
/// away 30 % at least.
const AT_ONCE: usize = 20;
/// A breaker opens at the fourth failure in a row.
const FAILURES: usize = 4;
const SERVICE_TIME: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(3);
/// How long a call is tried that nobody can serve.
const DEADLINE: Duration = Duration::from_millis(500);

/// A client on its stage.
pub(super) enum Stage {
    Objects(ObjectClient, Props<Option<object::ETag>>),
    Tables(KvClient, Props<Option<kv::Version>>),
    Calls(Failover<()>),
}

/// What lies in the stores.
pub(super) struct Props<T> {
    /// Keys that were stored, each of which may lie elsewhere.
    stored: Vec<String>,
    /// The tag of the key `tagged`.
    tag: T,
    /// Whether one read may be answered by another endpoint than the next, and be stale.
    can_lag: bool,
}

impl Setup {
    /// Builds the client, stores what it will read, and starts nothing yet. `played`: what the fault layer takes each
    /// endpoint for.
    pub(super) async fn stage(&self, timeline: &Timeline, played: &[Profile]) -> Result<Stage, BuildError> {
        let played: BTreeMap<_, _> = played.iter().map(|one| (one.name().to_owned(), one.clone())).collect();
        let timeline = timeline.clone();
        let layer = move |profile: &Profile| {
            let played = played.get(profile.name()).unwrap_or(profile);
            FaultLayer::new(timeline.clone(), played.clone())
        };
        Ok(match self.kind {
            Kind::Objects => {
                let stores: Vec<_> = self.profiles.iter().map(|_| Memory::new()).collect();
                let client = self.objects(&stores).endpoint_layer(layer).build()?;
                let stored = self.stored();
                for (index, key) in stored
                    .iter()
                    .flat_map(|(key, places)| places.iter().map(move |at| (*at, key)))
                {
                    if let Ok(key) = Key::new(key.as_str()) {
                        let _ = stores[index].put(object::Put::new(key, "stored")).await;
                    }
                }
                let put = client.put("tagged", "1").await.ok();
                let tag = put.and_then(|stored| stored.etag().cloned());
                let tag = match tag {
                    Some(tag) => Some(tag),
                    None => client.get("k0").await.ok().and_then(|got| got.etag().cloned()),
                };
                let stored = stored.into_keys().collect();
                let can_lag = self.can_lag();
                Stage::Objects(client, Props { stored, tag, can_lag })
            }
            Kind::Tables => {
                let shared = MemoryTable::new();
                let tables: Vec<_> = self.profiles.iter().map(|_| self.table(&shared)).collect();
                let client = self.tables(&tables).endpoint_layer(layer).build()?;
                let stored = self.stored();
                for (index, key) in stored
                    .iter()
                    .flat_map(|(key, places)| places.iter().map(move |at| (*at, key)))
                {
                    if let Ok(key) = kv::Key::new(key.as_str()) {
                        let _ = tables[index]
                            .put(kv::Put::new(key, "stored", WriteId::new("staged")))
                            .await;
                    }
                }
                let put = client.put("tagged", "1").await.ok();
                let tag = put.and_then(|stored| stored.version().cloned());
                let tag = match tag {
                    Some(tag) => Some(tag),
                    None => client.get("k0").await.ok().map(|got| got.version().clone()),
                };
                let stored = stored.into_keys().collect();
                let can_lag = self.can_lag();
                Stage::Tables(client, Props { stored, tag, can_lag })
            }
            Kind::Calls => {
                let endpoints = self.profiles.iter().map(|profile| Self::endpoint(profile, ()));
                let mut builder = Failover::builder().endpoints(endpoints).endpoint_layer(layer);
                builder = builder
                    .budget(Self::budget())
                    .seed(self.seed)
                    .deadline(DEADLINE)
                    .hedging(false);
                Stage::Calls(builder.constrained_to(self.constraints.clone()).build()?)
            }
        })
    }

    fn objects(&self, stores: &[Memory]) -> ObjectClientBuilder {
        let slow = |store: &Memory, seed| store.clone().with_latency(SERVICE_TIME, seed);
        let mut builder = ObjectClient::builder();
        for (seed, (profile, store)) in (self.seed..).zip(self.profiles.iter().zip(stores)) {
            builder = builder.endpoint(Self::endpoint(profile, slow(store, seed)));
        }
        if let Some(replication) = &self.replication {
            builder = builder.replication(replication.clone());
        }
        builder = builder
            .budget(Self::budget())
            .seed(self.seed)
            .deadline(DEADLINE)
            .hedging(false);
        builder.probes(Self::probes()).constrained_to(self.constraints.clone())
    }

    fn tables(&self, tables: &[MemoryTable]) -> KvClientBuilder {
        let slow = |table: &MemoryTable, seed| table.clone().with_latency(SERVICE_TIME, seed);
        let mut builder = KvClient::builder();
        for (seed, (profile, table)) in (self.seed..).zip(self.profiles.iter().zip(tables)) {
            builder = builder.endpoint(Self::endpoint(profile, slow(table, seed)));
        }
        if let Some(replication) = &self.replication {
            builder = builder.replication(replication.clone());
        }
        builder = builder
            .budget(Self::budget())
            .seed(self.seed)
            .deadline(DEADLINE)
            .hedging(false);
        builder.probes(Self::probes()).constrained_to(self.constraints.clone())
    }

    /// Without its keeper, to which the client would report the refusals that are played: the keeper is production's, and
    /// would fetch anew.
    fn endpoint<P>(profile: &Profile, provider: P) -> Endpoint<P> {
        Endpoint::of(profile.clone(), provider)
            .unbounded()
            .without_credentials()
    }

    fn can_lag(&self) -> bool {
        !self.replication.as_ref().is_some_and(Replication::is_write_once)
    }

    /// Replicas of a strong table are one table.
    fn table(&self, shared: &MemoryTable) -> MemoryTable {
        let is_strong = self.replication.as_ref().is_some_and(Replication::is_strong);
        if is_strong { shared.clone() } else { MemoryTable::new() }
    }

    /// What the play shows must not depend on how many calls it makes.
    fn budget() -> Budget {
        Budget::new(1_000.0, 1_000_000.0)
    }

    fn probes() -> ProbeSettings {
        ProbeSettings {
            idle: None,
            ..ProbeSettings::default()
        }
    }

    /// What lies where, by key. Under `write_once` each endpoint that takes writes has a key of its own, and what is
    /// read-only has a key of the first of them. Otherwise everybody has the one key.
    fn stored(&self) -> BTreeMap<String, Vec<usize>> {
        let used: Vec<_> = (0..self.profiles.len())
            .filter(|index| self.constraints.check(&self.profiles[*index]).is_ok())
            .collect();
        if !self.replication.as_ref().is_some_and(Replication::is_write_once) {
            return BTreeMap::from([("k0".to_owned(), used)]);
        }
        let (copies, mut sources): (Vec<_>, Vec<_>) = used
            .iter()
            .copied()
            .partition(|index| self.profiles[*index].is_read_only());
        if sources.is_empty() {
            sources = used;
        }
        // What no copy has yet.
        let own = sources
            .iter()
            .enumerate()
            .map(|(place, source)| (format!("k{place}"), vec![*source]));
        let old = (!copies.is_empty()).then(|| {
            (
                "old".to_owned(),
                copies.iter().chain(sources.first()).copied().collect(),
            )
        });
        own.chain(old).collect()
    }
}

impl Stage {
    /// What the client itself predicts.
    pub(super) fn analysis(&self) -> Analysis {
        match self {
            Self::Objects(client, _) => client.impact(),
            Self::Tables(client, _) => client.impact(),
            Self::Calls(client) => client.impact(),
        }
    }

    /// The operations of which the play tells.
    pub(super) const fn operations(&self) -> &'static [Operation] {
        match self {
            Self::Calls(_) => &[Operation::Read, Operation::Write],
            Self::Objects(..) | Self::Tables(..) => &Operation::ALL,
        }
    }

    fn can_lag(&self) -> bool {
        match self {
            Self::Objects(_, Props { can_lag, .. }) | Self::Tables(_, Props { can_lag, .. }) => *can_lag,
            Self::Calls(_) => false,
        }
    }

    /// What the client does at all.
    pub(super) async fn serves(&self) -> Vec<Operation> {
        // As probes do in the background: a client believes credentials that have worked.
        join_all(self.names().iter().map(|name| self.ask(name))).await;
        let mut served = Vec::new();
        for &operation in self.operations() {
            if self.observe_once(operation, "before").await != Effect::Ends {
                served.push(operation);
            }
        }
        served
    }

    /// Calls until the client knows what has happened: reads and listings at each endpoint, and writes where they go.
    pub(super) async fn learn(&self) {
        let names = self.names();
        let everywhere = names
            .iter()
            .flat_map(|name| std::iter::repeat_n(name.as_str(), FAILURES));
        join_all(everywhere.map(|name| self.ask(name))).await;
        for round in 0..FAILURES + names.len() {
            self.observe_once(Operation::Write, &format!("round-{round}")).await;
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Objects(client, _) => client.endpoints().map(|one| one.name().to_owned()).collect(),
            Self::Tables(client, _) => client.endpoints().map(|one| one.name().to_owned()).collect(),
            Self::Calls(client) => client.endpoints().map(|one| one.name().to_owned()).collect(),
        }
    }

    /// A read and a listing of one endpoint.
    async fn ask(&self, endpoint: &str) {
        match self {
            Self::Objects(client, _) => {
                let _ = client.get("absent").pin(endpoint).await;
                let _ = client.list("").pin(endpoint).collect_all().await;
            }
            Self::Tables(client, _) => {
                let _ = client.get("absent").pin(endpoint).await;
                let _ = client.scan("").pin(endpoint).collect_all().await;
            }
            Self::Calls(client) => {
                let _ = client.read(|()| async { Ok::<_, io::Error>(()) }).pin(endpoint).await;
            }
        }
    }

    /// What becomes of an operation. `run` tells the keys of new objects apart.
    pub(super) async fn observe(&self, operation: Operation, run: &str) -> Effect {
        let times = match operation {
            Operation::Read | Operation::List if self.can_lag() => AT_ONCE,
            _ => 1,
        };
        let seen = join_all((0..times).map(|_| self.observe_once(operation, run))).await;
        seen.into_iter().max().unwrap_or(Effect::Ends)
    }

    async fn observe_once(&self, operation: Operation, run: &str) -> Effect {
        let key = format!("{run}-{operation:?}");
        match self {
            Self::Objects(client, props) => match operation {
                Operation::Read => {
                    let reads = props.stored.iter().map(|key| async move { client.get(key).await });
                    of_reads(
                        join_all(reads)
                            .await
                            .iter()
                            .map(|got| got.as_ref().map(|got| got.is_possibly_stale()).ok()),
                    )
                }
                Operation::NotFound => of_absence(&client.get("absent").await),
                Operation::List => match client.list("").collect_all().await {
                    Ok(all) => of_listing(!all.missing.is_empty(), all.possibly_stale),
                    Err(_) => Effect::Ends,
                },
                Operation::Write => {
                    let put = client.put(key.clone(), "2").overwrite().await;
                    match put {
                        // Under write_once, a put creates.
                        Err(error) if error.kind() == ErrorKind::Unsupported => of(client.put(key, "2").await),
                        put => of(put),
                    }
                }
                Operation::Create => of(client.put(key, "2").await),
                Operation::Conditional => match &props.tag {
                    Some(tag) => of_condition(client.put("tagged", "3").if_match(tag.clone()).await),
                    None => Effect::Ends,
                },
                Operation::Delete => of(client.delete(key).await),
            },
            Self::Tables(client, props) => match operation {
                Operation::Read => {
                    let reads = props.stored.iter().map(|key| async move { client.get(key).await });
                    of_reads(
                        join_all(reads)
                            .await
                            .iter()
                            .map(|got| got.as_ref().map(|got| got.is_possibly_stale()).ok()),
                    )
                }
                Operation::NotFound => of_absence(&client.get("absent").await),
                Operation::List => match client.scan("").collect_all().await {
                    Ok(all) => of_listing(!all.missing.is_empty(), all.possibly_stale),
                    Err(_) => Effect::Ends,
                },
                Operation::Write => of(client.put(key, "2").await),
                Operation::Create => of(client.put_if_absent(key, "2").await),
                Operation::Conditional => match &props.tag {
                    Some(tag) => of_condition(client.compare_and_set("tagged", tag.clone(), "3").await),
                    None => Effect::Ends,
                },
                Operation::Delete => of(client.delete(key).await),
            },
            Self::Calls(client) => match operation {
                Operation::Read => of(client.read(|()| async { Ok::<_, io::Error>(()) }).await),
                _ => of(client.idempotent_write(|()| async { Ok::<_, io::Error>(()) }).await),
            },
        }
    }
}

fn of<T, E>(result: Result<T, E>) -> Effect {
    match result {
        Ok(_) => Effect::GoesOn,
        Err(_) => Effect::Ends,
    }
}

/// A judge who says no has judged.
fn of_condition<T>(result: Result<T, Error>) -> Effect {
    match result {
        Err(error) if error.kind() == ErrorKind::PreconditionFailed => Effect::GoesOn,
        result => of(result),
    }
}

/// A read of each key: whether its answer may be stale. `None`: it failed.
fn of_reads(reads: impl Iterator<Item = Option<bool>>) -> Effect {
    let reads: Vec<_> = reads.collect();
    match reads.iter().flatten().count() {
        0 => Effect::Ends,
        some if some < reads.len() => Effect::KeysHeldOnlyThereEnd,
        _ if reads.contains(&Some(true)) => Effect::GoesOnStale,
        _ => Effect::GoesOn,
    }
}

fn of_absence<T>(result: &Result<T, Error>) -> Effect {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Effect::GoesOn,
        _ => Effect::Ends,
    }
}

const fn of_listing(is_incomplete: bool, is_stale: bool) -> Effect {
    match (is_incomplete, is_stale) {
        (true, _) => Effect::KeysHeldOnlyThereEnd,
        (false, true) => Effect::GoesOnStale,
        (false, false) => Effect::GoesOn,
    }
}
