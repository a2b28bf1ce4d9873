//! Adapters: one for each kind of store, each behind a feature.
//!
//! | module | feature | what |
//! |---|---|---|
//! | [`memory`] | – | an object store in this process, for tests, simulations and examples |
//! | `azure_blob` | `azure_blob` | Azure Blob Storage, on Microsoft's SDK |
//! | `gcs` | `gcs` | Google Cloud Storage, on Google's SDK |
//! | `object_store` | `object_store` | any store of the crate `object_store` |
//! | [`memory_table`] | – | a key-value table in this process, for tests, simulations and examples |
//! | `bigtable` | `bigtable` | tables of Google Cloud Bigtable, on Google's definitions |
//! | `cosmos` | `cosmos` | containers of Azure Cosmos DB, on Microsoft's SDK |
//! | `dynamodb` | `dynamodb` | tables of Amazon DynamoDB, on the AWS SDK |
//! | `s3` | `s3` | any S3-compatible endpoint, on the AWS SDK |
//! | `redis` | `redis` | keys on a Redis or Valkey server or cluster |
//!
//! An adapter implements [`ObjectProvider`], or [`KvProvider`] for a table. Both traits are plain async methods. Each
//! method sends one request and does not retry. Each failure is a [`ProviderError`] that carries its
//! [`Outcome`](crate::verdict::Outcome). Health, breakers and timeouts belong to the stack.
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
pub mod memory;
pub mod memory_table;
#[cfg(any(feature = "azure_blob", feature = "object_store"))]
mod names;
#[cfg(any(feature = "azure_blob", feature = "gcs"))]
mod nonce;
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
#[cfg(any(feature = "bigtable", feature = "gcs", feature = "redis"))]
mod shared_connection;
#[cfg(any(feature = "_aws", feature = "bigtable", feature = "gcs", feature = "redis"))]
mod silence;
#[cfg(any(feature = "s3", feature = "azure_blob", feature = "dynamodb"))]
mod span;
mod terms;
mod verdicts;

#[cfg(feature = "object_store")]
pub use self::object_store::GenericStore;
#[cfg(feature = "object_store")]
pub(crate) use self::object_store::attributes_sent;
#[cfg(feature = "redis")]
pub use self::redis::{Redis, RedisVerdicts};
pub(crate) use crate::model::Conditional;
pub use crate::model::{Capabilities, Capability, PartRule, ProviderError, ProviderErrorKind};
pub(crate) use attributes::wrong as attributes_wrong;
pub use attributes::{
    check as check_put, check_attributes, check_condition, check_match, check_mode, check_parts, check_range,
};
#[cfg(feature = "_aws")]
pub use aws::AwsVerdicts;
#[cfg(feature = "azure_core")]
pub use azure::AzureVerdicts;
#[cfg(feature = "azure_blob")]
pub use azure_blob::AzureBlob;
#[cfg(feature = "bigtable")]
pub use bigtable::{Bigtable, GrpcVerdicts};
#[cfg(test)]
pub(crate) use body::Arriving;
pub(crate) use body::Beginning;
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
#[cfg(feature = "object_store")]
pub(crate) use percent::decoded as percent_decoded;
#[cfg(feature = "s3")]
pub use s3::S3;
pub use terms::check as check_terms;
pub(crate) use terms::wrong as terms_wrong;
pub use verdicts::ObjectVerdicts;

use crate::endpoint::Host;
use crate::request::Key;
use crate::request::object::{
    AbortUpload, BeginUpload, CompleteUpload, Copy, Delete, DeleteMany, Get, Head, List, ListPage, ListUploads, Object,
    ObjectMeta, PartTag, Presign, PresignedUrl, Put, PutAnswer, PutPart, Terms, UploadId, UploadPage,
};
use std::future::Future;

