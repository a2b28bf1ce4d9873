//! evenkeel with default settings.

use crate::{
    load::{Client, Failed},
    store::{Ask, Failure, Store},
};
use evenkeel::{
    Endpoint, ErrorKind, Failover,
    telemetry::Event,
    verdict::{Classify, Outcome, Sent, Verdict},
};

#[derive(Clone)]
pub(crate) struct Evenkeel(pub(crate) Failover<Store, Judge>);

pub(crate) fn evenkeel(primary: Store, standby: Store, seed: u64) -> Evenkeel {
    telling([primary, standby], seed, |_| {})
}

pub(crate) const NAMES: [&str; 3] = ["primary", "standby", "third"];

/// Over these, in this order; `listener` hears of what is decided.
pub(crate) fn telling(
    stores: impl IntoIterator<Item = Store>,
    seed: u64,
    listener: impl Fn(&Event) + Send + Sync + 'static,
) -> Evenkeel {
    let endpoints = NAMES.into_iter().zip(stores);
    let failover = Failover::builder()
        .endpoints(endpoints.map(|(name, store)| Endpoint::new(name, store)))
        .classify(Judge)
        .on_event(listener)
        .seed(seed)
        .build()
        .unwrap();
    Evenkeel(failover)
}

impl Client for Evenkeel {
    async fn read(&self) -> bool {
        self.call(Ask::default()).await.is_ok()
    }

    async fn call(&self, ask: Ask) -> Result<(), Failed> {
        let get = |store: Store| async move { store.get().await };
        let call = match ask.write {
            true => self.0.write(get),
            false => self.0.read(get),
        };
        let call = match ask.deadline {
            Some(deadline) if !ask.leaves => call.deadline(deadline),
            _ => call,
        };
        call.await.map_err(|error| match error.kind() {
            ErrorKind::Overloaded => Failed::Refused,
            _ => Failed::Otherwise,
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge;

impl Classify<(), Failure> for Judge {
    fn classify(&self, result: Result<&(), &Failure>) -> Outcome {
        match result {
            Ok(()) => Outcome::SUCCESS,
            Err(Failure::Broken) => Outcome::new(Verdict::Faulty, Sent::Maybe),
            Err(Failure::Unreachable) => Outcome::new(Verdict::Unreachable, Sent::No),
            Err(Failure::SlowDown) => Outcome::new(Verdict::Throttled, Sent::Maybe),
        }
    }
}
