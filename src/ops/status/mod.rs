//! The state of a client for the outside: plain data, versioned, made to be sent and kept.
//!
//! A [`Status`] says what a [`Snapshot`](super::snapshot::Snapshot) says, for readers in other processes. With the feature `serde` it can be
//! serialized and deserialized; `docs/status.schema.json` is the JSON schema.
//!
//! - **Unknown is `None`** (`null` in JSON), never 0 or 1. An endpoint that was never asked has no fault share.
//! - **Each figure has an age.** `last_seen_age_ms` is the age of what attempts have shown: shares and latencies.
//!   `last_success_age_ms` is that of the last success. What has no age is of the moment of `taken_ms`.
//! - **Units are in the names**: `_ms` are milliseconds, `_us` microseconds. `taken_ms`, `since_ms` and `at_ms` count
//!   from 1970 (UTC), by the wall clock; the others are lengths of time. Shares are fractions, 0–1.
//! - **Texts may be a user's or hostile**: names of endpoints, reasons and authors of orders. Escape them. No text holds
//!   an object key or a secret.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, provider::Memory, ops::status::Condition};
//!
//! let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build().unwrap();
//! let status = client.view().status().unwrap();
//! let reads = &status.endpoints[0].classes[0];
//! assert_eq!((reads.condition, reads.fault_share), (Condition::Untried, None));
//! # #[cfg(feature = "serde")] {
//! let json = serde_json::to_value(&status).unwrap();
//! assert_eq!(json["version"], 1);
//! assert!(json["endpoints"][0]["classes"][0]["fault_share"].is_null());
//! # }
//! ```

mod from;

use std::collections::BTreeMap;

/// The state of one client at one moment.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Status {
    /// The version of this form: [`Status::VERSION`]. A later version may have more fields and more words. The number
    /// changes when what there was means something else.
    pub version: u32,
    /// The process that this is about, and no other: 16 hexadecimal digits that change when the process starts again.
    pub instance: String,
    /// How long the process has used the crate.
    pub uptime_ms: u64,
    /// The name of the client. Two clients can have one name.
    pub client: String,
    /// When this was so.
    pub taken_ms: u64,
    /// For each class for which every endpoint looks bad: since when, and why. This host's own network, DNS or
    /// credentials are suspected.
    pub suspected_here: Vec<Suspicion>,
    /// How many whole retries or hedges the budget would grant now.
    pub budget_left: u64,
    /// How many requests that no budget may refuse the client has sent, by [reason](crate::stack::retry::Exception).
    pub beyond_the_budget: BTreeMap<String, u64>,
    /// The operator's orders in force, oldest first.
    pub orders: Vec<OrderStatus>,
    /// The endpoints, in the order of listing.
    pub endpoints: Vec<EndpointStatus>,
}

impl Status {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;
}

/// A class of calls for which every endpoint looks bad.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Suspicion {
    /// `read`, `write` or `list`.
    pub class: String,
    /// What was decided then.
    pub decision: Decision,
}

/// The last decision on something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Decision {
    /// When it was made.
    pub at_ms: u64,
    /// The number of its [event](crate::telemetry::EventRecord::sequence).
    pub sequence: u64,
    /// The [kind](crate::telemetry::Event::kind) of its event.
    pub kind: String,
    /// The decision and its reason, in one sentence.
    pub sentence: String,
}

/// One of the operator's orders.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OrderStatus {
    /// The order's number, which lifts it.
    pub number: u64,
    /// What the order does: `drain`, `drain writes`, `force`, `freeze failback`, `shadow`.
    pub action: String,
    /// The target: an endpoint's name, a provider, or a provider and its region.
    pub selector: String,
    /// The names of the endpoints that the order affects.
    pub endpoints: Vec<String>,
    /// The reason, in the operator's words.
    pub reason: String,
    /// Who gave the order, if that was said.
    pub by: Option<String>,
    /// How long ago the order was given.
    pub age_ms: u64,
    /// How long until the order expires by itself.
    pub expires_in_ms: u64,
}

