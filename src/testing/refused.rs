use crate::{
    Error, ErrorKind,
    provider::{ProviderError, ProviderErrorKind},
};
use std::fmt;

/// Why a door said no.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refused {
    /// What it means.
    pub kind: ProviderErrorKind,
    /// Everything that the error shows, by `Display` and by `Debug`, its sources included.
    pub shown: String,
}

impl Refused {
    /// A refusal of this kind; `shown` is what the error shows a person.
    pub fn new(kind: ProviderErrorKind, shown: impl Into<String>) -> Self {
        Self {
            kind,
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
            ErrorKind::Throttled => ProviderErrorKind::Throttled,
            ErrorKind::InvalidInput | ErrorKind::Rejected => ProviderErrorKind::Invalid,
            ErrorKind::Unsupported => ProviderErrorKind::Unsupported,
            _ => ProviderErrorKind::Failed,
        };
        Self::new(kind, format!("{error} {error:?} {}", error.explanation()))
    }
}
