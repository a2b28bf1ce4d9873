//! Tables of Google Cloud Bigtable, on Google's own definitions of its interface.
//!
//! Google has no Bigtable client for Rust. This adapter's client is generated from Google's definitions
//! (`googleapis-tonic-google-bigtable-v2`) on tonic, with the credentials of Google's `google-cloud-auth`. The client
//! connects once and repeats nothing.
//!
//! ```no_run
//! use evenkeel::{Endpoint, provider::Bigtable};
//! use google_cloud_auth::credentials::Builder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Builder::default().with_scopes(["https://www.googleapis.com/auth/bigtable.data"]).build()?;
//! let sessions = Bigtable::new(credentials, "projects/acme/instances/eu/tables/sessions").app_profile("single-cluster");
//! let endpoint = Endpoint::new("belgium", sessions).provider("gcp").region("europe-west1");
//! # let _ = endpoint; Ok(()) }
//! ```
//!
//! # The table
//! The table needs the column family `kv`, with one version of each cell:
//!
//! ```text
//! cbt -project acme -instance eu createtable sessions families=kv:maxversions=1
//! ```
//! A row's key is the key. Column `kv:v` is the value. Column `kv:s` is a stamp, which is also the version: the expiry
//! in eight bytes (milliseconds since 1970; all ones: never), then the write id. The adapter leaves other families of a
//! row alone.
//!
//! # What the adapter ensures
//! - **Conditions** are `CheckAndMutateRow`, which checks the stamp and changes the row in one step. Bigtable says only
//!   whether the condition held. A conditional put whose first answer was lost is therefore refused when it is
//!   repeated. The client then reads the value back and recognises its own write.
//! - **One cluster decides.** Conditions need an [application profile](Bigtable::app_profile) that routes to a single
//!   cluster and allows single-row transactions. Without such a profile Bigtable refuses conditions, which is the
//!   [caller's](crate::verdict::Verdict::Caller) mistake. In an instance with several clusters and any other profile,
//!   the last writer wins, and a profile with automatic failover reads what another cluster has so far. Use an endpoint
//!   for each cluster, with a profile of its own, and
//!   [`Replication::provider_managed`](crate::Replication::provider_managed).
//! - **Expired is absent**, by this host's clock. Bigtable does not remove expired values: its collector knows the age
//!   of a cell, not the expiry. If values are many and short-lived, delete them, or give the family a `maxage` above
//!   the longest life.
//! - **Scans** are `ReadRows` in the order of the keys' bytes: a page has at most 1,000 rows, or the rows in 16 MiB.
//! - **Batches** have 100 keys: one `ReadRows`, and one `MutateRows` for each 64 MiB, with Bigtable's result for each
//!   row.
//! - Increments are compare-and-set. Bigtable's own increment (`ReadModifyWriteRow`) does not tell a repetition from a
//!   second increment.
//! - **One connection**, HTTP/2, carries all calls. Connecting takes at most 0.9 s, once for all calls that wait. A
//!   call that fails before the connection stands is *not sent*.
//!   - The adapter reconnects if the service has ended an idle connection, and for a call that came too late for a
//!     connection that the service is about to end (GOAWAY).
//!   - The adapter leaves the connection when it breaks; when an attempt on it was given up after half a second; when
//!     two attempts were given up and nothing else was heard over the connection for a quarter of a second; and when a
//!     ping, sent every 10 s while calls are under way, gets no answer in 2 s.
//!   - A connection carries 100 calls at a time, and further calls wait. Above some 10,000 calls a second, use several
//!     endpoints.
//! - **Credentials** that do not arrive within 0.9 s are *credentials not loaded*, which is not sent. The credentials
//!   are `google-cloud-auth`'s, which refreshes them in time in the background.
//! - Neither `Debug` nor an error shows a key, a value or a credential. Google's messages quote keys, so errors do not
//!   carry the messages.
//!
//! # What its errors mean
//! The codes are in [`bigtable::grpc`](crate::provider::bigtable::grpc). `NOT_FOUND` and `FAILED_PRECONDITION` are
//! never about a key here. Their cause is a table, a family or a profile that is missing or wrong, and so the caller's
//! mistake. Google asks clients to wait with `RetryInfo`, and evenkeel honours that.
//!
//! # Tried against what
//! Google's own emulator, `bttest`, from Debian's package of Google's Go libraries, over plain TCP. The emulator has
//! one cluster, and does not check credentials or application profiles. The adapter was not tried against Google's
//! service.

