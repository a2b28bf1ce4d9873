//! Watches and steers the stack from outside of a call: a person's orders, probes in the background, and the snapshot.

pub mod operator;
pub mod probe;
pub mod snapshot;

use crate::{
    endpoint::{Profile, Violation},
    model::clock::Instant,
    retry::Purse,
    route::Vitals,
};
use operator::Operator;
use probe::Prober;
use snapshot::{EndpointSnapshot, Snapshot};
use std::sync::Arc;

/// The state of the endpoints now.
pub(crate) fn snapshot<'a>(
    client: &Arc<str>,
    profiles: impl Iterator<Item = &'a Profile>,
    violations: &[Option<Violation>],
    vitals: &[Vitals],
    purse: &Purse,
    operator: &Operator,
    prober: &Prober,
    now: Instant,
) -> Snapshot {
    Snapshot {
        client: client.clone(),
        endpoints: profiles
            .zip(violations)
            .zip(vitals)
            .enumerate()
            .map(|(index, ((profile, violation), vitals))| {
                let barred = violation.as_ref().map(ToString::to_string);
                EndpointSnapshot::of(profile, vitals, barred, prober.snapshot(index))
            })
            .collect(),
        budget: purse.budget().available(now),
        beyond_the_budget: purse.exceptions().counts(),
        orders: operator.snapshot(),
    }
}
