use super::{CallEnd, CallListener, Event, aside};
use crate::{
    model::{Capabilities, Capability, ErrorKind, Names},
    request::{Abandoned, Ended, OpClass},
};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Counts an event.
pub(super) fn count(client: &Arc<str>, event: &Event) {
    match event {
        Event::BreakerOpened { endpoint, class, .. } => transition(client, endpoint, *class, "open").increment(1),
        Event::BreakerHalfOpened { endpoint, class } => transition(client, endpoint, *class, "half-open").increment(1),
        Event::BreakerClosed { endpoint, class, .. } => transition(client, endpoint, *class, "closed").increment(1),
        Event::AllBad { class } => {
            of_class("evenkeel_all_bad_total", client, *class).increment(1);
            all_bad(client, *class).increment(1.0);
        }
        Event::NoLongerAllBad { class } => all_bad(client, *class).decrement(1.0),
        Event::BudgetExhausted { class } => of_class("evenkeel_budget_exhausted_total", client, *class).increment(1),
        Event::CredentialsRenewed { credentials, .. } => turned(client, credentials, "renewed", 0.0),
        Event::CredentialsKept { credentials, .. } => turned(client, credentials, "kept", 1.0),
        Event::CredentialsLost { credentials, .. } => turned(client, credentials, "lost", 2.0),
        Event::LargeWritesOut { endpoint, .. } => large_writes(client, endpoint, "open").increment(1),
        Event::LargeWritesBack { endpoint, .. } => large_writes(client, endpoint, "closed").increment(1),
        Event::DownloadResumed { endpoint, .. } => {
            of_endpoint("evenkeel_downloads_resumed_total", client, endpoint).increment(1);
        }
        Event::WrongChecksum { endpoint } => {
            of_endpoint("evenkeel_wrong_checksums_total", client, endpoint).increment(1)
        }
        Event::UploadRestarted { endpoint, .. } => {
            of_endpoint("evenkeel_uploads_restarted_total", client, endpoint).increment(1);
        }
        Event::PassedOver { endpoint, .. } => of_endpoint("evenkeel_passed_over_total", client, endpoint).increment(1),
        Event::ConditionsVerified {
            endpoint,
            found,
            unverified,
        } => unverified_writes(client, endpoint, worst(found)).increment(*unverified),
        Event::SharedDependency { .. }
        | Event::NotSurvived { .. }
        | Event::IdleProbeFailed { .. }
        | Event::OrderGiven { .. }
        | Event::OrderRefused { .. }
        | Event::OrderLifted { .. }
        | Event::OrderExpired { .. } => {}
    }
}

/// Takes a client that is gone out of the gauge.
pub(super) fn gone_all_bad(client: &Arc<str>, class: OpClass) {
    all_bad(client, class).decrement(1.0);
}

/// Makes the series of an endpoint's troubles, at 0. Of a series that begins at 1 Prometheus' `increase` says 0.
fn register_endpoint(client: &Arc<str>, endpoint: &str) {
    for class in OpClass::ALL {
        for to in ["open", "half-open", "closed"] {
            transition(client, endpoint, class, to).increment(0);
        }
    }
    for to in ["open", "closed"] {
        large_writes(client, endpoint, to).increment(0);
    }
    for found in ["kept", "lacking", "unknown"] {
        unverified_writes(client, endpoint, found).increment(0);
    }
    of_endpoint("evenkeel_downloads_resumed_total", client, endpoint).increment(0);
    of_endpoint("evenkeel_uploads_restarted_total", client, endpoint).increment(0);
    of_endpoint("evenkeel_passed_over_total", client, endpoint).increment(0);
    of_endpoint("evenkeel_wrong_checksums_total", client, endpoint).increment(0);
}

/// The same for the troubles of a whole client.
fn register_client(client: &Arc<str>) {
    for class in OpClass::ALL {
        all_bad(client, class).increment(0.0);
        of_class("evenkeel_all_bad_total", client, class).increment(0);
        of_class("evenkeel_budget_exhausted_total", client, class).increment(0);
    }
}

