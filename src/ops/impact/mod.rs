//! What fails if X fails: for every provider, region, location, jurisdiction and host, before it happens.
//!
//! A firm must know which loss takes it down. Two providers are one failure domain if one login gives both their tokens.
//! A client under `write_once` goes on writing while a provider is gone, and cannot read what lies there. Under
//! `provider_managed` all writes end with the home. The analysis derives this from what a client knows of itself: its
//! replication, its constraints, its tiers, and what its endpoints declare.
//!
//! ```
//! use evenkeel::ops::impact::{Effect, Loss, Operation};
//! use evenkeel::{Endpoint, ObjectClient, Replication, endpoint::Role, provider::Memory};
//!
//! let photos = ObjectClient::builder()
//!     .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws").depends_on("login.example", Role::Credentials))
//!     .endpoint(Endpoint::new("stackit", Memory::new()).provider("stackit").depends_on("login.example", Role::Credentials))
//!     .replication(Replication::write_once())
//!     .build()?;
//! let impact = photos.impact();
//!
//! let aws = impact.of(&Loss::provider("aws"));
//! assert_eq!(aws.operation(Operation::Write).unwrap().now.effect, Effect::GoesOn);
//! let reads = &aws.operation(Operation::Read).unwrap().now;
//! assert_eq!(reads.effect, Effect::KeysHeldOnlyThereEnd);
//! assert_eq!(reads.because, "what lies only at virginia cannot be read; the rest is served by stackit");
//!
//! // One login for both: two providers, and one failure domain.
//! let login = impact.of(&Loss::host("login.example"));
//! let writes = login.operation(Operation::Write).unwrap();
//! assert_eq!((writes.now.effect, writes.later.effect), (Effect::GoesOn, Effect::Ends));
//! # Ok::<(), evenkeel::BuildError>(())
//! ```
//!
//! # Which loss ends what
//! A test compares this table with the code. *Not found*: whether the client can say that a key does not exist.
//!
//! | replication | lost | reads | not found | listings | writes | creates | conditional writes | deletes |
//! |---|---|---|---|---|---|---|---|---|
//! | `provider_managed` | a copy | go on | go on | go on | go on | go on | go on | go on |
//! | `provider_managed` | the home | go on, stale | end | go on, stale | end | end | end | end |
//! | `provider_managed` | all | end | end | end | end | end | end | end |
//! | `write_once` | one that is read-only | go on | go on | go on | go on | go on | not served | go on |
//! | `write_once` | one that takes writes | keys held only there end | end | keys held only there end | go on | go on | not served | end |
//! | `write_once` | all that take writes | keys held only there end | end | keys held only there end | end | end | not served | end |
//! | `write_once` | all | end | end | end | end | end | not served | end |
//! | `strong` | one that is read-only | go on | go on | go on | go on | go on | go on | go on |
//! | `strong` | one that takes writes | go on | go on | go on | go on | go on | go on | go on |
//! | `strong` | all that take writes | go on, stale | end | go on, stale | end | end | end | end |
//! | `strong` | all | end | end | end | end | end | end | end |
//!
//! - **Creates** of a [`KvClient`](crate::KvClient) (`put_if_absent`) are not served under `write_once`. A put creates there.
//! - **Tiers** decide who answers reads. Where a copy is preferred to the home, reads are stale with or without the
//!   loss. A tier that lost more than 29 % of its endpoints [spills](crate::stack::route) to the next.
//! - **A [`Failover`](crate::Failover)** moves calls, not data: *go on* says that calls reach an endpoint.
//!
//! # What a loss takes away
//! | lost | endpoints are lost | unknown |
//! |---|---|---|
//! | a provider, a region, a location | which declare it | which declare none |
//! | a jurisdiction | whose [list](crate::Endpoint::jurisdictions) names it; the list counts as complete | which have no list |
//! | a host for data, names or keys | which need it | whose [data host is unknown](crate::client::Dependencies::unknown), unless they need it for something else |
//! | a host for credentials | once their credentials have expired; at once if the keeper has none | the same |
//! | a region in which such hosts [stand](crate::Endpoint::depends_on_at) | as with the loss of these hosts | the same |
//! | a control plane | none: reads and writes do not need it | the same |
//!
//! *Unknown* is said only where it matters: where an operation has the same effect either way, that effect is told.
//! How long credentials last, an endpoint's [`Keeper`](crate::Endpoint::credentials) knows, at this moment; ask again
//! when the credentials are loaded. *Later* is when all of them have expired. Hosts that nobody declared are not seen,
//! and a region's or a provider's loss takes no host with it of which nobody said that it stands there.
//!
//! # Capacity
//! [`Analysis::under`] compares the survivors' declared capacity with a [`Load`]. It assumes that reads can go to any
//! survivor; under `write_once` a read goes where its key lies. Where no survivor takes writes, only reads are a load.
//!
//! # How it is checked
//! With the feature `drill`, `drill::Rehearsal` plays each loss to a real client over stores in memory, and says where
//! the play differs from this prediction. The two share no code. The crate's own tests find no difference in 200 random
//! configurations, and seed mistakes into the prediction, each of which shows as a difference.
//!
//! # At build
//! [`survives`](crate::client::StoreBuilder::survives) on a builder refuses a client that a loss takes down.
//!
//! With the feature `serde` the report is JSON; `docs/impact.schema.json` is the schema. [`ImpactReport`]'s `Display` is
//! Markdown. Names in it are escaped; in JSON they are as they were declared.

mod analysis;
mod because;
mod capacity;
#[cfg(all(test, feature = "drill"))]
pub(crate) mod flaws;
mod judge;
mod loss;
mod markdown;
mod reach;
mod report;
mod roles;

pub use analysis::{Analysis, ClientImpact, Expiring, Judgement, LossImpact, OperationImpact};
pub use capacity::{Bearing, Load};
pub use judge::{Effect, Operation};
pub use loss::Loss;
pub use report::ImpactReport;
pub(crate) use roles::{Data, Roles};
