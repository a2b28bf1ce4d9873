//! The concentration report: on whom the clients of a process depend, in shares of what they really sent.
//!
//! A supervisor asks a firm which providers, places and laws its service depends on. An inventory says what was bought.
//! This report says what was used: it counts attempts, and the bytes of their bodies, as the clients made them.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, Replication, ops::concentration::concentration, provider::Memory};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let photos = ObjectClient::builder()
//!     .client_name("photos")
//!     .endpoint(Endpoint::new("frankfurt", Memory::new()).provider("aws").location("DE").jurisdictions(["US", "EU"]))
//!     .endpoint(Endpoint::new("heilbronn", Memory::new()).provider("stackit").location("DE").jurisdictions(["EU"]))
//!     .replication(Replication::write_once())
//!     .build()?;
//! photos.put("cat", "purr").await?;
//!
//! let report = concentration(&[photos.view()]);
//! let attempts = &report.by_provider.foreground.attempts;
//! assert_eq!((&*attempts.parts[0].name, attempts.parts[0].share), ("aws", Some(1.0)));
//! assert_eq!(report.by_provider.foreground.bytes.total, Some(4));
//! assert_eq!(report.in_common.len(), 2); // the country, and the law of the EU
//! println!("{report}"); // Markdown
//! # Ok(()) }
//! ```
//!
//! # What is counted
//! - **Attempts**, not calls: each request that a client handed to an endpoint's adapter, when it ended, also one that
//!   found no connection. A call that fails over counts at both endpoints. (An adapter may make two requests of one
//!   attempt, where a connection was dead or a HEAD proves nothing.) They are told apart by their
//!   [reason](crate::request::Traffic): *foreground* (what calls need), *hedges*, and *probes* from the background.
//!   What [`verify`](crate::ObjectClient::verify) and `warm_up` ask is not counted. A backfill is no client of the
//!   process: add [what it copied](Concentration::with_later_copies).
//! - **Bytes** of objects and values, both ways: [`ByteCounts`](crate::stack::health::ByteCounts) has the rules. The
//!   bytes that closures of a [`Failover`](crate::Failover) move are unknown, unless they all
//!   [report](crate::request::Progress). Unknown is `null`, and so is every share of a sum that contains it.
//! - **Nothing is a share of nothing**: where no attempt was made, shares are `null` and not 0.
//! - Endpoints that a [constraint](crate::endpoint::Constraints) bars are never used, and are left out.
//! - **Drills in production** have clients of their own, which end with the drill and are in no list of views. What they
//!   did is a [`Reading`] in the drill's `Findings::traffic`.
//!
//! [`Reading::since`] reports what lies between two readings, [`concentration`] everything since the clients were
//! built.
//!
//! # The index
//! Where shares add up (providers, regions, locations) the report has the Herfindahl–Hirschman index: the sum of the
//! squares of the shares, between 1/n (n equal parts) and 1 (one part has all). Economists and authorities multiply it
//! by 10,000; the Markdown shows both. The US Department of Justice and the Federal Trade Commission call a *market*
//! above 1,800 highly concentrated (Merger Guidelines, December 2023, section 2.1). That line was drawn for mergers of
//! competitors. No supervisor has drawn one for a firm's own providers: with two of them the index is at least 5,000.
//! Use it to compare this month with last month, not to pass a test.
//!
//! An endpoint that does not declare its provider belongs to one, and nobody knows to which. [`Shares::coverage`] says
//! which share is declared. The index has two bounds: each such endpoint is alone ([`Index::at_least`]), or all of them
//! belong to the largest part ([`Index::at_most`]). A region counts within its provider, because two clouds can both
//! call their region `us-east-1`; a region without a provider is not declared.
//!
//! Laws overlap: a US company's region in Frankfurt is reached by both US and EU law. Shares of jurisdictions do not
//! add up, and have no index. Each is the share that this law *reaches*.
//!
//! # What it cannot show
//! Only what endpoints declare, and what their clients' configuration says, is known. What stands behind a provider's
//! name is not: a service that resells another one, the resolver that the operating system asks, a certificate
//! authority.

mod build;
mod common;
mod counted;
mod markdown;
mod needs;
mod reading;
mod shares;

pub use reading::Reading;

use super::ClientView;

/// Reports on whom these clients depend, from what they did since they were built. Two views of one client count once.
pub fn concentration(clients: &[ClientView]) -> Concentration {
    Reading::of(clients).report()
}

/// On whom the clients of a process depend. `Display` is Markdown, with all foreign texts escaped. With the feature
/// `serde` it can be serialized and deserialized; `docs/concentration.schema.json` is the JSON schema. Shares are
/// fractions, 0–1, to four digits.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Concentration {
    /// The version of this form: [`Concentration::VERSION`]. A later version may have more fields and more words.
    pub version: u32,
    /// The process: 16 hexadecimal digits that change when the process starts again.
    pub instance: String,
    /// From when on attempts are counted, in milliseconds since 1970 (UTC). `None`: since each client was built.
    pub from_ms: Option<u64>,
    /// Until when.
    pub to_ms: u64,
    /// The names of the clients. Two clients can have one name.
    pub clients: Vec<String>,
    /// How many clients have no count at the end: those that were gone by then, and those that only the earlier reading
    /// was asked about. What they did is not in the report.
    pub gone: u64,
    /// What was counted at each endpoint of each client.
    pub endpoints: Vec<EndpointTraffic>,
    /// Shares of the providers.
    pub by_provider: Dimension,
    /// Shares of the providers' regions, named `provider region`.
    pub by_region: Dimension,
    /// Shares of the locations of data.
    pub by_location: Dimension,
    /// The shares that each law reaches. They overlap.
    pub by_jurisdiction: Dimension,
    /// The hosts that the endpoints need, by [role](crate::endpoint::Role).
    pub hosts: Vec<RoleHosts>,
    /// What endpoints of different providers have in common.
    pub in_common: Vec<InCommon>,
    /// What was copied later, beside the calls of clients; empty if nothing was [added](Self::with_later_copies).
    pub later_copies: Vec<LaterCopies>,
}

