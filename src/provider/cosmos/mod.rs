//! Containers of Azure Cosmos DB (the API for NoSQL), on Microsoft's SDK.
//!
//! ```no_run
//! use azure_data_cosmos::{AccountReference, CosmosClient, RoutingStrategy, options::Region};
//! use evenkeel::provider::Cosmos;
//!
//! # async fn build() -> Result<Cosmos, Box<dyn std::error::Error>> {
//! let account = AccountReference::with_authentication_key("https://shop.documents.azure.com/".parse()?, "a2V5");
//! let client = CosmosClient::builder().build(account, RoutingStrategy::ProximityTo(Region::WEST_EUROPE)).await?;
//! let orders = Cosmos::new(client.database_client("shop").container_client("orders", None).await?);
//! # Ok(orders) }
//! ```
//!
//! # An account is one endpoint
//! The SDK knows the account's regions and fails over between them. The regions are therefore *not* endpoints of
//! evenkeel: otherwise both would move the same calls. The second endpoint is another account, or another provider.
//!
//! The adapter turns off the SDK's other retries. The SDK does not repeat a throttled request (its default is nine
//! times), so that the stack sees a 429 at once, with its `x-ms-retry-after-ms`, and the call goes elsewhere.
//!
//! The SDK's own failover takes time within an attempt. An attempt that runs into its limit counts as usual. Reads go
//! on in another region at once. In an account with one write region, writes are unreachable and provably unsent until
//! Azure has moved the write region and the SDK has looked at the account again. That takes minutes: the time for the
//! other account, or the other provider.
//!
//! While the whole account is unreachable, the SDK cannot be built, and a container cannot be opened
//! (`with_backup_endpoints` of the SDK's builder helps).
//!
//! # The container
//! Partition key `/id`; time to live on, without a default (`defaultTtl: -1`).
//!
//! | property | |
//! |---|---|
//! | `id` | the key in base64url, because ids allow no `/`, `\`, `?` or `#` |
//! | `key` | the key, for people |
//! | `value` | the value in base64 |
//! | `write_id` | the id of the write that stored the value |
//! | `expires`, `ttl` | when the value expires, in seconds since 1970, rounded up, and after how many seconds; if missing, the value stays |
//!
//! Keys have at most 767 bytes (1,023 in base64), key and value together about 1.5 MB.
//!
//! # What the adapter ensures
//! - **Conditions** are create (409 if there is an item) and `If-Match` with the item's ETag (412). ETag and expiry
//!   together are the item's version. A create that meets an item reads that item, which costs a read. If the create's
//!   own write id stored the item, the create succeeds. If the item has expired, the create replaces it under its ETag.
//!   A refused compare-and-set reads the item if the SDK sent the request more than once. If that read fails, or the
//!   write was a delete, the write may have been applied, and the error says so.
//! - **Expired is absent**, by this host's clock, also if the service has not removed the item yet.
//! - **Fresh reads** are quorum reads (`LatestCommitted`, at twice the price if the account's consistency is weaker).
//!   Other reads are eventual.
//! - A success without an ETag does not count as a success.
//! - Errors show neither keys nor values, and do not carry the SDK's own messages.
//!
//! What its errors mean: [`CosmosVerdicts`].
//!
//! # What the adapter cannot ensure
//! - A kept connection may have been dropped by a proxy on the way. Its failure counts as a fault of the endpoint,
//!   because the SDK does not show that the connection was old. The SDK pings its HTTP/2 connections by itself.
//! - An account with *several write regions* settles conflicts after the fact, so that a condition holds in one region
//!   only. Use one write region.
//! - **Fresh reads are fresh in one region.** After the SDK has moved to another region, an answer may lag behind,
//!   *absent* included, and nobody can tell. This does not apply if the account's consistency is *strong*.
//! - A compare-and-set with a time to live of its own, or without one, replaces an expired value if the container's
//!   time to live is off.
//! - Connecting has the SDK's limit (`ConnectionPoolOptions` of its runtime). Set this limit below a second, so that an
//!   unreachable account differs from a slow one.
//! - **The SDK's HTTP client follows redirects**, up to ten, and the SDK takes no other client. A server that answers
//!   as the account can send requests past all constraints, values included. The client leaves out `Authorization` on
//!   the way to another host. (A test pins this.)
//! - **Scans are refused**: the service does not promise to sort strings by their bytes.

mod item;
mod verdict;

pub use verdict::CosmosVerdicts;

use super::{KvProvider, ProviderError, ProviderErrorKind, check_value, dated};
use crate::{
    model::clock,
    request::kv::{Condition, Delete, Expiry, Get, Key, Limits, Put, PutAnswer, Scan, ScanPage, Value, Version},
    verdict::{Finding, Outcome, Verdict, table::Symptom},
};
use azure_data_cosmos::{
    ContainerClient, CosmosError,
    models::ItemResponse,
    options::{
        ContentResponseOnWrite, ItemReadOptions, ItemWriteOptions, OperationOptionsBuilder, Precondition,
        ReadConsistencyStrategy, ThrottlingRetryOptionsBuilder,
    },
};
use item::Item;
use std::fmt;

