//! What every call can be told, at every door.

use crate::{endpoint::Constraints, request::Told};
use std::{sync::Arc, time::Duration};

/// What a call was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallOptions {
    pub(crate) deadline: Option<Duration>,
    pub(crate) pin: Option<Arc<str>>,
    pub(crate) constraints: Constraints,
    /// What holds of its attempts.
    pub(crate) attempts: Told,
}

impl CallOptions {
    /// # Errors
    /// Which number makes no sense.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(deadline) = self.deadline {
            valid_time("a deadline", deadline)?;
        }
        self.attempts
            .options()
            .attempt_limit
            .map_or(Ok(()), valid_attempt_limit)
    }
}

/// Longer than any call should take, and short enough that `now + time` cannot overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// # Errors
/// It makes no sense for what it is the time of.
#[inline]
pub(crate) fn valid_time(of: &str, time: Duration) -> Result<(), String> {
    match time.is_zero() || time > LONGEST {
        true => Err(format!("{of} must lie between 1 ns and 24 h, not {time:?}")),
        false => Ok(()),
    }
}

pub(crate) fn valid_attempt_limit(limit: Duration) -> Result<(), String> {
    valid_time("an attempt's limit", limit)
}

/// The setters that every call has, on its field `options`. What differs is what a deadline and a pin mean.
macro_rules! call_setters {
    (deadline: $deadline:literal, pin: $pin:literal) => {
        #[doc = $deadline]
        pub const fn deadline(mut self, deadline: std::time::Duration) -> Self {
            self.options.deadline = Some(deadline);
            self
        }

        #[doc = $pin]
        pub fn pin(mut self, endpoint: impl Into<std::sync::Arc<str>>) -> Self {
            self.options.pin = Some(endpoint.into());
            self
        }

        /// Only endpoints that lie in one of these places, beside the client's own constraints. (A listing that merges
        /// several endpoints then lacks the others'.)
        pub fn only_locations<L: Into<std::sync::Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
            self.options.constraints = self.options.constraints.only_locations(locations);
            self
        }

        /// No endpoint whose operator this law reaches, beside the client's own constraints.
        pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<std::sync::Arc<str>>) -> Self {
            self.options.constraints = self.options.constraints.not_under_jurisdiction_of(jurisdiction);
            self
        }

        /// How long each attempt may take, in place of the limit that was [learnt](crate::timeout) and of the builder's.
        ///
        /// It is the whole time of one attempt: nothing is added for many bytes, and nothing taken away because the deadline
        /// is near. The deadline still ends the call. With a limit as long as that, one attempt may have all the time, and no
        /// other endpoint is asked after a silence, unless the call is a read that is [hedged](crate::hedge).
        ///
        /// An attempt that runs into it is like one that its caller gave up: a write may have been applied. Where the endpoint's
        /// own limit is longer, that is no fault of the endpoint's: see [`evidence`](crate::evidence).
        ///
        /// Zero, or more than 24 h, is [`InvalidInput`](crate::ErrorKind::InvalidInput).
        pub fn attempt_limit(mut self, limit: std::time::Duration) -> Self {
            self.options.attempts.options_mut().attempt_limit = Some(limit);
            self
        }

        /// Whether it is asked a second time elsewhere when it is late, in place of what the builder says. Only reads and
        /// listings ever are; for a write it changes nothing.
        ///
        /// Without a hedge a read may wait for an attempt's whole limit where an endpoint is silent, also when it is the one
        /// that looks whether an endpoint is back.
        pub fn hedging(mut self, hedging: bool) -> Self {
            self.options.attempts.options_mut().hedging = Some(hedging);
            self
        }

        /// After which outcomes it is tried again, by this rule in place of the builder's: see
        /// [`retry::Rule`](crate::retry::Rule). No rule repeats a write that must happen once and may have been applied.
        pub fn retry_when(mut self, rule: crate::retry::Rule) -> Self {
            self.options.attempts.options_mut().retry_when = Some(rule);
            self
        }

        /// What it is called, and what it is measured with.
        ///
        /// Explanations and errors call it so, in place of `get`, `read` and the like. And how long calls of one name take is
        /// learnt apart from all others at the same endpoint, by class: the limits of their attempts, when they are hedged, and what
        /// they cost at an endpoint follow from that alone. So a report that takes seconds does not make the hang of another read
        /// look usual, nor do the others make it look like one. Whether an endpoint is well is learnt from all its calls together.
        ///
        /// A name stands for a kind of call. The first [16](crate::health::NAMES) at an endpoint are told apart; what comes later
        /// shares one place. While nothing is learnt under a name, its attempts have a second, as any: say an
        /// [`attempt_limit`](Self::attempt_limit) where that is too short.
        pub fn named(mut self, name: &'static str) -> Self {
            self.options.attempts.options_mut().name = Some(name);
            self
        }
    };
}
pub(crate) use call_setters;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_positive_and_finite() {
        for wrong in [Duration::ZERO, Duration::MAX] {
            assert!(valid_time("a deadline", wrong).is_err());
        }
        assert!(valid_time("a deadline", Duration::from_secs(10)).is_ok());
    }
}