mod calls;
mod error;
pub mod grpc;
mod item;
mod link;
mod rows;
mod wire;

pub use grpc::GrpcVerdicts;

use super::{KvProvider, ProviderError, ProviderErrorKind, check_value};
use crate::{
    endpoint::Host,
    model::clock,
    request::kv::{Condition, Delete, Entry, Get, GetMany, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value},
};
use calls::keys;
use error::{foreign, nonsense};
use google_cloud_auth::credentials::Credentials;
use googleapis_tonic_google_bigtable_v2::google::bigtable::v2::{
    RowRange, RowSet,
    row_range::{EndKey, StartKey},
};
use item::Stamp;
use link::Link;
use std::{collections::HashMap, fmt, ops::Bound, sync::Arc};

const SERVICE: &str = "https://bigtable.googleapis.com";
/// Rows in a page, unless the scan asks for fewer.
const PAGE: usize = 1_000;
/// The approximate size of a page's values: a page is held in memory.
const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// The most bytes of values in one request of a batch: Bigtable takes 256 MB.
const BATCH_BYTES: usize = 64 * 1024 * 1024;
/// Bigtable's limits.
const KEY_BYTES: usize = 4 * 1024;
const CELL_BYTES: usize = 100 * 1024 * 1024;

/// A table of Bigtable. A clone is cheap and shares the connection.
#[derive(Clone)]
pub struct Bigtable {
    link: Arc<Link>,
    credentials: Credentials,
    table: Arc<str>,
    app_profile: Arc<str>,
}

impl Bigtable {
    /// The table with this full name: `projects/…/instances/…/tables/…`. Nothing is sent before the first call.
    pub fn new(credentials: Credentials, table: impl Into<Arc<str>>) -> Self {
        Self {
            link: Arc::new(Link::new(SERVICE.to_owned())),
            credentials,
            table: table.into(),
            app_profile: "".into(),
        }
    }

    /// The application profile, by its id. Default: the instance's default profile.
    #[must_use]
    pub fn app_profile(mut self, id: impl Into<Arc<str>>) -> Self {
        self.app_profile = id.into();
        self
    }

    /// Another address than Google's own: a regional or private endpoint, or an emulator. `https://host` or
    /// `http://host:port`. Without TLS the credentials travel in the clear, so use `anonymous` credentials.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.link = Arc::new(Link::new(url.into()));
        self
    }

    /// The table's full name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Checks Bigtable's limits here, because Bigtable's own refusal costs a round trip.
    fn check(&self, put: &Put) -> Result<(), ProviderError> {
        check_value("Bigtable", &self.limits(), put)
    }
}

