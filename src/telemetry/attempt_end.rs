use crate::request::{Ended, LegKind, OpClass};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How one attempt ended, for whoever needs every attempt: an audit, evidence for a claim. The function given to a
/// builder's [`on_attempt_end`](crate::client::StoreBuilder::on_attempt_end) hears of each, of calls and of probes.
///
/// No text is an object's key or a secret.
///
/// ```
/// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
/// use std::sync::mpsc;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (tell, ends) = mpsc::sync_channel(1_000);
/// let client = ObjectClient::builder()
///     .endpoint(Endpoint::new("here", Memory::new()))
///     .on_attempt_end(move |end| drop(tell.try_send(end.clone())))
///     .build()?;
/// client.put("k", "v").await?;
/// let end = ends.try_recv()?;
/// assert_eq!((&*end.endpoint, end.operation, end.kind.as_str()), ("here", "put", "first"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptEnd {
    /// When the attempt ended, by the client's [wall clock](crate::client::StoreBuilder::wall_clock).
    pub wall: SystemTime,
    /// The client's name.
    pub client: Arc<str>,
    /// What the client deals in: `object`, `key`, or `call` for a [`Failover`](crate::Failover).
    pub noun: &'static str,
    /// The endpoint.
    pub endpoint: Arc<str>,
    /// The endpoint's provider, if declared.
    pub provider: Option<Arc<str>>,
    /// The provider's region, if declared.
    pub region: Option<Arc<str>>,
    /// The request: `get`, `put_part`; for a `Failover` the call's name, or its class.
    pub operation: &'static str,
    /// The class of work.
    pub class: OpClass,
    /// Why the attempt was made.
    pub kind: LegKind,
    /// How the attempt ended.
    pub ended: Ended,
    /// How long the attempt took.
    pub took: Duration,
    /// The HTTP status of the last answer, if the adapter tells: `S3` and `DynamoDb` always, the other
    /// object stores of refusals.
    pub status: Option<u16>,
    /// The provider's code of a failure, or the symptom.
    pub code: Option<String>,
    /// The provider's request id of the last answer, if the adapter tells: `S3`, `DynamoDb` and `AzureBlob` always,
    /// others of failures.
    pub request_id: Option<String>,
}

/// A function that hears of attempts.
pub(crate) type AttemptListener = Arc<dyn Fn(&AttemptEnd) + Send + Sync>;
