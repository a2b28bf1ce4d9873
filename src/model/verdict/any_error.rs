use crate::BoxError;
use std::{error::Error, fmt, io, iter};

type AnyCause = dyn Error + 'static;

/// An error of any type, for closures whose failures have no common type: the content of a `String`, an
/// `anyhow::Error`, a `Box<dyn Error + Send + Sync>`. [`Standard`](super::Standard) judges an `AnyError` as [`ByCause`](super::ByCause) does.
///
/// (A `String` is no [`std::error::Error`], and the error of a [`Failover`](crate::Failover)'s closure must be one or
/// point to one. A `Box<dyn Error + Send + Sync>` does without this type, and an `anyhow::Error` with a [`Classify`](super::Classify) of
/// yours.)
///
/// ```
/// use evenkeel::{Endpoint, Failover, verdict::AnyError};
///
/// # #[derive(Clone)] struct Ledger(&'static str);
/// async fn total(ledger: Ledger) -> Result<u64, String> {
///     match ledger.0 {
///         "virginia" => Err("the ledger is locked".into()),
///         _ => Ok(42),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ledgers = Failover::builder()
///     .endpoint(Endpoint::new("virginia", Ledger("virginia")))
///     .endpoint(Endpoint::new("ireland", Ledger("ireland")))
///     .build()?;
/// let sum = ledgers.read(|ledger| async move { total(ledger).await.map_err(AnyError::new) }).await?;
/// assert_eq!(sum, 42);
/// # Ok(()) }
/// ```
pub struct AnyError(BoxError);

impl AnyError {
    /// Wraps this error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }

    /// The wrapped error.
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// The wrapped error, by value.
    pub fn into_inner(self) -> BoxError {
        self.0
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An `AnyError` displays and chains as the error that it wraps.
impl Error for AnyError {
    fn source(&self) -> Option<&AnyCause> {
        self.0.source()
    }
}

/// `error` and everything beneath it. Beneath an [`io::Error`] is the error that it wraps: its `source()` would skip
/// that error, and with it the errors of TLS and of resolvers. The same holds for an [`AnyError`].
pub(crate) fn chain(error: &AnyCause) -> impl Iterator<Item = &AnyCause> {
    /// A longer chain is a loop.
    const LONGEST: usize = 64;
    iter::successors(Some(error), |&error| {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io.get_ref().map(|inner| inner as &AnyCause);
        }
        match error.downcast_ref::<AnyError>() {
            Some(any) => Some(any.get_ref()),
            None => error.source(),
        }
    })
    .take(LONGEST)
}