impl Concentration {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;
}

/// One endpoint of one client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EndpointName {
    /// The client's name.
    pub client: String,
    /// The endpoint's name.
    pub endpoint: String,
}

/// What one endpoint declares, and what was counted there.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EndpointTraffic {
    /// The client's name.
    pub client: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// The provider, if declared.
    pub provider: Option<String>,
    /// The provider's name for the region, if declared.
    pub region: Option<String>,
    /// Where the bytes lie, if declared.
    pub location: Option<String>,
    /// Whose laws reach the operator, if declared.
    pub jurisdictions: Option<Vec<String>>,
    /// What calls needed.
    pub foreground: Amount,
    /// Attempts beside late ones.
    pub hedge: Amount,
    /// Probes from the background.
    pub probe: Amount,
}

/// What was counted of one kind of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Amount {
    /// How many attempts ended.
    pub attempts: u64,
    /// The bytes that went to the endpoint. `None`: unknown.
    pub bytes_up: Option<u64>,
    /// The bytes that came from it. `None`: unknown.
    pub bytes_down: Option<u64>,
}

/// The shares in one dimension, by kind of traffic.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Dimension {
    /// What calls needed.
    pub foreground: Measures,
    /// Attempts beside late ones.
    pub hedge: Measures,
    /// Probes from the background.
    pub probe: Measures,
}

/// Shares of attempts and of bytes.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Measures {
    /// Shares of the attempts.
    pub attempts: Shares,
    /// Shares of the bytes, both ways together.
    pub bytes: Shares,
}

/// How an amount is divided.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Shares {
    /// The whole. `None`: a part of it is unknown.
    pub total: Option<u64>,
    /// The parts, largest first; a declared part without traffic is there, too.
    pub parts: Vec<Part>,
    /// The amount at endpoints that declare nothing. `None`: unknown.
    pub undeclared: Option<u64>,
    /// The share at endpoints that declare something. `None`: there is nothing to share, or its whole is unknown.
    pub coverage: Option<f64>,
    /// The Herfindahl–Hirschman index. `None`: the same, or the parts overlap.
    pub index: Option<Index>,
}

/// One part.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Part {
    /// The provider, the region, the location or the law.
    pub name: String,
    /// How much. `None`: unknown.
    pub amount: Option<u64>,
    /// The share of the whole, as far as it is declared. `None`: the whole is nothing, or unknown.
    pub share: Option<f64>,
    /// The share if everything undeclared belonged here, too.
    pub at_most: Option<f64>,
}

/// The bounds of a Herfindahl–Hirschman index, between 0 and 1. They are equal where everything is declared.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Index {
    /// If each undeclared endpoint is a part of its own.
    pub at_least: f64,
    /// If all undeclared endpoints belong to the largest part.
    pub at_most: f64,
}

/// The hosts of one role.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RoleHosts {
    /// The [role](crate::endpoint::Role) in a word or two.
    pub role: String,
    /// The share of the foreground's attempts at endpoints of which such a host is known. An endpoint may need more
    /// hosts than are known.
    pub coverage: Option<f64>,
    /// The hosts, the one that most attempts depend on first.
    pub hosts: Vec<HostShare>,
}

/// A host, and what depends on it. Several hosts may serve one endpoint: shares do not add up.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct HostShare {
    /// The host, or the pattern of its name.
    pub host: String,
    /// The regions, named `provider region`, in which the host was declared to stand.
    pub stands_in: Vec<String>,
    /// The endpoints that need the host.
    pub endpoints: Vec<EndpointName>,
    /// Their providers, regions and locations, as far as declared.
    pub providers: Vec<String>,
    /// See `providers`.
    pub regions: Vec<String>,
    /// See `providers`.
    pub locations: Vec<String>,
    /// The share of the foreground's attempts at endpoints that need the host.
    pub attempts: Option<f64>,
    /// The share of the foreground's bytes at these endpoints.
    pub bytes: Option<f64>,
}

/// Something that endpoints of different providers have in common: what happens to it happens to all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InCommon {
    /// `host`, `credentials` (one [keeper](crate::credentials::Keeper)), `location` or `jurisdiction`.
    pub kind: String,
    /// Which one.
    pub name: String,
    /// For a host: the roles that it has.
    pub roles: Vec<String>,
    /// The providers of these endpoints.
    pub providers: Vec<String>,
    /// The endpoints.
    pub endpoints: Vec<EndpointName>,
}

/// What was copied from one endpoint to another beside the calls of clients, by a backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LaterCopies {
    /// The source.
    pub from: Place,
    /// The target.
    pub to: Place,
    /// How many objects or values were copied.
    pub copied: u64,
    /// Their length.
    pub bytes: u64,
}

/// An endpoint, and what it declares of its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Place {
    /// The endpoint's name.
    pub endpoint: String,
    /// The provider, if declared.
    pub provider: Option<String>,
    /// The provider's name for the region, if declared.
    pub region: Option<String>,
    /// Where the bytes lie, if declared.
    pub location: Option<String>,
}
