//! Keys on a Redis or Valkey server or cluster, on the crate `redis`. Feature `redis`. Needs Redis 6.2, or any Valkey.
//!
//! ```no_run
//! use evenkeel::{Endpoint, KvClient, provider::Redis};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let primary = redis::Client::open("rediss://app:secret@sessions.eu-central-1.example:6379")?; // TLS: two s
//! let replica = redis::Client::open("rediss://app:secret@sessions-ro.eu-central-1.example:6379")?;
//! let sessions = KvClient::builder()
//!     .endpoint(Endpoint::new("primary", Redis::new(primary).namespace("sessions:")))
//!     .endpoint(Endpoint::new("replica", Redis::new(replica).namespace("sessions:")).read_only())
//!     .build()?; // the only writable endpoint is the home; what the replica answers is marked possibly stale
//! # let _ = sessions; Ok(()) }
//! ```
//!
//! # What is stored
//! A value is a hash under the namespace and the key. Field `v` is the bytes. Field `i` is the write id, which is also
//! the version. If the value expires, field `e` is the time of expiry, in milliseconds since 1970 by the server's
//! clock, and the key itself expires then as well. `HGET sessions:42 v` in `redis-cli` shows a value. evenkeel never
//! overwrites a key that holds anything else, because another program wrote it
//! ([`Invalid`](super::ProviderErrorKind::Invalid)).
//!
//! # What the adapter promises
//! - **Conditions are atomic**: a script reads, decides and writes in one step. A conditional write that finds the
//!   value of its own write id succeeds.
//! - **Redis itself copies asynchronously.** An acknowledged write can be lost when a replica takes over, and `WAIT`
//!   does not change that. A Redis endpoint is therefore never a replica under
//!   [`Replication::strong`](crate::Replication::strong). Do not build a lock that must not fail on Redis.
//! - **A server that refuses has not acted**: `LOADING`, `READONLY`, `MASTERDOWN`, `OOM`, … are all *not sent*; see
//!   [`redis::verdict`](crate::provider::redis::verdict).
//! - One connection to a server carries all calls. The first call opens the connection, in at most 0.9 s, once for all
//!   calls that wait. A call that fails before the connection stands is *not sent*.
//! - The adapter leaves the connection in four cases: when the connection breaks; when the server says that it is no
//!   longer the primary (the name may lead to another server by now); when an attempt on the connection was given up
//!   after half a second; and when two attempts were given up and nothing else was heard over the connection for a
//!   quarter of a second.
//! - The adapter does not retry.
//!
//! # Scans
//! Redis has no order among its keys. For each page the adapter goes through all keys of the database (`SCAN`), and
//! keeps the smallest keys above the last page's. A page is sorted, complete for keys that are there throughout, and
//! takes the memory of one page. The work grows with the database times the pages. If the database has more than
//! [`scan_up_to`](Redis::scan_up_to) keys, the adapter refuses the scan as unsupported.
//!
//! # Clusters
//! [`Redis::cluster`] takes some nodes and finds the others. To the stack a cluster is one endpoint.
//!
//! ```no_run
//! use evenkeel::provider::Redis;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let seeds = ["rediss://app:secret@a.cache.example:6379", "rediss://app:secret@b.cache.example:6379"];
//! let seeds: Vec<_> = seeds.into_iter().map(redis::Client::open).collect::<Result<_, _>>()?;
//! let sessions = Redis::cluster(seeds).namespace("sessions:");
//! # let _ = sessions; Ok(()) }
//! ```
//!
//! - **What an acknowledgement is worth**: one primary has the write in memory. Its replicas get the write afterwards.
//!   A write that was acknowledged in the last moments before a replica takes over is lost. A primary that is cut off
//!   from the other nodes acknowledges writes for `cluster-node-timeout` (15 s by default), and all of these writes are
//!   lost once the primary is back. A condition holds at the primary that checked it, and only as long as that node is
//!   the primary.
//! - Each command touches one key, so keys need no hash tags. A namespace with braces (`{app}:`) puts all keys in one
//!   slot.
//! - **The adapter follows `MOVED` and `ASK`** within the attempt, up to five times, and the next call knows the way.
//!   The adapter repeats nothing else. After a node failed or redirected a call, the next call for that node's slots
//!   asks for the map anew, in at most 0.9 s and from any node that answers. Calls for other nodes' slots do not wait
//!   for the map.
//! - `CLUSTERDOWN`, a slot without a node and a node that cannot be reached are *not sent*. In a batch they are results
//!   of the keys that they concern.
//! - A scan goes through every primary. If slots are on the move, the scan goes through every primary twice, so that it
//!   leaves out no key that was there throughout. Only a slot that changes its node twice while one page is gathered
//!   could slip through. A dead primary fails the page: without that primary no page would be complete.
//! - The adapter asks only primaries. The user needs `CLUSTER SLOTS`, and `CLUSTER NODES` for scans. The nodes must be
//!   reachable at the addresses that they give each other (`cluster-announce-ip`, `cluster-announce-hostname`).

mod cluster;
mod error;
mod item;
mod link;
mod scan;
mod script;
pub mod verdict;
mod wire;

pub use verdict::RedisVerdicts;

