use super::{CallEnd, CallListener, Event, aside};
use crate::{
    model::{ErrorKind, Names},
    request::{Abandoned, Ended, OpClass},
};
use metrics::{Counter, Histogram, counter, histogram};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

/// Counts an event.
pub(super) fn count(client: &Arc<str>, event: &Event) {
    match event {
        Event::BreakerOpened { endpoint, class, .. } => transition(client, endpoint, *class, "open"),
        Event::BreakerHalfOpened { endpoint, class } => transition(client, endpoint, *class, "half-open"),
        Event::BreakerClosed { endpoint, class, .. } => transition(client, endpoint, *class, "closed"),
        Event::AllBad { class } => {
            counter!("evenkeel_all_bad_total", "client" => client.clone(), "class" => class.as_str()).increment(1)
        }
        Event::BudgetExhausted { class } => {
            counter!("evenkeel_budget_exhausted_total", "client" => client.clone(), "class" => class.as_str())
                .increment(1);
        }
        Event::CredentialsKept { credentials, .. } => credentials_turned(client, credentials, "kept"),
        Event::CredentialsLost { credentials, .. } => credentials_turned(client, credentials, "lost"),
        Event::CredentialsRenewed { credentials, .. } => credentials_turned(client, credentials, "renewed"),
        Event::LargeWritesOut { endpoint, .. } => large_writes(client, endpoint, "open"),
        Event::LargeWritesBack { endpoint, .. } => large_writes(client, endpoint, "closed"),
        Event::DownloadResumed { endpoint, .. } => {
            counter!("evenkeel_downloads_resumed_total", "client" => client.clone(), "endpoint" => endpoint.to_string())
                .increment(1);
        }
        Event::WrongChecksum { endpoint } => {
            counter!("evenkeel_wrong_checksums_total", "client" => client.clone(), "endpoint" => endpoint.to_string())
                .increment(1);
        }
        Event::UploadRestarted { endpoint, .. } => {
            counter!("evenkeel_uploads_restarted_total", "client" => client.clone(), "endpoint" => endpoint.to_string())
                .increment(1);
        }
        Event::PassedOver { endpoint, .. } => {
            counter!("evenkeel_passed_over_total", "client" => client.clone(), "endpoint" => endpoint.to_string())
                .increment(1);
        }
        Event::ConditionsVerified {
            endpoint, unverified, ..
        } => {
            counter!("evenkeel_unverified_writes_total", "client" => client.clone(), "endpoint" => endpoint.to_string()).increment(*unverified);
        }
        Event::NoLongerAllBad { .. }
        | Event::SharedDependency { .. }
        | Event::IdleProbeFailed { .. }
        | Event::OrderGiven { .. }
        | Event::OrderRefused { .. }
        | Event::OrderLifted { .. } => {}
    }
}

/// Counts a call that, in shadow, would have gone elsewhere.
pub(crate) fn shadow_difference(client: &Arc<str>, class: OpClass) {
    aside(|| {
        counter!("evenkeel_shadow_differences_total", "client" => client.clone(), "class" => class.as_str())
            .increment(1)
    });
}

fn credentials_turned(client: &Arc<str>, credentials: &str, to: &'static str) {
    counter!(
        "evenkeel_credentials_transitions_total",
        "client" => client.clone(), "credentials" => credentials.to_owned(), "to" => to
    )
    .increment(1);
}

fn large_writes(client: &Arc<str>, endpoint: &str, to: &'static str) {
    counter!("evenkeel_large_write_transitions_total", "client" => client.clone(), "endpoint" => endpoint.to_owned(), "to" => to).increment(1);
}

fn transition(client: &Arc<str>, endpoint: &str, class: OpClass, to: &'static str) {
    counter!(
        "evenkeel_breaker_transitions_total",
        "client" => client.clone(), "endpoint" => endpoint.to_owned(), "class" => class.as_str(), "to" => to
    )
    .increment(1);
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
    /// The handles by operation name.
    operations: Names<OnceLock<OperationMetrics>>,
    /// The function that hears of each call's end.
    listener: Option<CallListener>,
}

/// The handles of one operation's calls.
struct OperationMetrics {
    ok: [Counter; 3],
    durations: [Histogram; 3],
    /// Failures are rare: their counters are made on first use.
    failed: Mutex<BTreeMap<(OpClass, &'static str), Counter>>,
}

impl CallMetrics {
    pub(crate) fn new(client: Arc<str>, listener: Option<CallListener>) -> Self {
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
        let (place, operation) = match self.operations.own(operation) {
            Some(place) => (place, operation),
            None => (self.operations.shared(), "other"),
        };
        if place.get().is_none() {
            // Made before the place is taken: a call that comes at once does not wait for the recorder.
            let _ = place.set(OperationMetrics::new(&self.client, operation));
        }
        let Some(of) = place.get() else { return };
        of.durations[class.index()].record(took);
        match failure.map(ErrorKind::as_str) {
            None => of.ok[class.index()].increment(1),
            Some(kind) => of.failed(&self.client, operation, class, kind).increment(1),
        }
    }
}

fn calls(client: &Arc<str>, operation: &'static str, class: OpClass, outcome: &'static str) -> Counter {
    counter!(
        "evenkeel_calls_total",
        "client" => client.clone(), "operation" => operation, "class" => class.as_str(), "outcome" => outcome
    )
}

impl OperationMetrics {
    fn new(client: &Arc<str>, operation: &'static str) -> Self {
        let duration = |class: OpClass| {
            histogram!(
                "evenkeel_call_duration_seconds",
                "client" => client.clone(), "operation" => operation, "class" => class.as_str()
            )
        };
        Self {
            ok: OpClass::ALL.map(|class| calls(client, operation, class, "ok")),
            durations: OpClass::ALL.map(duration),
            failed: Mutex::default(),
        }
    }

    /// Asks the recorder under no lock: the recorder is foreign code.
    fn failed(&self, client: &Arc<str>, operation: &'static str, class: OpClass, kind: &'static str) -> Counter {
        let lock = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&(class, kind)).cloned();
        known.unwrap_or_else(|| {
            let counter = calls(client, operation, class, kind);
            lock().insert((class, kind), counter.clone());
            counter
        })
    }
}

impl fmt::Debug for CallMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallMetrics").finish_non_exhaustive()
    }
}
