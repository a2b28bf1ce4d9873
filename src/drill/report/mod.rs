//! The report of a drill: what was promised, what was tried, what was lost, and what was left out.
//!
//! Whoever supervises a service asks whether its failover was ever tried. A [`Report`] answers in one document: the
//! criteria, which were recorded before the start; the faults; what the client decided; what its callers got; and whether
//! each acknowledged write could be read back. It says as plainly what was *not* tested and *not* measured.
//!
//! A [`Journal`] is kept during the drill, and makes the report:
//!
//! ```
//! use evenkeel::drill::report::{Calls, Criteria, Journal, Measured, Outcome, Plan, Scope, Verdict, Writes};
//! use evenkeel::{Endpoint, ObjectClient, Replication, drill::{FaultLayer, Scenario, Timeline}, provider::Memory};
//! use evenkeel::request::OpClass;
//! use std::time::Duration;
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Before the start: what will be done, and what must hold.
//! let scenario = Scenario::builtin("fastly-2021").unwrap();
//! let criteria = Criteria::new().availability(0.999).recovery(Duration::from_secs(5)).lost_writes(0).breaches(0);
//! let scope = Scope::simulation("a client of two stores in memory");
//! let journal = Journal::begin(Plan::new(scenario.clone(), 7, scope, criteria))?;
//! println!("{}", journal.criteria_digest()); // give it to whoever will read the report
//!
//! let drill = Timeline::new(scenario, 7)?;
//! let faults = drill.clone();
//! let client = ObjectClient::builder()
//!     .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws").region("us-east-1"))
//!     .endpoint(Endpoint::new("ireland", Memory::new()).provider("aws").region("eu-west-1"))
//!     .replication(Replication::write_once())
//!     .endpoint_layer(move |profile| FaultLayer::new(faults.clone(), profile.clone()))
//!     .on_event_record(journal.listener())
//!     .seed(7)
//!     .build()?;
//!
//! let start = Instant::now();
//! drill.start(start);
//! journal.start(start)?;
//! let mut calls = Calls::new();
//! for n in 0..100 {
//!     let began = Instant::now();
//!     let result = client.put(format!("canary/{n}"), "as good as new").await;
//!     calls.add(OpClass::Write, journal.millis(began), began.elapsed(), result.is_ok());
//!     tokio::time::sleep(Duration::from_secs(1)).await;
//! }
//! drill.stop();
//! journal.end(drill.ended().as_ref());
//!
//! // Read back what was acknowledged.
//! let mut writes = Writes::default();
//! for n in 0..100 {
//!     let found = client.get(format!("canary/{n}")).await;
//!     writes.read_back(found.is_ok_and(|found| found.body() == "as good as new"));
//! }
//! let mut measured = Measured::new(calls.figures("the call succeeded"));
//! measured.client.writes = Some(writes);
//! let bundle = journal.finish(measured);
//!
//! let report = &bundle.report;
//! assert_eq!(report.verdict, Verdict::Aborted); // it was stopped before its end
//! assert_eq!(report.judgements[0].outcome, Outcome::Met);
//! assert_eq!(report.judgements[3].outcome, Outcome::NotMeasured); // nobody counted breaches
//! assert!(report.not_measured().any(|gap| gap.what == "the plain client"));
//! assert!(report.html(None).contains("What was not tested"));
//! # Ok(()) }
//! ```
//!
//! # What a producer hands in
//!
//! | before the start | a [`Plan`]: scenario, seed, scope, configuration, criteria, the previous drill |
//! |---|---|
//! | while it runs | the client's events, by [`Journal::listener`]; the start and the end |
//! | after it | [`Measured`]: figures of the client and of the plain client beside it, breaches, deviations, gaps |
//!
//! What is `None` counts as not measured. The report lists it, with the producer's reason if the producer gives a [`Gap`].
//!
//! # Words
//!
//! - A call is *available* if it was answered rightly, and in the time that the producer states.
//! - *Recovery time* is the longest time for which callers of one class had no right answer: from the first call that was
//!   not available to the next one that was. Single failures among successes make it short: the availability counts them.
//! - A *lost* write was acknowledged, and could not be read back byte for byte. A *stale* answer is an older one.
//! - A *breach* is a request at an endpoint that a constraint forbids, counted where the bytes pass and not by the client.
//! - Times are in milliseconds from the start of the scenario. Before it they are negative.
//!
//! # What is in the directory, and what it proves
//!
//! [`Bundle::write`] writes a directory: `report.json` and `records.jsonl` are the body, `report.html` is for people,
//! `attestation.json` says who approved and when, and `manifest.json` has the digest of each. The body holds no wall clock,
//! no host and no duration of ours: in a simulation the same build, platform and seed give the same bytes.
//!
//! Each [`Record`] holds the digest of the line before it. The manifest has the number of records and the digest of the last.
//! With a key the manifest is signed (feature `attest`). Without one, whoever can write the directory can make another that
//! is as consistent; the page says so.

mod attestation;
mod breaches;
mod check;
mod criteria;
mod directory;
mod figures;
mod gaps;
mod html;
mod journal;
mod judge;
#[cfg(feature = "attest")]
mod key;
mod manifest;
mod model;
mod plan;
mod record;
mod timeline;
#[cfg(feature = "attest")]
mod verify;

pub use crate::ops::steps::{Step, Subject};
pub use attestation::Attestation;
pub use breaches::{Breaches, Passed};
pub use check::{BrokenChain, Checked, VerifyError, check};
pub use criteria::{Criteria, InvalidCriteria};
pub use directory::{WriteError, is_free};
pub use figures::{Bucket, Calls, ClassFigures, Figures, Writes};
pub use journal::{BeginError, Bundle, Journal, Measured, StartedTooEarly};
pub use judge::{Criterion, End, Judgement, Outcome, Verdict};
#[cfg(feature = "attest")]
pub use key::{KeyError, PublicKey, SigningKey};
pub use model::{Chain, Deviation, Gap, GapKind, Report, Seen};
pub use plan::{Configuration, Plan, Previous, Scope, Setting};
pub use record::Record;
#[cfg(feature = "attest")]
pub use verify::{Verified, verify};
