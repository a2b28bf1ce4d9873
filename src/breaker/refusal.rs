/// The endpoint's breaker is open: nothing was sent. A local refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's breaker is open")]
#[non_exhaustive]
pub struct Open {}
