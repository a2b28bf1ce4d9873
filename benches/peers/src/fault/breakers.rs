//! failsafe's breaker, and what one writes without any library.

use super::attempt_limit;
use crate::{load::Client, store::Store};
use failsafe::{
    Config, StateMachine,
    backoff::{Constant, constant},
    failure_policy::{
        ConsecutiveFailures, FailurePolicy, OrElse, SuccessRateOverTimeWindow, consecutive_failures,
        success_rate_over_time_window,
    },
    futures::CircuitBreaker,
};
use std::time::Duration;
use tokio::time::timeout;

#[derive(Clone)]
struct Failsafe {
    breaker: StateMachine<OrElse<SuccessRateOverTimeWindow<Constant>, ConsecutiveFailures<Constant>>, ()>,
    primary: Store,
    standby: Store,
}

pub(super) fn failsafe(primary: Store, standby: Store, _: u64) -> impl Client {
    let open = constant(Duration::from_secs(1));
    let policy = success_rate_over_time_window(0.8, 10, Duration::from_secs(1), open.clone())
        .or_else(consecutive_failures(5, open));
    Failsafe {
        breaker: Config::new().failure_policy(policy).build(),
        primary,
        standby,
    }
}

impl Client for Failsafe {
    async fn read(&self) -> bool {
        let attempt = self.breaker.call(async {
            match timeout(attempt_limit(), self.primary.get()).await {
                Ok(Ok(())) => Ok(()),
                _ => Err(()),
            }
        });
        attempt.await.is_ok() || matches!(timeout(attempt_limit(), self.standby.get()).await, Ok(Ok(())))
    }
}

#[derive(Clone)]
struct ByHand {
    primary: Store,
    standby: Store,
}

pub(super) fn by_hand(primary: Store, standby: Store, _: u64) -> impl Client {
    ByHand { primary, standby }
}

impl Client for ByHand {
    async fn read(&self) -> bool {
        for store in [&self.primary, &self.standby] {
            if let Ok(Ok(())) = timeout(attempt_limit(), store.get()).await {
                return true;
            }
        }
        false
    }
}
