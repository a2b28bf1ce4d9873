//! Values by key over several endpoints.
//!
//! An application keeps using its tables while a region is gone. A [`Replication`](crate::Replication), given when the
//! client is built, says where the data lives. Each call is a builder; `.await` sends the call.
//!
//! ```
//! use evenkeel::{Endpoint, ErrorKind, KvClient, Replication, provider::MemoryTable};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let carts = KvClient::builder()
//!     .endpoint(Endpoint::new("virginia", MemoryTable::new()).provider("aws").region("us-east-1"))
//!     .endpoint(Endpoint::new("ireland", MemoryTable::new()).provider("aws").region("eu-west-1"))
//!     .replication(Replication::provider_managed()) // virginia is the home; the provider copies to Ireland
//!     .build()?;
//!
//! carts.put("cart/42", "1 apple").time_to_live(Duration::from_secs(3600)).await?;
//! let cart = carts.get("cart/42").await?;
//! carts.compare_and_set("cart/42", cart.version().clone(), "2 apples").await?;
//!
//! // Somebody else was faster: the version is no longer the current one.
//! let late = carts.compare_and_set("cart/42", cart.version().clone(), "1 pear").await.unwrap_err();
//! assert_eq!(late.kind(), ErrorKind::PreconditionFailed);
//! assert_eq!(carts.increment("visits", 1).await?, 1);
//! # Ok(()) }
//! ```
//!
//! # What goes where
//! | | [`provider_managed`] | [`strong`] | [`write_once`] |
//! |---|---|---|---|
//! | `get`, `get_many`, `scan` | any endpoint; marked possibly stale when not from the home | any replica | merged |
//! | `put`, `delete`, `put_many` | the home, or [`HomeUnavailable`] (`MaybeApplied` where the outcome is uncertain) | any writable replica | `put` creates at any endpoint that takes it; no `put_many` |
//! | `put_if_absent`, `compare_and_set`, `delete_if`, `increment` | the home, or [`HomeUnavailable`] | any writable replica | refused |
//!
//! A condition has **one authority**: the home, or a table that the provider keeps in step before it acknowledges. A
//! copy never judges a condition. Under `write_once` a `put` is a create that fails over freely. Two endpoints may then
//! both take a key, so nothing can say that a key is new *everywhere*. `put_if_absent` is therefore refused.
//!
//! # After a lost answer
//! Every write carries a [`WriteId`](crate::request::WriteId) that is stored with the value. If the answer to a
//! conditional write is lost, the value that the first attempt stored may refuse the retry. The client then reads the
//! value back. If the value carries the write's id, the client reports success. If the value carries another id, two
//! stories are possible: the write was applied and then replaced, or was never applied. The error is then
//! [`MaybeApplied`](crate::ErrorKind::MaybeApplied), never a guess. A lost [`delete_if`](KvClient::delete_if) that
//! finds nothing is `MaybeApplied`, too. An unconditional `put` or `delete` is sent again, which may undo another
//! writer's write in between: where that matters, use a condition.
//!
//! The first attempt may also land when all that is over. [Late attempts](crate::client#late-attempts) says which
//! writes that can undo, for how long, and what to do.
//!
//! # When a value expires
//! | | by default | `.time_to_live(…)` | `.without_expiry()` |
//! |---|---|---|---|
//! | `put`, `put_many`, `put_if_absent` | never, whatever was there | after this time | |
//! | `compare_and_set` | when the replaced version would have expired | after this time | never |
//! | `increment` | when the old value would have expired; never if the key was absent | | never |
//!
//! # Promises
//! - The client checks a key, a value's size and a time to live before it sends anything, against the limits of
//!   **every** endpoint that may be used. [`ErrorKind::InvalidInput`](crate::ErrorKind) names the endpoint and its
//!   limit. A value stored today can follow to the standby tomorrow.
//! - A scan is sorted. When an endpoint fails, the scan goes on at another endpoint after the last key that it gave. No
//!   key comes twice, and no key that is at both endpoints is left out.
//! - Dropping a call's future abandons its attempts. A write that was under way may have been applied, or may yet be.
//! - No attempt of an acknowledged call undoes what was acknowledged later, unless the answer said that an attempt may.
//! - A [`Version`] carries its endpoint and is never shown to an endpoint that does not share it.
//!
//! [`provider_managed`]: crate::Replication::provider_managed
//! [`strong`]: crate::Replication::strong
//! [`write_once`]: crate::Replication::write_once
//! [`HomeUnavailable`]: crate::ErrorKind::HomeUnavailable

