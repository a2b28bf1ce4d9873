//! Adapters: one for each kind of store, a feature each.
//!
//! | module | feature | what |
//! |---|---|---|
//! | [`memory`] | – | an object store in this process, for tests, simulations and examples |
//! | `azure_blob` | `azure_blob` | Azure Blob Storage, on Microsoft's SDK |
//! | `gcs` | `gcs` | Google Cloud Storage, on Google's SDK |
//! | `object_store` | `object_store` | any store of the crate `object_store` |
//! | [`memory_table`] | – | the same for keys |
//! | `bigtable` | `bigtable` | tables of Google Cloud Bigtable, on Google's definitions |
//! | `cosmos` | `cosmos` | containers of Azure Cosmos DB, on Microsoft's SDK |
//! | `dynamodb` | `dynamodb` | tables of Amazon DynamoDB, on the AWS SDK |
//! | `s3` | `s3` | any S3-compatible endpoint, on the AWS SDK |
//! | `redis` | `redis` | keys on a Redis or Valkey server or cluster |
//!
//! An adapter implements [`ObjectProvider`], or [`KvProvider`] for a table: plain async methods, one request each, no retries of its own, and every
//! failure as a [`ProviderError`] that carries its [`Outcome`](crate::verdict::Outcome). Health, breakers and timeouts are
//! the stack's business.
//!
//! ```
//! use evenkeel::provider::{Memory, ObjectProvider};
//! use evenkeel::request::{Key, object::{Get, Put}};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let store = Memory::new();
//! let key = Key::new("greeting").unwrap();
//! store.put(Put::new(key.clone(), "hello")).await.unwrap();
//! assert_eq!(store.get(Get::new(key)).await.unwrap().body, "hello");
//! # }
//! ```

mod attributes;
#[cfg(feature = "_aws")]
mod aws;
#[cfg(feature = "azure_core")]
mod azure;
#[cfg(feature = "azure_blob")]
pub mod azure_blob;
#[cfg(feature = "bigtable")]
pub mod bigtable;
#[cfg(any(feature = "s3", feature = "azure_blob", feature = "gcs", feature = "object_store"))]
mod body;
mod bridge;
mod capabilities;
#[cfg(feature = "cosmos")]
pub mod cosmos;
#[cfg(any(feature = "cosmos", feature = "dynamodb"))]
mod dated;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "gcs")]
pub mod gcs;
#[cfg(feature = "google_cloud")]
mod google;
#[cfg(any(feature = "s3", feature = "object_store"))]
mod known;
mod kv;
#[cfg(any(
    feature = "s3",
    feature = "azure_blob",
    feature = "gcs",
    feature = "object_store_http"
))]
mod leaving;
#[cfg(any(feature = "bigtable", feature = "gcs", feature = "redis"))]
mod line;
pub mod memory;
pub mod memory_table;
#[cfg(any(feature = "azure_blob", feature = "object_store"))]
mod names;
#[cfg(feature = "object_store")]
pub mod object_store;
#[cfg(any(feature = "s3", feature = "azure_blob"))]
mod part;
#[cfg(any(feature = "s3", feature = "azure_blob", feature = "object_store"))]
mod percent;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "s3", feature = "azure_blob", feature = "gcs", feature = "object_store"))]
mod refusal;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(any(feature = "_aws", feature = "bigtable", feature = "gcs", feature = "redis"))]
mod silence;
#[cfg(any(feature = "s3", feature = "azure_blob", feature = "dynamodb"))]
mod span;
mod terms;
mod verdicts;

#[cfg(feature = "object_store")]
pub use self::object_store::GenericStore;
#[cfg(feature = "redis")]
pub use self::redis::{Redis, RedisVerdicts};
pub(crate) use crate::model::Conditional;
pub use crate::model::{Capabilities, Capability, ProviderError, ProviderErrorKind};
pub(crate) use attributes::wrong as attributes_wrong;
pub use attributes::{check as check_put, check_condition, check_range};
#[cfg(feature = "_aws")]
pub use aws::AwsVerdicts;
#[cfg(feature = "azure_core")]
pub use azure::AzureVerdicts;
#[cfg(feature = "azure_blob")]
pub use azure_blob::AzureBlob;
#[cfg(feature = "bigtable")]
pub use bigtable::{Bigtable, GrpcVerdicts};
pub use bridge::{Answering, AnyKvProvider, AnyObjectProvider, KvService, ObjectService};
#[cfg(feature = "cosmos")]
pub use cosmos::{Cosmos, CosmosVerdicts};
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDb;
#[cfg(feature = "gcs")]
pub use gcs::Gcs;
#[cfg(feature = "google_cloud")]
pub use google::GoogleVerdicts;
pub use kv::{KvProvider, check_value};
pub use memory::Memory;
pub use memory_table::MemoryTable;
#[cfg(feature = "s3")]
pub use s3::S3;
pub use terms::check as check_terms;
pub(crate) use terms::wrong as terms_wrong;
pub use verdicts::ObjectVerdicts;

