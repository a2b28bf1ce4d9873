use super::{Outcome, table};
use std::io;

/// Turns a client's result into an [`Outcome`].
///
/// Implement it for the client that you wrap with [`Failover`](crate::Failover); the page
/// [`verdict::table`](super::table) is the mapping to build on, and [`crate::guide::classify`] walks through one.
///
/// It sees successes too, because some clients return failures as `Ok` (an HTTP client gives back a 503 as a response).
/// It is called on the request path, once per attempt: no I/O, no locks.
pub trait Classify<T, E> {
    /// The verdict on this result.
    fn classify(&self, result: Result<&T, &E>) -> Outcome;

    /// Words about a failed result for errors and spans: the provider's code and request id. No secrets, no keys.
    fn detail(&self, result: Result<&T, &E>) -> Detail {
        let _ = result;
        Detail::default()
    }
}

/// What an error or a span says about one failed attempt beside its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// The provider's own code: `SlowDown`, `NoSuchBucket`, `connect timeout`.
    pub code: Option<String>,
    /// The provider's request id, which its support asks for.
    pub request_id: Option<String>,
    /// One phrase for a person. No secrets, no object keys.
    pub message: Option<String>,
}

/// [`Classify`] for clients whose error is [`std::io::Error`].
#[derive(Clone, Copy, Debug, Default)]
pub struct IoVerdicts;

impl<T> Classify<T, io::Error> for IoVerdicts {
    fn classify(&self, result: Result<&T, &io::Error>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => table::for_io(error.kind()),
        }
    }

    fn detail(&self, result: Result<&T, &io::Error>) -> Detail {
        Detail {
            code: result.err().map(|e| e.kind().to_string()),
            ..Detail::default()
        }
    }
}

/// The verdicts that come with the crate, all in one: what [`Failover`](crate::Failover) judges with by default.
///
/// It covers `std::io::Error`; with the feature `http`, hyper's errors and the status of `http::Response`s; with the feature
/// `s3`, every AWS SDK's `SdkError`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standard;

impl<T> Classify<T, io::Error> for Standard {
    fn classify(&self, result: Result<&T, &io::Error>) -> Outcome {
        IoVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &io::Error>) -> Detail {
        IoVerdicts.detail(result)
    }
}
