/// Why a request was not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The budget for repetitions is used up.
    Budget,
    /// The deadline comes before the next try.
    Time,
}

impl Refusal {
    /// As a clause.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "the client did not ask again because the retry budget is used up",
            Self::Time => "the client had no time to ask again",
        }
    }
}
