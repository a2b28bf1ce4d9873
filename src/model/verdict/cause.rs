//! Errors whose type says nothing: what their causes say.

use super::{
    AnyError, Classify, Detail, Outcome, Sent, Standard, Verdict,
    any_error::chain,
    table::{self, Symptom},
};
use crate::{
    BoxError,
    model::{NotLoaded, ProviderError},
};
use std::error::Error;

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
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .last()?;
    let result: Result<&(), _> = Err(io);
    Some((Standard.classify(result), Standard.detail(result)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

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
