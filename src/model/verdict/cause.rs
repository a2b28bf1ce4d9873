//! Errors whose type says nothing: what their causes say.

use super::{Classify, Detail, Outcome, Sent, Standard, Verdict, table, table::Symptom};
use crate::{
    BoxError,
    model::{NotLoaded, ProviderError},
};
use std::{error::Error, fmt, io, iter};

type AnyCause = dyn Error + 'static;

/// [`Classify`] for any error of yours, by its first cause that evenkeel knows: an I/O error, hyper's, a cloud SDK's
/// whose feature is on. An error without a known cause is [`Faulty`](Verdict::Faulty).
///
/// A default to begin with:
/// - **`ByCause` never says *not sent***. An error of yours may stand for several requests, of which an earlier one
///   was done. So a [`write`](crate::Failover::write) is never repeated; reads and idempotent writes are.
/// - **An unknown mistake of the caller counts as a fault of the endpoint**, and enough of them open its breaker. So
///   does a *not found*. [Write your own](crate::guide::classify) where your client has either.
/// - evenkeel knows an AWS SDK's error by its type. A box or a variant hides that type: then only a connection's
///   failure is found.
///
/// ```
/// use evenkeel::verdict::{ByCause, Classify, Verdict};
/// use std::io;
///
/// #[derive(Debug, thiserror::Error)]
/// enum LedgerError {
///     #[error("the ledger could not be read")]
///     Read(#[from] io::Error),
///     #[error("the ledger is corrupt")]
///     Corrupt,
/// }
///
/// let verdict = |error: LedgerError| ByCause.classify(Err::<&(), _>(&error)).verdict;
/// assert_eq!(verdict(io::Error::from(io::ErrorKind::ConnectionRefused).into()), Verdict::Unreachable);
/// assert_eq!(verdict(LedgerError::Corrupt), Verdict::Faulty);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ByCause;

// What is no `Error` meets the words of `Classify`, instead of those about a size.
#[diagnostic::do_not_recommend]
impl<T, E: Error + 'static> Classify<T, E> for ByCause {
    fn classify(&self, result: Result<&T, &E>) -> Outcome {
        result.err().map_or(Outcome::SUCCESS, |error| by_cause(error).0)
    }

    fn detail(&self, result: Result<&T, &E>) -> Detail {
        result.err().map(|error| by_cause(error).1).unwrap_or_default()
    }
}

/// An error of any type, for closures whose failures have no common type: the content of a `String`, an
/// `anyhow::Error`, a `Box<dyn Error + Send + Sync>`. [`Standard`] judges an `AnyError` as [`ByCause`] does.
///
/// (A `String` is no [`std::error::Error`], and the error of a [`Failover`](crate::Failover)'s closure must be one or
/// point to one. A `Box<dyn Error + Send + Sync>` does without this type, and an `anyhow::Error` with a [`Classify`] of
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

impl ByCause {
    /// The verdict on an error of any type, for a [`Classify`] of yours that falls back on it. An `anyhow::Error` gives
    /// its error with `as_ref`.
    pub fn outcome(error: &(dyn Error + 'static)) -> Outcome {
        by_cause(error).0
    }
}

/// As [`ByCause`] judges an error, which a box is not.
impl<T> Classify<T, BoxError> for Standard {
    fn classify(&self, result: Result<&T, &BoxError>) -> Outcome {
        result.err().map_or(Outcome::SUCCESS, |error| by_cause(&**error).0)
    }

    fn detail(&self, result: Result<&T, &BoxError>) -> Detail {
        result.err().map(|error| by_cause(&**error).1).unwrap_or_default()
    }
}

impl<T> Classify<T, AnyError> for Standard {
    fn classify(&self, result: Result<&T, &AnyError>) -> Outcome {
        ByCause.classify(result)
    }

