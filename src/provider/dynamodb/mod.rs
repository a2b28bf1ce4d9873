//! Tables of Amazon DynamoDB, on the AWS SDK.
//!
//! The SDK is made for one region and defends that region alone: it retries, waits and holds on. Under a stack that can
//! go elsewhere, each of these costs seconds. [`DynamoDb::new`] therefore rebuilds the given client without them.
//!
//! ```
//! use aws_sdk_dynamodb::{Client, Config, config::{BehaviorVersion, Credentials, Region}};
//! use evenkeel::provider::DynamoDb;
//!
//! let config = Config::builder()
//!     .behavior_version(BehaviorVersion::latest())
//!     .region(Region::new("eu-west-1"))
//!     .credentials_provider(Credentials::new("id", "secret", None, None, "static"))
//!     .build();
//! let orders = DynamoDb::new(Client::from_conf(config), "orders");
//! assert_eq!(orders.table(), "orders");
//! ```
//!
//! # The table
//! | attribute | type | |
//! |---|---|---|
//! | `key` | S | the key: partition key of a *flat* table, sort key of a *sorted* one |
//! | `partition` | S | a sorted table's partition key: one value, given to [`DynamoDb::sorted`] |
//! | `value` | B | the value |
//! | `write_id` | S | the id of the write that stored the value: no two writes share one. `write_id` and `expires` are the version |
//! | `expires` | N | seconds since 1970, rounded up; if missing, the value stays. Make `expires` the table's TTL attribute |
//!
//! ```text
//! aws dynamodb create-table --table-name orders --billing-mode PAY_PER_REQUEST \
//!   --attribute-definitions AttributeName=key,AttributeType=S --key-schema AttributeName=key,KeyType=HASH
//! aws dynamodb update-time-to-live --table-name orders \
//!   --time-to-live-specification Enabled=true,AttributeName=expires
//! ```
//! A sorted table: `--attribute-definitions AttributeName=partition,AttributeType=S AttributeName=key,AttributeType=S`
//! `--key-schema AttributeName=partition,KeyType=HASH AttributeName=key,KeyType=RANGE`.
//!
//! **Flat or sorted.** DynamoDB spreads partition keys by their hash and keeps no order among them. The adapter
//! therefore refuses to scan a flat table: the scan is unsupported and unsent. A sorted table keeps all keys under one
//! partition, in the order of their bytes, and scans are queries. The price is throughput. A partition starts with
//! 1,000 writes (of 1 KB) and 3,000 reads (of 4 KB) per second. DynamoDB splits the partition under load only if the
//! keys are not written in ascending order and the table has no local secondary index. Keys of a sorted table have at
//! most 1,024 bytes, keys of a flat table 2,048.
//!
//! # What the adapter ensures
//! - **Conditions** are condition expressions, which DynamoDB decides in one step. A refusal returns the item that the
//!   condition met (`ALL_OLD`). A put that was applied and whose answer was lost thus recognises its own write id and
//!   succeeds.
//! - **Expired is absent.** DynamoDB removes expired items within days. Until then reads leave expired items out, and
//!   conditions take them for absent, by this host's clock. A lock with a time to live is as good as the clocks of its
//!   users.
//! - **Reads are consistent**, unless the request does not need the latest value, or the endpoint is
//!   [`eventually_consistent`](DynamoDb::eventually_consistent).
//! - **Batches** have 100 gets or 25 puts. The client asks again at once for the keys that DynamoDB leaves unprocessed,
//!   in up to four rounds in all and as long as a round gets something done. (An answer holds 16 MB, so leftovers are
//!   normal.) Keys that are left then are [throttled](crate::provider::ProviderErrorKind::Throttled), each with a
//!   result of its own.
//! - A success must carry DynamoDB's request id. Otherwise an empty 200 of some gateway would be *absent*, or *stored*.
//! - Neither `Debug` nor an error shows a key, a value or a credential. The provider's messages quote keys, so errors
//!   carry only the provider's code and request id.
//!
//! # What its errors mean
//! | DynamoDB says | verdict | kind |
//! |---|---|---|
//! | `ConditionalCheckFailedException` | answer | `AlreadyExists`, `PreconditionFailed`; success if the condition met the put's own write |
//! | `ProvisionedThroughputExceededException`, `RequestLimitExceeded`, `ThrottlingException`, keys that a batch leaves unprocessed | throttled | `Throttled` |
//! | `TransactionConflictException`, `ReplicatedWriteConflictException` | throttled: nothing was done, try again | `Throttled` |
//! | `ResourceNotFoundException`, `ValidationException`, `ItemCollectionSizeLimitExceededException` | caller | `Invalid` |
//! | `AccessDeniedException` | denied | `Denied` |
//! | `UnrecognizedClientException`, `InvalidSignatureException`, `ExpiredTokenException`, `MissingAuthenticationToken…`, `IncompleteSignature…` | denied, names the credential | `Denied` |
//! | `InternalServerError`, `ServiceUnavailable`, any 5xx | faulty, maybe sent | `Failed` |
//! | a success without a request id, or a 404, 409, 412 without a code: not DynamoDB's words | faulty, maybe sent | `Failed` |
//!
//! All others, and failures without an answer: [`verdict::table`](crate::verdict::table).
//!
//! # Global tables
//! The replicas of a global table are ordinary endpoints, one per region. The table's mode decides which promises hold:
//!
//! - **Eventually consistent** (the default). Replicas lag, usually by a second or so, without a bound. Two writes of a
//!   key in two regions are both acknowledged, and the later write wins. *One* region decides a condition by what it
//!   knows, so conditions need a home: [`Replication::provider_managed()`](crate::Replication::provider_managed). Reads
//!   that another region served are marked possibly stale.
//! - **Strong** (multi-region strong consistency). A write is in at least two regions before it is acknowledged, and a
//!   consistent read sees the write in each region. Declare this mode with [`DynamoDb::strong`]. In this mode DynamoDB
//!   has no TTL: an expired item is absent here, but stays and costs until it is deleted.
//!
//! # What the adapter cannot ensure
//! - When a kept connection breaks before the answer, the adapter repeats reads. A write over such a connection is
//!   *faulty*, and the client decides whether to repeat the write. For these repetitions, and to close silent
//!   connections, the HTTP client must show its connections: see `S3`, which does the same.
//! - Compare-and-set does not notice a writer that changes `value` and leaves `write_id` alone. An item without a
//!   `write_id` can be read and replaced, but not replaced with a version.
//! - The client's clock: see *expired is absent*.

