//! Client-side multi-cloud failover. A service keeps reading and writing its objects while a region, or a whole
//! provider, is degraded or gone.
//!
//! Everything happens in your process. There is no proxy and no control plane, and nothing depends on the provider that
//! failed. A call passes a stack of [tower](https://docs.rs/tower) layers. The layers choose an endpoint, bound the
//! attempt, learn from its outcome, and go to another endpoint when the attempt fails.
//!
//! # Quick start
//!
//! Objects over two stores. [`ObjectClient`] puts, gets, heads, deletes and lists:
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, Replication, provider::Memory};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let orders = ObjectClient::builder()
//!         .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws").region("us-east-1"))
//!         .endpoint(Endpoint::new("ireland", Memory::new()).provider("aws").region("eu-west-1"))
//!         .replication(Replication::write_once())
//!         .build()?;
//!     orders.put("2026/11/20/42.json", "{}").await?; // virginia is down? ireland takes it
//!     let order = orders.get("2026/11/20/42.json").await?; // the endpoint that has the object answers
//!     assert_eq!(order.body(), "{}");
//!     Ok(())
//! }
//! ```
//!
//! [`Memory`](provider::Memory) keeps this example self-contained. With the feature `s3` a store is
//! `S3::new(client, "orders")`, on any S3-compatible provider.
//!
//! Values by key, with compare-and-set, batches and scans: [`KvClient`], see [`client::kv`].
//!
//! Any other client, with the calls you already make. [`Failover`] runs a closure with the client of the endpoint that
//! it chose:
//!
//! ```
//! use evenkeel::{Endpoint, Failover};
//! # use std::io;
//! # #[derive(Clone)] struct Table(&'static str);
//! # impl Table {
//! #     async fn query(&self) -> Result<&'static str, io::Error> {
//! #         if self.0 == "virginia" { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(self.0) }
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (virginia, ireland) = (Table("virginia"), Table("ireland"));
//!
//! let tables = Failover::builder()
//!     .endpoint(Endpoint::new("virginia", virginia))
//!     .endpoint(Endpoint::new("ireland", ireland))
//!     .build()?;
//! let rows = tables.read(|table| async move { table.query().await }).await?;
//! # assert_eq!(rows, "ireland");
//! # Ok(()) }
//! ```
//!
//! [`guide::migration`] moves an existing service in about ten lines.
//!
//! # The stations a call passes
//!
//! ```text
//! client → deadline → retry → hedge → route
//!   ├→ breaker → limit → health → timeout → provider    endpoint 1
//!   ├→ breaker → limit → health → timeout → provider    endpoint 2
//!   └→ …
//! ```
//!
//! Each station is a `tower::Layer`; the router is a `tower::Service`. A station knows nothing of objects and can be
//! used alone. Each module states its place in the stack, what it promises, and the reason of every default.
//!
//! | station | what happens there |
//! |---|---|
//! | [`client`] | the doors: [`ObjectClient`], [`KvClient`], [`Failover`], and `service()` for users of tower |
//! | [`request`] | what a call may ask, and the record that travels with a call through all its attempts |
//! | [`deadline`](stack::deadline) | ends every call in time, however many attempts it makes |
//! | [`retry`](stack::retry) | tries again, elsewhere first, from one token budget |
//! | [`hedge`](stack::hedge) | asks a second endpoint when a read is late |
//! | [`route`](stack::route) | chooses an endpoint: tiers that spill, the cheapest within a tier |
//! | [`breaker`](stack::breaker) | leaves an endpoint that fails, and probes for its return |
//! | [`limit`](stack::limit) | bounds the load on one endpoint, so that failing over does not drown the standby |
//! | [`health`](stack::health) | judges each attempt and remembers success and latency |
//! | [`timeout`](stack::timeout) | ends one attempt, after a silence longer than a limit learnt from the endpoint |
//! | [`provider`] | adapters for stores |
//! | [`Replication`] | where the data lies: which endpoints are written to, and what proves that a key does not exist |
//!
//! Beside the path of a call:
//!
//! | module | what it is |
//! |---|---|
//! | [`credentials`] | fetches tokens before they expire, and keeps the valid ones when the token service fails |
//! | [`backfill`] | brings existing data to a standby: resumable, verified, never overwriting. A [download](ObjectClient::get_stream) goes on at its copies |
//! | [`endpoint`] | what you declare about an endpoint, and the hard constraints on where data may go |
//! | [`verdict`] | every outcome's name, the [table](verdict::table) of outcomes, and how to judge a client of your own |
//! | [`operator`](ops::operator) | what a person on call can order: drain (all calls, or writes only), force, freeze failback, shadow |
//! | [`probe`](ops::probe) | checks in the background the endpoints that get no calls |
//! | [`impact`](ops::impact) | what fails if X fails, for every provider, region, jurisdiction and host; [`survives`](client::StoreBuilder::survives) refuses it at build |
//! | [`telemetry`] | events, spans, metrics, a snapshot |
//! | [`guide`] | pages to read: migration, writing a [`Classify`](verdict::Classify) |
//! | [`drill`] | past outages as data, the players that replay them, a guard for game days in production (feature `drill`) |
//! | [`testing`] | suites that your adapters and layers should pass (feature `testing`) |
//!
//! # What is promised
//!
//! - A call ends by its deadline, even with layers of your own in between. The deadline is 10 s unless the call sets
//!   another. Streams and uploads have none unless one is set; a silence ends their parts.
//! - Extra load is bounded: requests beyond those that calls need stay at 10 % of the calls plus one a second. There
//!   are named [exceptions](stack::retry::Exception), each with a bound and counted in the snapshot. The [probes](ops::probe) in
//!   the background are extra as well: one a minute to an idle endpoint.
//! - A write is repeated only if repeating is safe. A write that must not happen twice goes elsewhere only when it was
//!   provably not sent. When nobody can know whether a write took effect, the error is [`ErrorKind::MaybeApplied`],
//!   never a plain failure.
//! - A [late attempt](client#late-attempts) does not undo an acknowledged write, unless the call that made the attempt
//!   said so, failed with `MaybeApplied` or was dropped.
//! - *Not found* is proven or not said: see [`Replication`]. A gateway's error page proves nothing.
//! - A [constraint](endpoint::Constraints) on location or jurisdiction is never broken, through whatever door a request
//!   comes. The call fails instead.
//! - An error names each attempt and what the attempt met. evenkeel writes no secret and no object key into an error, a
//!   log line or a metric.
//! - Dropping a call's future releases everything that the call held. A panic in the caller's own code harms that call
//!   only.
//!
//! # What is not promised
//!
//! - **Your own service**: where it computes, its DNS, its certificates and identities. If those are in the region that
//!   fails, evenkeel fails with them.
//! - **Data that nobody copied.** [`Failover`] moves calls, not data. Under [`Replication::write_once`] an object lies
//!   at one endpoint. While that endpoint is down, the object cannot be read ([`ErrorKind::Unavailable`]); the objects
//!   at the other endpoints can.
//! - **A key used twice** under [`Replication::write_once`]: which of the two bodies a read returns is undefined.
//! - **Fresh reads** under [`Replication::provider_managed`] while the home is down: a copy may lag. The answer is
//!   marked.
//! - **The first creates on a store that ignores `If-None-Match`**: evenkeel [asks](ObjectClient::verify) the store in
//!   the background. Before the store has answered, up to 100 creates may overwrite, and more if the store is slow or
//!   cannot be asked.
//! - **A late attempt** of a write that is not fenced: see [late attempts](client#late-attempts).
//! - **A way around your own mistakes**: a 4xx for a wrong bucket or a missing permission is returned, not retried.
//!
//! # Features
//!
//! No feature is on by default. A feature adds names and changes nothing else.
//!
//! | feature | adds |
//! |---|---|
//! | – | the stack, the clients, the memory providers |
//! | `http` | verdicts for hyper's errors and HTTP statuses |
//! | `azure_core` | verdicts for every Azure SDK; includes `http` |
//! | `cosmos` | `provider::Cosmos` on `azure_data_cosmos`, verdicts for its errors; includes `azure_core` |
//! | `bigtable` | `provider::Bigtable` on Google's definitions with tonic, verdicts for `tonic::Status`; includes `http` |
//! | `dynamodb` | `provider::DynamoDb` on `aws-sdk-dynamodb`, verdicts for every AWS SDK; includes `http` |
//! | `s3` | `provider::S3` on `aws-sdk-s3`, verdicts for every AWS SDK; includes `http` |
//! | `azure_blob` | `provider::AzureBlob` on `azure_storage_blob`; includes `azure_core` |
//! | `google_cloud` | verdicts for every Google Cloud SDK; includes `http` |
//! | `gcs` | `provider::Gcs` on `google-cloud-storage`; includes `google_cloud` |
//! | `object_store` | `client::object_store`: an [`ObjectClient`] as a store of the crate `object_store`; `provider::GenericStore`: any store of that crate as an endpoint; includes `http` |
//! | `object_store_http` | `provider::object_store::NoRedirects`, a transport for that crate's own stores that follows no redirect; presigned URLs through that crate's `Signer`; includes `object_store` |
//! | `redis` | `provider::Redis` on the crate `redis`, verdicts for its errors |
//! | `serde` | [`Status`](ops::status::Status), [`Entry`](telemetry::Entry) and their parts can be serialized and deserialized |
//! | `status` | `ops::status_page`: a page for whoever is on call, as a tower service; includes `serde` |
//! | `recorder` | [`ops::recorder`]: a flight recorder in memory and on disk; [`ops::incident`]: the report of an incident; includes `serde` |
//! | `files` | sources of uploads in files: a file, and a spool that keeps a stream until its upload is done |
//! | `drill` | [`drill`]: past outages as data, the fault layer and the fault proxy that play them, a guard for drills in production, and the report of a drill; includes `http` |
//! | `attest` | reports of drills are signed and verified; includes `drill` |
//! | `testing` | [`testing`]: the contract probe for layers, the conformance suites for stores and tables |
//!
//! Instants in signatures are tokio's, so that a test with paused time can run all of it.
//!
//! The minimum Rust is 1.94.1, the minimum of the AWS SDK.
//!
#![cfg_attr(
    not(feature = "drill"),
    doc = "[`drill`]: https://docs.rs/evenkeel/latest/evenkeel/drill/"
)]
#![cfg_attr(
    not(feature = "testing"),
    doc = "[`testing`]: https://docs.rs/evenkeel/latest/evenkeel/testing/"
)]
#![cfg_attr(
    not(feature = "recorder"),
    doc = "[`ops::recorder`]: https://docs.rs/evenkeel/latest/evenkeel/ops/recorder/"
)]
#![cfg_attr(
    not(feature = "recorder"),
    doc = "[`ops::incident`]: https://docs.rs/evenkeel/latest/evenkeel/ops/incident/"
)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backfill;
mod call;
pub mod client;
pub mod credentials;
#[cfg(feature = "drill")]
pub mod drill;
pub mod endpoint;
pub mod guide;
mod model;
pub mod ops;
pub mod provider;
mod replicate;
pub mod stack;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use call::{Error, NotAsked, Replication};
pub use client::{BuildError, Explanation, Failover, KvClient, ObjectClient};
pub use endpoint::Endpoint;
pub use model::{ErrorKind, request, verdict};

/// The error type of the layers: any error, boxed. The same type as tower's.
pub type BoxError = tower::BoxError;

/// The README's Rust blocks, compiled and run as doc tests. One of them needs the AWS SDK.
#[cfg(all(doctest, feature = "s3"))]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The Rust blocks of the pages in `docs`, compiled and run in the same way.
#[cfg(all(doctest, feature = "s3"))]
#[doc = include_str!("../docs/CREDENTIALS.md")]
pub struct ReadmeCredentials;

/// See [`ReadmeCredentials`].
#[cfg(doctest)]
#[doc = include_str!("../docs/BACKFILL.md")]
pub struct ReadmeBackfill;
