//! What a [`Status`] takes from a [`Snapshot`].

use super::{
    ClassStatus, Condition, CredentialsStatus, Decision, EndpointStatus, OrderStatus, ProbeStatus, Status, Suspicion,
};
use crate::{
    credentials::{self, CredentialsSnapshot},
    ops::snapshot::{ClassSnapshot, EndpointSnapshot, OrderSnapshot, ProbeSnapshot, Snapshot},
    request::{LegKind, OpClass},
    stack::breaker,
    telemetry::{EventRecord, millis, unix_millis},
};
use std::{collections::BTreeMap, time::Duration};

impl From<&Snapshot> for Status {
    fn from(snapshot: &Snapshot) -> Self {
        let exceptions = snapshot.beyond_the_budget.iter();
        let suspicion = |record: &EventRecord| {
            let classes = record.event.classes().iter();
            let decision = Decision::from(record);
            classes
                .map(|class| Suspicion {
                    class: class.as_str().to_owned(),
                    decision: decision.clone(),
                })
                .collect::<Vec<_>>()
        };
        Self {
            version: Self::VERSION,
            instance: snapshot.instance.to_string(),
            uptime_ms: millis(snapshot.at.saturating_duration_since(snapshot.instance.since())),
            client: snapshot.client.to_string(),
            taken_ms: unix_millis(snapshot.wall),
            suspected_here: snapshot.all_bad.iter().flat_map(suspicion).collect(),
            budget_left: snapshot.budget,
            beyond_the_budget: exceptions
                .map(|(why, count)| (why.as_str().to_owned(), *count))
                .collect(),
            orders: snapshot.orders.iter().map(OrderStatus::from).collect(),
            endpoints: snapshot
                .endpoints
                .iter()
                .map(|endpoint| EndpointStatus::at(endpoint, snapshot))
                .collect(),
        }
    }
}

impl From<&EventRecord> for Decision {
    fn from(record: &EventRecord) -> Self {
        Self {
            at_ms: unix_millis(record.wall),
            sequence: record.sequence,
            kind: record.event.kind().to_owned(),
            sentence: record.event.to_string(),
        }
    }
}

impl From<&OrderSnapshot> for OrderStatus {
    fn from(order: &OrderSnapshot) -> Self {
        Self {
            number: order.number,
            action: order.action.as_str().to_owned(),
            selector: order.selector.clone(),
            endpoints: order.endpoints.clone(),
            reason: order.reason.clone(),
            by: order.by.clone(),
            age_ms: millis(order.given),
            expires_in_ms: millis(order.expires_in),
        }
    }
}

impl EndpointStatus {
    fn at(endpoint: &EndpointSnapshot, snapshot: &Snapshot) -> Self {
        let profile = &endpoint.profile;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let seen = endpoint.classes.iter().any(|class| class.last_seen.is_some());
        Self {
            name: profile.name().to_owned(),
            provider: owned(profile.provider()),
            region: owned(profile.region()),
            location: owned(profile.location()),
            jurisdictions: profile.jurisdictions().map(|all| all.map(str::to_owned).collect()),
            tier: profile.tier(),
            read_only: profile.is_read_only(),
            barred: endpoint.barred.clone(),
            unreachable: seen.then_some(endpoint.unreachable),
            in_flight: endpoint.in_flight,
            limit: endpoint.limit,
            limit_is_learnt: endpoint.learnt_limit.is_some_and(|learnt| learnt <= endpoint.limit),
            credentials: endpoint.credentials.as_ref().map(CredentialsStatus::from),
            classes: endpoint
                .classes
                .iter()
                .map(|class| ClassStatus::at(class, endpoint))
                .collect(),
            probes: endpoint
                .probes
                .iter()
                .map(|probe| ProbeStatus::at(probe, snapshot))
                .collect(),
        }
    }
}

impl From<&CredentialsSnapshot> for CredentialsStatus {
    fn from(credentials: &CredentialsSnapshot) -> Self {
        let condition = match (credentials.condition, credentials.valid) {
            (credentials::Condition::Well, true) => "valid",
            (credentials::Condition::Well, false) => "not loaded",
            (credentials::Condition::Kept, _) => "kept",
            (credentials::Condition::Lost, _) => "lost",
        };
        Self {
            name: credentials.name.clone(),
            condition: condition.to_owned(),
            valid: credentials.valid,
            expires_in_ms: credentials.valid_for.map(millis),
            failures: credentials.failures,
        }
    }
}

impl Condition {
    fn of(class: &ClassSnapshot, endpoint: &EndpointSnapshot) -> Self {
        match class.breaker {
            _ if endpoint.barred.is_some() => Self::Barred,
            _ if class.class == OpClass::Write && endpoint.profile.is_read_only() => Self::ReadOnly,
            _ if class.ordered_away.is_some() => Self::OrderedAway,
            breaker::State::Open => Self::Out,
            breaker::State::HalfOpen => Self::Probed,
            breaker::State::Closed if class.share < 1.0 => Self::Returning,
            breaker::State::Closed if class.last_seen.is_none() => Self::Untried,
            breaker::State::Closed if class.admitted < 1.0 => Self::Throttled,
            breaker::State::Closed => Self::InUse,
        }
    }
}

impl ClassStatus {
    fn at(class: &ClassSnapshot, endpoint: &EndpointSnapshot) -> Self {
        // What another client saw may have opened a breaker whose endpoint this client has never asked.
        let known = endpoint.barred.is_none() && (class.last_seen.is_some() || class.changed.is_some());
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mut attempts = BTreeMap::<_, BTreeMap<_, _>>::new();
        for (kind, how, count) in class.attempts.iter() {
            let of_kind = attempts.entry(kind.as_str().to_owned()).or_default();
            of_kind.insert(how.to_owned(), count);
        }
        Self {
            class: class.class.as_str().to_owned(),
            condition: Condition::of(class, endpoint),
            breaker: known.then(|| class.breaker.as_str().to_owned()),
            since_ms: class.changed.as_ref().map(|record| unix_millis(record.wall)),
            why: class.decided.as_ref().map(Decision::from),
            ordered_away: class.ordered_away.map(str::to_owned),
            next_probe_in_ms: class.next_probe.map(millis),
            share: known.then_some(rounded(class.share)),
            admitted: class.last_seen.map(|_| rounded(class.admitted)),
            fault_share: class.last_seen.map(|_| rounded(class.fault_share)),
            first_byte_p50_us: class.p50.map(micros),
            first_byte_p99_us: class.p99.map(micros),
            last_seen_age_ms: class.last_seen.map(millis),
            last_success_age_ms: class.last_success.map(millis),
            attempts,
            hedges: class.attempts.of_kind(LegKind::Hedge),
            hedges_won: class.attempts.hedges_won(),
        }
    }
}

impl ProbeStatus {
    fn at(probe: &ProbeSnapshot, snapshot: &Snapshot) -> Self {
        let age = |at| millis(snapshot.at.saturating_duration_since(at));
        Self {
            class: probe.class.as_str().to_owned(),
            under_way: probe.under_way,
            sent: probe.sent,
            last: probe.last.map(str::to_owned),
            last_age_ms: probe.last_at.map(age),
        }
    }
}

/// A share to four digits, which is more than is known.
fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
