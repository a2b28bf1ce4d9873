//! OpenDAL, whose own path to a store is most of what it costs.

use crate::{
    dal::{Answers, operator},
    measure::Runner,
    stacks::Client,
};
use opendal::{
    Operator,
    layers::{ConcurrentLimitLayer, RetryLayer, TimeoutLayer},
};
use std::io;

pub(super) const BARE: &str = "OpenDAL without layers";

impl Answers for Client {
    type Error = io::Error;

    async fn answer(&self) -> io::Result<()> {
        self.get().await.map(drop)
    }
}

pub(super) fn bare(suspends: bool) -> Runner {
    reading(operator(Client { suspends }))
}

pub(super) fn layered(suspends: bool) -> Runner {
    let operator = operator(Client { suspends })
        .layer(TimeoutLayer::new())
        .layer(RetryLayer::new())
        .layer(ConcurrentLimitLayer::new(1_024));
    reading(operator)
}

fn reading(operator: Operator) -> Runner {
    Box::new(move |calls| {
        let operator = operator.clone();
        Box::pin(async move {
            for _ in 0..calls {
                std::hint::black_box(operator.read("key").await.unwrap());
            }
        })
    })
}
