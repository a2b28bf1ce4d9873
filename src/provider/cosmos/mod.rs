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
//! The SDK knows the account's regions and fails over between them; so the regions are *not* endpoints of evenkeel's, which
//! would then move what is being moved already. The second endpoint is another account, or another provider. What the SDK
//! repeats beyond that is turned off: it does not repeat what was throttled (its default is nine times), so that a 429 is
//! seen at once, with its `x-ms-retry-after-ms`, and goes elsewhere. Its own failover takes time within an attempt: an
//! attempt that runs into its limit counts as any other that does. Reads go on in another region at once. Writes, in an account
//! with one write region, are unreachable and provably unsent until Azure has moved it and the SDK has looked at the account
//! again, which takes minutes: the time for the other account, or the other provider. The SDK cannot be built, nor a
//! container opened, while the whole account is unreachable (`with_backup_endpoints` of its builder helps).
//!
//! # The container
//! Partition key `/id`; time to live on, without a default (`defaultTtl: -1`).
//!
//! | property | |
//! |---|---|
//! | `id` | the key in base64url, because ids allow no `/`, `\`, `?` or `#` |
//! | `key` | the key, for people |
//! | `value` | the value in base64 |
//! | `write_id` | the id of the write that stored it |
//! | `expires`, `ttl` | when it expires, in seconds since 1970, rounded up, and after how many seconds; missing: it stays |
//!
//! Keys have at most 767 bytes (1,023 in base64), key and value together about 1.5 MB.
//!
//! # What it sees to
//! - **Conditions** are create (409 when there is something) and `If-Match` with the item's ETag (412), which, with when it
//!   expires, is its version. When a create meets something it looks at it, which costs a read: what its own write id stored is its own
//!   success, and what has expired is replaced, under its ETag. A compare-and-set looks if the SDK has asked more than
//!   once. Where the look fails, or it was a delete, the write may have been applied, and the error says so.
//! - **Expired is absent**, by this host's clock, also where the service has not removed it yet.
//! - **Fresh reads** are quorum reads (`LatestCommitted`, at twice the price where the account's consistency is weaker), others
//!   eventual.
//! - A success without an ETag is none.
//! - Errors show neither keys nor values; the SDK's own messages are not passed on.
//!
//! What its errors mean: [`CosmosVerdicts`].
//!
//! # What it cannot see to
//! - A kept connection that somebody on the way has forgotten is a fault of the endpoint: the SDK does not show that it was an
//!   old one. It pings its connections of HTTP/2 by itself.
//! - An account with *several write regions* settles conflicts after the fact: conditions then hold in one region only.
//!   Use one write region.
//! - **Fresh reads are fresh in one region.** When the SDK has moved to another one, its answer may lag behind, *absent*
//!   included, and nobody can tell; unless the account's consistency is *strong*.
//! - A compare-and-set that says a time to live of its own, or none, on a value that expired, where the container's time to
//!   live is off, replaces it.
//! - Connecting has the SDK's limit (`ConnectionPoolOptions` of its runtime): set it below a second, so that an
//!   unreachable account is told from a slow one.
//! - **Redirects are followed** by the SDK's HTTP client, up to ten, and it takes no other: whoever answers as the account can
//!   send requests past all constraints, values included. It leaves out `Authorization` on the way to another host. (A test
//!   pins this.)
//! - **Scans are refused**: the service promises no order of strings that is that of their bytes.

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

/// A container at an account of Cosmos DB. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Cosmos {
    container: ContainerClient,
}

impl Cosmos {
    /// This container.
    pub const fn new(container: ContainerClient) -> Self {
        Self { container }
    }

    /// The SDK's client, for what evenkeel has no operation for. Its retries are as it was built.
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

    /// A refusal, unless it was its own write that it met.
    async fn met(&self, item: &Item, refused: ProviderError) -> Result<Version, ProviderError> {
        match self.look(item).await? {
            (there, version) if there.write_id == item.write_id => Ok(version),
            _ => Err(refused),
        }
    }

    /// What a write has met. Where that cannot be told, it may have been the write itself.
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

    /// A get of a key that nobody has: it needs no permission that the data does not need, and finds a wrong container.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        let key = Key::new("evenkeel:warm-up").map_err(|error| ProviderError::unsupported(error.to_string()))?;
        match self.get(Get::new(key)).await {
            Err(error) if error.kind() != ProviderErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What was asked, as far as it matters to what a refusal means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Read,
    Create,
    Overwrite,
    IfMatch,
    Delete,
}

/// The SDK's error as ours. Its words may quote the key, so none is kept.
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

/// Whether the SDK has asked more than once, so that the refusal of a write may be by its own doing.
fn was_repeated(error: &CosmosError) -> bool {
    error
        .diagnostics()
        .is_none_or(|diagnostics| diagnostics.request_count() > 1)
}

/// A write that met something, and nobody knows whether it was itself.
fn unknown(request_id: Option<&str>) -> ProviderError {
    let error = ProviderError::faulty("it was refused, perhaps for what it had done before its answer was lost");
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

/// On which ETag a version stands.
fn unchanged(version: &Version) -> Precondition {
    Precondition::if_match(dated::parts(version).0.to_owned())
}

/// A success that is none.
fn wrong(symptom: Symptom) -> ProviderError {
    ProviderError::found(ProviderErrorKind::Failed, Finding::symptom(symptom))
}

/// What the stack does is not done here, too.
fn options() -> OperationOptionsBuilder {
    OperationOptionsBuilder::new()
        .with_throttling_retry_options(ThrottlingRetryOptionsBuilder::new().with_max_retry_count(0).build())
        .with_content_response_on_write(ContentResponseOnWrite::Disabled)
}

fn written() -> ItemWriteOptions {
    ItemWriteOptions::default().with_operation_options(options().build())
}

/// Nothing of the client, whose Debug may show its account.
impl fmt::Debug for Cosmos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cosmos")
    }
}
