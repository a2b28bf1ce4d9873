//! What a call, or its client's builder, says of its attempts: at every door, of every call.

use crate::store::{Store, Table};
use evenkeel::{
    Endpoint, Error, ErrorKind, Explanation, Failover, KvClient, ObjectClient, Replication,
    client::{Collected, FailoverBuilder, KvClientBuilder, ObjectClientBuilder},
    provider::{MemoryTable, ObjectProvider, ProviderError},
    request::{
        Key, LegKind,
        object::{Get, Object, Put, PutAnswer},
    },
    stack::retry::Budget,
    verdict::{Classify, Outcome},
};
use std::time::Duration;

/// A provider's error says what it means.
#[derive(Clone, Copy, Debug)]
struct Verdicts;

impl<T> Classify<T, ProviderError> for Verdicts {
    fn classify(&self, result: Result<&T, &ProviderError>) -> Outcome {
        result.err().map_or(Outcome::SUCCESS, ProviderError::outcome)
    }
}

/// One client of each kind, each with its own stores: `N` of them.
struct Doors<const N: usize> {
    objects: ObjectClient,
    keys: KvClient,
    any: Failover<Store, Verdicts>,
    stores: [Store; N],
    tables: [Table; N],
    clients: [Store; N],
}

/// The same of all builders.
macro_rules! built {
    ($($option:ident($value:expr)),*) => {
        $crate::call_options::Doors::built(
            |builder| builder$(.$option($value))*,
            |builder| builder$(.$option($value))*,
            |builder| builder$(.$option($value))*,
        )
    };
}

/// Every call, told the same.
macro_rules! every_call {
    ($doors:ident: $($option:ident($value:expr)),*) => {{
        use $crate::call_options::{Met, get, put};
        let (objects, keys, any) = (&$doors.objects, &$doors.keys, &$doors.any);
        vec![
            Met::of("put", objects.put("k", "v")$(.$option($value))*.explained().await),
            Met::of("get", objects.get("k")$(.$option($value))*.explained().await),
            Met::of("head", objects.head("k")$(.$option($value))*.explained().await),
            Met::of("list", $crate::call_options::page(objects.list("")$(.$option($value))*.collect_all().await)),
            Met::of("delete", objects.delete("k")$(.$option($value))*.explained().await),
            Met::of("put", keys.put("k", "1")$(.$option($value))*.explained().await),
            Met::of("get", keys.get("k")$(.$option($value))*.explained().await),
            Met::of("increment", keys.increment("k", 1)$(.$option($value))*.explained().await),
            Met::of("get_many", keys.get_many(["k"])$(.$option($value))*.explained().await),
            Met::of("put_many", keys.put_many([("k", "2")])$(.$option($value))*.explained().await),
            Met::of("scan", $crate::call_options::page(keys.scan("")$(.$option($value))*.collect_all().await)),
            Met::of("delete", keys.delete("k")$(.$option($value))*.explained().await),
            Met::of("read", any.read(get)$(.$option($value))*.explained().await),
            Met::of("write", any.write(put)$(.$option($value))*.explained().await),
            Met::of("write", any.idempotent_write(put)$(.$option($value))*.explained().await),
        ]
    }};
}

mod attempt_timeout;
mod hedging;
mod operation_names;
mod retry_rules;

/// How a call went.
#[derive(Debug)]
struct Met {
    /// What it is called when nobody names it.
    call: &'static str,
    failed: Option<ErrorKind>,
    /// What it said that it was called.
    called: &'static str,
    /// The attempts that it made: why, and how long each took.
    attempts: Vec<(LegKind, Duration)>,
}

impl Met {
    fn of<T, E>(call: &'static str, result: Result<(T, Explanation), Error<E>>) -> Self {
        let (failed, explanation) = match &result {
            Ok((_, explanation)) => (None, explanation),
            Err(error) => (Some(error.kind()), error.explanation()),
        };
        let attempts = explanation.attempts().iter();
        Self {
            call,
            failed,
            called: explanation.operation(),
            attempts: attempts
                .map(|attempt| (attempt.why(), attempt.elapsed().unwrap()))
                .collect(),
        }
    }

    fn hedges(&self) -> usize {
        self.attempts.iter().filter(|(why, _)| *why == LegKind::Hedge).count()
    }
}

/// Its first page.
fn page<E, F>(listed: Result<Collected<E>, Error<F>>) -> Result<((), Explanation), Error<F>> {
    Ok(((), listed?.explanations.into_iter().next().unwrap()))
}

impl<const N: usize> Doors<N> {
    fn new() -> Self {
        built!()
    }

    fn built(
        objects: impl FnOnce(ObjectClientBuilder) -> ObjectClientBuilder,
        keys: impl FnOnce(KvClientBuilder) -> KvClientBuilder,
        any: impl FnOnce(FailoverBuilder<Store, Verdicts>) -> FailoverBuilder<Store, Verdicts>,
    ) -> Self {
        // Roomy, so that what a call does depends on the troubles and not on the calls before it.
        let roomy = || Budget::new(1.0, 1_000.0);
        let one = MemoryTable::new();
        let stores = [(); N].map(|()| Store::new());
        let tables = [(); N].map(|()| Table::on(one.clone()));
        let clients = [(); N].map(|()| Store::new());
        Self {
            objects: objects(ObjectClient::builder())
                .endpoints(named(&stores))
                .replication(Replication::write_once())
                .budget(roomy())
                .seed(7)
                .build()
                .unwrap(),
            keys: keys(KvClient::builder())
                .endpoints(named(&tables))
                .replication(Replication::strong())
                .budget(roomy())
                .seed(7)
                .build()
                .unwrap(),
            any: any(Failover::builder().classify(Verdicts))
                .endpoints(named(&clients))
                .budget(roomy())
                .seed(7)
                .build()
                .unwrap(),
            stores,
            tables,
            clients,
        }
    }

    /// The endpoint of this number meets this from now on, at all doors.
    fn at(&self, number: usize, trouble: crate::store::Trouble) {
        self.stores[number].always(trouble);
        self.tables[number].always(trouble);
        self.clients[number].always(trouble);
    }

    fn asked(&self) -> usize {
        let stores = self.stores.iter().chain(&self.clients).map(Store::asked);
        stores.chain(self.tables.iter().map(Table::asked)).sum()
    }
}

fn named<S: Clone>(stores: &[S]) -> Vec<Endpoint<S>> {
    const NAMES: [&str; 2] = ["virginia", "ireland"];
    let named = NAMES.iter().zip(stores);
    named.map(|(name, store)| Endpoint::new(*name, store.clone())).collect()
}

async fn get(store: Store) -> Result<Object, ProviderError> {
    ObjectProvider::get(&store, Get::new(Key::new("k").unwrap())).await
}

async fn put(store: Store) -> Result<PutAnswer, ProviderError> {
    ObjectProvider::put(&store, Put::new(Key::new("k").unwrap(), "v")).await
}