/// The state of one endpoint.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct EndpointStatus {
    /// The endpoint's name.
    pub name: String,
    /// The provider, if declared.
    pub provider: Option<String>,
    /// The provider's name for the region, if declared.
    pub region: Option<String>,
    /// Where the bytes lie, if declared.
    pub location: Option<String>,
    /// Whose laws reach the operator, if declared.
    pub jurisdictions: Option<Vec<String>>,
    /// The tier, if one was set. Without one, the order of listing decides.
    pub tier: Option<u8>,
    /// Whether the endpoint is never written to.
    pub read_only: bool,
    /// The constraint that bars the endpoint, if one does: it is never used.
    pub barred: Option<String>,
    /// Whether the endpoint could not be reached when it was last asked, within the last 5 s. `None`: it was never
    /// asked.
    pub unreachable: Option<bool>,
    /// How many attempts are under way.
    pub in_flight: u32,
    /// How many attempts may be under way now.
    pub limit: u32,
    /// Whether that limit was learnt, because the endpoint gets more than it can do.
    pub limit_is_learnt: bool,
    /// The endpoint's credentials, if a keeper was set.
    pub credentials: Option<CredentialsStatus>,
    /// The state for each class of calls: `read`, `write`, `list`.
    pub classes: Vec<ClassStatus>,
    /// The endpoint's probes in the background; empty if there are none.
    pub probes: Vec<ProbeStatus>,
}

/// The state of an endpoint's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CredentialsStatus {
    /// The name of the credentials' keeper.
    pub name: String,
    /// `valid`, `not loaded`, `kept` (valid, and the last fetch failed) or `lost`.
    pub condition: String,
    /// Whether there are credentials that can be used.
    pub valid: bool,
    /// How long these can be used. `None`: there are none, or they do not expire.
    pub expires_in_ms: Option<u64>,
    /// How many fetches failed since the last success.
    pub failures: u32,
}

/// How one endpoint stands for one class of calls, in one word. What weighs more hides what weighs less: an endpoint
/// that is drained and whose breaker is open is [`OrderedAway`](Self::OrderedAway).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Condition {
    /// A constraint bars the endpoint.
    Barred,
    /// The endpoint takes no writes.
    ReadOnly,
    /// An order keeps calls away.
    OrderedAway,
    /// The breaker is open: no call goes there.
    Out,
    /// The breaker is half-open: probes go there.
    Probed,
    /// The breaker has closed, and traffic returns on a ramp.
    Returning,
    /// The endpoint throttles and gets a part of its traffic.
    Throttled,
    /// The endpoint is in use.
    InUse,
    /// Nothing has been seen yet.
    Untried,
    /// A word of a later version, in a status that was read. No status is written with it.
    #[cfg_attr(feature = "serde", serde(other))]
    Unknown,
}

/// The state of one endpoint for one class of calls.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ClassStatus {
    /// `read`, `write` or `list`.
    pub class: String,
    /// How the endpoint stands.
    pub condition: Condition,
    /// `closed`, `half-open` or `open`. `None`: a constraint bars the endpoint, or nothing has been seen yet.
    pub breaker: Option<String>,
    /// Since when the breaker is in that state. `None`: it has never changed.
    pub since_ms: Option<u64>,
    /// The last decision on the endpoint for this class. `None`: there was none.
    pub why: Option<Decision>,
    /// The order that keeps calls away, as a clause.
    pub ordered_away: Option<String>,
    /// How long until the next probe may pass; 0: a probe is due, or under way. `None`: the breaker is closed.
    pub next_probe_in_ms: Option<u64>,
    /// The share of its normal traffic that the endpoint may carry now.
    pub share: Option<f64>,
    /// The share of its traffic that the endpoint may be sent because it throttles.
    pub admitted: Option<f64>,
    /// The share of recent attempts that failed or were late, over about 5 s.
    pub fault_share: Option<f64>,
    /// The median time until the first byte of an answer, after 20 attempts.
    pub first_byte_p50_us: Option<u64>,
    /// The 99th percentile of that time.
    pub first_byte_p99_us: Option<u64>,
    /// How long ago an attempt last ended.
    pub last_seen_age_ms: Option<u64>,
    /// How long ago an attempt last succeeded.
    pub last_success_age_ms: Option<u64>,
    /// How many attempts have ended since the client was built: by kind (`first`, `retry`, `hedge`, `proof`,
    /// `confirm`, `probe`), and by end (the words of the label `verdict` in [metrics](crate::telemetry)). What did not
    /// happen is left out.
    pub attempts: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many hedges have ended.
    pub hedges: u64,
    /// How many of them brought the answer that their call took.
    pub hedges_won: u64,
}

/// The state of an endpoint's probes in the background, for one class.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ProbeStatus {
    /// `read` or `write`.
    pub class: String,
    /// Whether a probe is under way.
    pub under_way: bool,
    /// How many probes were sent.
    pub sent: u64,
    /// How the last probe ended: a verdict, or `not sent`.
    pub last: Option<String>,
    /// How long ago the last probe ended.
    pub last_age_ms: Option<u64>,
}
