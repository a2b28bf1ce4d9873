//! Requests to a key-value store and their answers.
//!
//! These are what a provider's adapter receives and returns; applications use [`KvClient`](crate::KvClient).
//! Everything here is cheap to clone (reference counts), because every attempt gets its own copy.
//!
//! ```
//! use evenkeel::request::{OpClass, WriteId, kv::{Condition, Key, KvRequest, Put}};
//!
//! let put = Put::new(Key::new("lock/7").unwrap(), "me", WriteId::new("w1")).on(Condition::Absent);
//! assert_eq!(KvRequest::Put(put).class(), OpClass::Write);
//! ```
//!
//! # Versions and write ids
//! Every write carries a [`WriteId`] that is kept beside the value and comes back with it, so that a retry after a lost
//! answer recognises its own earlier success. Every value has a [`Version`]: a token of the provider's that no other write
//! of the same key has ever had or will have, not even after a delete. (An adapter whose provider has none uses the write
//! id as the version.)

mod key;
mod limits;
mod scan;

pub use super::WriteId;
pub use key::{InvalidKey, Key};
pub use limits::{LimitExceeded, Limits};
pub use scan::{Entry, Scan, ScanPage};

use super::OpClass;
use crate::provider::ProviderError;
use bytes::Bytes;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// One operation on a key-value store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KvRequest {
    /// Fetch a value.
    Get(Get),
    /// Store a value.
    Put(Put),
    /// Remove a value.
    Delete(Delete),
    /// Fetch several values in one call.
    GetMany(GetMany),
    /// Store several values in one call.
    PutMany(PutMany),
    /// One page of a scan.
    Scan(Scan),
}

/// A provider's answer to a [`KvRequest`], variant by variant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KvResponse {
    /// To a get.
    Get(Value),
    /// To a put.
    Put(PutAnswer),
    /// To a delete.
    Delete,
    /// To a get of several: one result per key, in the order of the request.
    GetMany(Vec<Result<Value, ProviderError>>),
    /// To a put of several: one result per key, in the order of the request.
    PutMany(Vec<Result<PutAnswer, ProviderError>>),
    /// To a scan.
    Scan(ScanPage),
}

impl KvRequest {
    /// The class under which health is kept.
    pub const fn class(&self) -> OpClass {
        match self {
            Self::Get(_) | Self::GetMany(_) => OpClass::Read,
            Self::Put(_) | Self::Delete(_) | Self::PutMany(_) => OpClass::Write,
            Self::Scan(_) => OpClass::List,
        }
    }

    /// The operation's name: `get`, `put`, `delete`, `get_many`, `put_many`, `scan`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::Put(_) => "put",
            Self::Delete(_) => "delete",
            Self::GetMany(_) => "get_many",
            Self::PutMany(_) => "put_many",
            Self::Scan(_) => "scan",
        }
    }
}

/// Fetch a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Get {
    /// Which.
    pub key: Key,
    /// It must show the latest write that this endpoint has acknowledged (DynamoDB's consistent read). Default `true`.
    pub fresh: bool,
}

impl Get {
    /// The latest value.
    pub const fn new(key: Key) -> Self {
        Self { key, fresh: true }
    }
}

/// Store `value` under `key`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Put {
    /// Where.
    pub key: Key,
    /// What.
    pub value: Bytes,
    /// On which condition.
    pub condition: Condition,
    /// After this it is absent. Providers keep it to the second or better, rounded up. `None`: see [`Put::expiry`].
    pub time_to_live: Option<Duration>,
    /// It stays, also if the version that it replaces would have expired.
    pub without_expiry: bool,
    /// Kept beside the value, so that a retry recognises its own earlier success. No two writes of a key share one.
    pub write_id: WriteId,
}

impl Put {
    /// Whatever is there is replaced, for good.
    pub fn new(key: Key, value: impl Into<Bytes>, write_id: WriteId) -> Self {
        Self {
            key,
            value: value.into(),
            condition: Condition::Always,
            time_to_live: None,
            without_expiry: false,
            write_id,
        }
    }
}

impl Put {
    /// Only on this condition.
    #[must_use]
    pub fn on(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Absent again after this.
    #[must_use]
    pub const fn expiring(mut self, after: Duration) -> Self {
        self.time_to_live = Some(after);
        self.without_expiry = false;
        self
    }

    /// For good, also if the version that it replaces would have expired.
    #[must_use]
    pub const fn without_expiry(mut self) -> Self {
        self.time_to_live = None;
        self.without_expiry = true;
        self
    }

    /// When what it stores expires: after its time to live; without one, when the version expires that it replaces. A put
    /// that replaces no version, and one that is told so, stays for good.
    pub const fn expiry(&self) -> Expiry {
        match (self.time_to_live, &self.condition) {
            (Some(after), _) => Expiry::After(after),
            (None, Condition::Version(_)) if !self.without_expiry => Expiry::Kept,
            (None, _) => Expiry::Never,
        }
    }

    /// The longest time to live, longer than any cache or lease should have, and short enough that no provider's clock
    /// overflows: 100 years.
    pub const LONGEST_LIFE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

    pub(crate) fn check_life(time_to_live: Option<Duration>) -> Result<(), String> {
        match time_to_live {
            Some(life) if life.is_zero() || life > Self::LONGEST_LIFE => Err(format!(
                "a time to live must lie between 1 ns and 100 years, not {life:?}"
            )),
            _ => Ok(()),
        }
    }
}

/// The value by its length only.
impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put")
            .field("key", &self.key)
            .field("bytes", &self.value.len())
            .field("condition", &self.condition)
            .field("expiry", &self.expiry())
            .field("write_id", &self.write_id)
            .finish()
    }
}

