//! The names of all outcomes.
//!
//! An attempt can end in a hundred ways: an S3 code, an HTTP status, a reset, an empty DNS answer. Policy needs eight:
//! the [`Verdict`]. A write needs one more fact: could the request have reached the provider? That is [`Sent`]. Both
//! together are an [`Outcome`]. A [`Classify`] turns a client's result into an outcome.
//!
//! ```
//! use evenkeel::verdict::{Classify, IoVerdicts, Sent, Verdict};
//! use std::io;
//!
//! let refused: Result<(), io::Error> = Err(io::ErrorKind::ConnectionRefused.into());
//! let outcome = IoVerdicts.classify(refused.as_ref());
//! assert_eq!(outcome.verdict, Verdict::Unreachable);
//! // A bare I/O error does not prove that nothing was written: only a failed *connect* does.
//! assert_eq!(outcome.sent, Sent::Maybe);
//! ```
//!
//! The mapping itself is data in one place: [`table`].

mod any_error;
mod cause;
#[cfg(feature = "http")]
pub(crate) mod chain;
mod classify;
#[cfg(feature = "http")]
mod http;
mod observed;
pub(in crate::model) mod provider_error;
mod standard;
pub mod table;
pub(crate) mod words;

#[cfg(feature = "http")]
pub use self::http::HttpVerdicts;
#[cfg(any(feature = "_aws", feature = "azure_core", feature = "google_cloud"))]
pub(crate) use self::http::is_plain_to_tls;
#[cfg(any(feature = "azure_core", feature = "object_store"))]
pub(crate) use self::http::xml_code;
pub use any_error::AnyError;
pub use cause::ByCause;
#[cfg(any(feature = "http", feature = "redis"))]
pub(crate) use classify::Finding;
pub use classify::{Classify, Detail, IoVerdicts};
pub use observed::Observed;
pub use standard::Standard;

use std::time::Duration;

/// What one attempt's outcome means for the endpoint and for the call.
///
/// | verdict | evidence about the endpoint | what the stack does with the call |
/// |---|---|---|
/// | `Success` | healthy | returns it |
/// | `Answer` | healthy: it answered, with a refusal that is an answer (412, 304, 409) | returns it |
/// | `Absent` | healthy | returns it, or asks the others where absence must be proven; waits for a hedge's other leg |
/// | `Throttled` | healthy but full: never opens the breaker | tries elsewhere, if the call may be repeated |
/// | `Unreachable` | fault | tries elsewhere, if nothing was sent or the call may be repeated |
/// | `Faulty` | fault | the same |
/// | `Denied` | none by itself; a fault if the credentials just worked ([`Outcome::credential`]) | returns it, or tries elsewhere in that case or when nothing was sent |
/// | `Caller` | none: the request itself is wrong | returns it |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "drill", derive(serde::Serialize))]
pub enum Verdict {
    /// The attempt worked.
    Success,
    /// The provider answered with a refusal that is itself an answer: precondition failed, not modified, conflict.
    Answer,
    /// The provider says that the object does not exist.
    Absent,
    /// The provider asks for less: *slow down here*, not *dead*.
    Throttled,
    /// No answer: connection refused, no DNS answer, TLS handshake failed, connect timed out.
    Unreachable,
    /// A wrong answer, or none in time: 500, 502, 504, a reset, a short body, our own timeout.
    Faulty,
    /// Credentials were refused or could not be loaded.
    Denied,
    /// The request is at fault and would be at any endpoint: bad key, wrong bucket, unsupported operation.
    Caller,
}

impl Verdict {
    /// Whether the endpoint did its work, whatever the answer was.
    pub const fn is_healthy(self) -> bool {
        matches!(self, Self::Success | Self::Answer | Self::Absent)
    }

    /// Whether the verdict counts as a fault of the endpoint.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Unreachable | Self::Faulty)
    }

    /// The value of the `error.type` span field and the `verdict` metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Answer => "answer",
            Self::Absent => "absent",
            Self::Throttled => "throttled",
            Self::Unreachable => "unreachable",
            Self::Faulty => "faulty",
            Self::Denied => "denied",
            Self::Caller => "caller",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the request could have reached the provider and taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// Provably not: the connection was never made, the handshake failed, credentials could not be loaded, or the
    /// refusal proves that nothing was done.
    No,
    /// The request may have reached the provider. A write with this outcome may have been applied, unless the verdict
    /// is a definite answer.
    Maybe,
}

/// The verdict on one attempt, and what policy must know besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the outcome means.
    pub verdict: Verdict,
    /// Whether the request may have reached the provider.
    pub sent: Sent,
    /// The refusal names the *credential* (unknown key, expired token, bad signature), not the permission. Refused
    /// credentials that just worked suggest an authentication outage, which is the provider's fault.
    pub credential: bool,
    /// Our own limit for the attempt ran out: the attempt would have taken at least that long.
    pub timed_out: bool,
    /// The connection broke under the attempt. A break says something of this connection first: a server that is
    /// replaced closes all of its connections at once, and is well.
    pub broken: bool,
    /// How long the provider asked us to stay away (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Outcome {
    /// The outcome of an attempt that worked.
    pub const SUCCESS: Self = Self::new(Verdict::Success, Sent::Maybe);

    /// The outcome of an attempt that ran into our own limit: *maybe sent*, as nobody knows how far the request got.
    pub const TIMED_OUT: Self = {
        let mut outcome = Self::new(Verdict::Faulty, Sent::Maybe);
        outcome.timed_out = true;
        outcome
    };

    /// An outcome with this verdict and everything else at its usual value.
    pub const fn new(verdict: Verdict, sent: Sent) -> Self {
        Self {
            verdict,
            sent,
            credential: false,
            timed_out: false,
            broken: false,
            retry_after: None,
        }
    }

    /// Whether the outcome is a success with nothing else to say.
    pub(crate) const fn is_plain_success(self) -> bool {
        matches!(self.verdict, Verdict::Success) && !self.credential && !self.timed_out
    }

    /// Marks a `Denied` whose refusal names the credential rather than the permission.
    #[must_use]
    pub const fn naming_the_credential(mut self) -> Self {
        self.credential = true;
        self
    }

    /// Adds what the provider asked for in `Retry-After`.
    #[must_use]
    pub const fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Whether a write with this outcome may have been applied: the request may have reached the provider, and no
    /// definite answer came back.
    ///
    /// ```
    /// use evenkeel::verdict::{Outcome, Sent, Verdict};
    ///
    /// assert!(Outcome::TIMED_OUT.may_have_been_applied());
    /// assert!(!Outcome::new(Verdict::Throttled, Sent::Maybe).may_have_been_applied());
    /// ```
    pub const fn may_have_been_applied(self) -> bool {
        matches!(self.sent, Sent::Maybe) && self.verdict.is_fault()
    }
}