mod batch;
mod error;
mod item;
mod scan;

use super::{
    KvProvider, ProviderError, ProviderErrorKind,
    aws::{
        CONNECT_TIMEOUT, Discreet, Repeats, again, connecting_bounded,
        recorder::{Recorder, nobody},
        watched,
    },
    check_value, dated,
};
use crate::{
    endpoint::Host,
    model::clock,
    request::kv::{
        Condition, Delete, Expiry, Get, GetMany, Key, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value, Version,
    },
};
use aws_sdk_dynamodb::{
    Client,
    config::{IdentityCache, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    operation::{RequestId, delete_item::DeleteItemError, put_item::PutItemError},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure::AllOld, error::ConditionalCheckFailedException},
};
use error::{confirmed, failed};
use item::{EXPIRES, KEY, PARTITION, WRITE_ID};
use std::{fmt, sync::Arc, time::Duration};

/// Absent: there is no item, or an expired item.
const ABSENT: &str = "attribute_not_exists(#key) OR #expires <= :now";
/// The item is there, has not expired, and still has this version.
const UNCHANGED: &str = "#write_id = :version AND (attribute_not_exists(#expires) OR #expires > :now)";
/// As [`UNCHANGED`], and the item expires when the version says so. The put keeps that expiry.
const UNCHANGED_AND_EXPIRES: &str = "#write_id = :version AND #expires = :expires AND #expires > :now";
const UNCHANGED_AND_STAYS: &str = "#write_id = :version AND attribute_not_exists(#expires)";

/// A table at one region of DynamoDB. A clone is cheap and shares the connections.
#[derive(Clone)]
pub struct DynamoDb {
    client: Client,
    table: Arc<str>,
    /// The one partition of a sorted table.
    partition: Option<Arc<str>>,
    consistent: bool,
    strong: bool,
}

impl DynamoDb {
    /// The longest that connecting may take. The value is just below the shortest limit of an attempt before the stack
    /// has learnt (1 s). An unreachable endpoint thus differs from a slow one, and a write is known to be unsent.
    pub const CONNECT_TIMEOUT: Duration = CONNECT_TIMEOUT;

