//! Objects over several endpoints.
//!
//! An application keeps writing `put`, `get`, `head`, `delete` and `list` while a region is gone. A
//! [`Replication`](crate::Replication), given when the client is built, says where data lives. Each call is a builder;
//! `.await` sends the call.
//!
//! ```
//! use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, provider::Memory};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = ObjectClient::builder()
//!     .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws").region("us-east-1"))
//!     .endpoint(Endpoint::new("ireland", Memory::new()).provider("aws").region("eu-west-1"))
//!     .replication(Replication::write_once())
//!     .build()?;
//! orders.put("2026/11/20/42.json", "{}").content_type("application/json").await?;
//! let order = orders.get("2026/11/20/42.json").deadline(Duration::from_secs(2)).await?;
//! assert_eq!((order.body().as_ref(), order.endpoint()), (&b"{}"[..], "virginia"));
//!
//! let error = orders.get("2026/11/20/43.json").await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::NotFound); // both endpoints said so
//! # Ok(()) }
//! ```
//!
//! # Promises
//! - The client checks a key, an attribute or a range before it sends anything
//!   ([`ErrorKind::InvalidInput`](crate::ErrorKind)).
//! - A storage class, an encryption or a tag of a put is kept wherever the object goes, or the put is refused: see
//!   [`terms_at`](ObjectCall::terms_at).
//! - A constraint is never broken: an endpoint that breaks a constraint gets no call, not even to prove absence.
//! - Dropping a call's future abandons its attempts. A write that was under way may have been applied, or may yet be.
//! - No attempt of an acknowledged call undoes what was acknowledged later, unless the answer said that an attempt may:
//!   see [late attempts](crate::client#late-attempts).
//! - An [`ETag`] carries its endpoint and is never shown to another endpoint.

mod copy;
mod door;
mod download;
mod operations;
#[cfg(feature = "drill")]
mod own;
#[cfg(feature = "object_store")]
mod patience;
mod presign;
mod protocol;
mod removal;
mod rounds;
mod same;
mod terms;
mod upload;
mod values;
pub(crate) mod verify;
mod writing;

#[cfg(test)]
mod tests;

pub use copy::CopyCall;
#[cfg(feature = "object_store")]
pub(in crate::client) use copy::Moved;
pub use download::{Download, DownloadCall, Served};
pub use operations::{DeleteObject, GetObject, HeadObject, PutObject};
#[cfg(feature = "object_store")]
pub(in crate::client) use patience::Patience;
pub use presign::{PresignCall, Presigned};
pub use protocol::Objects;
#[cfg(feature = "object_store")]
pub(in crate::client) use removal::{at_once as removed_at_once, together as remove_together};
#[cfg(feature = "object_store")]
pub(in crate::client) use same::{is_provable, is_same_state};
#[cfg(feature = "object_store")]
pub(in crate::client) use upload::Detached;
#[cfg(feature = "files")]
pub use upload::Spool;
pub use upload::{PartOnItsWay, PutStreamCall, Source, SweepCall, Swept, Upload, UploadCall};
pub use values::{Fetched, FetchedMeta, Stored};
pub use verify::{Property, VERIFY_PREFIX, Verification, Verified};

use super::ObjectStack;
use crate::call::{Collected, Core, Operation, Pages, PagesCall, StoreBuilder, StoreCall, store_methods};
use crate::{
    call::options::CallOptions,
    request::object::{ETag, List, ListEntry},
};
use bytes::Bytes;
use std::sync::Arc;

/// Builds an [`ObjectClient`].
pub type ObjectClientBuilder = StoreBuilder<Objects>;
/// A call that has not been sent yet. Options first, then `.await`.
pub type ObjectCall<O> = StoreCall<O>;
/// A listing that has not been started yet. [`stream`](PagesCall::stream) starts it.
pub type ListCall = PagesCall<Objects>;
/// A listing under way.
pub type Listing = Pages<Objects>;
/// A whole listing.
pub type Listed = Collected<ListEntry>;

