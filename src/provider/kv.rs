use super::{ProviderError, ProviderErrorKind};
use crate::endpoint::Host;
use crate::request::kv::{Delete, Get, GetMany, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value};
use crate::verdict::{Outcome, Sent, Verdict};
use futures_util::future::join_all;
use std::future::Future;

/// A table of values by key, as an adapter presents it.
///
/// Each method makes **one** attempt and leaves retries, timeouts and health to the stack: the SDK's own retries are off.
/// Dropping a returned future abandons the attempt. An adapter is shared between tasks.
///
/// What is required:
/// - **Conditions are atomic.** A put with a [`Condition`](crate::request::kv::Condition) and a delete with a version are
///   checked and done in one step by the store, or refused with [`ProviderError::unsupported`] before anything is sent.
/// - **A version is never used twice** for one key, not even after a delete. Where the store has no such token, the write id
///   is one: only a late copy of the same write then has it a second time. It is given with an empty endpoint name; the stack fills it in.
/// - **The write id is kept** with the value and comes back in [`Value::write_id`]. A conditional put that finds the value
///   of its very write id should succeed with its version, where that costs no further request; where it does not, the
///   client reads the value back and recognises it.
/// - **What has expired is absent** for gets, scans and conditions from the second of its expiry on, even if the store
///   removes it days later.
/// - **A put expires as [`Put::expiry`] says.** One without a time to live stays, also if it replaces a value that had one;
///   one on a version keeps what that version has. Where the store cannot keep it in one step, read when it expires first
///   (or put it into the version): the condition on the version makes that safe.
/// - **Outcomes are true.** [`Sent::No`](crate::verdict::Sent) only with proof; a write whose answer was lost is
///   [`Sent::Maybe`](crate::verdict::Sent). An answer that makes no sense is [`ProviderError::faulty`].
/// - [`check_value`] is called first with every put.
/// - No key, value or credential in an error.
pub trait KvProvider: Send + Sync + 'static {
    /// Fetches a value. *Not found* is [`ProviderError::not_found`].
    fn get(&self, get: Get) -> impl Future<Output = Result<Value, ProviderError>> + Send;

    /// Stores a value.
    fn put(&self, put: Put) -> impl Future<Output = Result<PutAnswer, ProviderError>> + Send;

    /// Removes a value. Without a version it succeeds if there was none.
    fn delete(&self, delete: Delete) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Fetches one page of a scan, sorted by the keys' UTF-8 bytes. A store that has no order may collect and sort for every
    /// page, or refuse with [`ProviderError::unsupported`]; it never gives a page that is not sorted, and never leaves out
    /// a key below [`ScanPage::next`] that was there all along.
    fn scan(&self, scan: Scan) -> impl Future<Output = Result<ScanPage, ProviderError>> + Send;

    /// Fetches several values, with a result for each key in the order of the request: *not found* and *throttled*
    /// (unprocessed) are results of one key; a failure of the whole call is the call's.
    ///
    /// By default each is a [`get`](Self::get) of its own, all at once: for stores without a batch.
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

    /// Stores several values unconditionally, with a result for each in the order of the request. Not a transaction.
    ///
    /// By default each is a [`put`](Self::put) of its own, all at once: for stores without a batch.
    fn put_many(
        &self,
        many: PutMany,
    ) -> impl Future<Output = Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError>> + Send {
        async move { Ok(join_all(many.puts.iter().map(|put| self.put(put.clone()))).await) }
    }

    /// What it takes. Asked once, when a client is built.
    fn limits(&self) -> Limits;

    /// Whether several endpoints of this kind can be replicas of one table that the provider keeps in step *before* it
    /// acknowledges, with the same versions and write ids at each: what
    /// [`Replication::strong`](crate::Replication::strong) needs. `false` by default.
    fn has_strong_replicas(&self) -> bool {
        false
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

/// Checks what a put asks of every store (its write id, its time to live), and of this one, whose limits these are. Every
/// adapter calls this first; a client's door says the same.
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