/// A store of objects, as an adapter presents it.
///
/// Each method makes **one** attempt. Retries, timeouts and health belong to the stack. Dropping a returned future
/// abandons the attempt. Tasks share an adapter.
///
/// What the trait requires:
/// - *Not found* and success must come from the store itself, because a gateway or proxy on the way answers 404 and
///   200, too. An adapter accepts an answer that carries what only the store puts there: the store's code, a request
///   id, a tag. Any other answer is [`Verdict::Faulty`](crate::verdict::Verdict).
/// - A conflict without a stated cause is [`ProviderErrorKind::Conflict`], not *exists already*. A store without room
///   is [`ProviderErrorKind::Full`].
/// - The adapter leaves out metadata that it cannot read. Body, length, checksum and tag are never left out.
/// - `put` with [`PutMode::Create`](crate::request::object::PutMode::Create) never overwrites. Where the store cannot
///   promise that, the adapter refuses with [`ProviderError::unsupported`].
/// - Attributes round-trip, or the adapter refuses the put as unsupported. The adapter keeps [`Put::terms`], or refuses
///   them in [`check_terms`](Self::check_terms).
/// - A page of a listing contains only names with the prefix. The stack treats a page with other names as a failure.
/// - A body that is shorter than announced, or has a wrong checksum, is a failure
///   ([`Verdict::Faulty`](crate::verdict::Verdict)), not a short success.
/// - A get or a head with `if_match` answers with that state of the object or fails: the adapter passes the condition
///   on, and checks the answer with [`check_match`], because some servers ignore the condition.
/// - The adapter returns tags with an empty endpoint name. The stack fills in the name.
///
/// What helps: `get` and `put` report the progress of large bodies ([`Get::progress`], [`Put::progress`]). Without
/// these reports an attempt has one limit for the whole request. A slow body then runs into that limit, and the
/// endpoint looks slow for small objects, too.
pub trait ObjectProvider: Send + Sync + 'static {
    /// Stores a body.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutAnswer, ProviderError>> + Send;

    /// Fetches a body or a part of a body.
    fn get(&self, get: Get) -> impl Future<Output = Result<Object, ProviderError>> + Send;

    /// Fetches an object's metadata.
    fn head(&self, head: Head) -> impl Future<Output = Result<ObjectMeta, ProviderError>> + Send;

    /// Removes an object. The delete succeeds if the object did not exist, also with [`Delete::if_match`]. A store may
    /// call that a failed condition instead: the client then looks at the object. The store judges the condition and
    /// removes the object in one step. If the store cannot, the adapter refuses with [`ProviderError::unsupported`]
    /// before anything is sent.
    fn delete(&self, delete: Delete) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Fetches one page of a listing.
    fn list(&self, list: List) -> impl Future<Output = Result<ListPage, ProviderError>> + Send;

    /// Begins an upload. The five methods of uploads belong together: an adapter that has them says so with
    /// [`Capabilities::parts`]. By default all five refuse.
    ///
    /// The object appears when the upload is [completed](Self::complete_upload), whole, with the attributes, the terms
    /// and the write id with which the upload began.
    fn begin_upload(&self, begin: BeginUpload) -> impl Future<Output = Result<UploadId, ProviderError>> + Send {
        let _ = begin;
        async { Err(no_parts()) }
    }

    /// Stores one part. A part that is sent again under its number replaces the earlier one. Parts arrive in any order
    /// and side by side. If the upload is gone, the error is [`ProviderErrorKind::UploadGone`].
    fn put_part(&self, part: PutPart) -> impl Future<Output = Result<PartTag, ProviderError>> + Send {
        let _ = part;
        async { Err(no_parts()) }
    }

    /// Makes the object of an upload visible, on the condition of [`CompleteUpload::mode`]; a condition that the store
    /// cannot keep is refused before anything is sent. A refused condition leaves the upload as it is, or ends it. If
    /// the upload is gone, which may be because an earlier attempt completed it, the error is
    /// [`ProviderErrorKind::UploadGone`]; an answer as at first is right, too.
    fn complete_upload(
        &self,
        complete: CompleteUpload,
    ) -> impl Future<Output = Result<PutAnswer, ProviderError>> + Send {
        let _ = complete;
        async { Err(no_parts()) }
    }

    /// Gives an upload up, and frees what its parts occupy. Succeeds if the upload is gone. Where the store itself frees
    /// abandoned parts after a while, and has no request for it, the adapter sends nothing and says so.
    fn abort_upload(&self, abort: AbortUpload) -> impl Future<Output = Result<(), ProviderError>> + Send {
        let _ = abort;
        async { Err(no_parts()) }
    }

    /// Fetches one page of the uploads that were begun, and neither completed nor given up.
    fn list_uploads(&self, list: ListUploads) -> impl Future<Output = Result<UploadPage, ProviderError>> + Send {
        let _ = list;
        async { Err(no_parts()) }
    }

    /// Copies an object within the store, on the store's side: see [`Capabilities::copy`]. The copy has the attributes,
    /// the terms and the write id of the request, and none of the source's. An object that the store cannot copy in one
    /// request is refused as [`ProviderError::unsupported`] before anything is sent. The default refuses.
    fn copy(&self, copy: Copy) -> impl Future<Output = Result<PutAnswer, ProviderError>> + Send {
        let _ = copy;
        async {
            Err(ProviderError::unsupported(
                "this store cannot copy objects on its own side",
            ))
        }
    }

    /// Removes many objects with one request: see [`Capabilities::bulk_delete`]. Gives one answer for each key, in the
    /// order of the keys: what is absent is removed. A key of which the store does not say that it is removed is not. If
    /// every key failed, the request did. The client removes by itself what was not removed. The default refuses.
    fn delete_many(
        &self,
        many: DeleteMany,
    ) -> impl Future<Output = Result<Vec<Result<(), ProviderError>>, ProviderError>> + Send {
        let _ = many;
        async { Err(no_bulk()) }
    }

    /// Makes a URL with which somebody without credentials can fetch or store the object: see
    /// [`Capabilities::presign`]. Sends nothing, but may load credentials. The default refuses.
    fn presign(&self, presign: Presign) -> impl Future<Output = Result<PresignedUrl, ProviderError>> + Send {
        let _ = presign;
        async { Err(ProviderError::unsupported("this store has no presigned URLs")) }
    }

    /// Checks whether this provider can keep these terms of a put. The client calls this before anything is sent, for
    /// every endpoint that the put may go to. The provider must not drop any term. The default refuses all terms, which
    /// is right for an adapter that does not read [`Put::terms`].
    ///
    /// # Errors
    /// The reason in the provider's words: [`ProviderError::unsupported`], or what [`check_terms`] says.
    fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
        terms::none(terms)
    }

    /// How the store treats conditions, as far as the adapter knows without asking the store. The default is that the
    /// store keeps to all conditions, which this trait demands. An adapter to several kinds of store, some of which
    /// ignore conditions, returns [`Capability::Unknown`]. [`verify`](crate::ObjectClient::verify) then asks the store,
    /// in the background if nobody has called it.
    fn capabilities(&self) -> Capabilities {
        Capabilities::all(Capability::Kept)
    }

    /// Checks that the store does not take this key for another key. The client calls this before anything is sent, for
    /// every endpoint of a client. The operations refuse such a key, too. The default accepts every key.
    ///
    /// # Errors
    /// The reason: [`ProviderError::unsupported`].
    fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
        let _ = key;
        Ok(())
    }

    /// The hosts to which the adapter's client sends data requests, as far as the configuration says. The list is empty
    /// if the client contacts no host. The default is `None`: the hosts are unknown. See
    /// [`dependencies`](crate::client::Dependencies).
    fn hosts(&self) -> Option<Vec<Host>> {
        None
    }

    /// Opens a connection and loads credentials, so that the first call does not have to. The default does nothing.
    fn warm_up(&self) -> impl Future<Output = Result<(), ProviderError>> + Send {
        async { Ok(()) }
    }
}

fn no_bulk() -> ProviderError {
    ProviderError::unsupported("this store does not remove several objects at once")
}

fn no_parts() -> ProviderError {
    ProviderError::unsupported("this store does not take objects in parts")
}