    /// This flat table, by name or ARN, through a client that is [`prepared`] for a stack.
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        Self {
            client: prepared(&client),
            table: table.into(),
            partition: None,
            consistent: true,
            strong: false,
        }
    }

    /// This partition of a sorted table. It can be scanned. Several partitions can share the table, each with its own
    /// keys.
    pub fn sorted(client: Client, table: impl Into<Arc<str>>, partition: impl Into<Arc<str>>) -> Self {
        Self {
            partition: Some(partition.into()),
            ..Self::new(client, table)
        }
    }

    /// Makes all reads eventually consistent. Such a read costs half as much and may miss the last second or so. Use
    /// this for replicas whose reads are possibly stale anyway, and never for an endpoint that takes writes.
    #[must_use]
    pub const fn eventually_consistent(mut self) -> Self {
        self.consistent = false;
        self
    }

    /// Declares a global table with *multi-region strong consistency*: all its replicas decide conditions alike, and
    /// [`Replication::strong`](crate::Replication) may go to any replica. evenkeel does not check the declaration. For
    /// a table in the default mode it loses updates.
    #[must_use]
    pub const fn strong(mut self) -> Self {
        self.strong = true;
        self
    }

    /// The table's name or ARN.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The rebuilt client, for operations that evenkeel does not have.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Checks the store's limits here, because DynamoDB's own refusal costs a round trip.
    fn check(&self, put: &Put) -> Result<(), ProviderError> {
        check_value("DynamoDB", &self.limits(), put)
    }

    /// Whether to ask for a consistent read.
    const fn consistent(&self, fresh: bool) -> bool {
        fresh && self.consistent
    }
}

/// The same client as a stack needs it, also for a [`Failover`](crate::Failover) over SDK clients:
///
/// | | becomes | because |
/// |---|---|---|
/// | retries | off | the stack retries, elsewhere first, from one budget |
/// | connect timeout | 0.9 s, or less if less was set | see [`DynamoDb::CONNECT_TIMEOUT`] |
/// | stalled-stream protection | off | it waits 20 s; an attempt's limit covers the body and is shorter |
/// | connections | watched, and closed when silent | a silent HTTP/2 connection would be reused for ever |
///
/// Everything else stays: credentials, region, HTTP client, interceptors, the other timeouts.
///
/// ```
/// use aws_sdk_dynamodb::{Client, Config, config::BehaviorVersion};
///
/// let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
/// let prepared = evenkeel::provider::dynamodb::prepared(&client);
/// assert!(!prepared.config().retry_config().unwrap().has_retry());
/// ```
#[must_use]
pub fn prepared(client: &Client) -> Client {
    let given = client.config();
    let config = given
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(connecting_bounded(given.timeout_config()))
        .http_client(watched(given.http_client()))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(Discreet)
        .build();
    Client::from_conf(config)
}

