//! Why an attempt was refused in this process, before anything was sent.

use crate::{BoxError, endpoint::Violation};
use std::{sync::Arc, time::Duration};

/// The breaker is open: the attempt was refused here, nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open; the next probe is due in {}", crate::model::Human(*retry_after))]
pub struct Open {
    /// When the next probe may pass.
    pub retry_after: Duration,
}

/// The endpoint is full: the attempt was refused here, nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint is at its admission limit; there is room again in about {retry_after:?}")]
pub struct Full {
    /// When the endpoint likely has room again.
    pub retry_after: Duration,
}

/// No endpoint is left for this attempt: all are barred, tried already, or (for a hedge) in trouble. Nothing was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("no endpoint is left for this call")]
#[non_exhaustive]
pub struct Exhausted {
    /// How many endpoints this call may use at all; 0 when constraints or a pin leave none.
    pub permitted: usize,
}

/// This client must not use the one endpoint that could serve the call. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call is pinned to {endpoint}, which may not be used because {violation}")]
#[non_exhaustive]
pub struct Barred {
    /// The endpoint's name.
    pub endpoint: Arc<str>,
    /// The constraint that the endpoint breaks.
    pub violation: Violation,
}

impl Barred {
    pub(crate) fn new(endpoint: &Arc<str>, violation: &Violation) -> Self {
        Self {
            endpoint: endpoint.clone(),
            violation: violation.clone(),
        }
    }
}

/// Whether this process made the error before anything was sent: no attempt, no evidence, no cost.
pub(crate) fn is_local_refusal(error: &BoxError) -> bool {
    error.is::<Open>() || error.is::<Full>() || error.is::<Exhausted>() || error.is::<Barred>()
}