/// When a value that is stored expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It stays.
    Never,
    /// It is absent after this.
    After(Duration),
    /// When that of the version would have expired that it replaces.
    Kept,
}

/// On which condition a put takes place. What has expired is absent, also where the provider has not removed it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there.
    Always,
    /// Only if the key is absent; else [`AlreadyExists`](crate::provider::ProviderErrorKind::AlreadyExists).
    Absent,
    /// Only if the value still has this version; else
    /// [`PreconditionFailed`](crate::provider::ProviderErrorKind::PreconditionFailed), also if there is none.
    Version(Version),
}

/// What a put returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutAnswer {
    /// The version of what was stored.
    pub version: Version,
}

impl PutAnswer {
    /// With this version.
    pub const fn new(version: Version) -> Self {
        Self { version }
    }
}

/// Remove a value. Removing what does not exist succeeds, unless a version was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delete {
    /// Which.
    pub key: Key,
    /// Only if the value has this version; else
    /// [`PreconditionFailed`](crate::provider::ProviderErrorKind::PreconditionFailed), also if there is none.
    pub if_version: Option<Version>,
    /// For providers that recognise a repetition by a token. A delete leaves nothing that could keep it.
    pub write_id: WriteId,
}

impl Delete {
    /// Whatever is there.
    pub const fn new(key: Key, write_id: WriteId) -> Self {
        Self {
            key,
            if_version: None,
            write_id,
        }
    }

    /// Only if the value has this version.
    #[must_use]
    pub fn if_version(mut self, version: Version) -> Self {
        self.if_version = Some(version);
        self
    }
}

/// Fetch several values in one call: at most [`Limits::get_many`], no key twice.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetMany {
    /// Which.
    pub keys: Arc<[Key]>,
    /// See [`Get::fresh`].
    pub fresh: bool,
}

impl GetMany {
    /// The latest values.
    pub fn new(keys: impl Into<Arc<[Key]>>) -> Self {
        Self {
            keys: keys.into(),
            fresh: true,
        }
    }
}

/// Store several values in one call: at most [`Limits::put_many`], no key twice, all of them [`Condition::Always`]. Not a
/// transaction: each has a fate of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PutMany {
    /// What.
    pub puts: Arc<[Put]>,
}

impl PutMany {
    /// These.
    pub fn new(puts: impl Into<Arc<[Put]>>) -> Self {
        Self { puts: puts.into() }
    }
}

/// A value and what is known of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Value {
    /// The bytes.
    pub bytes: Bytes,
    /// What a compare-and-set needs.
    pub version: Version,
    /// The id of the write that stored it. `None`: it was none of ours.
    pub write_id: Option<WriteId>,
    /// When it will be absent, by this host's clock; `None`: it stays.
    pub expires_at: Option<SystemTime>,
}

impl Value {
    /// A value that stays, written by somebody unknown.
    pub fn new(bytes: impl Into<Bytes>, version: Version) -> Self {
        Self {
            bytes: bytes.into(),
            version,
            write_id: None,
            expires_at: None,
        }
    }
}

/// The value by its length only.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("bytes", &self.bytes.len())
            .field("version", &self.version)
            .field("write_id", &self.write_id)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// A version token, together with the endpoint that gave it: it means nothing at another, unless both are replicas of one
/// table in its strong mode ([`Replication::strong`](crate::Replication::strong)).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version {
    token: Arc<str>,
    endpoint: Arc<str>,
}

impl Version {
    /// `token` as the provider gave it; `endpoint` is the endpoint's name. Adapters leave the name empty, and the stack
    /// fills it in.
    pub fn new(token: impl Into<Arc<str>>, endpoint: impl Into<Arc<str>>) -> Self {
        Self {
            token: token.into(),
            endpoint: endpoint.into(),
        }
    }

    /// The token as the provider gave it.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The name of the endpoint that gave it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The same token under its endpoint's name.
    #[must_use]
    pub(crate) fn at(self, endpoint: &Arc<str>) -> Self {
        Self {
            endpoint: endpoint.clone(),
            ..self
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({} at {:?})", self.token, self.endpoint)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.token)
    }
}