use crate::endpoint::Host;
use crate::request::Key;
use crate::request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, Terms};
use std::future::Future;

/// A store of objects, as an adapter presents it.
///
/// Each method makes **one** attempt and leaves retries, timeouts and health to the stack. Dropping a returned future
/// abandons the attempt. An adapter is shared between tasks.
///
/// What is required:
/// - *Not found*, and success, are the store's own word. What stands in between says 404 and 200, too: an answer counts that
///   carries what only the store puts there (its code, a request id, a tag). Anything else is
///   [`Verdict::Faulty`](crate::verdict::Verdict).
/// - A conflict that nobody explains is [`ProviderErrorKind::Conflict`], not *exists already*; a store that has no room is
///   [`ProviderErrorKind::Full`]. What is said beside body, length, checksum and tag, and cannot be read, is left out.
/// - `put` with [`PutMode::Create`](crate::request::object::PutMode::Create) never overwrites: where the store cannot
///   promise that, refuse with [`ProviderError::unsupported`].
/// - Attributes round-trip, or the put is refused as unsupported. [`Put::terms`] are kept, or refused by
///   [`check_terms`](Self::check_terms).
/// - A page of a listing has names of the prefix alone. The stack takes one that has others for a failure.
/// - A body shorter than announced, or with a wrong checksum, is a failure ([`Verdict::Faulty`](crate::verdict::Verdict)),
///   not a short success.
/// - Tags come back with an empty endpoint name; the stack fills it in.
///
/// What helps: `get` and `put` tell of large bodies as they move ([`Get::progress`], [`Put::progress`]). Where they do not, an attempt
/// has a limit on the whole, a slow body runs into it, and the endpoint looks slow for small objects, too.
pub trait ObjectProvider: Send + Sync + 'static {
    /// Stores a body.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutAnswer, ProviderError>> + Send;

    /// Fetches a body or a part of it.
    fn get(&self, get: Get) -> impl Future<Output = Result<Object, ProviderError>> + Send;

    /// Fetches what is known of an object.
    fn head(&self, head: Head) -> impl Future<Output = Result<ObjectMeta, ProviderError>> + Send;

    /// Removes an object. Success if it did not exist, with [`Delete::if_match`], too: a store that calls that a failed
    /// condition is forgiven, as the client then looks. The condition is judged and the object removed in one step by the
    /// store, or the delete is refused with [`ProviderError::unsupported`] before anything is sent.
    fn delete(&self, delete: Delete) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Fetches one page of a listing.
    fn list(&self, list: List) -> impl Future<Output = Result<ListPage, ProviderError>> + Send;

    /// Whether a put on these terms can be kept here, in the provider's words. Asked before anything is sent, of every
    /// endpoint that the put may go to; nothing that is asked for may be dropped. Refuses all terms by default, which is
    /// right for an adapter that does not look at [`Put::terms`].
    ///
    /// # Errors
    /// Why not: [`ProviderError::unsupported`], or what [`check_terms`] says.
    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        terms::none(terms)
    }

    /// What the store does with conditions, as far as its adapter knows without asking it. By default it keeps to all, which is
    /// what this trait demands; an adapter to stores of which some do not says [`Capability::Unknown`], and then
    /// [`verify`](crate::ObjectClient::verify) asks the store, in the background if nobody else has.
    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Capability::Kept)
    }

    /// Whether this key stays this key here, and is not taken for another one. Asked before anything is sent, of every endpoint
    /// of a client; the operations refuse such a key, too. Any will do by default.
    ///
    /// # Errors
    /// Why not: [`ProviderError::unsupported`].
    fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
        let _ = key;
        Ok(())
    }

    /// The hosts that its client asks for data, as far as its configuration says; none if it contacts nobody. By default
    /// they are not known: see [`dependencies`](crate::call::dependencies).
    fn hosts(&self) -> Option<Vec<Host>> {
        None
    }

    /// Opens a connection and loads credentials, so that the first call need not. Does nothing by default.
    fn warm_up(&self) -> impl Future<Output = Result<(), ProviderError>> + Send {
        async { Ok(()) }
    }
}
