//! Moving an existing service: keep your client, wrap your calls.
//!
//! A service that already talks to one region through a client of its own needs [`Failover`](crate::Failover). You
//! build the client once per region, and wrap each call in a closure. evenkeel runs the closure against the region that
//! it chose. About ten lines change. The callers of your functions see another error type, and nothing else.
//!
//! # Any client
//!
//! Before, one client for one place:
//!
//! ```
//! # #[derive(Clone)] struct Ledger(&'static str);
//! # impl Ledger { async fn balance(&self, _: u32) -> Result<u64, std::io::Error> { Ok(7) } }
//! struct Accounts {
//!     ledger: Ledger,
//! }
//!
//! impl Accounts {
//!     async fn balance(&self, account: u32) -> Result<u64, std::io::Error> {
//!         self.ledger.balance(account).await
//!     }
//! }
//! # let _ = Accounts { ledger: Ledger("here") }.balance(1);
//! ```
//!
//! After, the same client for two:
//!
//! ```
//! use evenkeel::{BuildError, Endpoint, Failover};
//! # use std::io;
//! # #[derive(Clone)] struct Ledger(&'static str);
//! # impl Ledger {
//! #     async fn balance(&self, _: u32) -> Result<u64, io::Error> {
//! #         if self.0 == "frankfurt" { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(7) }
//! #     }
//! # }
//!
//! struct Accounts {
//!     ledger: Failover<Ledger>,
//! }
//!
//! impl Accounts {
//!     fn new(frankfurt: Ledger, dublin: Ledger) -> Result<Self, BuildError> {
//!         let ledger = Failover::builder()
//!             .endpoint(Endpoint::new("frankfurt", frankfurt))
//!             .endpoint(Endpoint::new("dublin", dublin))
//!             .build()?;
//!         Ok(Self { ledger })
//!     }
//!
//!     async fn balance(&self, account: u32) -> Result<u64, evenkeel::Error<std::io::Error>> {
//!         self.ledger.read(|ledger| async move { ledger.balance(account).await }).await
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let accounts = Accounts::new(Ledger("frankfurt"), Ledger("dublin"))?;
//! # assert_eq!(accounts.balance(1).await?, 7); // frankfurt resets, dublin answers
//! # Ok(()) }
//! ```
//!
//! The client's error here is [`std::io::Error`], which evenkeel can judge. For an error type of your own, declare once
//! what the errors mean: [`guide::classify`](crate::guide::classify).
//!
//! # The steps
//!
//! 1. **Build the client once per region**, with its own retries off and a connect timeout of 0.9 s or less. A client
//!    that retries by itself hides a dying region for seconds, and three attempts of three are nine.
//! 2. **List the endpoints** in the order of preference. The first endpoint takes all calls while it is well.
//! 3. **Wrap each call.** Use [`read`](crate::Failover::read) for a call that changes nothing. Use
//!    [`write`](crate::Failover::write) for a write that must not happen twice: the write goes elsewhere only if it was
//!    provably not sent. Use [`idempotent_write`](crate::Failover::idempotent_write) for a write that may happen twice.
//!    The closure runs once per attempt, so let it clone what it consumes.
//! 4. **Keep bodies inside the closure.** A body that streams after the call returned fails where nobody can fail over.
//! 5. **Decide where writes belong.** `Failover` moves calls, not data. If nothing copies from one region to the other,
//!    wrap the reads only and pin the writes (`.pin("frankfurt")`), or let [`ObjectClient`](crate::ObjectClient) take
//!    care of the copies.
//! 6. **Read the error.** [`Error`](crate::Error) keeps your client's own error
//!    ([`provider_error`](crate::Error::provider_error)) and adds what each attempt met, and whether a write
//!    [may have been applied](crate::Error::may_have_been_applied).
#![cfg_attr(feature = "s3", doc = "")]
#![cfg_attr(feature = "s3", doc = include_str!("migration_s3.md"))]
