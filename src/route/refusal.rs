use crate::{BoxError, breaker::Open, limit::Full};

/// No endpoint is left for this attempt: all are barred, tried already, or (for a hedge) in trouble. Nothing was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("no endpoint is left for this call")]
#[non_exhaustive]
pub struct Exhausted {
    /// Endpoints that this call may use at all; 0 when constraints or a pin leave none.
    pub permitted: usize,
}

/// Whether an error was made in this process before anything was sent: no attempt, no evidence, no cost.
pub(crate) fn is_local_refusal(error: &BoxError) -> bool {
    error.is::<Open>() || error.is::<Full>() || error.is::<Exhausted>()
}
