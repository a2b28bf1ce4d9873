use super::{Audience, Event, aside, metrics};
use crate::{
    model::{
        Capability,
        clock::{self, Instant},
    },
    request::OpClass,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Reports events in the name of one endpoint, or of the whole client.
#[derive(Clone)]
pub(crate) struct Reporter {
    endpoint: Arc<str>,
    audience: Audience,
    audible: bool,
    /// When an exhausted budget was last reported, by class. All clones share the times.
    told: Arc<Mutex<[Option<Instant>; 3]>>,
}

/// An exhausted budget fails every call that follows: one line a second says as much as thousands.
const PAUSE: Duration = Duration::from_secs(1);

impl Reporter {
    /// A reporter without listeners: for layers used alone.
    pub(crate) fn silent() -> Self {
        Self {
            endpoint: "".into(),
            audience: Audience::default(),
            audible: false,
            told: Arc::default(),
        }
    }

    pub(crate) fn new(endpoint: Arc<str>, audience: Audience) -> Self {
        Self {
            endpoint,
            audience,
            audible: true,
            told: Arc::default(),
        }
    }

    pub(crate) fn client(&self) -> &Arc<str> {
        &self.audience.client
    }

    pub(crate) const fn audience(&self) -> &Audience {
        &self.audience
    }

    pub(crate) fn endpoint(&self) -> Arc<str> {
        self.endpoint.clone()
    }

    /// Reports an event; never called under a lock. The function returns normally, whatever the listeners do.
    pub(crate) fn report(&self, event: Event) {
        if self.write_down(&event) {
            self.audience.tell(event);
        }
    }

    /// A client is gone for which every endpoint looked bad. Nothing has become better, so this is no event.
    pub(crate) fn gone_all_bad(&self, class: OpClass) {
        if self.audible {
            aside(|| metrics::gone_all_bad(&self.audience.client, class));
        }
    }

    /// Counts an event and logs it, and tells no listener. Returns whether the event is news.
    pub(crate) fn write_down(&self, event: &Event) -> bool {
        if !self.audible {
            return false;
        }
        aside(|| metrics::count(&self.audience.client, event));
        if let Event::BudgetExhausted { class } = event
            && self.told_lately(*class)
        {
            return false;
        }
        aside(|| trace(event));
        true
    }
}

fn trace(event: &Event) {
    match event {
        Event::BreakerOpened { .. }
        | Event::LargeWritesOut { .. }
        | Event::AllBad { .. }
        | Event::WrongChecksum { .. }
        | Event::PassedOver { .. }
        | Event::OrderGiven { .. }
        | Event::OrderRefused { .. }
        | Event::SharedDependency { .. }
        | Event::NotSurvived { .. }
        | Event::CredentialsKept { .. }
        | Event::CredentialsLost { .. } => {
            tracing::warn!(target: "evenkeel", "{event}")
        }
        Event::ConditionsVerified { found, .. } if found.create != Capability::Kept => {
            tracing::warn!(target: "evenkeel", "{event}")
        }
        Event::BudgetExhausted { .. } => tracing::debug!(target: "evenkeel", "{event}"),
        _ => tracing::info!(target: "evenkeel", "{event}"),
    }
}

impl Reporter {
    fn told_lately(&self, class: OpClass) -> bool {
        let now = clock::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &mut told[class.index()];
        if last.is_some_and(|at| now.saturating_duration_since(at) < PAUSE) {
            return true;
        }
        *last = Some(now);
        false
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_exhausted_budget_is_reported_once_a_second_per_class() {
        let heard = Arc::new(Mutex::new(0));
        let count = heard.clone();
        let mut audience = Audience::default();
        audience.add(move |_| *count.lock().unwrap() += 1);
        let reporter = Reporter::new("".into(), audience);
        // Given a retry and a hedge that share the reporter, when all their calls want more than there is,
        let other = reporter.clone();
        let want = |class| {
            for _ in 0..100 {
                reporter.report(Event::BudgetExhausted { class });
                other.report(Event::BudgetExhausted { class });
            }
        };
        want(OpClass::Read);
        want(OpClass::Write);
        // then each class is heard of once,
        assert_eq!(*heard.lock().unwrap(), 2);
        // and again a second later.
        tokio::time::advance(PAUSE).await;
        want(OpClass::Read);
        assert_eq!(*heard.lock().unwrap(), 3);
    }
}