use super::{KvProvider, ProviderError, ProviderErrorKind, check_value};
use crate::{
    endpoint::Host,
    request::kv::{Delete, Get, GetMany, Key, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value},
};
use cluster::Cluster;
use error::nonsense;
use item::{Arguments, answered, found, put_answer, read};
use link::Link;
use redis::{Client, Value as Answer};
use script::Script;
use std::{fmt, sync::Arc};
use wire::Wire;

/// The largest string that Redis takes.
const LARGEST: usize = 512 * 1024 * 1024;

/// A walk over this many keys takes a tenth of a second or two. Every other client of the server would notice more,
/// because the server does one thing at a time.
const SCAN_UP_TO: u64 = 100_000;

/// Keys on a Redis or Valkey server or cluster. Clones share the connections.
#[derive(Clone)]
pub struct Redis {
    wire: Arc<Wire>,
    namespace: Arc<str>,
    scan_up_to: u64,
}

impl Redis {
    /// The server and database of `client`. Nothing is sent before the first call.
    pub fn new(client: Client) -> Self {
        Self::over(Wire::Server(Link::to_server(client)))
    }

    /// The cluster to which the `seeds` belong: two or three nodes on different hosts, or the one name that leads to
    /// all nodes. The seeds lead to the other nodes. All nodes are contacted with the first seed's user, password, TLS
    /// and settings. Nothing is sent before the first call.
    pub fn cluster(seeds: impl IntoIterator<Item = Client>) -> Self {
        Self::over(Wire::Cluster(Cluster::new(seeds)))
    }

    fn over(wire: Wire) -> Self {
        Self {
            wire: Arc::new(wire),
            namespace: "".into(),
            scan_up_to: SCAN_UP_TO,
        }
    }

    /// Puts this namespace before every key, so that several applications can share a database. Empty by default.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The most keys in the database with which a scan is made. All keys of all nodes count, not only those of the
    /// namespace. Default 100,000: about 0.1 s of work for each page, in steps of 1,000 keys. Between two steps the
    /// server does other things.
    #[must_use]
    pub const fn scan_up_to(mut self, keys: u64) -> Self {
        self.scan_up_to = keys;
        self
    }

    fn full(&self, key: &str) -> Vec<u8> {
        [self.namespace.as_bytes(), key.as_bytes()].concat()
    }

    async fn run(&self, script: &Script, key: &Key, arguments: &[&[u8]]) -> Result<Answer, ProviderError> {
        let key = self.full(key.as_str());
        match self.wire.command(&key, &script.by_name(&key, arguments)).await? {
            // It has not seen the script yet, or has forgotten it: nothing was done.
            Err(error) if error.code() == Some("NOSCRIPT") => {
                answered(self.wire.command(&key, &script.whole(&key, arguments)).await)
            }
            answer => answered(Ok(answer)),
        }
    }
}

impl KvProvider for Redis {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        let key = self.full(get.key.as_str());
        found(self.wire.command(&key, &read(&key)).await)
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        check_value("Redis", &self.limits(), &put)?;
        let arguments = Arguments::new(&put);
        let answer = self.run(&script::PUT, &put.key, &arguments.list()).await?;
        put_answer(&answer, &put)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let Some(version) = &delete.if_version else {
            let key = self.full(delete.key.as_str());
            let mut command = redis::cmd("DEL");
            command.arg(&key);
            return match answered(self.wire.command(&key, &command).await)? {
                Answer::Int(_) => Ok(()),
                _ => Err(nonsense()),
            };
        };
        let arguments = [version.token().as_bytes()];
        match self.run(&script::DELETE, &delete.key, &arguments).await? {
            Answer::Int(script::DONE) => Ok(()),
            Answer::Int(script::CHANGED) => Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed)),
            _ => Err(nonsense()),
        }
    }

    async fn scan(&self, scan: Scan) -> Result<ScanPage, ProviderError> {
        scan::page(self, &scan).await
    }

    async fn get_many(&self, many: GetMany) -> Result<Vec<Result<Value, ProviderError>>, ProviderError> {
        let keys: Vec<_> = many.keys.iter().map(|key| self.full(key.as_str())).collect();
        let replies = self.wire.each(&keys, |at, _| read(&keys[at])).await?;
        Ok(replies.into_iter().map(found).collect())
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        let limits = self.limits();
        many.puts
            .iter()
            .try_for_each(|put| check_value("Redis", &limits, put))?;
        let keys: Vec<_> = many.puts.iter().map(|put| self.full(put.key.as_str())).collect();
        let put = |at: usize, first| {
            let arguments = Arguments::new(&many.puts[at]);
            // The first brings the script along, so that the server knows it for the others.
            match first {
                true => script::PUT.whole(&keys[at], &arguments.list()),
                false => script::PUT.by_name(&keys[at], &arguments.list()),
            }
        };
        let replies = self.wire.each(&keys, put).await?.into_iter().zip(many.puts.iter());
        Ok(replies.map(|(reply, put)| put_answer(&answered(reply)?, put)).collect())
    }

    /// The server. The nodes of a cluster are not known beforehand.
    fn hosts(&self) -> Option<Vec<Host>> {
        match &*self.wire {
            Wire::Server(link) => Some(link.hosts()),
            Wire::Cluster(_) => None,
        }
    }

    fn limits(&self) -> Limits {
        Limits::new(Key::MAX_BYTES, LARGEST)
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.wire.warm_up().await
    }
}

/// Shows no address and no password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("scan_up_to", &self.scan_up_to)
            .finish_non_exhaustive()
    }
}
