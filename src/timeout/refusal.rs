use std::time::Duration;

/// One attempt was not answered in time. The request may have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the attempt was not answered within {limit:?}")]
pub struct Elapsed {
    /// The time that the attempt was given.
    pub limit: Duration,
}
