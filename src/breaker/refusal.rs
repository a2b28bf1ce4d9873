use std::time::Duration;

/// The breaker is open: the attempt was refused here, nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open, the next probe is due in {}", crate::client::Human(*retry_after))]
pub struct Open {
    /// When the next probe may pass.
    pub retry_after: Duration,
}