mod door;
mod increment;
mod many;
mod operations;
mod protocol;
mod turns;
mod values;

pub use increment::Increment;
pub use many::{GetValues, PutValues};
pub use operations::{DeleteValue, GetValue, PutValue};
pub use protocol::Keys;
pub use values::{Fetched, Stored};

use super::KvStack;
use crate::call::{Collected, Core, Operation, Pages, PagesCall, StoreBuilder, StoreCall, store_methods};
use crate::request::kv::{Entry, Limits, Scan, Version};
use bytes::Bytes;
use operations::Wanted;
use std::sync::Arc;
use turns::Turns;

/// Builds a [`KvClient`].
pub type KvClientBuilder = StoreBuilder<Keys>;
/// A call that has not been sent yet. Options first, then `.await`.
pub type KvCall<O> = StoreCall<O>;
/// A scan that has not been started yet. [`stream`](PagesCall::stream) starts it.
pub type ScanCall = PagesCall<Keys>;
/// A scan under way.
pub type Scanning = Pages<Keys>;
/// A whole scan.
pub type Scanned = Collected<Entry>;

/// A client for values by key. Clones share everything; keep one per process.
#[derive(Clone)]
pub struct KvClient {
    core: Arc<Core<Keys>>,
    turns: Arc<Turns>,
}

store_methods!(KvClient, KvStack);

impl KvClient {
    /// Starts a client.
    pub fn builder() -> KvClientBuilder {
        KvClientBuilder::default()
    }

    /// Fetches a value.
    pub fn get(&self, key: impl Into<String>) -> KvCall<GetValue> {
        self.call(GetValue::new(door::key(key)))
    }

    /// Stores a value, whatever is there; under `write_once` only if the key is absent. The value stays for good unless
    /// the put sets a [time to live](KvCall::time_to_live), even if the old value had one.
    ///
    /// If this client knows the key's version, or the put is [fenced](KvCall::fenced), a late attempt of the put
    /// misses. The client forgets a version after five minutes. The client also knows no version while two of its
    /// writes cross, and for five minutes after another client was faster. The answer then says what may happen: see
    /// [late attempts](crate::client#late-attempts).
    pub fn put(&self, key: impl Into<String>, value: impl Into<Bytes>) -> KvCall<PutValue> {
        self.call(PutValue::new(door::key(key), value.into(), Wanted::Store))
    }

    /// Stores a value if the key is absent; otherwise the error is
    /// [`ErrorKind::AlreadyExists`](crate::ErrorKind::AlreadyExists).
    ///
    /// If [`Stored::earlier_attempt_unresolved`] says so, an attempt may store the value once more after the value was
    /// removed. Then give a lock back by replacing its value: see [late attempts](crate::client#late-attempts).
    pub fn put_if_absent(&self, key: impl Into<String>, value: impl Into<Bytes>) -> KvCall<PutValue> {
        self.call(PutValue::new(door::key(key), value.into(), Wanted::Create))
    }

    /// Stores a value if the key still has this version. Otherwise, also if the key is absent by now, the error is
    /// [`ErrorKind::PreconditionFailed`](crate::ErrorKind::PreconditionFailed). The new value expires when the replaced
    /// version would have, unless the call sets its own [time to live](KvCall::time_to_live) or
    /// [none](KvCall::without_expiry).
    pub fn compare_and_set(
        &self,
        key: impl Into<String>,
        version: Version,
        value: impl Into<Bytes>,
    ) -> KvCall<PutValue> {
        self.call(PutValue::new(door::key(key), value.into(), Wanted::Replace(version)))
    }