/// A container at an account of Cosmos DB. A clone is cheap and shares the connections.
#[derive(Clone)]
pub struct Cosmos {
    container: ContainerClient,
}

impl Cosmos {
    /// This container.
    pub const fn new(container: ContainerClient) -> Self {
        Self { container }
    }

    /// The SDK's client, for operations that evenkeel does not have. Its retries are those with which it was built.
    pub const fn container(&self) -> &ContainerClient {
        &self.container
    }

    async fn read(&self, id: &str, strategy: ReadConsistencyStrategy) -> Result<(Item, Version), ProviderError> {
        let options = options().with_read_consistency_strategy(strategy).build();
        let options = ItemReadOptions::default().with_operation_options(options);
        let got = self.container.read_item(id.to_owned(), id, Some(options)).await;
        let got = got.map_err(|error| failed(Asked::Read, &error))?;
        let etag = confirmed(&got)?;
        let item: Item = got.into_model().map_err(|_| wrong(Symptom::Nonsense))?;
        let version = item.version(&etag);
        Ok((item, version))
    }

    async fn replace(&self, item: &Item, version: &Version) -> Result<Version, ProviderError> {
        let options = written().with_precondition(unchanged(version));
        let replaced = self
            .container
            .replace_item(item.id.clone(), &item.id, item, Some(options))
            .await;
        match replaced {
            Ok(replaced) => Ok(item.version(&confirmed(&replaced)?)),
            Err(error) => {
                let refused = failed(Asked::IfMatch, &error);
                let own = refused.kind() == ProviderErrorKind::PreconditionFailed && was_repeated(&error);
                match own {
                    true => self.met(item, refused).await,
                    false => Err(refused),
                }
            }
        }
    }

    async fn create(&self, item: &Item) -> Result<Version, ProviderError> {
        let created = self
            .container
            .create_item(item.id.clone(), &item.id, item, Some(written()))
            .await;
        let conflict = match created {
            Ok(created) => return Ok(item.version(&confirmed(&created)?)),
            Err(error) => failed(Asked::Create, &error),
        };
        if conflict.kind() != ProviderErrorKind::AlreadyExists {
            return Err(conflict);
        }
        match self.look(item).await? {
            (there, version) if there.write_id == item.write_id => Ok(version),
            (there, _) if there.is_alive(clock::wall()) => Err(conflict),
            (_, version) => match self.replace(item, &version).await {
                // Somebody else was faster.
                Err(error) if error.kind() == ProviderErrorKind::PreconditionFailed => Err(conflict),
                replaced => replaced,
            },
        }
    }

    /// The result of a write that met an item: success if the item is the write's own, else the refusal.
    async fn met(&self, item: &Item, refused: ProviderError) -> Result<Version, ProviderError> {
        match self.look(item).await? {
            (there, version) if there.write_id == item.write_id => Ok(version),
            _ => Err(refused),
        }
    }

    /// The item that a write has met. If the read fails, the write may have met its own item.
    async fn look(&self, item: &Item) -> Result<(Item, Version), ProviderError> {
        let there = self.read(&item.id, ReadConsistencyStrategy::LatestCommitted).await;
        there.map_err(|error| unknown(error.detail().request_id.as_deref()))
    }
}

