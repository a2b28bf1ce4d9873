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
            Self::Budget => "it was not asked again, as the budget for that is used up",
            Self::Time => "there was no time to ask again",
        }
    }
}
