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
//! A value is a hash under the namespace and the key, with the fields `v` (the bytes), `i` (the write id, which is the
//! version, too) and, if it expires, `e` (when, in milliseconds since 1970 by the server's clock; the key itself expires
//! then as well). `HGET sessions:42 v` in `redis-cli` shows a value. A key that holds anything else was not written by
//! evenkeel and is not overwritten ([`Invalid`](super::ProviderErrorKind::Invalid)).
//!
//! # What it promises
//! - **Conditions are atomic**: a script reads, decides and writes in one step. A conditional write that finds the value of
//!   its own write id succeeds.
//! - **Redis itself copies asynchronously.** A write that was acknowledged can be lost when a replica takes over, and `WAIT`
//!   does not change that: so this is never a replica under [`Replication::strong`](crate::Replication::strong). Do not build
//!   a lock that must not fail on it.
//! - **A server that refuses has not acted**: `LOADING`, `READONLY`, `MASTERDOWN`, `OOM`, … are all *not sent*; see
//!   [`redis::verdict`](crate::provider::redis::verdict).
//! - One connection to a server carries all calls. It is opened on first use, at most 0.9 s, once for all who wait for it; what fails
//!   before it stands is *not sent*. It is left when it breaks, when the server says that it is not the primary any more (the
//!   name may lead to another by now), when an attempt was given up on it after half a second, and when two were given up and
//!   nothing else was heard over it for a quarter of one. There are no retries.
//!
//! # Scans
//! Redis has no order among its keys. For each page all keys of the database are gone through (`SCAN`), and the smallest
//! above the last page's are kept: sorted, complete for keys that are there throughout, in memory of one page; and the work
//! grows with the database times the pages. Above [`scan_up_to`](Redis::scan_up_to) keys a scan is refused as unsupported.
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
//! - **What an acknowledgement is worth**: one primary has it in memory. Its replicas get it afterwards, so a write that was
//!   acknowledged in the last moments before a replica takes over is lost, and a primary that is cut off from the others goes
//!   on to acknowledge writes for `cluster-node-timeout` (15 s by default) that are lost for certain once it is back. A
//!   condition holds at the primary that checked it, and no longer than it is one.
//! - Each command touches one key, so keys need no hash tags. A namespace with braces (`{app}:`) puts all of them in one slot.
//! - **`MOVED` and `ASK` are followed** within the attempt, up to five times, and the next call knows the way. Nothing else is
//!   tried again. A node that fails, or sends calls elsewhere, has the next call for its slots ask for the map anew, in at
//!   most 0.9 s and from whichever node answers; calls for other nodes' slots do not wait for that.
//! - `CLUSTERDOWN`, a slot that nobody serves and a node that cannot be connected to are *not sent*. In a batch they are
//!   results of the keys that they concern.
//! - A scan goes through every primary. If slots are on the move, it does so twice, so that no key is left out that was there
//!   throughout; only a slot that changes its node twice while one page is gathered could slip through. A dead primary
//!   fails the page: without it none would be complete.
//! - Only primaries are asked. The user needs `CLUSTER SLOTS`, and `CLUSTER NODES` for scans. Nodes have to be reachable
//!   at the addresses that they give each other (`cluster-announce-ip`, `cluster-announce-hostname`).

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

/// What Redis takes as one string.
const LARGEST: usize = 512 * 1024 * 1024;

/// A walk over so many keys takes a tenth of a second or two; more would be felt by everybody else on the server, which does
/// one thing at a time.
const SCAN_UP_TO: u64 = 100_000;

/// Keys on a Redis or Valkey server or cluster. Clones share the connections.
#[derive(Clone)]
pub struct Redis {
    wire: Arc<Wire>,
    namespace: Arc<str>,
    scan_up_to: u64,
}

impl Redis {
    /// The server and database that `client` leads to. Nothing is sent before the first call.
    pub fn new(client: Client) -> Self {
        Self::over(Wire::Server(Link::to_server(client)))
    }

    /// The cluster that `seeds` are nodes of: two or three of different hosts, or the one name that leads to all. The others
    /// are found through them, and spoken to with the first one's user, password, TLS and settings. Nothing is sent before
    /// the first call.
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

    /// Puts this before every key, so that several applications can share a database. Empty by default.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The most keys in the database (all of them, at all nodes, not only those of the namespace) with which a scan is made. Default
    /// 100,000: about 0.1 s of work for each page, in steps of 1,000 keys between which the server does other things.
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

/// No address, no password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("scan_up_to", &self.scan_up_to)
            .finish_non_exhaustive()
    }
}
