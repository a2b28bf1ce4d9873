use super::settings::Settings;
use crate::{
    breaker::{Breaker, BreakerLayer, Guarded},
    clock::Instant,
    deadline::{Deadline, DeadlineLayer},
    endpoint::{Constraints, Profile, Roster, Violation},
    health::{Health, HealthLayer, Tracker},
    hedge::{Delay, Hedge, HedgeLayer},
    limit::{Admission, Limit, LimitLayer, MAX_IN_FLIGHT},
    operator::{Operator, Orders},
    probe::{Lane, Prober},
    request::OpClass,
    retry::{Purse, Retry, RetryLayer},
    route::{Barred, Member, Router, Vitals},
    station::{Behind, Served},
    telemetry::{AttemptObserver, EndpointSnapshot, Reporter, Snapshot},
    timeout::{self, Timed, Timeout, TimeoutLayer},
};
use std::sync::Arc;

/// The stations before one endpoint's service.
type Around<S, K> = Guarded<Limit<Health<Timeout<Behind<S>>, Timed<K>>>>;

/// The whole stack, as one tower service over the endpoints' services `S`, judged by `K`.
///
/// `deadline → retry → hedge → route → per endpoint [ breaker → limit → health → timeout → S ]`
pub type Stack<S, K> = Served<Deadline<Retry<Hedge<Arc<Router<Around<S, K>>>>>>>;

/// The router over the endpoints' own stations.
pub(crate) type Routed<S, K> = Served<Router<Around<S, K>>>;

/// A stack, and the handles through which its state is seen.
#[derive(Clone, Debug)]
pub(crate) struct Composed<S, K> {
    pub(crate) service: Stack<S, K>,
    /// Its inner part: the router and the endpoints behind it.
    pub(crate) route: Routed<S, K>,
    pub(crate) vitals: Arc<[Vitals]>,
    pub(crate) purse: Purse,
    pub(crate) operator: Operator,
    /// By endpoint: which constraint it breaks. The router sends nothing to one that does.
    pub(crate) violations: Arc<[Option<Violation>]>,
}

/// Composes the whole stack. The one place that knows the order. `takes_writes`: the endpoints to which writes may go, as a set.
pub(crate) fn compose<S: Clone, K: Clone>(
    roster: &Roster,
    services: impl IntoIterator<Item = S>,
    classify: K,
    constraints: &Constraints,
    takes_writes: u64,
    settings: &Settings,
) -> Composed<S, K> {
    let mut seeds = fastrand::Rng::with_seed(settings.seed);
    let whole = Reporter::new("".into(), settings.listener.clone());
    if let Some(listener) = &settings.listener {
        roster
            .iter()
            .filter_map(Profile::credentials)
            .for_each(|credentials| credentials.tell(listener));
    }
    let purse = Purse::new(settings.budget.clone(), whole.clone());

    let violations = constraints.violations(roster);
    let members: Vec<_> = roster
        .iter()
        .zip(violations.iter())
        .zip(services)
        .map(|((profile, violation), service)| {
            let mut member = around(profile.clone(), service, classify.clone(), settings, seeds.u64(..));
            let barred = |violation| Barred::new(profile.shared_name(), violation);
            member.barred = violation.as_ref().map(barred);
            member
        })
        .collect();
    Breaker::in_company(&members.iter().map(|member| &member.vitals.breaker).collect::<Vec<_>>());
    let permitted = members.iter().filter(|member| member.barred.is_none());
    Tracker::in_company(&permitted.map(|member| &member.vitals.tracker).collect::<Vec<_>>());
    let vitals: Arc<[Vitals]> = members.iter().map(|member| member.vitals.clone()).collect();
    let trackers: Vec<Arc<Tracker>> = vitals.iter().map(|v| v.tracker.clone()).collect();
    let position = |index| u8::try_from(index).unwrap_or(u8::MAX);
    let tiers: Vec<u8> = members
        .iter()
        .enumerate()
        .map(|(index, m)| m.tier.unwrap_or(position(index)))
        .collect();
    let orders = Arc::new(Orders::none(roster.clone()));

    let of_retries = seeds.u64(..);
    let route = Arc::new(Router::commanded(
        members,
        seeds.u64(..),
        Some(orders.clone()),
        whole.clone(),
    ));
    let hedge = HedgeLayer::by_default(settings.hedging, purse.clone(), Delay::learnt(trackers).tiered(tiers));
    let retry = RetryLayer::paying_from(purse.clone(), settings.retry.clone(), of_retries);
    let deadline = DeadlineLayer::new(settings.deadline);
    let service = deadline.before(retry.before(hedge.before(route.clone())));
    Composed {
        service: Served::of(service),
        route: Served::of(route),
        operator: Operator::new(
            roster.clone(),
            violations.clone(),
            takes_writes,
            vitals.clone(),
            orders,
            whole,
        ),
        violations,
        vitals,
        purse,
    }
}

/// Puts one endpoint's stations before its service.
fn around<S: Clone, K: Clone>(
    profile: Profile,
    service: S,
    classify: K,
    settings: &Settings,
    seed: u64,
) -> Member<Around<S, K>> {
    let reporter = Reporter::new(profile.shared_name().clone(), settings.listener.clone());
    let admission = Admission::with(profile.capacity(), profile.max_in_flight().unwrap_or(MAX_IN_FLIGHT));
    let vitals = Vitals {
        tracker: Arc::new(Tracker::behind(admission.clone()).limited(settings.attempt_limit)),
        breaker: Breaker::of_endpoint(settings.breaker.clone(), seed, reporter, &profile, &settings.registry),
        admission,
    };
    let tracker = &vitals.tracker;
    let limit = match settings.attempt_limit {
        Some(limit) => timeout::Limit::fixed(limit),
        None => timeout::Limit::learnt(tracker.clone()),
    };
    let timeout = TimeoutLayer::new(limit);
    let health = HealthLayer::observed_by(tracker.clone(), Timed(classify), AttemptObserver::new(profile.clone()));
    let limit = LimitLayer::new(vitals.admission.clone());
    let breaker = BreakerLayer::new(vitals.breaker.clone()).clearing(tracker.clone());
    let service = breaker.before(limit.before(health.before(timeout.before(Behind::new(service)))));
    let mut member = Member::with(service, vitals);
    member.tier = profile.tier();
    member.read_only = profile.is_read_only();
    member
}

/// How the endpoints stand now.
pub(crate) fn snapshot<'a>(
    profiles: impl Iterator<Item = &'a Profile>,
    violations: &[Option<Violation>],
    vitals: &[Vitals],
    purse: &Purse,
    operator: &Operator,
    prober: &Prober,
    now: Instant,
) -> Snapshot {
    Snapshot {
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

/// The endpoints that are probed in the background: those that no constraint bars.
pub(crate) fn lanes<S, K>(roster: &Roster, composed: &Composed<S, K>, settings: &Settings) -> Vec<Lane> {
    let writes = settings.probes.writes.then_some(OpClass::Write);
    let mut lanes = Vec::new();
    for (endpoint, (profile, vitals)) in roster.iter().zip(&*composed.vitals).enumerate() {
        if composed.violations[endpoint].is_some() {
            continue;
        }
        let writes = writes.filter(|_| !profile.is_read_only());
        lanes.extend([OpClass::Read].into_iter().chain(writes).map(|class| Lane {
            endpoint,
            class,
            vitals: vitals.clone(),
            reporter: Reporter::new(profile.shared_name().clone(), settings.listener.clone()),
        }));
    }
    lanes
}
