//! A drill in production that harms nobody outside of a small share of the callers.
//!
//! A drill inside production's one client proves nothing or hurts everybody: faults at one per cent of its attempts
//! open no breaker, and faults at all of them make all callers leave, since all callers share what the client has
//! learnt. A *cohort* is a share of the callers that gets, for the time of the drill, **a client of its own**. Faults
//! are played in that client alone, so it leaves the endpoint, goes elsewhere and returns as all of production would.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, Replication, provider::Memory};
//! use evenkeel::drill::{Guard, Scenario, cohort::{Cohort, GameDay, Split}};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let photos = Split::build(
//!     ObjectClient::builder()
//!         .client_name("photos")
//!         .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws").region("us-east-1"))
//!         .endpoint(Endpoint::new("ireland", Memory::new()).provider("aws").region("eu-west-1"))
//!         .replication(Replication::write_once()),
//! )?;
//!
//! // Every call asks whose client it is, with a key that its caller keeps: here the tenant.
//! photos.of("tenant-17").put("17/cat", "a cat").await?;
//!
//! // A game day: a tenth of the tenants, a quarter of an hour at most.
//! let dark = Scenario::from_json(r#"{ "name": "virginia is dark", "phases": [
//!     { "name": "dark", "duration": "5m", "rules": [{ "target": { "region": "us-east-1" }, "fault": "hang" }] }
//! ] }"#)?;
//! let day = GameDay::new(dark, Cohort::new(0.1, 2026_11)?, Guard::lasting(Duration::from_secs(900)));
//! let findings = photos.drill(&day).await?; // photos.stop_drill() ends it sooner
//!
//! assert_eq!(findings.ended, None); // it was played to its end
//! assert!(findings.production.is_empty()); // where nobody noticed
//! let canary = findings.canary.unwrap();
//! assert!(canary.read_back > 300 && canary.lost == 0);
//! assert!(canary.left.is_empty()); // and nothing stays behind
//! let report = &findings.bundle.report; // for whoever asks whether failover was ever tried
//! assert!(report.not_measured().any(|gap| gap.what == "the plain client"));
//! # Ok(()) }
//! ```
//!
//! # What the two clients share
//!
//! Both are built from one builder.
//!
//! | | the cohort's client |
//! |---|---|
//! | endpoints, replication, [constraints](crate::endpoint::Constraints), limits, deadlines, options | as production's: it can reach no endpoint that production must not use |
//! | breakers, health, learnt latencies, limits, ramps, judgement of neighbours | its own, new with each drill, gone with it |
//! | [`Registry`](crate::stack::breaker::Registry) | its own, also where the builder names one that production shares with other clients |
//! | [`Budget`](crate::stack::retry::Budget) | its own of the same size, also where production shares one |
//! | keepers of [credentials](crate::credentials) | it uses the same credentials, and reports no refusal to a keeper. A fault such as `authentication` would make the keeper fetch new credentials for everybody. How long credentials last whose source a fault takes away, production's keeper is asked |
//! | operator's orders | none: it lives in quiet times only. An order to production ends the drill |
//! | adapters | the same, with their connections. The faults are played before the adapter, so a connection sees none. What a [`verify`](crate::ObjectClient::verify) has found of a store holds for both |
//! | layers of yours | [around an endpoint](crate::client::StoreBuilder::endpoint_layer): made anew; [around calls](crate::client::StoreBuilder::layer): the same layer. State that your layer shares is shared here, too. The faults are nearest to the provider, below your layers |
//! | listeners | the same, for events and for calls. The [client's name](crate::telemetry::EventRecord::client) in records and metrics is `photos-cohort`, and `photos-audit` where canaries are read back; leave such clients out of alerts |
//! | the capacity of an endpoint | counts for each client: the two together may send an endpoint more than its [`capacity`](crate::Endpoint::capacity) by what the cohort sends |
//! | tags remembered for late attempts | its own. A caller who changes the client in the middle of a series of overwrites pays two more requests, as after a restart |
//!
//! What the cohort writes elsewhere, production finds: under [`write_once`](crate::Replication::write_once) a read asks
//! every endpoint before it says that there is nothing. Under
//! [`provider_managed`](crate::Replication::provider_managed) only the home takes writes; a drill that takes the home
//! away fails the cohort's writes, as the real outage would, and its reads of a copy say that they may be stale.
//!
//! # Promises
//!
//! - **The drill ends** with its scenario, when its [`Guard`](crate::drill::Guard) says so, by
//!   [`Split::stop_drill`], or when production itself leaves an endpoint, sees all of them bad, uses up its budget,
//!   loses its credentials or is given an order. From that moment [`Split::of`] returns production's client to all
//!   callers. Calls under way go on without faults.
//! - **The guard counts the cohort's calls only**, and no canaries. Give it enough of them: below
//!   [`Guard::MIN_CALLS`](crate::drill::Guard::MIN_CALLS) calls in its window it decides nothing.
//! - **No drill begins** while production has a breaker open, an order in force, no valid credentials or no budget left,
//!   or suspects its own host: [`NotStarted::Production`].
//! - **A drill that played nothing does not pass**: the report counts the requests that
//!   [met a fault](crate::drill::report::Figures::faults_met).
//! - **One drill at a time** for each `Split`: a second one is [refused](NotStarted::UnderWay). Two `Split`s, and two
//!   processes, drill independently. Give their cohorts different seeds if their callers are the same.
//! - **A restarted process starts no drill.** Its canaries stay until [`Canary::sweep`] removes them.
//! - **Dropping the future** of [`Split::drill`] ends the drill. A task in the background removes the canaries.
//! - **Canaries** are written under [`CANARY_PREFIX`] and removed at every endpoint to which the client writes.
//!   Nothing else is touched.
//!
//! Production's [views](crate::ObjectClient::view) do not count what the cohort sends. It is in
//! [`Findings::traffic`], for the [concentration report](mod@crate::ops::concentration).
//!
//! What a drill in production does not show: the load that *all* of production would bring to the standby. A standby
//! that bears a hundredth of the callers may not bear all.

mod books;
mod canary;
mod findings;
mod game_day;
mod share;
mod split;
mod under_way;

pub use canary::{CANARY_PREFIX, Canary, CanaryFindings, LeftBehind, SweptCanaries};
pub use findings::Findings;
pub use game_day::{GameDay, NotStarted};
pub use share::{Cohort, InvalidShare};
pub use split::Split;
