//! A table in this process: for tests, simulations and examples.
//!
//! The table promises what the best real tables promise: conditions are atomic, reads see the latest write, scans are
//! sorted and exact. An expired value is absent at once, by tokio's clock (so paused time works). Nothing is random
//! unless you ask for it ([`MemoryTable::with_latency`], seeded).
//!
//! ```
//! use evenkeel::provider::{KvProvider, MemoryTable, ProviderErrorKind};
//! use evenkeel::request::{WriteId, kv::{Condition, Key, Put}};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let table = MemoryTable::new();
//! let lock = |id| Put::new(Key::new("lock").unwrap(), "me", WriteId::new(id)).on(Condition::Absent);
//! table.put(lock("first")).await.unwrap();
//! let second = table.put(lock("second")).await.unwrap_err();
//! assert_eq!(second.kind(), ProviderErrorKind::AlreadyExists);
//! # }
//! ```

use super::{KvProvider, ProviderError, ProviderErrorKind, check_value, memory::Latency};
use crate::{
    endpoint::Host,
    model::clock::{self, Instant},
    request::{
        WriteId,
        kv::{
            Condition, Delete, Entry, Expiry, Get, GetMany, Key, Limits, Put, PutAnswer, PutMany, Scan, ScanPage,
            Value, Version,
        },
    },
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    fmt,
    ops::{Bound, Range},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most entries in a page of a scan.
const PAGE: usize = 1000;

/// A table in this process. Clones share the table, as replicas in a strong mode do.
#[derive(Clone)]
pub struct MemoryTable {
    rows: Arc<Mutex<BTreeMap<Key, Row>>>,
    latency: Option<Arc<Latency>>,
    limits: Limits,
}

#[derive(Clone)]
struct Row {
    bytes: Bytes,
    write_id: WriteId,
    expires: Option<Instant>,
}

impl Default for MemoryTable {
    fn default() -> Self {
        Self {
            rows: Arc::default(),
            latency: None,
            // Nothing here needs a bound; a client checks keys by itself.
            limits: Limits::new(Key::MAX_BYTES, usize::MAX),
        }
    }
}

impl MemoryTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every operation through this handle, and through its later clones, take a time that is drawn uniformly
    /// from `range`, by tokio's clock. The operation takes effect at the end of that time. An operation that is dropped
    /// earlier has not happened.
    #[must_use]
    pub fn with_latency(mut self, range: Range<Duration>, seed: u64) -> Self {
        self.latency = Some(Arc::new(Latency::new(range, seed)));
        self
    }

    /// Sets the table's limits, as if the table were the provider with these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    async fn serve(&self) -> MutexGuard<'_, BTreeMap<Key, Row>> {
        if let Some(latency) = &self.latency {
            latency.pass().await;
        }
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn is_alive(&self, now: Instant) -> bool {
        self.expires.is_none_or(|at| now < at)
    }

    /// No two writes share a write id, so the write id serves as the version, too.
    fn version(&self) -> Version {
        Version::new(self.write_id.as_str(), "")
    }

    fn value(&self, now: Instant) -> Value {
        Value {
            write_id: Some(self.write_id.clone()),
            expires_at: self
                .expires
                .and_then(|at| clock::wall().checked_add(at.saturating_duration_since(now))),
            ..Value::new(self.bytes.clone(), self.version())
        }
    }
}

fn alive<'r>(rows: &'r BTreeMap<Key, Row>, key: &Key, now: Instant) -> Option<&'r Row> {
    rows.get(key).filter(|row| row.is_alive(now))
}

fn get(rows: &BTreeMap<Key, Row>, key: &Key, now: Instant) -> Result<Value, ProviderError> {
    let row = alive(rows, key, now).ok_or_else(ProviderError::not_found)?;
    Ok(row.value(now))
}

fn put(rows: &mut BTreeMap<Key, Row>, put: &Put, limits: &Limits, now: Instant) -> Result<PutAnswer, ProviderError> {
    check_value("the table", limits, put)?;
    let there = alive(rows, &put.key, now);
    let own = there.is_some_and(|row| row.write_id == put.write_id);
    let refused = match &put.condition {
        _ if own => None,
        Condition::Absent if there.is_some() => Some(ProviderErrorKind::AlreadyExists),
        Condition::Version(version) if there.is_none_or(|row| row.write_id.as_str() != version.token()) => {
            Some(ProviderErrorKind::PreconditionFailed)
        }
        Condition::Always | Condition::Absent | Condition::Version(_) => None,
    };
    if let Some(refused) = refused {
        return Err(ProviderError::answer(refused));
    }
    let row = Row {
        bytes: put.value.clone(),
        write_id: put.write_id.clone(),
        expires: match put.expiry() {
            Expiry::Never => None,
            // Beyond the clock's end it is none.
            Expiry::After(life) => now.checked_add(life),
            Expiry::Kept => there.and_then(|row| row.expires),
        },
    };
    let answer = PutAnswer::new(row.version());
    if !(own && put.condition != Condition::Always) {
        rows.insert(put.key.clone(), row);
    }
    Ok(answer)
}

