use super::{CallEnd, CallListener, Event, aside};
use crate::{
    model::ErrorKind,
    request::{Abandoned, Ended, OpClass},
};
use metrics::{Counter, Histogram, counter, histogram};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Counts an event.
pub(super) fn count(event: &Event) {
    match event {
        Event::BreakerOpened { endpoint, class, .. } => transition(endpoint, *class, "open"),
        Event::BreakerHalfOpened { endpoint, class } => transition(endpoint, *class, "half-open"),
        Event::BreakerClosed { endpoint, class, .. } => transition(endpoint, *class, "closed"),
        Event::AllBad { class } => counter!("evenkeel_all_bad_total", "class" => class.as_str()).increment(1),
        Event::BudgetExhausted { class } => {
            counter!("evenkeel_budget_exhausted_total", "class" => class.as_str()).increment(1);
        }
        Event::CredentialsKept { credentials, .. } => credentials_turned(credentials, "kept"),
        Event::CredentialsLost { credentials, .. } => credentials_turned(credentials, "lost"),
        Event::CredentialsRenewed { credentials, .. } => credentials_turned(credentials, "renewed"),
        Event::LargeWritesOut { endpoint, .. } => large_writes(endpoint, "open"),
        Event::LargeWritesBack { endpoint, .. } => large_writes(endpoint, "closed"),
        Event::PassedOver { endpoint, .. } => {
            counter!("evenkeel_passed_over_total", "endpoint" => endpoint.to_string()).increment(1);
        }
        Event::ConditionsVerified {
            endpoint, unverified, ..
        } => {
            counter!("evenkeel_unverified_writes_total", "endpoint" => endpoint.to_string()).increment(*unverified);
        }
        Event::NoLongerAllBad { .. }
        | Event::SharedDependency { .. }
        | Event::IdleProbeFailed { .. }
        | Event::OrderGiven { .. }
        | Event::OrderLifted { .. } => {}
    }
}

/// In shadow, a call would have gone elsewhere.
pub(crate) fn shadow_difference(class: OpClass) {
    aside(|| counter!("evenkeel_shadow_differences_total", "class" => class.as_str()).increment(1));
}

fn credentials_turned(credentials: &str, to: &'static str) {
    counter!(
        "evenkeel_credentials_transitions_total",
        "credentials" => credentials.to_owned(), "to" => to
    )
    .increment(1);
}

fn large_writes(endpoint: &str, to: &'static str) {
    counter!("evenkeel_large_write_transitions_total", "endpoint" => endpoint.to_owned(), "to" => to).increment(1);
}

fn transition(endpoint: &str, class: OpClass, to: &'static str) {
    counter!(
        "evenkeel_breaker_transitions_total",
        "endpoint" => endpoint.to_owned(), "class" => class.as_str(), "to" => to
    )
    .increment(1);
}

/// A probe from the background ended.
pub(super) fn probed(endpoint: &str, class: OpClass, how: Ended) {
    counter!(
        "evenkeel_probes_total",
        "endpoint" => endpoint.to_owned(), "class" => class.as_str(), "verdict" => ENDINGS[ending(how)]
    )
    .increment(1);
}

/// The words that `verdict` can be in `evenkeel_attempts_total`: the eight verdicts in their order, and the two ways to be
/// dropped.
const ENDINGS: [&str; 10] = [
    "success",
    "answer",
    "absent",
    "throttled",
    "unreachable",
    "faulty",
    "denied",
    "caller",
    "abandoned",
    "abandoned late",
];

/// One endpoint's handles, taken once: looking a metric up per attempt would cost more than the attempt's own bookkeeping.
#[derive(Debug)]
pub(super) struct AttemptMetrics {
    classes: [(Vec<Counter>, Histogram); 3],
}

impl AttemptMetrics {
    pub(super) fn new(endpoint: &str) -> Self {
        Self {
            classes: OpClass::ALL.map(|class| {
                let counters = ENDINGS
                    .iter()
                    .map(|ending| {
                        counter!(
                            "evenkeel_attempts_total",
                            "endpoint" => endpoint.to_owned(), "class" => class.as_str(), "verdict" => *ending
                        )
                    })
                    .collect();
                let durations = histogram!(
                    "evenkeel_attempt_duration_seconds",
                    "endpoint" => endpoint.to_owned(), "class" => class.as_str()
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

/// The place of its word.
const fn ending(how: Ended) -> usize {
    match how {
        Ended::Judged(outcome) => outcome.verdict as usize,
        Ended::Abandoned(Abandoned::Young) => 8,
        Ended::Abandoned(Abandoned::Late) => 9,
    }
}

/// A client's own handles.
pub(crate) struct CallMetrics {
    ok: [Counter; 3],
    durations: [Histogram; 3],
    /// Failures are rare: their counters are made when first needed.
    failed: Mutex<BTreeMap<(OpClass, &'static str), Counter>>,
    /// Who else hears of each call's end.
    listener: Option<CallListener>,
}

impl CallMetrics {
    pub(crate) fn telling(listener: Option<CallListener>) -> Self {
        Self {
            listener,
            ok: OpClass::ALL
                .map(|class| counter!("evenkeel_calls_total", "class" => class.as_str(), "outcome" => "ok")),
            durations: OpClass::ALL
                .map(|class| histogram!("evenkeel_call_duration_seconds", "class" => class.as_str())),
            failed: Mutex::default(),
        }
    }

    /// A call ended; `failure` is its error's kind. Not called for one that was dropped.
    pub(crate) fn ended(&self, class: OpClass, failure: Option<ErrorKind>, took: Duration) {
        self.durations[class.index()].record(took);
        match failure.map(ErrorKind::as_str) {
            None => self.ok[class.index()].increment(1),
            Some(kind) => self.failed(class, kind).increment(1),
        }
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
    /// The recorder is asked under no lock: it is not ours.
    fn failed(&self, class: OpClass, kind: &'static str) -> Counter {
        let lock = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&(class, kind)).cloned();
        known.unwrap_or_else(|| {
            let counter = counter!("evenkeel_calls_total", "class" => class.as_str(), "outcome" => kind);
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