/// A client for objects. Clones share everything; keep one per process.
#[derive(Clone)]
pub struct ObjectClient {
    core: Arc<Core<Objects>>,
}

store_methods!(ObjectClient, ObjectStack);

impl ObjectClient {
    /// Starts a client.
    pub fn builder() -> ObjectClientBuilder {
        ObjectClientBuilder::default()
    }

    /// Stores `body` under `key`. A put is a create unless [`overwrite`](ObjectCall::overwrite) or
    /// [`if_match`](ObjectCall::if_match) says otherwise. [Late attempts](crate::client#late-attempts) says what a late
    /// attempt of a put may do.
    pub fn put(&self, key: impl Into<String>, body: impl Into<Bytes>) -> ObjectCall<PutObject> {
        self.call(PutObject::new(door::key_of(key), body.into()))
    }

    /// Fetches an object, or a part of it.
    ///
    /// A get is one plain request, whatever the object's size, and holds the whole body. If the body of a whole object
    /// breaks off or falls silent after 4 MiB or more, only the rest is fetched, in [ranges](Download), wherever the
    /// content is provably the same: another endpoint first, then the same one. Less is fetched again as a whole. Where
    /// nobody provably has the same (the object was replaced, or a copy lags), the whole object is fetched once more
    /// from whoever has it, so that no answer is ever mixed of two versions. All of it is one call: the call's deadline
    /// (10 s by default) ends it, and a request beyond the first draws on the retry budget, as does each part that is
    /// asked for again. [`DownloadResumed`](crate::telemetry::Event::DownloadResumed) tells of a change of the endpoint.
    ///
    /// A whole object is compared with the checksum that its put left in its [stamp](crate::request::Stamp::crc). If the
    /// bytes are others, [`WrongChecksum`](crate::telemetry::Event::WrongChecksum) tells of it, and other endpoints are
    /// asked; if nobody has the right bytes, the error is [`Unavailable`](crate::ErrorKind::Unavailable). A part is not
    /// compared.
    ///
    /// `S3`, `AzureBlob`, `Gcs` and `GenericStore` keep the beginning of a body; with an adapter of your own a get
    /// starts over. For objects that take longer than a call may, or that should not lie in memory, use
    /// [`get_stream`](Self::get_stream).
    pub fn get(&self, key: impl Into<String>) -> ObjectCall<GetObject> {
        self.call(GetObject::new(door::key_of(key)))
    }

    /// Fetches an object as a stream of parts, in bounded memory. If the serving endpoint dies, the stream goes on from
    /// the same byte at another endpoint that has the same content: see [`Download`].
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    /// use futures_util::TryStreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// client.put("film", vec![7; 1 << 20]).await?;
    /// let mut film = client.get_stream("film").await?;
    /// assert_eq!(film.meta().size, 1 << 20); // known before the first byte
    /// let mut bytes = 0;
    /// while let Some(part) = film.try_next().await? {
    ///     bytes += part.len();
    /// }
    /// assert_eq!(bytes, 1 << 20);
    /// # Ok(()) }
    /// ```
    pub fn get_stream(&self, key: impl Into<String>) -> DownloadCall {
        DownloadCall::new(self, door::key_of(key))
    }

