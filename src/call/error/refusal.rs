/// Why something was not asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too much is asked again as it is.
    Budget,
    /// The deadline comes first.
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
