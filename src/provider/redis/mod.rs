//! Keys on one Redis or Valkey server, on the crate `redis`. Feature `redis`. Needs Redis 6.2, or any Valkey.
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
//!   [`verdict::redis`](crate::verdict::redis).
//! - One connection carries all calls. It is opened on first use, at most 0.9 s, once for all who wait for it; what fails
//!   before it stands is *not sent*. It is left when it breaks, when the server says that it is not the primary any more (the
//!   name may lead to another by now), and when an attempt was given up on it after half a second. There are no retries.
//!
//! # Scans
//! Redis has no order among its keys. For each page all keys of the database are gone through (`SCAN`), and the smallest
//! above the last page's are kept: sorted, complete for keys that are there throughout, in memory of one page; and the work
//! grows with the database times the pages. Above [`scan_up_to`](Redis::scan_up_to) keys a scan is refused as unsupported.
//!
//! # Not here
//! Clusters: the scan would have to ask every node. A cluster that is spoken to as if it were one server answers `MOVED`.

mod error;
mod link;
mod scan;
mod script;

use super::{KvProvider, ProviderError, ProviderErrorKind};
use crate::endpoint::Host;
use crate::request::{
    WriteId,
    kv::{Condition, Delete, Get, GetMany, Key, Limits, Put, PutAnswer, PutMany, Scan, ScanPage, Value, Version},
};
use error::{failed, foreign, nonsense};
use link::Link;
use redis::{Client, Cmd, Pipeline, RedisResult, Value as Answer};
use script::Script;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What Redis takes as one string.
const LARGEST: usize = 512 * 1024 * 1024;

/// A walk over so many keys takes a tenth of a second or two; more would be felt by everybody else on the server, which does
/// one thing at a time.
const SCAN_UP_TO: u64 = 100_000;

/// Keys on one Redis or Valkey server. Clones share the connection.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
    namespace: Arc<str>,
    scan_up_to: u64,
}

impl Redis {
    /// The server and database that `client` leads to. Nothing is sent before the first call.
    pub fn new(client: Client) -> Self {
        Self {
            link: Arc::new(Link::new(client)),
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

    /// The most keys in the database (all of them, not only those of the namespace) with which a scan is made. Default
    /// 100,000: about 0.1 s of work for each page, in steps of 1,000 keys between which the server does other things.
    #[must_use]
    pub const fn scan_up_to(mut self, keys: u64) -> Self {
        self.scan_up_to = keys;
        self
    }

    fn full(&self, key: &str) -> Vec<u8> {
        [self.namespace.as_bytes(), key.as_bytes()].concat()
    }

    fn read(&self, key: &str) -> Cmd {
        let mut read = redis::cmd("HMGET");
        read.arg(self.full(key)).arg(&["v", "i", "e"]);
        read
    }

    async fn run(&self, script: &Script, key: &Key, arguments: &[&[u8]]) -> Result<Answer, ProviderError> {
        let key = self.full(key.as_str());
        match self.link.command(&script.by_name(&key, arguments)).await? {
            // It has not seen the script yet, or has forgotten it: nothing was done.
            Err(error) if error.code() == Some("NOSCRIPT") => self
                .link
                .command(&script.whole(&key, arguments))
                .await?
                .map_err(|error| failed(&error)),
            answer => answer.map_err(|error| failed(&error)),
        }
    }
}

/// The arguments of [`script::PUT`], beside the value.
struct Arguments<'p> {
    put: &'p Put,
    life: String,
}

impl<'p> Arguments<'p> {
    fn new(put: &'p Put) -> Self {
        let life = put
            .time_to_live
            .map(|life| life.as_nanos().div_ceil(1_000_000).to_string());
        Self {
            put,
            life: life.unwrap_or_default(),
        }
    }