/// The same for credentials, which are well until a fetch fails.
pub(crate) fn register_credentials(client: &Arc<str>, credentials: &str) {
    aside(|| {
        for to in ["kept", "lost", "renewed"] {
            credentials_transitions(client, credentials, to).increment(0);
        }
        credentials_state(client, credentials).set(0.0);
    });
}

/// Counts a call that, in shadow, would have gone elsewhere.
pub(crate) fn shadow_difference(client: &Arc<str>, class: OpClass) {
    aside(|| of_class("evenkeel_shadow_differences_total", client, class).increment(1));
}

fn of_class(name: &'static str, client: &Arc<str>, class: OpClass) -> Counter {
    counter!(name, "client" => client.clone(), "class" => class.as_str())
}

fn of_endpoint(name: &'static str, client: &Arc<str>, endpoint: &str) -> Counter {
    counter!(name, "client" => client.clone(), "endpoint" => endpoint.to_owned())
}

/// How many clients of this name see every endpoint bad. A sum, as names may repeat in a process.
fn all_bad(client: &Arc<str>, class: OpClass) -> Gauge {
    gauge!("evenkeel_all_bad", "client" => client.clone(), "class" => class.as_str())
}

fn turned(client: &Arc<str>, credentials: &str, to: &'static str, state: f64) {
    credentials_transitions(client, credentials, to).increment(1);
    credentials_state(client, credentials).set(state);
}

fn credentials_transitions(client: &Arc<str>, credentials: &str, to: &'static str) -> Counter {
    counter!(
        "evenkeel_credentials_transitions_total",
        "client" => client.clone(), "credentials" => credentials.to_owned(), "to" => to
    )
}

fn credentials_state(client: &Arc<str>, credentials: &str) -> Gauge {
    gauge!("evenkeel_credentials_state", "client" => client.clone(), "credentials" => credentials.to_owned())
}

fn unverified_writes(client: &Arc<str>, endpoint: &str, found: &'static str) -> Counter {
    counter!(
        "evenkeel_unverified_writes_total",
        "client" => client.clone(), "endpoint" => endpoint.to_owned(), "found" => found
    )
}

/// The worst that was found of the conditions of plain writes: nobody knows which of them the writes before had.
fn worst(found: &Capabilities) -> &'static str {
    let each = [found.create, found.if_match];
    if each.contains(&Capability::Lacking) {
        "lacking"
    } else if each.contains(&Capability::Unknown) {
        "unknown"
    } else {
        "kept"
    }
}

fn large_writes(client: &Arc<str>, endpoint: &str, to: &'static str) -> Counter {
    counter!(
        "evenkeel_large_write_transitions_total",
        "client" => client.clone(), "endpoint" => endpoint.to_owned(), "to" => to
    )
}

fn transition(client: &Arc<str>, endpoint: &str, class: OpClass, to: &'static str) -> Counter {
    counter!(
        "evenkeel_breaker_transitions_total",
        "client" => client.clone(), "endpoint" => endpoint.to_owned(), "class" => class.as_str(), "to" => to
    )
}

/// Counts a background probe that ended.
pub(super) fn probed(client: &Arc<str>, endpoint: &str, class: OpClass, how: Ended) {
    counter!(
        "evenkeel_probes_total",
        "client" => client.clone(), "endpoint" => endpoint.to_owned(), "class" => class.as_str(), "verdict" => ENDINGS[ending(how)]
    )
    .increment(1);
}

/// The values of `verdict` in `evenkeel_attempts_total`: the eight verdicts in their order, and the two ways in which
/// an attempt is dropped.
pub(crate) const ENDINGS: [&str; 10] = [
    "success",
    "answer",
    "absent",
    "throttled",
    "unreachable",
    "faulty",
    "denied",
    "caller",
    "abandoned",
    "abandoned_late",
];

/// One endpoint's metric handles, taken once: a look-up per attempt would cost more than the attempt's own
/// bookkeeping.
#[derive(Debug)]
pub(super) struct AttemptMetrics {
    classes: [(Vec<Counter>, Histogram); 3],
}

