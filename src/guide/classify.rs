//! Writing your own `Classify`: what your client's errors mean.
//!
//! evenkeel carries your own client's calls (`Failover<C>`, or the layers alone). To fail over, evenkeel must know two
//! facts about every failed attempt, and only you can tell them. Whose fault was the failure (the [`Verdict`])? Could
//! the request have reached the provider ([`Sent`])? A [`Classify`] answers both. Some are ready to use, or to build
//! on:
//!
//! | your client returns | use |
//! |---|---|
//! | `Result<T, SdkError<E>>` of an AWS SDK | `AwsVerdicts` (feature `s3`) |
//! | `Result<T, azure_core::Error>` of an Azure SDK | `AzureVerdicts` (feature `azure_core`) |
//! | `Result<T, CosmosError>` of Cosmos DB's SDK | `CosmosVerdicts` (feature `cosmos`) |
//! | `Result<T, google_cloud_gax::error::Error>` of a Google SDK | `GoogleVerdicts` (feature `google_cloud`) |
//! | `Result<T, RedisError>` | `RedisVerdicts` (feature `redis`) |
//! | `Result<http::Response<B>, E>` | `HttpVerdicts` (feature `http`) |
//! | `Result<T, std::io::Error>` | [`IoVerdicts`] |
//! | `Result<T, Box<dyn Error + Send + Sync>>` | nothing: [`Standard`] judges the box by its causes, as [`ByCause`] does |
//! | `Result<T, anyhow::Error>` | your own, [as below](#an-anyhowerror) |
//! | `Result<T, String>`, several errors of no common type | `.map_err(AnyError::new)` in the closure ([`AnyError`]) |
//! | an error of yours around any of these | [`ByCause`] to begin with; then your own, as below |
//! | anything else | your own, as below |
//!
//! # What to decide
//!
//! Go through your client's errors and ask, in this order:
//!
//! 1. **Would the same request fail anywhere?** [`Verdict::Caller`]: a wrong bucket, a key that is too long. Such a
//!    failure is never retried, and is no evidence against the endpoint. When in doubt between the caller and a fault,
//!    ask whether another region would answer otherwise.
//! 2. **Is the refusal itself the answer?** [`Verdict::Answer`] (precondition failed, already exists) or
//!    [`Verdict::Absent`]. These answers prove the endpoint *healthy*. If you call them faults, the breaker of a
//!    working endpoint opens.
//! 3. **Does the provider ask for less?** [`Verdict::Throttled`]. The endpoint is slow, not dead; this verdict never
//!    opens a breaker.
//! 4. **Is the failure about credentials?** [`Verdict::Denied`]. Add
//!    [`naming_the_credential`](crate::verdict::Outcome::naming_the_credential) if the error names the key, the token,
//!    the signature or the clock rather than the permission: if the credentials have just worked, such an error is the
//!    provider's outage.
//! 5. **Did anybody answer?** If not, [`Verdict::Unreachable`]; if wrongly or too late, [`Verdict::Faulty`]. An error
//!    that you do not recognise is `Faulty`.
//!
//! And for each error: **is it proven that nothing was sent?** After [`Sent::No`] a write that must not happen twice
//! goes elsewhere at once. Say [`Sent::No`] only if the client *says* that it never connected, or never began. A bare
//! I/O error proves nothing: a reset looks the same before the request and after it. A time limit proves nothing
//! either.
//!
//! The [`table`] has the verdict of every code, status and symptom that evenkeel knows. Look verdicts up there rather
//! than decide anew, so that your client and the built-in ones agree.
//!
//! # An example
//!
//! A made-up client for a ledger, with the errors that such clients have:
//!
//! ```
//! use evenkeel::verdict::{Classify, Detail, Outcome, Sent, Verdict, table::{self, Symptom}};
//! use std::{io, time::Duration};
//!
//! # #[derive(Debug)]
//! struct Receipt;
//!
//! #[derive(Debug)]
//! enum LedgerError {
//!     /// It could not connect. The client only says this when no connection was made.
//!     Connect(io::Error),
//!     /// The connection broke.
//!     Io(io::Error),
//!     /// Its own time limit ran out.
//!     Timeout,
//!     /// The ledger refused.
//!     Refused { status: u16, code: String, retry_after: Option<Duration>, request_id: String },
//! }
//!
//! #[derive(Clone, Copy)]
//! struct LedgerVerdicts;
//!
//! impl Classify<Receipt, LedgerError> for LedgerVerdicts {
//!     fn classify(&self, result: Result<&Receipt, &LedgerError>) -> Outcome {
//!         match result {
//!             Ok(Receipt) => Outcome::SUCCESS,
//!             // Proven: nothing was sent.
//!             Err(LedgerError::Connect(_)) => table::for_symptom(Symptom::ConnectFailed),
//!             // Not proven, whatever the kind.
//!             Err(LedgerError::Io(error)) => table::for_io(error.kind()),
//!             Err(LedgerError::Timeout) => table::for_symptom(Symptom::AttemptTimeout),
//!             Err(LedgerError::Refused { status, code, retry_after, .. }) => match code.as_str() {
//!                 // The ledger's own words first...
//!                 "EntryExists" => Outcome::new(Verdict::Answer, Sent::Maybe),
//!                 "LedgerBusy" => Outcome::new(Verdict::Throttled, Sent::Maybe),
//!                 "KeyRevoked" => Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential(),
//!                 // ... then what everybody means by theirs.
//!                 code => table::for_answer(*status, Some(code), None),
//!             }
//!             .with_retry_after(*retry_after),
//!         }
//!     }
//!
//!     // Words for errors and spans. No keys, no secrets: not the provider's own message, which tends to quote them.
//!     fn detail(&self, result: Result<&Receipt, &LedgerError>) -> Detail {
//!         match result {
//!             Err(LedgerError::Refused { code, request_id, .. }) => Detail {
//!                 code: Some(code.clone()),
//!                 request_id: Some(request_id.clone()),
//!                 ..Detail::default()
//!             },
//!             _ => Detail::default(),
//!         }
//!     }
//! }
//!
//! let refused = |status, code: &str| Err(LedgerError::Refused {
//!     status,
//!     code: code.into(),
//!     retry_after: None,
//!     request_id: "r-1".into(),
//! });
//! let verdict = |result: Result<Receipt, LedgerError>| LedgerVerdicts.classify(result.as_ref()).verdict;
//! assert_eq!(verdict(refused(409, "EntryExists")), Verdict::Answer);
//! assert_eq!(verdict(refused(503, "LedgerBusy")), Verdict::Throttled);
//! assert_eq!(verdict(refused(503, "Maintenance")), Verdict::Faulty);
//!
//! let connect = LedgerVerdicts.classify(Err(&LedgerError::Connect(io::ErrorKind::ConnectionRefused.into())));
//! assert_eq!((connect.verdict, connect.sent), (Verdict::Unreachable, Sent::No));
//! let broken = LedgerVerdicts.classify(Err(&LedgerError::Io(io::ErrorKind::ConnectionRefused.into())));
//! assert_eq!((broken.verdict, broken.sent), (Verdict::Unreachable, Sent::Maybe));
//! ```
//!
//! # An `anyhow::Error`
//!
//! The closures of a [`Failover`](crate::Failover) may return an `anyhow::Error`, or any other type that points to an
//! error (`DerefMut<Target = dyn Error + Send + Sync>`). A [`Classify`] judges it, and
//! [`provider_error`](crate::Error::provider_error) gives it back. Look for your own errors first, and let
//! [`ByCause::outcome`] judge the rest:
//!
//! ```
//! use evenkeel::{Endpoint, Failover, verdict::{ByCause, Classify, Outcome, Sent, Verdict}};
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("there is no such entry")]
//! struct NoEntry;
//!
//! #[derive(Clone, Copy)]
//! struct Verdicts;
//!
//! impl<T> Classify<T, anyhow::Error> for Verdicts {
//!     fn classify(&self, result: Result<&T, &anyhow::Error>) -> Outcome {
//!         match result {
//!             Ok(_) => Outcome::SUCCESS,
//!             Err(error) if error.is::<NoEntry>() => Outcome::new(Verdict::Absent, Sent::Maybe),
//!             Err(error) => ByCause::outcome(error.as_ref()),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! # async fn total(_: u8) -> anyhow::Result<u64> { Err(NoEntry.into()) }
//! let ledgers = Failover::builder().endpoint(Endpoint::new("virginia", 1)).classify(Verdicts).build()?;
//! let error = ledgers.read(total).await.unwrap_err();
//! assert_eq!(error.kind(), evenkeel::ErrorKind::NotFound);
//! assert!(error.provider_error().unwrap().is::<NoEntry>());
//! # Ok(()) }
//! ```
//!
//! # What goes wrong
//! - **Inner retries.** A client that retries by itself multiplies evenkeel's attempts (3 × 3) and hides the first
//!   failure for seconds. Turn the client's retries off, and set its connect timeout below a second.
//! - **Failures that look like successes.** `classify` sees `Ok` as well. If a client returns a 503 as a response, or
//!   half a body as a body, judge it there.
//! - **Failures that come later.** A body that streams after the call returned fails where nobody judges. Collect the
//!   body inside the closure.
//! - **Slow classification.** `classify` runs on the request path, once per attempt: no I/O, no locks.
//!
//! [`AnyError`]: crate::verdict::AnyError
//! [`ByCause`]: crate::verdict::ByCause
//! [`ByCause::outcome`]: crate::verdict::ByCause::outcome
//! [`Classify`]: crate::verdict::Classify
//! [`IoVerdicts`]: crate::verdict::IoVerdicts
//! [`Sent`]: crate::verdict::Sent
//! [`Sent::No`]: crate::verdict::Sent::No
//! [`Standard`]: crate::verdict::Standard
//! [`Verdict`]: crate::verdict::Verdict
//! [`Verdict::Absent`]: crate::verdict::Verdict::Absent
//! [`Verdict::Answer`]: crate::verdict::Verdict::Answer
//! [`Verdict::Caller`]: crate::verdict::Verdict::Caller
//! [`Verdict::Denied`]: crate::verdict::Verdict::Denied
//! [`Verdict::Faulty`]: crate::verdict::Verdict::Faulty
//! [`Verdict::Throttled`]: crate::verdict::Verdict::Throttled
//! [`Verdict::Unreachable`]: crate::verdict::Verdict::Unreachable
//! [`table`]: crate::verdict::table
