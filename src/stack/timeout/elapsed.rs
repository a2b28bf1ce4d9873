use std::{fmt, time::Duration};

/// The attempt was given up. It may have reached the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{waited_for} {limit:?}")]
pub struct Elapsed {
    /// The limit that the attempt ran into: the longest silence that it was allowed.
    pub limit: Duration,
    /// What the attempt waited for.
    pub waited_for: WaitedFor,
}

/// What an attempt waited for when it was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitedFor {
    /// The answer, or its first byte.
    Answer,
    /// The next piece of a body, the request's or the answer's, of which some had moved.
    Body,
    /// Enough pieces: they came in time, but together below the [least rate](super::Limit::LEAST_RATE).
    Rate,
}

/// The words before the limit.
impl fmt::Display for WaitedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "no answer within",
            Self::Body => "the body stood still for",
            Self::Rate => "the body moved below the least rate for",
        })
    }
}
