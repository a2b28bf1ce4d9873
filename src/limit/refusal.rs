use std::time::Duration;

/// The endpoint is full: the attempt was refused here, nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint is at its admission limit, there is room again in about {retry_after:?}")]
pub struct Full {
    /// When there is likely room again.
    pub retry_after: Duration,
}
