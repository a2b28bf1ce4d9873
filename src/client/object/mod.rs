//! Objects over several endpoints.
//!
//! An application keeps writing `put`, `get`, `head`, `delete` and `list` while a region is gone. Where data lives is
//! said when the client is built, with a [`Replication`](crate::Replication); each call is a builder that is awaited.
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
//! - A key, an attribute or a range is checked before anything is sent ([`ErrorKind::InvalidInput`](crate::ErrorKind)).
//! - A storage class, an encryption or a tag that is asked for is kept wherever the object goes, or the put is refused:
//!   see [`terms_at`](ObjectCall::terms_at).
//! - A constraint is never broken: an endpoint that breaks one gets no call, not even to prove absence.
//! - Dropping a call's future abandons its attempts; a write that was under way may have been applied, or may yet be.
//! - No attempt of a call that was acknowledged undoes what was acknowledged after it, unless the answer said that one may: see
//!   [late attempts](crate::client#late-attempts).
//! - An [`ETag`](crate::request::object::ETag) carries its endpoint and is never shown to another.

mod door;
mod operations;
mod protocol;
mod terms;
mod values;
pub(crate) mod verify;

#[cfg(test)]
mod tests;

pub use operations::{DeleteObject, GetObject, HeadObject, PutObject};
pub use protocol::Objects;
pub use values::{Fetched, FetchedMeta, Stored};
pub use verify::{Property, VERIFY_PREFIX, Verification, Verified};

use super::ObjectStack;
use crate::call::{Collected, Core, Operation, Pages, PagesCall, StoreBuilder, StoreCall, store_methods};
use crate::request::object::{List, ListEntry};
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

    /// Stores `body` under `key`. What an attempt of it that lands late may do is said under
    /// [late attempts](crate::client#late-attempts). A create unless [`overwrite`](ObjectCall::overwrite) or
    /// [`if_match`](ObjectCall::if_match) says otherwise.
    pub fn put(&self, key: impl Into<String>, body: impl Into<Bytes>) -> ObjectCall<PutObject> {
        self.call(PutObject::new(door::key_of(key), body.into()))
    }

    /// Fetches an object, or a part of it.
    pub fn get(&self, key: impl Into<String>) -> ObjectCall<GetObject> {
        self.call(GetObject::new(door::key_of(key)))
    }

    /// Fetches what is known of an object without its body.
    pub fn head(&self, key: impl Into<String>) -> ObjectCall<HeadObject> {
        self.call(HeadObject::new(door::key_of(key)))
    }

    /// Removes an object. Succeeds if it did not exist. An attempt of it that lands late may remove what was stored meanwhile,
    /// unless this client knows the object's tag or the delete is [fenced](ObjectCall::fenced): see
    /// [late attempts](crate::client#late-attempts).
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

    /// Finds out what each writable endpoint does with the conditions of a write, all at once. Some stores answer 200 to a create
    /// that they should refuse, and overwrite; what they declare does not tell.
    ///
    /// | question | what is tried |
    /// |---|---|
    /// | [honours](Verified::honours) | whether a second create of a key is refused |
    /// | [atomic](Verified::atomic) | whether 24 creates at the same time have one winner, five times over |
    /// | [if_match](Verified::if_match) | whether a put with a tag that the object had is refused, and one with the tag that it has takes place |
    /// | [delete_if_match](Verified::delete_if_match) | the same of a delete |
    ///
    /// Some stores read a tag in If-Match only [without its quotes](Verified::wants_tags_unquoted) and say otherwise for ever
    /// that the object has changed: both ways are tried, and what works is sent from then on.
    ///
    /// It writes eight small objects to each endpoint, under [`VERIFY_PREFIX`] and random digits, in some 150 requests, and
    /// removes each again. The requests go past breakers, limits and the budget and are no evidence: call it when the
    /// service is set up, not on its path. Each request gets 5 s; an endpoint that cannot be asked is
    /// [`Property::Unknown`]: ask again later. Dropped half-way, or when an endpoint fails meanwhile, an object or two may be
    /// left behind there. On a bucket with versioning the removed ones remain as old versions.
    ///
    /// **What an endpoint lacks is asked of it no more**, by this client and its clones, until another `verify` finds that it has
    /// it (what could not be asked leaves things as they are):
    ///
    /// | under | what it lacks |
    /// |---|---|
    /// | [`write_once`](crate::Replication::write_once) | puts go to the other endpoints; with none left, or when pinned there, they are refused |
    /// | [`provider_managed`](crate::Replication::provider_managed), when it is the home | a create, an [`if_match`](ObjectCall::if_match) or a conditional delete is refused; an [`overwrite`](ObjectCall::overwrite) and a plain delete are not |
    ///
    /// The refusal is [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), and nothing is sent, by [`service`](Self::service)
    /// neither. Reads and plain deletes still go there, because it may hold what was stored before.
    ///
    /// # If nobody calls it
    /// What an adapter knows is trusted: Amazon S3, Azure, Google and [`Memory`](crate::provider::Memory) keep to their
    /// conditions, an adapter of your own to what it [says](crate::provider::ObjectProvider::capabilities). **Any other store is
    /// asked in the background**, from the first conditional write on that may go there, once for each client:
    ///
    /// - Until it has answered, a second or so, it is used as if it kept to them: on a store that does not, these first writes
    ///   may overwrite. 100 may go there in all; further ones go to an endpoint that is known, or wait for a quarter of what is
    ///   left until their deadline and go then.
    /// - The answer is heeded as above, and told as
    ///   [`ConditionsVerified`](crate::telemetry::Event::ConditionsVerified), with the number of writes that went before.
    /// - One that could not be asked (credentials for another prefix, an outage) is used as before; that is told, too, and it is
    ///   asked again with a write a minute later, then two, up to an hour.
    /// - Endpoints that are read-only, barred by a constraint or drained are not asked.
    /// - The questions end with [`close`](Self::close) and with the last clone of the client. A program that ends within a second
    ///   of its first create leaves an object or two under [`VERIFY_PREFIX`], each time.
    ///
    /// [`require_verified`](ObjectClientBuilder::require_verified) sends no conditional write before the answer. A store that was
    /// asked when the service was set up need not be asked by each process: `S3::trusting_conditions` says so, and
    /// `S3::without_conditional_put` the contrary.
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

    fn call<O: Operation<Protocol = Objects>>(&self, operation: O) -> ObjectCall<O> {
        ObjectCall::new(self.core.clone(), operation)
    }
}