impl AttemptMetrics {
    pub(super) fn new(client: &Arc<str>, endpoint: &str) -> Self {
        aside(|| register_endpoint(client, endpoint));
        Self {
            classes: OpClass::ALL.map(|class| {
                let counters = ENDINGS
                    .iter()
                    .map(|ending| {
                        counter!(
                            "evenkeel_attempts_total",
                            "client" => client.clone(), "endpoint" => endpoint.to_owned(), "class" => class.as_str(), "verdict" => *ending
                        )
                    })
                    .collect();
                let durations = histogram!(
                    "evenkeel_attempt_duration_seconds",
                    "client" => client.clone(), "endpoint" => endpoint.to_owned(), "class" => class.as_str()
                );
                (counters, durations)
            }),
        }
    }

    pub(super) fn ended(&self, class: OpClass, how: Ended, took: Duration) {
        let (counters, durations) = &self.classes[class.index()];
        counters[ending(how)].increment(1);
        durations.record(took);
    }
}

/// The index of the word for this end.
pub(crate) const fn ending(how: Ended) -> usize {
    match how {
        Ended::Judged(outcome) => outcome.verdict as usize,
        Ended::Abandoned(Abandoned::Young) => 8,
        Ended::Abandoned(Abandoned::Late) => 9,
    }
}

/// A client's own metric handles.
pub(crate) struct CallMetrics {
    client: Arc<str>,
    /// The handles by operation name, and by class.
    operations: Names<[OnceLock<OperationMetrics>; 3]>,
    /// The function that hears of each call's end.
    listener: Option<CallListener>,
}

/// The handles of one operation's calls of one class. The first call makes them all, so that each failure that comes
/// later counts up from 0.
struct OperationMetrics {
    ok: Counter,
    failed: [Counter; ErrorKind::ALL.len()],
    durations: Histogram,
}

impl CallMetrics {
    pub(crate) fn new(client: Arc<str>, listener: Option<CallListener>) -> Self {
        aside(|| register_client(&client));
        Self {
            client,
            operations: Names::default(),
            listener,
        }
    }

    pub(crate) const fn client(&self) -> &Arc<str> {
        &self.client
    }

    /// A call ended. `failure` is its error's kind. Not called for a dropped call.
    pub(crate) fn ended(&self, operation: &'static str, class: OpClass, failure: Option<ErrorKind>, took: Duration) {
        // The recorder is not ours.
        aside(|| self.count(operation, class, failure, took));
        if let Some(listener) = &self.listener {
            listener(&CallEnd {
                class,
                error: failure,
                took,
            });
        }
    }
}

impl CallMetrics {
    fn count(&self, operation: &'static str, class: OpClass, failure: Option<ErrorKind>, took: Duration) {
        let (places, operation) = match self.operations.own(operation) {
            Some(places) => (places, operation),
            None => (self.operations.shared(), "other"),
        };
        let place = &places[class.index()];
        if place.get().is_none() {
            // Made before the place is taken: a call that comes at once does not wait for the recorder.
            let _ = place.set(OperationMetrics::new(&self.client, operation, class));
        }
        let Some(of) = place.get() else { return };
        of.durations.record(took);
        match failure {
            None => of.ok.increment(1),
            Some(kind) => of.failed[kind as usize].increment(1),
        }
    }
}

impl OperationMetrics {
    fn new(client: &Arc<str>, operation: &'static str, class: OpClass) -> Self {
        let calls = |outcome: &'static str| {
            counter!(
                "evenkeel_calls_total",
                "client" => client.clone(), "operation" => operation, "class" => class.as_str(), "outcome" => outcome
            )
        };
        Self {
            ok: calls("ok"),
            failed: ErrorKind::ALL.map(|kind| calls(kind.as_str())),
            durations: histogram!(
                "evenkeel_call_duration_seconds",
                "client" => client.clone(), "operation" => operation, "class" => class.as_str()
            ),
        }
    }
}

impl fmt::Debug for CallMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallMetrics").finish_non_exhaustive()
    }
}
