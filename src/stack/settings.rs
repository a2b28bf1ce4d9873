use crate::{
    model::bounds::Bounded,
    stack::{
        breaker, deadline,
        retry::{self, Budget},
    },
    telemetry::Audience,
};
use std::time::Duration;

/// All settings of the stack that a builder can set. Each default is documented at its definition.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) deadline: Duration,
    pub(crate) attempt_limit: Option<Duration>,
    pub(crate) retry: retry::RetrySettings,
    pub(crate) breaker: breaker::BreakerSettings,
    pub(crate) budget: Budget,
    pub(crate) hedging: bool,
    pub(crate) registry: breaker::Registry,
    /// The seed of everything random, so that a run can be replayed.
    pub(crate) seed: u64,
    pub(crate) audience: Audience,
}

/// Fit for production. The system gives the seed, so that no two processes of a fleet move in step.
impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: deadline::DEFAULT,
            attempt_limit: None,
            retry: retry::RetrySettings::default(),
            breaker: breaker::BreakerSettings::default(),
            budget: Budget::default(),
            hedging: true,
            registry: breaker::Registry::new(),
            seed: fastrand::u64(..),
            audience: Audience::default(),
        }
    }
}

impl Settings {
    /// The number that makes no sense, as a sentence.
    pub(crate) fn wrong(&self) -> Option<String> {
        let settings = self.retry.wrong().or_else(|| self.breaker.wrong());
        settings.or_else(|| self.budget.wrong().map(str::to_owned))
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("deadline", &self.deadline)
            .field("attempt_limit", &self.attempt_limit)
            .field("retry", &self.retry)
            .field("breaker", &self.breaker)
            .field("hedging", &self.hedging)
            .finish_non_exhaustive()
    }
}
