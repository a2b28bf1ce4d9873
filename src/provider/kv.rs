use super::{ProviderError, ProviderErrorKind};
use crate::endpoint::Host;
use crate::request::kv::{Delete, Get, GetMany, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value};
use crate::verdict::{Outcome, Sent, Verdict};
use futures_util::future::join_all;
use std::future::Future;

/// A table of values by key, as an adapter presents it.
///
/// Each method makes **one** attempt. Retries, timeouts and health belong to the stack, so the SDK's own retries are
/// off. Dropping a returned future abandons the attempt. Tasks share an adapter.
///
/// What the trait requires:
/// - **Conditions are atomic.** For a put with a [`Condition`](crate::request::kv::Condition) and a delete with a
///   version, the store checks and acts in one step. Otherwise the adapter refuses with [`ProviderError::unsupported`]
///   before anything is sent.
/// - **No two values of a key have the same version**, not even with a delete between them. Where the store has no such
///   token, the write id serves as the version: then only a late copy of the same write repeats a version. The adapter
///   returns the version with an empty endpoint name. The stack fills in the name.
/// - **The write id is kept** with the value and comes back in [`Value::write_id`]. A conditional put may find a value
///   with its own write id. The put should then succeed with that value's version, if that costs no further request. If
///   the put does not succeed, the client reads the value back and recognises the id.
/// - **An expired value is absent** for gets, scans and conditions from the second of its expiry on, even if the store
///   removes the value days later.
/// - **A put expires as [`Put::expiry`] says.** A put without a time to live stays, also if it replaces a value that
///   had a time to live. A put on a version keeps the expiry of that version. Where the store cannot keep the expiry in
///   one step, the adapter first reads the expiry, or makes it a part of the version. The condition on the version
///   makes that safe.
/// - **Outcomes are true.** [`Sent::No`](crate::verdict::Sent) needs proof. A write whose answer was lost is
///   [`Sent::Maybe`](crate::verdict::Sent). An answer that makes no sense is [`ProviderError::faulty`].
/// - Every put calls [`check_value`] first.
/// - No error contains a key, a value or a credential.
pub trait KvProvider: Send + Sync + 'static {
    /// Fetches a value. *Not found* is [`ProviderError::not_found`].
    fn get(&self, get: Get) -> impl Future<Output = Result<Value, ProviderError>> + Send;

    /// Stores a value.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutAnswer, ProviderError>> + Send;

    /// Removes a value. Without a version, the delete also succeeds if there was no value.
    fn delete(&self, delete: Delete) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Fetches one page of a scan, sorted by the keys' UTF-8 bytes. For a store without an order, the adapter may
    /// collect and sort for every page, or refuse with [`ProviderError::unsupported`]. A page is always sorted. A page
    /// never leaves out a key below [`ScanPage::next`] that was there all along.
    fn scan(&self, scan: Scan) -> impl Future<Output = Result<ScanPage, ProviderError>> + Send;

    /// Fetches several values and returns a result for each key, in the order of the request. *Not found* and
    /// *throttled* (unprocessed) are results of one key. A failure of the whole call is the call's error.
    ///
    /// The default, for stores without a batch, sends a [`get`](Self::get) for each key, all at once.
    fn get_many(
        &self,
        many: GetMany,
    ) -> impl Future<Output = Result<Vec<Result<Value, ProviderError>>, ProviderError>> + Send {
        async move {
            let gets = many.keys.iter().map(|key| {
                self.get(Get {
                    fresh: many.fresh,
                    ..Get::new(key.clone())
                })
            });
            Ok(join_all(gets).await)
        }
    }

    /// Stores several values unconditionally and returns a result for each, in the order of the request. This is not a
    /// transaction.
    ///
    /// The default, for stores without a batch, sends a [`put`](Self::put) for each value, all at once.
    fn put_many(
        &self,
        many: PutMany,
    ) -> impl Future<Output = Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError>> + Send {
        async move { Ok(join_all(many.puts.iter().map(|put| self.put(put.clone()))).await) }
    }

    /// The store's limits. A client reads them once, when the client is built.
    fn limits(&self) -> Limits;

    /// Whether several endpoints of this kind can be replicas of one table with the same versions and write ids. The
    /// provider must keep the replicas in step *before* it acknowledges a write.
    /// [`Replication::strong`](crate::Replication::strong) needs this. The default is `false`.
    fn has_strong_replicas(&self) -> bool {
        false
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

/// Checks what a put asks of every store (write id, time to live), and what it asks of this store, which has these
/// limits. Every adapter calls this function first. The client makes the same checks before it sends a put.
///
/// # Errors
/// [`ProviderErrorKind::Invalid`], or [`ProviderErrorKind::Unsupported`] for what only this store does not take.
pub fn check_value(store: &str, limits: &Limits, put: &Put) -> Result<(), ProviderError> {
    let invalid = |wrong: String| {
        ProviderError::new(ProviderErrorKind::Invalid, Outcome::new(Verdict::Caller, Sent::No)).with_message(wrong)
    };
    put.write_id.check().map_err(invalid)?;
    Put::check_life(put.time_to_live).map_err(invalid)?;
    let checked = limits.check_item(&put.key, put.value.len());
    checked.map_err(|exceeded| ProviderError::unsupported(format!("{store} {exceeded}")))
}
