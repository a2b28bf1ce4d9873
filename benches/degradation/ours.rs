//! evenkeel with default settings.

use crate::{
    load::Client,
    world::{Failure, Store},
};
use evenkeel::{
    Endpoint, Failover,
    verdict::{Classify, Outcome, Sent, Verdict},
};

#[derive(Clone)]
pub(crate) struct Evenkeel(Failover<Store, Judge>);

pub(crate) fn evenkeel(primary: Store, standby: Store, seed: u64) -> Evenkeel {
    let failover = Failover::builder()
        .endpoint(Endpoint::new("primary", primary))
        .endpoint(Endpoint::new("standby", standby))
        .classify(Judge)
        .seed(seed)
        .build()
        .unwrap();
    Evenkeel(failover)
}

impl Client for Evenkeel {
    async fn read(&self) -> bool {
        self.0
            .read(|store: Store| async move { store.get().await })
            .await
            .is_ok()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge;

impl Classify<(), Failure> for Judge {
    fn classify(&self, result: Result<&(), &Failure>) -> Outcome {
        match result {
            Ok(()) => Outcome::SUCCESS,
            Err(Failure::Broken) => Outcome::new(Verdict::Faulty, Sent::Maybe),
            Err(Failure::SlowDown) => Outcome::new(Verdict::Throttled, Sent::Maybe),
        }
    }
}
