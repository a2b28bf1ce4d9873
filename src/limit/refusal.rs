use std::time::Duration;

/// The endpoint's admission limit is full: nothing was sent. A local refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's admission limit is full, there is room again in {retry_after:?}")]
pub struct Full {
    /// When there will be room again.
    pub retry_after: Duration,
}