    fn list(&self) -> [&[u8]; 5] {
        let (condition, version) = match &self.put.condition {
            Condition::Always => ("always", ""),
            Condition::Absent => ("absent", ""),
            Condition::Version(version) => ("version", version.token()),
        };
        [
            &self.put.value,
            self.put.write_id.as_str().as_bytes(),
            condition.as_bytes(),
            version.as_bytes(),
            self.life.as_bytes(),
        ]
    }
}

/// What came of a put.
fn put_answer(answer: &Answer, put: &Put) -> Result<PutAnswer, ProviderError> {
    match answer {
        Answer::Int(script::DONE | script::OWN) => Ok(PutAnswer::new(Version::new(put.write_id.as_str(), ""))),
        Answer::Int(script::EXISTS) => Err(ProviderError::answer(ProviderErrorKind::AlreadyExists)),
        Answer::Int(script::CHANGED) => Err(ProviderError::answer(ProviderErrorKind::PreconditionFailed)),
        Answer::Int(script::FOREIGN) => Err(foreign()),
        _ => Err(nonsense()),
    }
}

/// What came of a read; `None`: there is nothing.
fn value(answer: Answer) -> Result<Option<Value>, ProviderError> {
    let Answer::Array(fields) = answer else {
        return Err(nonsense());
    };
    let mut fields = fields.into_iter();
    let (Some(bytes), Some(id), Some(expires), None) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(nonsense());
    };
    let (bytes, id) = match (bytes, id) {
        (Answer::Nil, Answer::Nil) => return Ok(None),
        (Answer::BulkString(bytes), Answer::BulkString(id)) => (bytes, id),
        (Answer::Nil | Answer::BulkString(_), Answer::Nil | Answer::BulkString(_)) => return Err(foreign()),
        _ => return Err(nonsense()),
    };
    let id = String::from_utf8(id).map_err(|_| foreign())?;
    Ok(Some(Value {
        expires_at: expiry(expires)?,
        write_id: Some(WriteId::new(id.as_str())),
        ..Value::new(bytes, Version::new(id, ""))
    }))
}

fn expiry(field: Answer) -> Result<Option<SystemTime>, ProviderError> {
    match field {
        Answer::Nil => Ok(None),
        Answer::BulkString(text) => {
            let text = std::str::from_utf8(&text).ok();
            let millis = text.and_then(|text| text.parse().ok()).ok_or_else(foreign)?;
            Ok(SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)))
        }
        _ => Err(nonsense()),
    }
}

fn found(answer: RedisResult<Answer>) -> Result<Value, ProviderError> {
    let answer = answer.map_err(|error| failed(&error))?;
    value(answer)?.ok_or_else(ProviderError::not_found)
}

impl KvProvider for Redis {
    async fn get(&self, get: Get) -> Result<Value, ProviderError> {
        found(self.link.command(&self.read(get.key.as_str())).await?)
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        let arguments = Arguments::new(&put);
        let answer = self.run(&script::PUT, &put.key, &arguments.list()).await?;
        put_answer(&answer, &put)
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        let Some(version) = &delete.if_version else {
            let mut command = redis::cmd("DEL");
            command.arg(self.full(delete.key.as_str()));
            let answer = self.link.command(&command).await?.map_err(|error| failed(&error))?;
            return match answer {
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
        if many.keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(many.keys.len());
        for key in many.keys.iter() {
            pipeline.add_command(self.read(key.as_str()));
        }
        Ok(self.link.pipeline(pipeline).await?.into_iter().map(found).collect())
    }

    async fn put_many(&self, many: PutMany) -> Result<Vec<Result<PutAnswer, ProviderError>>, ProviderError> {
        let mut pipeline = Pipeline::with_capacity(many.puts.len());
        for (at, put) in many.puts.iter().enumerate() {
            let (key, arguments) = (self.full(put.key.as_str()), Arguments::new(put));
            // The first brings the script along, so that the server knows it for the others.
            pipeline.add_command(match at {
                0 => script::PUT.whole(&key, &arguments.list()),
                _ => script::PUT.by_name(&key, &arguments.list()),
            });
        }
        if many.puts.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.link.pipeline(pipeline).await?.into_iter().zip(many.puts.iter());
        Ok(answers
            .map(|(answer, put)| put_answer(&answer.map_err(|error| failed(&error))?, put))
            .collect())
    }

    fn hosts(&self) -> Option<Vec<Host>> {
        Some(self.link.hosts())
    }

    fn limits(&self) -> Limits {
        Limits::new(Key::MAX_BYTES, LARGEST)
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        self.link.open().await?;
        let answer = self.link.command(&redis::cmd("PING")).await?;
        answer.map(drop).map_err(|error| failed(&error))
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
