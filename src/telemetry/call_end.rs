use crate::{ErrorKind, request::OpClass};
use std::{sync::Arc, time::Duration};

/// How a call ended, as its caller sees it: with all its attempts behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallEnd {
    /// Its class.
    pub class: OpClass,
    /// What it failed with; `None`: it did not.
    pub error: Option<ErrorKind>,
    /// How long it took.
    pub took: Duration,
}

impl CallEnd {
    /// Whether the caller was served. An answer is a service, also "not found" or "already exists"; `None` for what was found
    /// wrong at the door, or came after the client was closed, which says nothing of any endpoint.
    pub const fn went_well(&self) -> Option<bool> {
        match self.error {
            None
            | Some(
                ErrorKind::NotFound
                | ErrorKind::AlreadyExists
                | ErrorKind::PreconditionFailed
                | ErrorKind::NotModified
                | ErrorKind::RangeNotSatisfiable,
            ) => Some(true),
            Some(ErrorKind::InvalidInput | ErrorKind::Closed) => None,
            Some(
                ErrorKind::Unsupported
                | ErrorKind::Denied
                | ErrorKind::Throttled
                | ErrorKind::Overloaded
                | ErrorKind::Unavailable
                | ErrorKind::HomeUnavailable
                | ErrorKind::DeadlineExceeded
                | ErrorKind::MaybeApplied
                | ErrorKind::Rejected,
            ) => Some(false),
        }
    }
}

/// Who wants to hear of them.
pub(crate) type CallListener = Arc<dyn Fn(&CallEnd) + Send + Sync>;