    /// Stores a body of any length, in bounded memory: bytes, a stream, or a function that opens one. See [`Source`] for
    /// what happens if the endpoint dies in the middle.
    ///
    /// A body of more than one part (8 MiB) is uploaded in parts, each tried again by itself. Nothing is visible before
    /// the end. A put is a create unless [`overwrite`](PutStreamCall::overwrite) or [`if_match`](PutStreamCall::if_match)
    /// says otherwise; under a store that cannot keep the condition for uploads, the call is refused as
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before the first byte is sent.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, client::object::Source, provider::Memory};
    /// use futures_util::stream;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// let pieces = stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![7; 1 << 20].into())));
    /// client.put_stream("film", Source::stream(pieces)).content_type("video/mp4").await?;
    /// assert_eq!(client.head("film").await?.meta().size, 20 << 20);
    /// # Ok(()) }
    /// ```
    pub fn put_stream(&self, key: impl Into<String>, source: impl Into<Source>) -> PutStreamCall {
        PutStreamCall::new(self, door::key_of(key), source.into())
    }

    /// Begins an upload whose parts you give one by one. [`put_stream`](Self::put_stream) cuts the parts itself, and
    /// makes the upload again at another endpoint, if one takes writes, when its endpoint dies.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// let mut upload = client.upload("film").await?;
    /// upload.part(vec![1; 5 << 20]).await?;
    /// upload.part("the end").await?;
    /// upload.complete().await?;
    /// assert_eq!(client.head("film").await?.meta().size, (5 << 20) + 7);
    /// # Ok(()) }
    /// ```
    pub fn upload(&self, key: impl Into<String>) -> UploadCall {
        UploadCall::new(self, door::key_of(key))
    }

    /// Copies an object to another key. The copy has the source's content type, other headers and metadata. **If the
    /// call sets any of these, the copy has only those that the call sets.** It has the endpoint's own
    /// [terms](crate::request::object::Terms), unless the call sets them.
    ///
    /// The store copies on its own side where it can ([`Capabilities::copy`](crate::provider::Capabilities::copy)), and
    /// no byte passes through this process. Otherwise, or if the store refuses (S3 above 5 GiB), the bytes are streamed
    /// in bounded memory. What is copied is one state of the source: under `provider_managed` the home's.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// client.put("a", "bytes").content_type("text/plain").await?;
    /// client.copy("a", "b").await?;
    /// assert_eq!(client.get("b").await?.meta().attributes.content_type.as_deref(), Some("text/plain"));
    /// # Ok(()) }
    /// ```
    pub fn copy(&self, from: impl Into<String>, to: impl Into<String>) -> CopyCall {
        CopyCall::new(self, door::key_of(from), door::key_of(to), false)
    }

    /// [Copies](Self::copy) an object and then removes the source: **two steps**, between which both are there. If the
    /// process dies, or the removal fails, both stay; the error is then the removal's. A source that was
    /// replaced meanwhile is not removed, if the home keeps If-Match on deletes; at any other store, and under
    /// `write_once`, **a source that is replaced in between is removed**.
    pub fn rename(&self, from: impl Into<String>, to: impl Into<String>) -> CopyCall {
        CopyCall::new(self, door::key_of(from), door::key_of(to), true)
    }

    /// Removes these objects, each as [`delete`](Self::delete) does. The results have the order of the keys.
    ///
    /// Where the home's store removes many objects at one request
    /// ([`Capabilities::bulk_delete`](crate::provider::Capabilities::bulk_delete): a thousand at S3), that request goes
    /// first. Sixteen at a time, each with a request of its own, are removed:
    ///
    /// - what the store did not say is removed: such a key is tried again by itself;
    /// - an object whose tag this client knows, and every object of a client whose writes are
    ///   [fenced](crate::client::StoreBuilder::fenced): the delete carries a condition;
    /// - under [`write_once`](crate::Replication::write_once), where a delete goes to every endpoint, and at stores without
    ///   such a request.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// client.put("a", "1").await?;
    /// let removed = client.delete_many(["a", "b", ""]).await; // what is absent is removed
    /// assert_eq!(removed.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]); // "" is no key
    /// # Ok(()) }
    /// ```
    #[must_use = "it says which objects could not be removed"]
    pub async fn delete_many<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Vec<Result<(), crate::Error>> {
        removal::many(self, keys.into_iter().map(Into::into).collect()).await
    }

    /// Makes a URL with which somebody without credentials can fetch the object for so long, or store it
    /// ([`PresignMethod`](crate::request::object::PresignMethod)). The URL leads to the first endpoint in the order of
    /// preference that is in use, is permitted and can presign; **it cannot fail over itself**: make the URL just before
    /// it is used, with a short life.
    ///
    /// - If the breakers of all these are open, it leads to the first one all the same. It never leads to an endpoint
    ///   that the operator has taken out of use.
    /// - To fetch: if one cannot sign now, because its credentials cannot be loaded, the next one signs. Under
    ///   `write_once` with several endpoints the client first asks which one has the object (`HEAD`); an object that is
    ///   nowhere is [`NotFound`](crate::ErrorKind::NotFound).
    /// - To store: only the home. The URL carries neither a condition nor a write id, so under `write_once` it is
    ///   refused as [`Unsupported`](crate::ErrorKind::Unsupported).
    /// - A lifetime that this endpoint's store does not sign is [`InvalidInput`](crate::ErrorKind::InvalidInput): S3 and
    ///   Google sign for one second to seven days, Azure for a second or more. **A URL that was signed with temporary
    ///   credentials ends when these expire**, which may be much earlier; the store then answers 403.
    /// - `S3` can presign, `Gcs` with a signer (`presigning_with`), `AzureBlob` with the account's key, and nobody else;
    ///   `docs/PROVIDERS.md` in the repository says where it was tried.
    ///
    /// Whoever has the URL may use it: treat it as a secret.
    pub fn presign(
        &self,
        key: impl Into<String>,
        method: crate::request::object::PresignMethod,
        expires_in: std::time::Duration,
    ) -> PresignCall {
        PresignCall::new(self, door::key_of(key), method, expires_in)
    }

    /// Gives up the uploads that began longer ago than this, at every endpoint that takes writes, and frees what their
    /// parts occupy: what a crashed process left. **The store does not say who began an upload**: the sweep gives up
    /// those of other programs in the same bucket, too. Choose an age that no upload reaches, a day for instance, and a
    /// [prefix](SweepCall::prefix) if you share the bucket.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// let swept = client.sweep_uploads(Duration::from_secs(24 * 60 * 60)).prefix("films/").await?;
    /// assert_eq!(swept.aborted, 0);
    /// # Ok(()) }
    /// ```
    pub fn sweep_uploads(&self, older_than: std::time::Duration) -> SweepCall {
        SweepCall::new(self, older_than)
    }

    /// Fetches an object's metadata without its body.
    pub fn head(&self, key: impl Into<String>) -> ObjectCall<HeadObject> {
        self.call(HeadObject::new(door::key_of(key)))
    }

    /// Removes an object. Succeeds if the object did not exist. A late attempt of the delete may remove an object that
    /// was stored meanwhile, unless this client knows the object's tag or the delete is [fenced](ObjectCall::fenced):
    /// see [late attempts](crate::client#late-attempts).
    pub fn delete(&self, key: impl Into<String>) -> ObjectCall<DeleteObject> {
        self.call(DeleteObject::new(door::key_of(key)))
    }

    /// Enumerates the objects whose keys start with `prefix`, in ascending order of their bytes.
    pub fn list(&self, prefix: impl Into<String>) -> ListCall {
        let query = List {
            prefix: prefix.into(),
            ..List::default()
        };
        ListCall::new(self.core.clone(), query)
    }

    /// Finds out how each writable endpoint treats the conditions of a write; all endpoints are asked at once. Some
    /// stores answer 200 to a create that they should refuse, and overwrite. What such a store declares does not tell.
    ///
    /// | question | what is tried |
    /// |---|---|
    /// | [honours](Verified::honours) | whether a second create of a key is refused |
    /// | [atomic](Verified::atomic) | whether 24 creates at the same time have one winner, five times over |
    /// | [if_match](Verified::if_match) | whether a put with an outdated tag is refused, and a put with the current tag takes place |
    /// | [delete_if_match](Verified::delete_if_match) | the same for a delete |
    /// | [complete_if](Verified::complete_if) | whether the completion of an upload is refused as a create where there is an object, and on an outdated tag |
    ///
    /// Some stores read a tag in If-Match only [without its quotes](Verified::wants_tags_unquoted). With quotes such a
    /// store always answers that the object has changed. The client tries both ways and sends from then on the way that
    /// works.
    ///
    /// A verification writes nine small objects to each endpoint, under [`VERIFY_PREFIX`] and random digits, in some
    /// 150 requests, and removes each object again. The requests bypass breakers, limits and the budget, and count as
    /// no evidence. Call `verify` when the service is set up, not on the service's path. Each request gets 5 s. An
    /// endpoint that cannot be asked is [`Property::Unknown`]: ask again later. If the call is dropped half-way, or an
    /// endpoint fails meanwhile, an object or two may remain there. In a bucket with versioning the removed objects
    /// remain as old versions.
    ///
    /// **This client and its clones no longer send an endpoint a write whose condition the endpoint lacks**, until
    /// another `verify` finds that the endpoint keeps to the condition. A question that could not be asked changes
    /// nothing:
    ///
    /// | under | effect of a lacking condition |
    /// |---|---|
    /// | [`write_once`](crate::Replication::write_once) | puts go to the other endpoints; with none left, or with a pin to the lacking endpoint, puts are refused |
    /// | [`provider_managed`](crate::Replication::provider_managed), if the home lacks the condition | a create, an [`if_match`](ObjectCall::if_match) or a conditional delete is refused; an [`overwrite`](ObjectCall::overwrite) and a plain delete are not |
    ///
    /// The refusal is [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), and nothing is sent;
    /// [`service`](Self::service) sends nothing either. Reads and plain deletes still go to the endpoint, because older
    /// objects may lie there.
    ///
    /// # If nobody calls it
    /// The client trusts what an adapter knows. Amazon S3, Azure, Google and [`Memory`](crate::provider::Memory) keep
    /// to their conditions; an adapter of your own keeps to the conditions that it
    /// [declares](crate::provider::ObjectProvider::capabilities). **The client asks any other store in the
    /// background**, once for each client, from the first conditional write that may go to the store:
    ///
    /// - Until the store has answered, a second or so, the client assumes that the store keeps to its conditions. If
    ///   the store does not, these first writes may overwrite. At most 100 writes may go there in all. Further writes
    ///   go to an endpoint whose answer is known, or wait for a quarter of the time left until their deadline and then
    ///   go.
    /// - The client heeds the answer as above, and reports the answer as
    ///   [`ConditionsVerified`](crate::telemetry::Event::ConditionsVerified), with the number of writes that went
    ///   before.
    /// - A store that could not be asked (credentials for another prefix, an outage) is used as before, and the failure
    ///   is reported as well. The client asks again with a write a minute later, then after two minutes, up to an hour.
    /// - Endpoints that are read-only, barred by a constraint or drained are not asked.
    /// - The questions end with [`close`](Self::close) and with the last clone of the client. A program that ends
    ///   within a second of its first create leaves an object or two under [`VERIFY_PREFIX`], each time.
    ///
    /// [`require_verified`](ObjectClientBuilder::require_verified) sends no conditional write before the answer. If a
    /// store was asked when the service was set up, its processes need not ask again: declare the answer with
    /// `S3::trusting_conditions`, or the contrary with `S3::without_conditional_put`.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build().unwrap();
    /// let found = client.verify().await;
    /// assert!(found.is_sound(), "{found:?}");
    /// # }
    /// ```
    pub async fn verify(&self) -> Verification {
        verify::run(&self.core).await
    }

    /// A download of this state of the object.
    fn download(&self, key: door::Checked, tag: Option<ETag>, options: CallOptions) -> DownloadCall {
        DownloadCall::new(self, key).of_state(tag, options)
    }

    /// What all calls of this client share.
    #[cfg(feature = "object_store")]
    pub(in crate::client) fn core(&self) -> &Core<Objects> {
        &self.core
    }

    /// For a call that is made again while no endpoint can take it.
    #[cfg(feature = "object_store")]
    pub(in crate::client) fn patience(&self) -> Patience {
        Patience::new(self.core.clone())
    }

    fn call<O: Operation<Protocol = Objects>>(&self, operation: O) -> ObjectCall<O> {
        ObjectCall::new(self.core.clone(), operation)
    }
}
