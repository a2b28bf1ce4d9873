/// Why a breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Several faults in a row.
    Consecutive,
    /// Too large a share of faults in the window.
    Ratio,
    /// A probe failed.
    ProbeFailed,
    /// Another client of this process saw the faults at the same endpoint.
    Shared,
}

impl Cause {
    /// The words used in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consecutive => "faults in a row",
            Self::Ratio => "too large a share of faults",
            Self::ProbeFailed => "the probe failed",
            Self::Shared => "another client saw the faults",
        }
    }
}
