use super::KeeperSettings;
use crate::model::clock::Instant;
use std::time::Duration;

/// When credentials may be used, and when they are fetched anew. Pure: the policy never sees the credentials.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    settings: KeeperSettings,
    held: Option<Held>,
    /// No fetch has ended yet.
    first: bool,
    /// When the fetch that is under way began.
    under_way: Option<Instant>,
    /// Fetches that succeeded.
    successes: u64,
    /// Fetches that failed since the last success.
    failures: u32,
    /// After a failure: no fetch before this time.
    not_before: Option<Instant>,
    /// How often the held credentials have been forgotten.
    forgotten: u64,
    /// A provider refused the held credentials.
    refused: bool,
    /// After a fetch because of a refusal: no other before this time.
    believed_until: Option<Instant>,
    allowance: Allowance,
    /// The condition at the last report, and when it was last well.
    told: (Condition, Instant),
}

/// Nobody waits for an end that lies beyond a century, and clocks cannot count so far.
const NO_END: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The times of the held credentials.
#[derive(Clone, Copy, Debug)]
struct Held {
    loaded: Instant,
    /// `None`: they do not expire.
    until: Option<Until>,
}

#[derive(Clone, Copy, Debug)]
struct Until {
    renewed: Instant,
    expired: Instant,
}

/// What a call that needs credentials does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Uses the held credentials. If `fetch`, a fetch begins beside it.
    Use { fetch: bool },
    /// Waits until then for the fetch under way, or for the fetch that this call begins.
    Wait { fetch: bool, until: Instant },
    /// Fails: there are no credentials, and asking again is not due.
    Fail,
}

/// The condition of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// Valid, or not fetched yet.
    Well,
    /// Valid, but the last fetch failed.
    Kept,
    /// Not valid, and the last fetch failed.
    Lost,
}

/// A change of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) to: Condition,
    /// How long ago the credentials were well, before this change.
    pub(super) after: Duration,
    /// How long the held credentials are valid; `None`: without end, or there are none.
    pub(super) valid_for: Option<Duration>,
}

/// A token bucket over time.
#[derive(Clone, Debug)]
struct Allowance {
    tokens: f64,
    at: Instant,
}

impl Policy {
    pub(super) fn new(settings: KeeperSettings, now: Instant) -> Self {
        let tokens = f64::from(settings.banked.max(1));
        Self {
            settings,
            held: None,
            first: true,
            under_way: None,
            successes: 0,
            failures: 0,
            not_before: None,
            forgotten: 0,
            refused: false,
            believed_until: None,
            allowance: Allowance { tokens, at: now },
            told: (Condition::Well, now),
        }
    }

    pub(super) const fn settings(&self) -> &KeeperSettings {
        &self.settings
    }

    /// What a call that needs credentials now does. A fetch that the step begins counts as under way from here on.
    pub(super) fn step(&mut self, now: Instant) -> Step {
        let valid = self.is_valid(now);
        let wanted = !valid || self.refused || self.is_due(now);
        let fetch = wanted && self.not_before.is_none_or(|at| now >= at) && self.begin(now);
        if valid {
            return Step::Use { fetch };
        }
        let Some(began) = self.under_way else { return Step::Fail };
        // Who comes while a fetch hangs does not wait as long again: all of them would, one after the other.
        let until = began + self.patience();
        match now < until {
            true => Step::Wait { fetch, until },
            false => Step::Fail,
        }
    }

