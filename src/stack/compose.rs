use super::{Settings, orders::Orders};
use crate::{
    endpoint::{Constraints, Profile, Roster, Violation},
    stack::{
        breaker::{Breaker, BreakerLayer, Guarded},
        deadline::{Deadline, DeadlineLayer},
        health::{Health, HealthLayer, Tracker},
        hedge::{Delay, Hedge, HedgeLayer},
        limit::{Admission, Limit, LimitLayer, MAX_IN_FLIGHT},
        retry::{Purse, Retry, RetryLayer},
        route::{Barred, Member, Router, Vitals},
        station::{Behind, Served},
        timeout::{self, Timed, Timeout, TimeoutLayer},
    },
    telemetry::{AttemptObserver, Reporter},
};
use std::sync::Arc;

/// The stations before one endpoint's service.
type Around<S, K> = Guarded<Limit<Health<Timeout<Behind<S>>, Timed<K>>>>;

/// The whole stack, as one tower service over the endpoints' services `S`, judged by `K`.
///
/// `deadline → retry → hedge → route → per endpoint [ breaker → limit → health → timeout → S ]`
pub(crate) type Stack<S, K> = Served<Deadline<Retry<Hedge<Arc<Router<Around<S, K>>>>>>>;

/// The router over the endpoints' own stations.
pub(crate) type Routed<S, K> = Served<Router<Around<S, K>>>;

/// A stack, and the handles on its state.
#[derive(Clone, Debug)]
pub(crate) struct Composed<S, K> {
    pub(crate) service: Stack<S, K>,
    /// The stack's inner part: the router and the endpoints behind it.
    pub(crate) route: Routed<S, K>,
    pub(crate) vitals: Arc<[Vitals]>,
    pub(crate) purse: Purse,
    pub(crate) orders: Arc<Orders>,
    /// Reports in the name of the whole client.
    pub(crate) reporter: Reporter,
    /// By endpoint: the constraint that the endpoint breaks. The router sends nothing to such an endpoint.
    pub(crate) violations: Arc<[Option<Violation>]>,
}

/// Composes the whole stack. Only this function knows the order of the stations.
pub(crate) fn compose<S: Clone, K: Clone>(
    roster: &Roster,
    services: impl IntoIterator<Item = S>,
    classify: K,
    constraints: &Constraints,
    settings: &Settings,
) -> Composed<S, K> {
    let mut seeds = fastrand::Rng::with_seed(settings.seed);
    let whole = Reporter::new("".into(), settings.audience.clone());
    for credentials in roster.iter().filter_map(Profile::credentials) {
        settings
            .audience
            .listeners()
            .iter()
            .for_each(|listener| credentials.tell(listener));
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
        orders,
        reporter: whole,
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
    let reporter = Reporter::new(profile.shared_name().clone(), settings.audience.clone());
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
    let observer = AttemptObserver::new(profile.labels(settings.audience.client.clone()), &settings.audience);
    let health = HealthLayer::observed_by(
        tracker.clone(),
        Timed(classify),
        observer,
        profile.credentials().cloned(),
    );
    let limit = LimitLayer::new(vitals.admission.clone());
    let breaker = BreakerLayer::new(vitals.breaker.clone()).clearing(tracker.clone());
    let service = breaker.before(limit.before(health.before(timeout.before(Behind::new(service)))));
    let mut member = Member::with(service, vitals);
    member.tier = profile.tier();
    member.read_only = profile.is_read_only();
    member
}
