//! A second client of the process, with few calls, that starts while the first has left the primary: they share a registry and
//! name the same endpoints.

use crate::{
    case::Case,
    figures::Schedule,
    heard::Heard,
    load::{Client, Failed},
    ours::{Evenkeel, Judge, NAMES},
    row::Row,
    store::{Ask, Store},
};
use evenkeel::{
    Endpoint, Failover,
    endpoint::{Host, Role},
    stack::breaker::Registry,
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::Instant;

/// How long the fault has lasted when the second starts.
const LATER: Duration = Duration::from_secs(20);

/// Plays it. The row is of the second's calls, from its start on; the events are those of both.
pub(crate) fn play(case: &Case, seed: u64) -> Row {
    let heard = Heard::default();
    let starts = case.schedule.fault_from + LATER;
    let mut calls = case.play(seed, |stores, start, rng| {
        let registry = Registry::new();
        let (first, second) = (rng.u64(..), rng.u64(..));
        let heard = heard.clone();
        Pair {
            first: client(&stores, &registry, first, &heard, start),
            second: Arc::default(),
            make: Arc::new(move || client(&stores, &registry, second, &heard, start)),
            starts: start + starts,
        }
    });
    calls.retain(|call| call.at >= starts || !case.is_counted(call.kind));
    let of_second = Case {
        schedule: Schedule {
            fault_from: starts,
            ..case.schedule
        },
        ..case.clone()
    };
    Row::of(&of_second, calls, &heard.events())
}

fn client(stores: &[Store], registry: &Registry, seed: u64, heard: &Heard, start: Instant) -> Evenkeel {
    let endpoints = NAMES.into_iter().zip(stores).map(|(name, store)| {
        Endpoint::new(name, store.clone())
            .provider("aws")
            .region(name)
            .depends_on(Host::new(format!("{name}.example"), None), Role::Data)
    });
    let failover = Failover::builder()
        .endpoints(endpoints)
        .classify(Judge)
        .on_event(heard.listener(start))
        .registry(registry.clone())
        .seed(seed)
        .build();
    Evenkeel(failover.unwrap())
}

/// The second makes the calls that count, once it has started.
#[derive(Clone)]
struct Pair {
    first: Evenkeel,
    second: Arc<OnceLock<Evenkeel>>,
    make: Arc<dyn Fn() -> Evenkeel + Send + Sync>,
    starts: Instant,
}

impl Client for Pair {
    async fn read(&self) -> bool {
        self.call(Ask::default()).await.is_ok()
    }

    async fn call(&self, ask: Ask) -> Result<(), Failed> {
        match ask.kind == 0 && Instant::now() >= self.starts {
            true => self.second.get_or_init(|| (self.make)()).call(ask).await,
            false => self.first.call(ask).await,
        }
    }
}
