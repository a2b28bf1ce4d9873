use crate::{model::ErrorKind, request::OpClass};
use std::{sync::Arc, time::Duration};

/// How a call ended, as its caller sees it: with all its attempts behind it. A page of a listing is a call.
///
/// ```
/// use evenkeel::{Endpoint, ErrorKind, Failover};
/// use std::{io, sync::mpsc};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (tell, ends) = mpsc::channel();
/// let tables = Failover::builder()
///     .endpoint(Endpoint::new("virginia", ()))
///     .on_call_end(move |end| drop(tell.send(*end)))
///     .build()?;
/// tables.read(|_| async { Ok::<_, io::Error>("rows") }).await?;
/// tables.read(|_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }).await.unwrap_err();
/// let ends: Vec<_> = ends.try_iter().map(|end| (end.went_well(), end.error)).collect();
/// assert_eq!(ends, [(Some(true), None), (Some(false), Some(ErrorKind::Unavailable))]);
/// # Ok(()) }
/// ```
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
