use crate::{
    Error, ErrorKind,
    provider::{ProviderError, ProviderErrorKind},
};
use std::fmt;

/// Why a door refused a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// The meaning of the refusal.
    pub kind: ProviderErrorKind,
    /// A whole client does not know whether the write was applied: one attempt ran out of time, and another attempt
    /// found a value. On a busy machine that is an honest answer. The checks then check only what still holds.
    pub unresolved: bool,
    /// Everything that the error shows, by `Display` and by `Debug`, including its sources.
    pub shown: String,
}

impl Refused {
    /// A refusal of this kind. `shown` is what the error shows a person.
    pub fn new(kind: ProviderErrorKind, shown: impl Into<String>) -> Self {
        Self {
            kind,
            unresolved: false,
            shown: shown.into(),
        }
    }
}

impl From<ProviderError> for Refused {
    fn from(error: ProviderError) -> Self {
        Self::new(error.kind(), format!("{error} {error:?}"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.shown)
    }
}

impl std::error::Error for Refused {}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => ProviderErrorKind::NotFound,
            ErrorKind::AlreadyExists => ProviderErrorKind::AlreadyExists,
            ErrorKind::PreconditionFailed => ProviderErrorKind::PreconditionFailed,
            ErrorKind::NotModified => ProviderErrorKind::NotModified,
            ErrorKind::RangeNotSatisfiable => ProviderErrorKind::RangeNotSatisfiable,
            ErrorKind::Denied => ProviderErrorKind::Denied,
            // Nothing was sent: try again.
            ErrorKind::Throttled | ErrorKind::Overloaded => ProviderErrorKind::Throttled,
            ErrorKind::InvalidInput | ErrorKind::Rejected => ProviderErrorKind::Invalid,
            ErrorKind::Unsupported => ProviderErrorKind::Unsupported,
            _ => ProviderErrorKind::Failed,
        };
        Self {
            unresolved: error.may_have_been_applied(),
            ..Self::new(kind, format!("{error} {error:?} {}", error.explanation()))
        }
    }
}
