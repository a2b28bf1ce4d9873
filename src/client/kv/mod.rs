//! Values by key over several endpoints.
//!
//! An application keeps its tables while a region is gone. Where the data lives is said when the client is built, with a
//! [`Replication`](crate::Replication); each call is a builder that is awaited.
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
//! | `put`, `delete`, `put_many` | the home, or [`HomeUnavailable`] (`MaybeApplied` where that is not certain) | any writable replica | `put` creates, wherever it can; no `put_many` |
//! | `put_if_absent`, `compare_and_set`, `delete_if`, `increment` | the home, or [`HomeUnavailable`] | any writable replica | refused |
//!
//! A condition has **one authority**: the home, or a table that the provider keeps in step before it acknowledges. It is
//! never judged by a copy. Under `write_once` a `put` is a create that fails over freely; as two endpoints may then both
//! take a key, nothing there can say that a key is new *everywhere*, which is why `put_if_absent` is refused.
//!
//! # After a lost answer
//! Every write carries a [`WriteId`](crate::request::WriteId) that is stored with the value. When a conditional write's
//! answer was lost, its retry is refused by what the first attempt itself stored: the client then reads the value back and,
//! if it carries the id, reports the success that it was. If it carries another id, two stories are possible (ours was
//! applied and then replaced, or never was), and the error is [`MaybeApplied`](crate::ErrorKind::MaybeApplied), never a
//! guess; so it is when a lost [`delete_if`](KvClient::delete_if) finds nothing. An unconditional `put` or `delete` is sent
//! again, which may undo a write of somebody else's in between: where that matters, use a condition.
//!
//! The first attempt may also land when all that is over. Which writes that can undo, for how long and what to do is said under
//! [late attempts](crate::client#late-attempts).
//!
//! # When a value expires
//! | | without a word | `.time_to_live(…)` | `.without_expiry()` |
//! |---|---|---|---|
//! | `put`, `put_many`, `put_if_absent` | never, whatever was there | after this | |
//! | `compare_and_set` | when the version that it replaces would have | after this | never |
//! | `increment` | when what was there would have; never if nothing was | | never |
//!
//! # Promises
//! - A key, a value's size and a time to live are checked before anything is sent, against the limits of **every** endpoint that may be used
//!   ([`ErrorKind::InvalidInput`](crate::ErrorKind) names the endpoint and its limit): what is stored today can follow to
//!   the standby tomorrow.
//! - A scan is sorted, and goes on at another endpoint after the last key it gave: none comes twice, and none that is at
//!   both is left out.
//! - Dropping a call's future abandons its attempts; a write that was under way may have been applied, or may yet be.
//! - No attempt of a call that was acknowledged undoes what was acknowledged after it, unless the answer said that one may.
//! - A [`Version`] carries its endpoint and is never shown to another that does not share it.
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

    /// Stores a value, whatever is there, and for good unless a [time to live](KvCall::time_to_live) is said: what was there
    /// may have had one. Under `write_once` only if nothing is there. Where this client knows the key's version, or the put is
    /// [fenced](KvCall::fenced), an attempt of it that lands late misses. It knows none five minutes after it last saw the key,
    /// while two of its writes cross, and for five minutes after another client was faster; the answer says then what may happen.
    /// See [late attempts](crate::client#late-attempts).
    pub fn put(&self, key: impl Into<String>, value: impl Into<Bytes>) -> KvCall<PutValue> {
        self.call(PutValue::new(door::key(key), value.into(), Wanted::Store))
    }

    /// Stores a value if the key is absent; else [`ErrorKind::AlreadyExists`](crate::ErrorKind::AlreadyExists).
    ///
    /// When [`Stored::earlier_attempt_unresolved`] says so, an attempt of it may store the value once more after it was removed. Give a lock back by replacing its value then: see [late attempts](crate::client#late-attempts).
    pub fn put_if_absent(&self, key: impl Into<String>, value: impl Into<Bytes>) -> KvCall<PutValue> {
        self.call(PutValue::new(door::key(key), value.into(), Wanted::Create))
    }

    /// Stores a value if the key still has this version; else
    /// [`ErrorKind::PreconditionFailed`](crate::ErrorKind::PreconditionFailed), also if it has no value any more. It expires
    /// when that version would have, unless a [time to live](KvCall::time_to_live) of its own or
    /// [none](KvCall::without_expiry) is said.
    pub fn compare_and_set(
        &self,
        key: impl Into<String>,
        version: Version,
        value: impl Into<Bytes>,
    ) -> KvCall<PutValue> {
        self.call(PutValue::new(door::key(key), value.into(), Wanted::Replace(version)))
    }

    /// Removes a value. Succeeds if there was none. An attempt of it that lands late may remove what was stored meanwhile, unless
    /// this client knows the key's version or the delete is [fenced](KvCall::fenced): see
    /// [late attempts](crate::client#late-attempts).
    pub fn delete(&self, key: impl Into<String>) -> KvCall<DeleteValue> {
        self.call(DeleteValue::new(door::key(key), None))
    }

    /// Removes a value if it still has this version; else
    /// [`ErrorKind::PreconditionFailed`](crate::ErrorKind::PreconditionFailed), also if there is none.
    pub fn delete_if(&self, key: impl Into<String>, version: Version) -> KvCall<DeleteValue> {
        self.call(DeleteValue::new(door::key(key), Some(version)))
    }

    /// Adds to a number and returns the sum. An absent key counts as 0; the value is the number in decimal digits. It
    /// expires when what was there would have, unless it is told [not to](KvCall::without_expiry); what was absent stays.
    ///
    /// It is a [`get`](Self::get) and a [`compare_and_set`](Self::compare_and_set) at the authority, repeated while others
    /// are faster: a provider's own increment cannot be told apart from its repetition, so that a retry after a lost answer
    /// would count twice. Costs two round trips. Increments of one key through one client take turns: those that come while one is
    /// under way wait, and those with the same options are then counted by one get and one compare-and-set for all of them, each with a sum of its own. They
    /// share its fate: when its answer is lost for good, it is `MaybeApplied` for each. Against others'
    /// each lost race costs two more requests, paid from the [budget](crate::retry::Budget), for which it waits until the
    /// deadline. When an answer was lost *and* somebody else
    /// counted on before it could be asked for, the error is [`MaybeApplied`](crate::ErrorKind::MaybeApplied) and not
    /// retryable. A value that is no number, or a sum that is no `i64`, is [`Rejected`](crate::ErrorKind::Rejected).
    pub fn increment(&self, key: impl Into<String>, by: i64) -> KvCall<Increment> {
        self.call(Increment::new(door::key(key), by, self.turns.clone()))
    }

    /// Fetches several values on the providers' batch call, in batches that every endpoint takes, with a result for each key
    /// in the order given. An error as a whole: it failed for all keys, or a key is not valid or given twice.
    pub fn get_many<K: Into<String>>(&self, keys: impl IntoIterator<Item = K>) -> KvCall<GetValues> {
        self.call(GetValues::new(keys.into_iter().map(door::key).collect()))
    }

    /// Stores several values on the providers' batch call, whatever is there, with a result for each in the order given. Not
    /// a transaction: some may be stored and others not. A batch has no conditions: an attempt of it that lands late undoes what was
    /// written since (each [`Stored`] says where one may), and a [fenced](KvClientBuilder::fenced) client refuses it. An error as a whole: it failed for all of them, or one is not valid or
    /// its key given twice.
    pub fn put_many<K: Into<String>, V: Into<Bytes>>(
        &self,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> KvCall<PutValues> {
        let values = values
            .into_iter()
            .map(|(key, value)| Ok((door::key(key)?, value.into())));
        self.call(PutValues::new(values.collect()))
    }

    /// Goes through the keys that start with `prefix`, in ascending order of their bytes, with their values. An empty prefix
    /// is all keys; [`from_key`](PagesCall::from_key) and [`until`](PagesCall::until) bound a range.
    pub fn scan(&self, prefix: impl Into<String>) -> ScanCall {
        let query = Scan {
            prefix: prefix.into(),
            ..Scan::default()
        };
        ScanCall::new(self.core.clone(), query)
    }

    /// What every endpoint takes: the strictest of all.
    pub fn limits(&self) -> Limits {
        door::strictest(&self.core)
    }

    fn call<O: Operation<Protocol = Keys>>(&self, operation: O) -> KvCall<O> {
        KvCall::new(self.core.clone(), operation)
    }
}
