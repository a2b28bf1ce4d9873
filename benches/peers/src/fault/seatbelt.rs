//! Microsoft's seatbelt. It has no failover among endpoints either: which one an attempt is for, its input says.

use super::{attempt_limit, late};
use crate::{load::Client, store::Store};
use layered::{Execute, Service, Stack};
use seatbelt::{
    RecoveryInfo, ResilienceContext,
    breaker::{Breaker, BreakerId},
    hedging::Hedging,
    timeout::Timeout,
};
use std::time::Duration;
use tick::Clock;

#[derive(Clone, Copy, Debug)]
enum Failed {
    Attempt,
    /// An open breaker: nothing was sent.
    Refused,
}

fn recovery(result: &Result<(), Failed>) -> RecoveryInfo {
    match result {
        Ok(()) => RecoveryInfo::never(),
        Err(Failed::Attempt) => RecoveryInfo::retry(),
        Err(Failed::Refused) => RecoveryInfo::unavailable(),
    }
}

#[derive(Clone)]
struct Hedged<S>(S);

/// An attempt's input is the place of its endpoint.
pub(super) fn hedging(primary: Store, standby: Store, _: u64) -> impl Client {
    let stores = [primary, standby];
    let context = ResilienceContext::new(Clock::new_tokio());
    let stack = (
        Hedging::layer("hedging", &context)
            .clone_input_with(|place: &mut usize, args| {
                let mine = args.attempt().index() as usize;
                *place = mine + 1; // the last attempt takes this
                Some(mine)
            })
            .recovery_with(|result, _| recovery(result))
            .handle_unavailable(true)
            .hedging_delay(late()),
        Breaker::layer("breaker", &context)
            .breaker_id(|place: &usize| BreakerId::from(*place as u64))
            .recovery_with(|result, _| recovery(result))
            .rejected_input_error(|_, _| Failed::Refused)
            // Its default of 10 % closes the standby, too, when that is ill in part, and then nothing is left.
            .failure_threshold(0.5)
            .min_throughput(20)
            .sampling_duration(Duration::from_secs(1))
            .break_duration(Duration::from_secs(1)),
        Timeout::layer("timeout", &context)
            .timeout_error(|_| Failed::Attempt)
            .timeout(attempt_limit()),
        Execute::new(move |place: usize| {
            let store = stores[place].clone();
            async move { store.get().await.map_err(|_| Failed::Attempt) }
        }),
    );
    Hedged(stack.into_service())
}

impl<S: Service<usize, Out = Result<(), Failed>> + Clone + Send + Sync + 'static> Client for Hedged<S> {
    async fn read(&self) -> bool {
        self.0.execute(0).await.is_ok()
    }
}
