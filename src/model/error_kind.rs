use std::fmt;

/// What kind of failure a call met. In brackets: the [verdict](crate::verdict::Verdict) that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object does not exist, and every endpoint that had to be asked said so (*Absent*).
    NotFound,
    /// A create met an existing object that is not the call's own (*Answer*).
    AlreadyExists,
    /// A condition of the request did not hold, or a `Failover` client answered with a refusal (*Answer*).
    PreconditionFailed,
    /// A conditional read: the object still has the tag (*Answer*).
    NotModified,
    /// The range selects nothing of the object (*Answer*).
    RangeNotSatisfiable,
    /// Refused at the door: a bad key, an empty range, an unknown endpoint. Nothing was sent (no verdict). Of an upload
    /// also: its source failed, or a part has a wrong length. Nothing was stored.
    InvalidInput,
    /// The replication or the store cannot do this (*Caller*, or no verdict when it was refused at the door).
    Unsupported,
    /// Credentials or permissions were refused (*Denied*).
    Denied,
    /// Every endpoint that was asked throttled the call, or is full (*Throttled*).
    Throttled,
    /// This client's own admission limit refused the call before it left (no verdict).
    Overloaded,
    /// No endpoint could answer (*Unreachable*, *Faulty*, or none was left), absence could not be proven (see
    /// [`absent_at`](crate::Error::absent_at) and [`not_asked`](crate::Error::not_asked)), or other writers kept
    /// changing the object that a fenced write was to replace.
    Unavailable,
    /// A write under `provider_managed` could not reach the home, and provably was not applied there.
    HomeUnavailable,
    /// The call's deadline ran out, and none of its writes may have been applied (no verdict).
    DeadlineExceeded,
    /// A write failed, and nobody knows whether it took effect: some attempt of the write may have been applied, or may
    /// yet be (*Faulty* or *Unreachable*, and maybe sent; or abandoned on the way). [Late
    /// attempts](crate::client#late-attempts) says for how long, and what a late attempt may undo.
    MaybeApplied,
    /// The request or the configuration is at fault and would be at the next attempt too: no such bucket (*Caller*).
    Rejected,
    /// The client was closed before the call (no verdict).
    Closed,
}

impl ErrorKind {
    /// All kinds, in their order.
    pub(crate) const ALL: [Self; 16] = [
        Self::NotFound,
        Self::AlreadyExists,
        Self::PreconditionFailed,
        Self::NotModified,
        Self::RangeNotSatisfiable,
        Self::InvalidInput,
        Self::Unsupported,
        Self::Denied,
        Self::Throttled,
        Self::Overloaded,
        Self::Unavailable,
        Self::HomeUnavailable,
        Self::DeadlineExceeded,
        Self::MaybeApplied,
        Self::Rejected,
        Self::Closed,
    ];

    /// The name used in spans and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::PreconditionFailed => "precondition_failed",
            Self::NotModified => "not_modified",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::InvalidInput => "invalid_input",
            Self::Unsupported => "unsupported",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::HomeUnavailable => "home_unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::MaybeApplied => "maybe_applied",
            Self::Rejected => "rejected",
            Self::Closed => "closed",
        }
    }

    /// Whether a store answered, and this is its answer.
    pub(crate) const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::AlreadyExists
                | Self::PreconditionFailed
                | Self::NotModified
                | Self::RangeNotSatisfiable
                | Self::Denied
                | Self::Rejected
                | Self::Unsupported
        )
    }

    /// Whether trying again later could help, whatever the call was. `MaybeApplied` depends on the call.
    pub(crate) const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Throttled | Self::Overloaded | Self::Unavailable | Self::HomeUnavailable | Self::DeadlineExceeded
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_all_kinds_is_in_their_order() {
        for (index, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index, "{kind}");
        }
        assert_eq!(ErrorKind::Closed as usize + 1, ErrorKind::ALL.len());
    }
}