impl KvProvider for DynamoDb {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        let ask = || {
            self.client
                .get_item()
                .table_name(&*self.table)
                .set_key(Some(self.key(&get.key)))
                .consistent_read(self.consistent(get.fresh))
                .send()
        };
        let got = again(Repeats::Freely, ask).await.map_err(|error| failed(&error))?;
        confirmed(got.request_id())?;
        let item = got.item.ok_or_else(ProviderError::not_found)?;
        item::value(item)?
            .alive(clock::wall())
            .ok_or_else(ProviderError::not_found)
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.check(&put)?;
        let now = clock::wall();
        let item = self.item(&put, now);
        let mut stored = item::version(&item, &put.write_id);
        let request = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let refused = match &put.condition {
            Condition::Always => None,
            Condition::Absent => Some(ProviderErrorKind::AlreadyExists),
            Condition::Version(_) => Some(ProviderErrorKind::PreconditionFailed),
        };
        let request = match &put.condition {
            Condition::Always => request,
            Condition::Absent => request
                .condition_expression(ABSENT)
                .expression_attribute_names("#key", KEY)
                .expression_attribute_names("#expires", EXPIRES)
                .expression_attribute_values(":now", item::seconds(now))
                .return_values_on_condition_check_failure(AllOld),
            Condition::Version(version) => {
                let request = request
                    .expression_attribute_names("#write_id", WRITE_ID)
                    .expression_attribute_names("#expires", EXPIRES)
                    .expression_attribute_values(":version", given(version)?)
                    .return_values_on_condition_check_failure(AllOld);
                match (put.expiry(), dated::parts(version).1) {
                    (Expiry::Kept, None) => request.condition_expression(UNCHANGED_AND_STAYS),
                    (Expiry::Kept, Some(expires)) => request
                        .condition_expression(UNCHANGED_AND_EXPIRES)
                        .expression_attribute_values(":expires", AttributeValue::N(expires.to_string()))
                        .expression_attribute_values(":now", item::seconds(now)),
                    (Expiry::Never | Expiry::After(_), _) => request
                        .condition_expression(UNCHANGED)
                        .expression_attribute_values(":now", item::seconds(now)),
                }
            }
        };
        match (request.send().await, refused) {
            (Ok(answer), _) => confirmed(answer.request_id())?,
            (Err(error), Some(refused)) => match condition_failed(&error) {
                Some(Some(met)) if item::is_of(met, &put.write_id) => {
                    // An earlier attempt has reckoned its expiry from another moment.
                    stored = item::version(met, &put.write_id);
                }
                Some(_) => return Err(error::refusal(refused, &error)),
                None => return Err(failed(&error)),
            },
            (Err(error), None) => return Err(failed(&error)),
        }
        Ok(PutAnswer::new(stored))
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let mut request = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(self.key(&delete.key)));
        if let Some(version) = &delete.if_version {
            request = request
                .condition_expression(UNCHANGED)
                .expression_attribute_names("#write_id", WRITE_ID)
                .expression_attribute_names("#expires", EXPIRES)
                .expression_attribute_values(":version", given(version)?)
                .expression_attribute_values(":now", item::seconds(clock::wall()));
        }
        match request.send().await {
            Ok(deleted) => confirmed(deleted.request_id()),
            Err(error) => Err(match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => {
                    error::refusal(ProviderErrorKind::PreconditionFailed, &error)
                }
                _ => failed(&error),
            }),
        }
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        scan::page(self, scan).await
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        batch::get(self, &many).await
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        batch::put(self, &many).await
    }

    /// Where the SDK would send a read. For credentials that name their account, the SDK puts the account into the
    /// host's name.
    fn hosts(&self) -> Option<Vec<Host>> {
        let (http, asked) = Recorder::new();
        let config = self
            .client
            .config()
            .to_builder()
            .http_client(http)
            .credentials_provider(nobody())
            .identity_cache(IdentityCache::no_cache())
            .timeout_config(TimeoutConfig::disabled());
        let client = Client::from_conf(config.build());
        let host = asked.during(client.describe_table().table_name(&*self.table).send())?;
        let of_account = host
            .name()
            .strip_prefix("dynamodb.")
            .map(|rest| format!("*.ddb.{rest}"));
        let of_account = of_account.map(|name| Host::new(name, host.port()));
        Some([host].into_iter().chain(of_account).collect())
    }

    fn limits(&self) -> Limits {
        let (key, more) = match &self.partition {
            None => (2048, 0),
            Some(partition) => (1024, PARTITION.len() + partition.len()),
        };
        // 400 KB for the names and values of all attributes.
        let item_bytes = 400 * 1024 - item::BESIDE - more;
        Limits::new(key, item_bytes).with_batches(batch::GETS, batch::PUTS)
    }

    fn has_strong_replicas(&self) -> bool {
        self.strong
    }

    /// A get of a key that does not exist. The get needs only a permission that the data needs, and finds a wrong
    /// table.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        let key = Key::new("evenkeel:warm-up").map_err(|error| ProviderError::unsupported(error.to_string()))?;
        let asked = self.client.get_item().table_name(&*self.table);
        let got = asked.set_key(Some(self.key(&key))).send().await;
        confirmed(got.map_err(|error| failed(&error))?.request_id())
    }
}

/// The item that a condition met, if the failure is that of the condition.
fn condition_failed(error: &SdkError<PutItemError>) -> Option<Option<&item::Item>> {
    match error.as_service_error()? {
        PutItemError::ConditionalCheckFailedException(refused) => Some(ConditionalCheckFailedException::item(refused)),
        _ => None,
    }
}

/// A version's write id, to compare with. The write id of another program's item is empty.
fn given(version: &Version) -> Result<AttributeValue, ProviderError> {
    match dated::parts(version).0 {
        "" => Err(ProviderError::unsupported("an item without a write id has no version")),
        token => Ok(AttributeValue::S(token.to_owned())),
    }
}

/// Shows only the table: the client's `Debug` shows the whole configuration.
impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDb")
            .field("table", &self.table)
            .field("partition", &self.partition)
            .field("consistent", &self.consistent)
            .field("strong", &self.strong)
            .finish_non_exhaustive()
    }
}