    fn detail(&self, result: Result<&T, &AnyError>) -> Detail {
        ByCause.detail(result)
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

/// The outcome of the first known cause.
fn by_cause(error: &AnyCause) -> (Outcome, Detail) {
    let (outcome, detail) = chain(error)
        .find_map(of_a_client)
        .or_else(|| transport(error))
        .unwrap_or_else(|| {
            let row = table::row_for_symptom(Symptom::Unknown);
            let detail = Detail {
                code: Some(Symptom::Unknown.as_str().to_owned()),
                message: Some(row.phrase.to_owned()),
                ..Detail::default()
            };
            (row.outcome(), detail)
        });
    (unproven(outcome), detail)
}

/// The outcome without *not sent*: nobody knows what was sent before.
const fn unproven(mut outcome: Outcome) -> Outcome {
    // That a credential could not be loaded is not the endpoint's fault, but another may have its own.
    if matches!((outcome.verdict, outcome.sent), (Verdict::Denied, Sent::No)) {
        outcome.verdict = Verdict::Unreachable;
    }
    outcome.sent = Sent::Maybe;
    outcome
}

/// A client's own error, which is complete by itself.
fn of_a_client(error: &AnyCause) -> Option<(Outcome, Detail)> {
    if let Some(error) = error.downcast_ref::<ProviderError>() {
        return Some((error.outcome(), error.detail().clone()));
    }
    macro_rules! known {
        ($($(#[$feature:meta])? $type:ty),* $(,)?) => {$(
            $(#[$feature])?
            if let Some(known) = error.downcast_ref::<$type>() {
                let result: Result<&(), &$type> = Err(known);
                return Some((Standard.classify(result), Standard.detail(result)));
            }
        )*};
    }
    known!(
        NotLoaded,
        #[cfg(feature = "azure_core")]
        azure_core::Error,
        #[cfg(feature = "cosmos")]
        azure_data_cosmos::CosmosError,
        #[cfg(feature = "google_cloud")]
        google_cloud_gax::error::Error,
        #[cfg(feature = "google_cloud")]
        google_cloud_gax::error::CredentialsError,
        #[cfg(feature = "redis")]
        ::redis::RedisError,
        #[cfg(feature = "bigtable")]
        tonic::Status,
    );
    None
}

#[cfg(feature = "http")]
fn transport(error: &AnyCause) -> Option<(Outcome, Detail)> {
    super::chain::transport(error).map(|finding| (finding.outcome, finding.detail))
}

#[cfg(not(feature = "http"))]
fn transport(error: &AnyCause) -> Option<(Outcome, Detail)> {
    let io = chain(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .last()?;
    let result: Result<&(), _> = Err(io);
    Some((Standard.classify(result), Standard.detail(result)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("wrapped")]
    struct Wrapped(#[source] BoxError);

    fn wrapped(error: impl Into<BoxError>) -> Wrapped {
        Wrapped(error.into())
    }

    fn judge(error: &AnyCause) -> (Verdict, Sent) {
        let (outcome, _) = by_cause(error);
        (outcome.verdict, outcome.sent)
    }

    #[test]
    fn a_nested_cause_is_found_at_any_depth() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for error in [
            wrapped(refused()),
            wrapped(wrapped(refused())),
            wrapped(io::Error::other(wrapped(refused()))),
            wrapped(AnyError::new(refused())),
        ] {
            assert_eq!(judge(&error), (Verdict::Unreachable, Sent::Maybe), "{error:?}");
        }
        assert_eq!(judge(&AnyError::new(refused())), (Verdict::Unreachable, Sent::Maybe));
    }

    #[test]
    fn unknown_errors_are_faulty() {
        assert_eq!(judge(&wrapped("no idea")), (Verdict::Faulty, Sent::Maybe));
        assert_eq!(judge(&AnyError::new("no idea")), (Verdict::Faulty, Sent::Maybe));
        assert_eq!(ByCause.classify(Ok::<_, &Wrapped>(&())), Outcome::SUCCESS);
    }

    #[test]
    fn a_cause_alone_proves_no_request_unsent() {
        for (verdict, expected) in [
            (Verdict::Denied, Verdict::Unreachable),
            (Verdict::Unreachable, Verdict::Unreachable),
            (Verdict::Caller, Verdict::Caller),
        ] {
            assert_eq!(
                unproven(Outcome::new(verdict, Sent::No)),
                Outcome::new(expected, Sent::Maybe)
            );
        }
    }
}
