//! The stack without its layers: endpoints in order, one after the other. It fails over on faults and judges what it
//! sees, so that the doors can be tried alone; no limits, no hedging, no breakers.

use super::ObjectStack;
use crate::{
    BoxError, clock, deadline,
    endpoint::Roster,
    provider::{AnyObjectProvider, ObjectService, ProviderError},
    request::{
        Call, CallRecord, Ended, Leg, LegKind, Safety, bit,
        object::{ObjectRequest, ObjectResponse},
    },
    route,
    verdict::{Outcome, Sent, Verdict},
};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};

/// At most so many attempts for a call.
const ATTEMPTS: usize = 3;

pub(crate) fn stack(roster: &Roster, providers: &[AnyObjectProvider]) -> ObjectStack {
    let services: Vec<_> = roster
        .iter()
        .zip(providers)
        .map(|(profile, provider)| ObjectService::new(profile.shared_name().clone(), provider.clone()))
        .collect();
    BoxCloneSyncService::new(service_fn(move |call: Call<ObjectRequest>| {
        let services = services.clone();
        async move {
            let record = call.record().clone();
            match record.deadline() {
                None => attempts(services, call).await,
                Some(at) => match tokio::time::timeout_at(at, attempts(services, call)).await {
                    Ok(result) => result,
                    Err(_) => Err(deadline::Elapsed {
                        limit: at - record.started(),
                    }
                    .into()),
                },
            }
        }
    }))
}

async fn attempts(services: Vec<ObjectService>, call: Call<ObjectRequest>) -> Result<ObjectResponse, BoxError> {
    let record = call.record().clone();
    let mut leg = Leg::default();
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let Some(endpoint) = pick(&record, services.len()) else {
            break;
        };
        if last.is_some() {
            leg = record.next_leg(LegKind::Retry);
        }
        record.pick(leg, endpoint);
        let started = clock::now();
        record.start(leg, started);
        let result = services[endpoint].clone().oneshot(call.clone().as_leg(leg)).await;
        let (outcome, detail) = match &result {
            Ok(_) => (Outcome::SUCCESS, None),
            Err(error) => match error.downcast_ref::<ProviderError>() {
                Some(error) => (error.outcome(), Some(error.detail().clone())),
                None => (Outcome::new(Verdict::Faulty, Sent::Maybe), None),
            },
        };
        record.end(leg, clock::now() - started, Ended::Judged(outcome), detail);
        match result {
            Err(error) if may_try_again(&record, outcome) => last = Some(error),
            decided => return decided,
        }
    }
    Err(last.unwrap_or_else(|| route::Exhausted::default().into()))
}

/// The first that was not tried yet; else the first.
fn pick(record: &CallRecord, endpoints: usize) -> Option<usize> {
    let allowed = |&i: &usize| record.barred() & bit(i) == 0 && record.pin().is_none_or(|pin| pin == i);
    let untried = |&i: &usize| record.picked() & bit(i) == 0;
    (0..endpoints)
        .filter(allowed)
        .find(untried)
        .or_else(|| (0..endpoints).find(allowed))
}

fn may_try_again(record: &CallRecord, outcome: Outcome) -> bool {
    match outcome.verdict {
        Verdict::Throttled => true,
        Verdict::Unreachable | Verdict::Faulty => record.safety() != Safety::Once || outcome.sent == Sent::No,
        _ => false,
    }
}
