use super::Verify;
use crate::model::bounds::{DAY, YEAR};
use std::time::Duration;

/// The bounds of a backfill. The numbers are the defaults of [`Backfill`](super::Backfill)'s setters.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) prefix: String,
    pub(super) rate: f64,
    pub(super) concurrency: usize,
    pub(super) bytes_under_way: u64,
    pub(super) verify: Verify,
    pub(super) attempts: u32,
    pub(super) attempt_limit: Duration,
    pub(super) patience: Duration,
    pub(super) failures_in_a_row: u32,
}

impl Settings {
    /// A seventh of the writes that S3 gives one prefix (3,500 a second), so that the application does not notice.
    pub(super) const RATE: f64 = 500.0;
    /// A request in a quarter of an hour: a lower rate is a mistake.
    pub(super) const SLOWEST: f64 = 1e-3;
    /// Keeps up that rate at 60 ms a request, with no more connections than an SDK's pool opens by default.
    pub(super) const CONCURRENCY: usize = 32;
    /// Bodies are in memory while they are copied; a quarter of a gigabyte is what a small instance can spare.
    pub(super) const BYTES_UNDER_WAY: u64 = 256 << 20;
    /// With waits of up to 0.2, 0.4, … s in between. Trouble that outlasts these attempts is not one request's passing
    /// trouble.
    pub(super) const ATTEMPTS: u32 = 6;
    /// Load balancers give up after this time. An attempt gets a second more for every megabyte of a body.
    pub(super) const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);
    /// How long the backfill waits for a failing endpoint: regional hiccups pass, but a person must look at an outage.
    pub(super) const PATIENCE: Duration = Duration::from_secs(300);
    /// More than a few unlucky keys, and few enough to notice a missing permission at once.
    pub(super) const FAILURES_IN_A_ROW: u32 = 20;

    /// # Errors
    /// Which setting is nonsense.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.rate.is_nan() || self.rate < Self::SLOWEST {
            return Err(format!("the rate must be at least {} a second", Self::SLOWEST));
        }
        let positive = [
            ("the concurrency", self.concurrency as u64),
            ("the number of attempts", self.attempts.into()),
            ("the number of failures in a row", self.failures_in_a_row.into()),
            ("the bytes under way", self.bytes_under_way),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((what, _)) => Err(format!("{what} must be above 0")),
            None if self.attempt_limit.is_zero() || self.attempt_limit > DAY => {
                Err("the limit of an attempt must be above 0, and at most a day".to_owned())
            }
            None if self.patience > YEAR => Err("the patience must be at most a year".to_owned()),
            None => Ok(()),
        }
    }

    /// The longest that an attempt may take that moves a body of this many bytes.
    pub(super) fn limit(&self, bytes: u64) -> Duration {
        self.attempt_limit.saturating_add(Duration::from_millis(bytes / 1_000))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            rate: Self::RATE,
            concurrency: Self::CONCURRENCY,
            bytes_under_way: Self::BYTES_UNDER_WAY,
            verify: Verify::default(),
            attempts: Self::ATTEMPTS,
            attempt_limit: Self::ATTEMPT_LIMIT,
            patience: Self::PATIENCE,
            failures_in_a_row: Self::FAILURES_IN_A_ROW,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backfill::window::WINDOW;

    #[test]
    fn documented_defaults_match_the_code() {
        let page = include_str!("../../docs/BACKFILL.md");
        let defaults = Settings::default();
        let said = [
            format!("at most {},000 keys", WINDOW / 1_000),
            format!(
                "at most {} requests a second go to each endpoint, for {} keys at a time",
                defaults.rate, defaults.concurrency
            ),
            format!(
                "After {} min of an endpoint's silence, or {} failures in a row",
                defaults.patience.as_secs() / 60,
                defaults.failures_in_a_row
            ),
        ];
        for numbers in said {
            assert!(page.contains(&numbers), "{numbers}");
        }
    }
}