    /// Begins a fetch because a person wants one. Backoff does not delay the fetch; the budget does. `false`: a fetch
    /// is under way, or the budget is used up.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        if self.under_way.is_some() || !self.allowance.take(&self.settings, now) {
            return false;
        }
        self.under_way = Some(now);
        true
    }

    /// Notes credentials that live this long (`None`: without end). `false`: they are as good as expired, so the fetch
    /// counts as failed.
    pub(super) fn fetched(&mut self, now: Instant, life: Option<Duration>, rng: &mut fastrand::Rng) -> bool {
        if life.is_some_and(|life| life <= self.settings.margin) {
            self.failed(now, rng);
            return false;
        }
        self.successes += 1;
        let until = life.filter(|life| *life < NO_END).map(|life| {
            let early = self.settings.early + self.settings.jitter * rng.f64();
            Until {
                renewed: now + life.mul_f64(1.0 - early.clamp(0.0, 1.0)),
                expired: now + (life - self.settings.margin),
            }
        });
        if self.refused {
            self.believed_until = Some(now + self.settings.refill);
        }
        self.held = Some(Held { loaded: now, until });
        (self.under_way, self.not_before, self.failures) = (None, None, 0);
        (self.first, self.refused) = (false, false);
        true
    }

    /// The fetch failed, or ran into its limit.
    pub(super) fn failed(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        let doublings = self.failures.min(20);
        self.failures = self.failures.saturating_add(1);
        let cap = self.settings.backoff.saturating_mul(1 << doublings);
        let wait = cap.min(self.settings.max_backoff).mul_f64(rng.f64());
        (self.under_way, self.not_before, self.first) = (None, Some(now + wait), false);
    }

    /// Notes that the fetch was dropped before it ended, which says nothing about the token service.
    pub(super) fn dropped(&mut self) {
        self.under_way = None;
    }

    /// Notes that a provider refused the credentials of an attempt that started then. The attempt may have used
    /// credentials that have been replaced since. After a fetch because of a refusal, the new credentials are believed
    /// for a while: if they are refused, too, the credentials are not the reason.
    pub(super) fn refused(&mut self, started: Instant, now: Instant) {
        let current = self.held.is_some_and(|held| started > held.loaded);
        let doubted = self.believed_until.is_none_or(|until| now >= until);
        self.refused |= current && doubted;
    }

    /// Forgets the held credentials, and those of a fetch that began before.
    pub(super) fn forget(&mut self) {
        self.held = None;
        self.forgotten += 1;
    }

    /// The number that tells whether a fetch has been overtaken: then the number changed between its begin and its end.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn is_valid(&self, now: Instant) -> bool {
        self.held
            .is_some_and(|held| held.until.is_none_or(|until| now < until.expired))
    }

    /// How long the held credentials are valid; `Some(None)`: without end.
    pub(super) fn valid_for(&self, now: Instant) -> Option<Option<Duration>> {
        let held = self.held.filter(|_| self.is_valid(now))?;
        Some(held.until.map(|until| until.expired.saturating_duration_since(now)))
    }

    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    pub(super) const fn successes(&self) -> u64 {
        self.successes
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn condition(&self, now: Instant) -> Condition {
        match (self.failures, self.is_valid(now)) {
            (0, _) => Condition::Well,
            (_, true) => Condition::Kept,
            (_, false) => Condition::Lost,
        }
    }

    /// The change of the condition since this was last asked, if any.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Turn> {
        let to = self.condition(now);
        let (from, since) = self.told;
        if to == from {
            return None;
        }
        self.told = (to, if from == Condition::Well { now } else { since });
        Some(Turn {
            to,
            after: now.saturating_duration_since(since),
            valid_for: self.valid_for(now).flatten(),
        })
    }

    fn is_due(&self, now: Instant) -> bool {
        let until = self.held.and_then(|held| held.until);
        until.is_some_and(|until| now >= until.renewed)
    }

    fn patience(&self) -> Duration {
        match self.first {
            true => self.settings.first_patience,
            false => self.settings.patience,
        }
    }
}

impl Allowance {
    fn take(&mut self, settings: &KeeperSettings, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let refill = settings.refill.as_secs_f64().max(0.001);
        let most = f64::from(settings.banked.max(1));
        (self.tokens, self.at) = ((self.tokens + passed / refill).min(most), now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}