impl KvProvider for MemoryTable {
    async fn get(&self, asked: Get) -> Result<Value, ProviderError> {
        get(&*self.serve().await, &asked.key, clock::now())
    }

    async fn put(&self, asked: Put) -> Result<PutAnswer, ProviderError> {
        // One lock from the check to the write is what makes conditions atomic.
        put(&mut *self.serve().await, &asked, &self.limits, clock::now())
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let mut rows = self.serve().await;
        if let Some(version) = &delete.if_version {
            let there = alive(&rows, &delete.key, clock::now());
            if there.is_none_or(|row| row.write_id.as_str() != version.token()) {
                return Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed));
            }
        }
        rows.remove(&delete.key);
        Ok(())
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        let rows = self.serve().await;
        let now = clock::now();
        let limit = scan.limit.unwrap_or(PAGE).min(PAGE);
        let mut page = ScanPage::default();
        if scan.is_empty() {
            return Ok(page);
        }
        let keys = rows.range::<str, _>((scan.lower(), Bound::Unbounded));
        for (key, row) in keys.take_while(|(key, _)| scan.contains(key.as_str())) {
            if !row.is_alive(now) {
                continue;
            }
            if page.entries.len() == limit {
                page.next = page.entries.last().map(|entry| entry.key.clone());
                break;
            }
            page.entries.push(Entry::new(key.as_str(), row.value(now)));
        }
        Ok(page)
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        let rows = self.serve().await;
        let now = clock::now();
        Ok(many.keys.iter().map(|key| get(&rows, key, now)).collect())
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        let mut rows = self.serve().await;
        let now = clock::now();
        let puts = many.puts.iter();
        Ok(puts.map(|asked| put(&mut rows, asked, &self.limits, now)).collect())
    }

    /// Empty: this table contacts no host.
    fn hosts(&self) -> Option<Vec<Host>> {
        Some(Vec::new())
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    /// Clones of one table are replicas that are always in step.
    fn has_strong_replicas(&self) -> bool {
        true
    }
}

/// Shows no keys and no values.
impl fmt::Debug for MemoryTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTable")
            .field("rows", &self.lock().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Key {
        Key::new(key).unwrap()
    }

    fn write(k: &str, value: &'static str, id: &str) -> Put {
        Put::new(key(k), value, WriteId::new(id))
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_value_is_absent_from_every_operation() {
        let table = MemoryTable::new();
        let ttl = |id| Put {
            time_to_live: Some(Duration::from_secs(5)),
            ..write("k", "v", id)
        };
        let version = table.put(ttl("1")).await.unwrap().version;
        tokio::time::sleep(Duration::from_millis(4_999)).await;
        assert!(table.get(Get::new(key("k"))).await.unwrap().expires_at.is_some());
        tokio::time::sleep(Duration::from_millis(1)).await;
        let gone = table.get(Get::new(key("k"))).await.unwrap_err();
        assert_eq!(gone.kind(), ProviderErrorKind::NotFound);
        assert!(table.scan(Scan::default()).await.unwrap().entries.is_empty());
        let late = Put {
            condition: Condition::Version(version),
            ..write("k", "w", "2")
        };
        let refused = table.put(late).await.unwrap_err();
        assert_eq!(refused.kind(), ProviderErrorKind::PreconditionFailed);
        let create = Put {
            condition: Condition::Absent,
            ..write("k", "new", "3")
        };
        table.put(create).await.unwrap();
        assert_eq!(table.get(Get::new(key("k"))).await.unwrap().expires_at, None);
    }

    #[tokio::test]
    async fn a_repeated_conditional_put_recognises_itself() {
        let table = MemoryTable::new();
        let create = Put {
            condition: Condition::Absent,
            ..write("k", "v", "1")
        };
        let first = table.put(create.clone()).await.unwrap();
        assert_eq!(table.put(create).await.unwrap(), first);
    }

    #[tokio::test]
    async fn a_scan_resumes_after_the_last_key() {
        let table = MemoryTable::new();
        for name in ["a", "b/1", "b/2", "b/3", "c"] {
            table.put(write(name, "v", name)).await.unwrap();
        }
        let mut scan = Scan {
            prefix: "b/".into(),
            limit: Some(2),
            ..Scan::default()
        };
        let page = table.scan(scan.clone()).await.unwrap();
        assert_eq!(page.next.as_deref(), Some("b/2"));
        scan.after = page.next;
        let page = table.scan(scan).await.unwrap();
        assert_eq!((page.entries[0].key.as_str(), page.next), ("b/3", None));
    }
}
