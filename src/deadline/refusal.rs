use std::time::Duration;

/// The whole call did not end by its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call's deadline of {} ran out", crate::client::Human(*limit))]
pub struct Elapsed {
    /// From the call's start to its deadline.
    pub limit: Duration,
}
