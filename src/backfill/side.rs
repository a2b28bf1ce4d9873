//! One of the two endpoints, and how requests are sent to it.

use super::{
    pace::Pace,
    policy::{Judgement, judge},
    progress::Event,
    shared::{Role, Shared},
    stopped::StopReason,
};
use crate::{
    model::clock::{self, Instant},
    provider::{ProviderError, ProviderErrorKind},
    verdict::{Outcome, Verdict},
};
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{sleep, sleep_until, timeout};

pub(super) struct Side<P> {
    pub(super) name: Arc<str>,
    pub(super) provider: P,
    role: Role,
    pace: Mutex<Pace>,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A definite answer, which concerns the key.
    Answer(Box<ProviderError>),
    /// The request failed in every attempt.
    GaveUp(Box<ProviderError>),
    /// The endpoint serves nothing at all.
    Stop(StopReason),
}

impl Refusal {
    pub(super) fn is(&self, kind: ProviderErrorKind) -> bool {
        matches!(self, Self::Answer(error) if error.kind() == kind)
    }

    /// The reason to stop if the target could not be asked how it treats conditions.
    pub(super) fn about_conditions(self, target: &Arc<str>) -> StopReason {
        match self {
            Self::Answer(error) | Self::GaveUp(error) => StopReason::Unverified {
                endpoint: target.clone(),
                error,
            },
            Self::Stop(reason) => reason,
        }
    }
}

impl<P> Side<P> {
    pub(super) fn new(name: Arc<str>, provider: P, role: Role, rate: f64) -> Self {
        Self {
            name,
            provider,
            role,
            pace: Mutex::new(Pace::new(rate, clock::now())),
        }
    }

    /// Sends a request until there is an answer, at the endpoint's pace. Each attempt has the limit for a body of this
    /// many bytes. A failed attempt is repeated after a growing wait. A future that is dropped holds only a slot of the
    /// pace, which passes.
    pub(super) async fn ask<T, F>(&self, shared: &Shared, bytes: u64, request: impl Fn() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let limit = shared.settings.limit(bytes);
        let mut failures = 0;
        loop {
            self.leave().await;
            shared.count_request(self.role);
            let error = match timeout(limit, request()).await {
                Ok(Ok(answer)) => {
                    self.pace().healthy(clock::now());
                    return Ok(answer);
                }
                Ok(Err(error)) => error,
                Err(_) => ProviderError::new(ProviderErrorKind::Failed, Outcome::TIMED_OUT)
                    .with_message("there was no answer in time"),
            };
            let now = clock::now();
            let outcome = error.outcome();
            let judgement = match error.kind() {
                // It does not get emptier by waiting, as a rule: what is tried a few times is said.
                ProviderErrorKind::Full => Judgement::Again,
                _ => judge(outcome),
            };
            match judgement {
                Judgement::Answer => {
                    // A refusal of permission is an answer, too, but no sign that anything is well.
                    if outcome.verdict.is_healthy() {
                        self.pace().healthy(now);
                    }
                    return Err(Refusal::Answer(Box::new(error)));
                }
                Judgement::SlowDown => self.slow_down(shared, error, now)?,
                Judgement::Again => {
                    failures += 1;
                    self.check_patience(shared, &error, now, outcome.retry_after)?;
                    if failures >= shared.settings.attempts {
                        return Err(Refusal::GaveUp(Box::new(error)));
                    }
                    let wait = shared.wait(failures).max(outcome.retry_after.unwrap_or_default());
                    shared.tell(&Event::Retrying {
                        endpoint: self.name.clone(),
                        error: error.to_string().into(),
                        wait,
                    });
                    sleep(wait).await;
                }
            }
        }
    }

    /// Waits until the pace lets a request leave.
    async fn leave(&self) {
        loop {
            let now = clock::now();
            let slot = self.pace().reserve(now);
            if slot > now {
                sleep_until(slot).await;
            }
            // While this one waited, another may have been told to slow down.
            if !self.pace().is_paused(clock::now()) {
                return;
            }
        }
    }

    /// A throttled attempt does not count as one of the request's attempts: many requests share one endpoint's
    /// patience.
    fn slow_down(&self, shared: &Shared, error: ProviderError, now: Instant) -> Result<(), Refusal> {
        debug_assert_eq!(error.outcome().verdict, Verdict::Throttled);
        let retry_after = error.outcome().retry_after;
        self.check_patience(shared, &error, now, retry_after)?;
        let pause = self.pace().throttled(now, retry_after);
        shared.tell(&Event::Throttled {
            endpoint: self.name.clone(),
            pause,
        });
        Ok(())
    }

    fn check_patience(
        &self,
        shared: &Shared,
        error: &ProviderError,
        now: Instant,
        retry_after: Option<Duration>,
    ) -> Result<(), Refusal> {
        let silent = self.pace().failed(now).max(retry_after.unwrap_or_default());
        if silent < shared.settings.patience {
            return Ok(());
        }
        Err(Refusal::Stop(StopReason::Unavailable {
            endpoint: self.name.clone(),
            silent,
            error: Box::new(error.clone()),
        }))
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