impl KvProvider for Bigtable {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        let (rows, ended) = self.read(keys([get.key.as_str()]), 1).await;
        ended?;
        match rows.done.as_slice() {
            [] => Err(ProviderError::not_found()),
            [row] if row.key == get.key.as_str().as_bytes() => {
                item::alive(row, clock::wall())?.ok_or_else(ProviderError::not_found)
            }
            _ => Err(nonsense()),
        }
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.check(&put)?;
        let now = clock::wall();
        let met = match &put.condition {
            Condition::Version(version) => Some(Stamp::of_version(version)?),
            Condition::Always | Condition::Absent => None,
        };
        let stamp = Stamp::of(&put, met.as_ref(), now);
        let store = || item::store(&put, &stamp, now);
        let key = put.key.as_str();
        match met {
            None if put.condition == Condition::Always => self.mutate(key, store).await?,
            None => {
                if self.mutate_if(key, item::is_alive(now), Vec::new, store).await? {
                    return Err(ProviderError::answer(ProviderErrorKind::AlreadyExists));
                }
            }
            Some(met) => {
                if !met.is_alive(now) || !self.mutate_if(key, item::is_at(&met), store, Vec::new).await? {
                    return Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed));
                }
            }
        }
        Ok(PutAnswer::new(stamp.version()))
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let key = delete.key.as_str();
        let Some(version) = &delete.if_version else {
            return self.mutate(key, item::remove).await;
        };
        let met = Stamp::of_version(version)?;
        if met.is_alive(clock::wall()) && self.mutate_if(key, item::is_at(&met), item::remove, Vec::new).await? {
            return Ok(());
        }
        Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed))
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        let limit = scan.limit.unwrap_or(PAGE).min(PAGE);
        if limit == 0 || scan.is_empty() {
            return Ok(ScanPage::default());
        }
        let now = clock::wall();
        let mut page = ScanPage::default();
        let (mut asked, mut passed) = (range(&scan), None);
        loop {
            // A page that ends with a key that is no text has room left, as that row gave no entry.
            let left = limit.saturating_sub(page.entries.len()).max(1);
            let (rows, ended) = self.read(asked, left).await;
            ended?;
            let first = rows.done.first().map(|row| &row.key);
            if first.is_some_and(|first| passed.as_ref().is_some_and(|passed| first <= passed)) {
                return Err(nonsense());
            }
            for row in &rows.done {
                let entry = match std::str::from_utf8(&row.key) {
                    Ok(key) if !scan.contains(key) => return Err(nonsense()),
                    // Another program's row hides none of ours.
                    Ok(key) => item::alive(row, now).map(|value| value.map(|value| Entry::new(key, value))),
                    Err(_) => Err(foreign()),
                };
                match entry {
                    Ok(entry) => page.entries.extend(entry),
                    Err(_) => page.foreign += 1,
                }
            }
            let full = rows.done.len() >= left || rows.bytes >= PAGE_BYTES;
            let Some(last) = rows.done.last().filter(|_| full) else {
                return Ok(page);
            };
            match std::str::from_utf8(&last.key) {
                // Also one that has expired: what lies below it is covered.
                Ok(key) => {
                    page.next = Some(key.to_owned());
                    return Ok(page);
                }
                // No page can go on after it.
                Err(_) => (asked, passed) = (above(&scan, &last.key), Some(last.key.clone())),
            }
        }
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        if many.keys.is_empty() {
            return Ok(Vec::new());
        }
        let (rows, ended) = self.read(keys(many.keys.iter().map(|key| key.as_str())), 0).await;
        if rows.done.is_empty() {
            ended.clone()?;
        }
        let now = clock::wall();
        let found: HashMap<&[u8], _> = rows.done.iter().map(|row| (row.key.as_slice(), row)).collect();
        let result = |key: &str| match (found.get(key.as_bytes()), &ended) {
            (Some(row), _) => item::alive(row, now)?.ok_or_else(ProviderError::not_found),
            (None, Ok(())) => Err(ProviderError::not_found()),
            // It may come after the break.
            (None, Err(error)) => Err(error.clone()),
        };
        Ok(many.keys.iter().map(|key| result(key.as_str())).collect())
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        let now = clock::wall();
        let mut results = Vec::with_capacity(many.puts.len());
        let mut batch: Vec<(&Put, Stamp)> = Vec::new();
        let mut bytes = 0;
        for put in many.puts.iter() {
            self.check(put)?;
        }
        for put in many.puts.iter() {
            if !batch.is_empty() && bytes + put.value.len() > BATCH_BYTES {
                results.extend(self.mutate_many(&std::mem::take(&mut batch)).await);
                bytes = 0;
            }
            bytes += put.value.len();
            batch.push((put, Stamp::of(put, None, now)));
        }
        if !batch.is_empty() {
            results.extend(self.mutate_many(&batch).await);
        }
        Ok(results)
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        self.link.host().map(|host| vec![host])
    }

    fn limits(&self) -> Limits {
        Limits::new(KEY_BYTES, CELL_BYTES)
    }

    /// Reads a row that does not exist. The read needs only a permission that the data needs, and finds a wrong table.
    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.read(keys(["evenkeel:warm-up"]), 1).await.1
    }
}

fn range(scan: &Scan) -> RowSet {
    rows(
        scan,
        match scan.lower() {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(StartKey::StartKeyClosed(key.into())),
            Bound::Excluded(key) => Some(StartKey::StartKeyOpen(key.into())),
        },
    )
}

/// The rows of the scan above a row.
fn above(scan: &Scan, row: &[u8]) -> RowSet {
    rows(scan, Some(StartKey::StartKeyOpen(row.to_vec())))
}

fn rows(scan: &Scan, start_key: Option<StartKey>) -> RowSet {
    let end_key = scan.upper().map(|key| EndKey::EndKeyOpen(key.as_bytes().to_vec()));
    RowSet {
        row_keys: Vec::new(),
        row_ranges: vec![RowRange { start_key, end_key }],
    }
}

/// Shows no key and no credential.
impl fmt::Debug for Bigtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bigtable")
            .field("table", &self.table)
            .field("app_profile", &self.app_profile)
            .finish_non_exhaustive()
    }
}