impl KvProvider for Cosmos {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        let strategy = match get.fresh {
            true => ReadConsistencyStrategy::LatestCommitted,
            false => ReadConsistencyStrategy::Eventual,
        };
        let (item, version) = self.read(&item::id(&get.key), strategy).await?;
        if !item.is_alive(clock::wall()) {
            return Err(ProviderError::not_found());
        }
        item.into_value(version)
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        check_value("Cosmos DB", &self.limits(), &put)?;
        let item = Item::new(&put, clock::wall());
        let version = match &put.condition {
            Condition::Always => {
                let id = item.id.clone();
                let stored = self
                    .container
                    .upsert_item(id.clone(), &id, &item, Some(written()))
                    .await;
                item.version(&confirmed(&stored.map_err(|error| failed(Asked::Overwrite, &error))?)?)
            }
            Condition::Absent => self.create(&item).await?,
            // What would be kept is over.
            Condition::Version(_) if put.expiry() == Expiry::Kept && !item.is_alive(clock::wall()) => {
                return Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed));
            }
            Condition::Version(version) => self.replace(&item, version).await?,
        };
        Ok(PutAnswer::new(version))
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let id = item::id(&delete.key);
        let (options, asked) = match &delete.if_version {
            None => (written(), Asked::Delete),
            Some(version) => (written().with_precondition(unchanged(version)), Asked::IfMatch),
        };
        match self.container.delete_item(id.clone(), &id, Some(options)).await {
            Ok(deleted) if deleted.headers().activity_id().is_some() => Ok(()),
            Ok(_) => Err(wrong(Symptom::ErrorDocument)),
            Err(error) => match failed(asked, &error) {
                absent if absent.kind() == ProviderErrorKind::NotFound => Ok(()),
                // Nothing is left by which a delete could recognise itself.
                refused if refused.kind() == ProviderErrorKind::PreconditionFailed && was_repeated(&error) => {
                    Err(unknown(refused.detail().request_id.as_deref()))
                }
                failed => Err(failed),
            },
        }
    }

    async fn scan(&self, _scan: Scan) -> Result<ScanPage, ProviderError> {
        Err(ProviderError::unsupported(
            "Cosmos DB promises no order of keys to scan by",
        ))
    }

    fn limits(&self) -> Limits {
        Limits::new(item::KEY_BYTES, item::ITEM_BYTES)
    }

    /// A get of a key that does not exist. The get needs only a permission that the data needs, and finds a wrong
    /// container.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        let key = Key::new("evenkeel:warm-up").map_err(|error| ProviderError::unsupported(error.to_string()))?;
        match self.get(Get::new(key)).await {
            Err(error) if error.kind() != ProviderErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The kind of request, as far as it matters to what a refusal means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Read,
    Create,
    Overwrite,
    IfMatch,
    Delete,
}

/// The SDK's error as an evenkeel error. The SDK's words may quote the key, so no word is kept.
fn failed(asked: Asked, error: &CosmosError) -> ProviderError {
    let finding = verdict::finding(error);
    let (kind, verdict) = match kind(asked, finding.outcome.verdict) {
        (ProviderErrorKind::Throttled, verdict) if finding.detail.says_full() => (ProviderErrorKind::Full, verdict),
        other => other,
    };
    let outcome = Outcome {
        verdict,
        ..finding.outcome
    };
    ProviderError::found(kind, Finding { outcome, ..finding })
}

fn kind(asked: Asked, verdict: Verdict) -> (ProviderErrorKind, Verdict) {
    use ProviderErrorKind::*;
    let kind = match (verdict, asked) {
        // Cosmos says 404 to If-Match on what is gone.
        (Verdict::Absent | Verdict::Answer, Asked::IfMatch) => return (PreconditionFailed, Verdict::Answer),
        (Verdict::Absent, Asked::Read | Asked::Delete) => NotFound,
        (Verdict::Answer, Asked::Create) => AlreadyExists,
        // Nobody asked for a condition, nor for anything that could be missing.
        (Verdict::Absent | Verdict::Answer | Verdict::Success, _) => return (Failed, Verdict::Faulty),
        (Verdict::Throttled, _) => Throttled,
        (Verdict::Denied, _) => Denied,
        (Verdict::Caller, _) => Invalid,
        (Verdict::Unreachable | Verdict::Faulty, _) => Failed,
    };
    (kind, verdict)
}

/// Whether the SDK sent the request more than once. The store may then refuse a write because of the write itself.
fn was_repeated(error: &CosmosError) -> bool {
    error
        .diagnostics()
        .is_none_or(|diagnostics| diagnostics.request_count() > 1)
}

/// The error of a write that met an item which may be the write's own.
fn unknown(request_id: Option<&str>) -> ProviderError {
    let error = ProviderError::faulty(
        "the write was refused, perhaps because an earlier attempt had applied it and the answer was lost",
    );
    match request_id {
        Some(id) => error.with_request_id(id),
        None => error,
    }
}

/// The ETag that every success carries.
fn confirmed(answer: &ItemResponse) -> Result<String, ProviderError> {
    let etag = answer.headers().etag().ok_or_else(|| wrong(Symptom::ErrorDocument))?;
    Ok(etag.to_string())
}

/// The condition on the ETag of a version.
fn unchanged(version: &Version) -> Precondition {
    Precondition::if_match(dated::parts(version).0.to_owned())
}

/// The error of a success that lacks what a success must have.
fn wrong(symptom: Symptom) -> ProviderError {
    ProviderError::found(ProviderErrorKind::Failed, Finding::symptom(symptom))
}

/// Turns off what the stack does.
fn options() -> OperationOptionsBuilder {
    OperationOptionsBuilder::new()
        .with_throttling_retry_options(ThrottlingRetryOptionsBuilder::new().with_max_retry_count(0).build())
        .with_content_response_on_write(ContentResponseOnWrite::Disabled)
}

fn written() -> ItemWriteOptions {
    ItemWriteOptions::default().with_operation_options(options().build())
}

/// Shows nothing of the client: the client's `Debug` may show its account.
impl fmt::Debug for Cosmos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cosmos")
    }
}
