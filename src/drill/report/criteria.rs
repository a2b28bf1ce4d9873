use super::record::digest;
use crate::telemetry::millis;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What must hold for the drill to pass. What is not set is measured and shown, and decides nothing.
///
/// ```
/// use evenkeel::drill::report::Criteria;
/// use std::time::Duration;
///
/// let criteria = Criteria::new().availability(0.999).p99(Duration::from_millis(800)).lost_writes(0);
/// assert!(criteria.validate().is_ok());
/// assert!(criteria.digest().starts_with("sha256:"));
/// assert!(Criteria::new().availability(f64::NAN).validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Criteria {
    /// The smallest share of available calls, above 0 and up to 1. Each class of calls must reach it.
    pub availability: Option<f64>,
    /// The largest p99 of the time until a caller knew, in milliseconds. It holds for each class.
    pub p99_ms: Option<u64>,
    /// The longest time without a right answer, in milliseconds. It holds for each class.
    pub recovery_ms: Option<u64>,
    /// The most acknowledged writes that may be lost.
    pub lost_writes: Option<u64>,
    /// The most requests that may reach an endpoint that a constraint forbids.
    pub breaches: Option<u64>,
}

/// A criterion that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCriteria {
    /// The availability is no share of calls.
    #[error("an availability of {0} is not above 0 and up to 1")]
    Availability(f64),
    /// A time of zero is reached by no call.
    #[error("a {0} of 0 ms can be met by no call")]
    NoTime(&'static str),
}

impl Criteria {
    /// No criterion.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that at least this share of the calls of each class is available.
    #[must_use]
    pub const fn availability(mut self, share: f64) -> Self {
        self.availability = Some(share);
        self
    }

    /// Demands that 99 of 100 calls of each class end within this time, whatever their answer. Whole milliseconds.
    #[must_use]
    pub fn p99(mut self, time: Duration) -> Self {
        self.p99_ms = Some(millis(time));
        self
    }

    /// Demands that no class of calls is without a right answer for longer. Whole milliseconds.
    #[must_use]
    pub fn recovery(mut self, time: Duration) -> Self {
        self.recovery_ms = Some(millis(time));
        self
    }

    /// Demands that no more acknowledged writes are lost.
    #[must_use]
    pub const fn lost_writes(mut self, most: u64) -> Self {
        self.lost_writes = Some(most);
        self
    }

    /// Demands that no more requests reach a forbidden endpoint.
    #[must_use]
    pub const fn breaches(mut self, most: u64) -> Self {
        self.breaches = Some(most);
        self
    }

    /// Checks that each criterion can be met, and that it can be missed.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidCriteria> {
        match self {
            Self {
                availability: Some(share),
                ..
            } if !(*share > 0.0 && *share <= 1.0) => Err(InvalidCriteria::Availability(*share)),
            Self { p99_ms: Some(0), .. } => Err(InvalidCriteria::NoTime("p99")),
            _ => Ok(()),
        }
    }

    /// SHA-256 of the criteria as JSON. Hand it in before the start, where its date can be proven: whoever reads the
    /// report then sees that the criteria were not chosen afterwards.
    pub fn digest(&self) -> String {
        // Numbers only: it cannot fail.
        digest(&serde_json::to_vec(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_that_no_number_can_meet_are_refused() {
        for share in [f64::NAN, 0.0, -0.5, 1.000_001, f64::INFINITY, f64::NEG_INFINITY] {
            let found = Criteria::new().availability(share).validate();
            assert!(matches!(found, Err(InvalidCriteria::Availability(_))), "{share}");
        }
        assert_eq!(
            Criteria::new().p99(Duration::ZERO).validate(),
            Err(InvalidCriteria::NoTime("p99"))
        );
        let strictest = Criteria::new()
            .availability(1.0)
            .recovery(Duration::ZERO)
            .lost_writes(0);
        assert_eq!(strictest.validate(), Ok(()));
    }

    #[test]
    fn the_digest_tells_criteria_apart_and_survives_json() {
        let one = Criteria::new().availability(0.999).p99(Duration::from_millis(500));
        let read: Criteria = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(read.digest(), one.digest());
        assert_ne!(one.digest(), one.availability(0.998).digest());
        assert_ne!(Criteria::new().digest(), Criteria::new().lost_writes(0).digest());
    }
}
