use std::time::Duration;

/// The whole call did not end within its deadline. A local refusal: it says nothing about any endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call did not end within its deadline of {limit:?}")]
pub struct Elapsed {
    /// The time that the call was given.
    pub limit: Duration,
}
