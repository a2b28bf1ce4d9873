use crate::{model::ErrorKind, request::OpClass};
use std::{sync::Arc, time::Duration};

/// How a call ended for its caller, after all its attempts. A page of a listing is a call.
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
    /// The call's class.
    pub class: OpClass,
    /// The kind of the call's failure; `None`: the call did not fail.
    pub error: Option<ErrorKind>,
    /// How long the call took.
    pub took: Duration,
}

impl CallEnd {
    /// Whether the caller was served. An answer is a service, also "not found" or "already exists". `None` for a call
    /// that was refused at the door, or that came after the client was closed: its end says nothing of any endpoint.
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

/// The function that hears of each call's end.
pub(crate) type CallListener = Arc<dyn Fn(&CallEnd) + Send + Sync>;
