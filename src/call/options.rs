//! The options of every call, at every door.

use crate::{endpoint::Constraints, request::Told};
use std::{sync::Arc, time::Duration};

/// The options of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallOptions {
    pub(crate) deadline: Option<Duration>,
    pub(crate) pin: Option<Arc<str>>,
    pub(crate) constraints: Constraints,
    /// The options of the call's attempts.
    pub(crate) attempts: Told,
}

impl CallOptions {
    /// # Errors
    /// A number makes no sense.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(deadline) = self.deadline {
            valid_time("a deadline", deadline)?;
        }
        let attempts = self.attempts.options();
        attempts.attempt_limit.map_or(Ok(()), valid_attempt_limit)?;
        let stall = attempts.stall_limit;
        stall.map_or(Ok(()), |limit| valid_time("a stall limit", limit))
    }
}

/// Longer than any call should take, and short enough that `now + time` cannot overflow.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// # Errors
/// The time makes no sense for its purpose.
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

/// The setters that every call has, on its field `options`. Only the meaning of a deadline and a pin differs.
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

        /// Uses only endpoints that lie in one of these places. The client's own constraints hold as well. (A listing
        /// that merges several endpoints then lacks the entries of the others.)
        pub fn only_locations<L: Into<std::sync::Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
            self.options.constraints = self.options.constraints.only_locations(locations);
            self
        }

        /// Uses no endpoint whose operator this law reaches. The client's own constraints hold as well.
        pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<std::sync::Arc<str>>) -> Self {
            self.options.constraints = self.options.constraints.not_under_jurisdiction_of(jurisdiction);
            self
        }

        /// Sets how long each attempt may take, in place of the [learnt](crate::stack::timeout) limit and of the builder's.
        ///
        /// The limit is the whole time of one attempt. Nothing is added for many bytes, and nothing taken away because
        /// the deadline is near. The deadline still ends the call. With a limit as long as the deadline, one attempt
        /// may take all the time. Then no other endpoint is asked after a silence, unless the call is a read that is
        /// [hedged](crate::stack::hedge).
        ///
        /// An attempt that runs into this limit counts as given up by its caller: a write may have been applied. If the
        /// endpoint's own limit is longer, the endpoint is not at fault: see [`evidence`](crate::guide::evidence).
        ///
        /// Zero, or more than 24 h, is [`InvalidInput`](crate::ErrorKind::InvalidInput).
        pub fn attempt_limit(mut self, limit: std::time::Duration) -> Self {
            self.options.attempts.options_mut().attempt_limit = Some(limit);
            self
        }

        /// Sets whether a late call is sent to a second endpoint as well, in place of the builder's setting. Only reads
        /// and listings are ever hedged; for a write the option changes nothing.
        ///
        /// Without a hedge, a read at a silent endpoint may wait for an attempt's whole limit. That includes a read
        /// that probes whether an endpoint is back.
        pub fn hedging(mut self, hedging: bool) -> Self {
            self.options.attempts.options_mut().hedging = Some(hedging);
            self
        }

        /// Sets the rule that says after which outcomes the call is tried again, in place of the builder's: see
        /// [`retry::Rule`](crate::stack::retry::Rule). No rule repeats a write that must happen once and may have been
        /// applied.
        pub fn retry_when(mut self, rule: crate::stack::retry::Rule) -> Self {
            self.options.attempts.options_mut().retry_when = Some(rule);
            self
        }

        /// Names the call, for reports and for measurements.
        ///
        /// Explanations and errors use the name in place of `get`, `read` and the like. evenkeel also learns how long
        /// the calls of one name take, apart from all other calls at the same endpoint, by class. From that alone
        /// follow the limits of their attempts, when they are hedged, and what they cost at an endpoint. A report that
        /// takes seconds therefore does not make another read's hang look usual, and quick reads do not make the report
        /// look like a hang. Whether an endpoint is well is learnt from all its calls together.
        ///
        /// A name stands for a kind of call. The first [16](crate::stack::health::NAMES) names at an endpoint are told apart;
        /// all later names share one place. While nothing is learnt under a name, its attempts have a second, like any
        /// others. If a second is too short, set an [`attempt_limit`](Self::attempt_limit).
        pub fn operation_name(mut self, name: &'static str) -> Self {
            self.options.attempts.options_mut().name = Some(name);
            self
        }
    };
}
pub(crate) use call_setters;

/// The setter of calls that move large bodies.
macro_rules! stall_setter {
    () => {
        /// Sets how long each request may be silent: before its answer, and between two pieces of its body. Default:
        /// [learnt](crate::stack::timeout) from the endpoint's answers; a second until then, and between two pieces at
        /// least a second. Bytes that crawl are given up whatever this says: at less than 16 KiB a second, or less than
        /// a small part of the rate that was learnt.
        ///
        /// Zero, or more than 24 h, is [`InvalidInput`](crate::ErrorKind::InvalidInput).
        pub fn stall_limit(mut self, limit: std::time::Duration) -> Self {
            self.options.attempts.options_mut().stall_limit = Some(limit);
            self
        }
    };
}
pub(crate) use stall_setter;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_must_be_positive_and_finite() {
        for wrong in [Duration::ZERO, Duration::MAX] {
            assert!(valid_time("a deadline", wrong).is_err());
        }
        assert!(valid_time("a deadline", Duration::from_secs(10)).is_ok());
    }
}
