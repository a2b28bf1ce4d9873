use std::time::Duration;

/// The attempt did not end within its limit. It may have reached the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {limit:?}")]
pub struct Elapsed {
    /// The limit that the attempt had.
    pub limit: Duration,
}
