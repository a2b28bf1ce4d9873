//! OpenDAL's layers over a service of ours. OpenDAL is one API for many stores; falling back from one to another is up to its user.

use super::attempt_limit;
use crate::{
    dal::{Answers, operator},
    load::Client,
    store::{Failure, Store},
};
use opendal::{
    Operator,
    layers::{RetryLayer, TimeoutLayer},
};
use std::{fmt, time::Duration};

impl Answers for Store {
    type Error = Failure;

    async fn answer(&self) -> Result<(), Failure> {
        self.get().await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[derive(Clone)]
struct FallingBack([Operator; 2]);

pub(super) fn falling_back(primary: Store, standby: Store, _: u64) -> impl Client {
    FallingBack([primary, standby].map(|store| {
        operator(store)
            .layer(
                TimeoutLayer::new()
                    .with_timeout(attempt_limit())
                    .with_io_timeout(attempt_limit()),
            )
            .layer(
                RetryLayer::new()
                    .with_max_times(1)
                    .with_min_delay(Duration::from_millis(10)),
            )
    }))
}

impl Client for FallingBack {
    async fn read(&self) -> bool {
        for operator in &self.0 {
            if operator.read("key").await.is_ok() {
                return true;
            }
        }
        false
    }
}