    /// Removes a value. Succeeds if the key is absent. A late attempt of the delete may remove a value that was stored
    /// meanwhile, unless this client knows the key's version or the delete is [fenced](KvCall::fenced): see [late
    /// attempts](crate::client#late-attempts).
    pub fn delete(&self, key: impl Into<String>) -> KvCall<DeleteValue> {
        self.call(DeleteValue::new(door::key(key), None))
    }

    /// Removes a value if it still has this version. Otherwise, also if the key is absent, the error is
    /// [`ErrorKind::PreconditionFailed`](crate::ErrorKind::PreconditionFailed).
    pub fn delete_if(&self, key: impl Into<String>, version: Version) -> KvCall<DeleteValue> {
        self.call(DeleteValue::new(door::key(key), Some(version)))
    }

    /// Adds to a number and returns the sum. An absent key counts as 0. The stored value is the number in decimal
    /// digits. The sum expires when the old value would have, unless the call says
    /// [`without_expiry`](KvCall::without_expiry). A new key stays.
    ///
    /// An increment is a [`get`](Self::get) and a [`compare_and_set`](Self::compare_and_set) at the authority, repeated
    /// while other writers are faster. It costs two round trips. evenkeel does not use a provider's own increment:
    /// nobody can tell such an increment apart from its repetition, so a retry after a lost answer would count twice.
    ///
    /// Increments of one key through one client take turns. Increments that come while another is under way wait.
    /// Waiting increments with the same options then share one get and one compare-and-set, and each gets a sum of its
    /// own. They share one fate: if the answer is lost for good, each fails with `MaybeApplied`.
    ///
    /// Against other clients, each lost race costs two more requests, paid from the [budget](crate::stack::retry::Budget); the
    /// increment waits for the budget until the deadline. If an answer was lost *and* another client changed the value
    /// before this client could ask, the error is [`MaybeApplied`](crate::ErrorKind::MaybeApplied) and not retryable. A
    /// value that is no number, or a sum that is no `i64`, is [`Rejected`](crate::ErrorKind::Rejected).
    pub fn increment(&self, key: impl Into<String>, by: i64) -> KvCall<Increment> {
        self.call(Increment::new(door::key(key), by, self.turns.clone()))
    }

    /// Fetches several values with the providers' batch call, in batches that every endpoint takes. The results come
    /// one for each key, in the order given. The call as a whole fails if all keys failed, or if a key is invalid or
    /// given twice.
    pub fn get_many<K: Into<String>>(&self, keys: impl IntoIterator<Item = K>) -> KvCall<GetValues> {
        self.call(GetValues::new(keys.into_iter().map(door::key).collect()))
    }

    /// Stores several values with the providers' batch call, whatever is there. The results come one for each value, in
    /// the order given. The call is not a transaction: some values may be stored and others not. The call as a whole
    /// fails if all values failed, or if a value is invalid or its key given twice.
    ///
    /// A batch has no conditions. A late attempt of a batch undoes newer writes; each [`Stored`] says whether one may
    /// land. A [fenced](KvClientBuilder::fenced) client refuses batches.
    pub fn put_many<K: Into<String>, V: Into<Bytes>>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> KvCall<PutValues> {
        let values = values
            .into_iter()
            .map(|(key, value)| Ok((door::key(key)?, value.into())));
        self.call(PutValues::new(values.collect()))
    }

    /// Goes through the keys that start with `prefix`, with their values, in ascending order of the keys' bytes. An
    /// empty prefix means all keys; [`from_key`](PagesCall::from_key) and [`until`](PagesCall::until) bound a range.
    pub fn scan(&self, prefix: impl Into<String>) -> ScanCall {
        let query = Scan {
            prefix: prefix.into(),
            ..Scan::default()
        };
        ScanCall::new(self.core.clone(), query)
    }

    /// The limits that fit every endpoint: the strictest of all.
    pub fn limits(&self) -> Limits {
        door::strictest(&self.core)
    }

    fn call<O: Operation<Protocol = Keys>>(&self, operation: O) -> KvCall<O> {
        KvCall::new(self.core.clone(), operation)
    }
}
