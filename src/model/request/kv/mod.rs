//! Requests to a key-value store and their answers.
//!
//! A provider's adapter receives these requests and returns these answers. Applications use
//! [`KvClient`](crate::KvClient). Every type here is cheap to clone (reference counts), because every attempt gets a
//! copy of its own.
//!
//! ```
//! use evenkeel::request::{OpClass, WriteId, kv::{Condition, Key, KvRequest, Put}};
//!
//! let put = Put::new(Key::new("lock/7").unwrap(), "me", WriteId::new("w1")).on(Condition::Absent);
//! assert_eq!(KvRequest::Put(put).class(), OpClass::Write);
//! ```
//!
//! # Versions and write ids
//! Every write carries a [`WriteId`]. The store keeps the id beside the value and returns both, so that a retry after a
//! lost answer recognises its own earlier success. Every value has a [`Version`]: a token of the provider's. No other
//! write of the same key ever has the same version, not even after a delete. (If a provider has no such token, the
//! adapter uses the write id as the version.)

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

/// A provider's answer to a [`KvRequest`]. The variants correspond.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KvResponse {
    /// The answer to a get.
    Get(Value),
    /// The answer to a put.
    Put(PutAnswer),
    /// The answer to a delete.
    Delete,
    /// The answer to a get of several values: one result per key, in the order of the request.
    GetMany(Vec<Result<Value, ProviderError>>),
    /// The answer to a put of several values: one result per key, in the order of the request.
    PutMany(Vec<Result<PutAnswer, ProviderError>>),
    /// The answer to a scan.
    Scan(ScanPage),
}

impl KvResponse {
    /// The length of the values that the answer brings.
    pub(crate) fn body(&self) -> u64 {
        let length = |value: &Value| value.bytes.len() as u64;
        match self {
            Self::Get(value) => length(value),
            Self::GetMany(results) => results.iter().flatten().map(length).sum(),
            Self::Scan(page) => page.entries.iter().map(|entry| length(&entry.value)).sum(),
            _ => 0,
        }
    }
}

impl KvRequest {
    /// The length of the values that the request stores.
    pub(crate) fn body(&self) -> u64 {
        match self {
            Self::Put(put) => put.value.len() as u64,
            Self::PutMany(many) => many.puts.iter().map(|put| put.value.len() as u64).sum(),
            _ => 0,
        }
    }

    /// The class of work for which health is kept.
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

/// A request for a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Get {
    /// The value's key.
    pub key: Key,
    /// Whether the answer must show the latest write that this endpoint has acknowledged (DynamoDB's consistent read).
    /// Default `true`.
    pub fresh: bool,
}

impl Get {
    /// Fetches the latest value.
    pub const fn new(key: Key) -> Self {
        Self { key, fresh: true }
    }
}

/// A request to store `value` under `key`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Put {
    /// The value's key.
    pub key: Key,
    /// The value's bytes.
    pub value: Bytes,
    /// The condition of the put.
    pub condition: Condition,
    /// How long until the value is absent. Providers keep this to the second or better, rounded up. `None`: see
    /// [`Put::expiry`].
    pub time_to_live: Option<Duration>,
    /// Whether the value stays, also if the replaced version would have expired.
    pub without_expiry: bool,
    /// The id that is kept beside the value, so that a retry recognises its own earlier success. No two writes of a key
    /// share an id.
    pub write_id: WriteId,
}

impl Put {
    /// Replaces any value. The new value does not expire.
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
    /// Makes the put conditional.
    #[must_use]
    pub fn on(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Makes the value absent after this time.
    #[must_use]
    pub const fn expiring(mut self, after: Duration) -> Self {
        self.time_to_live = Some(after);
        self.without_expiry = false;
        self
    }

    /// Makes the value stay, also if the replaced version would have expired.
    #[must_use]
    pub const fn without_expiry(mut self) -> Self {
        self.time_to_live = None;
        self.without_expiry = true;
        self
    }

    /// When the stored value expires: after its time to live. Without a time to live, when the replaced version would
    /// have expired. If the put replaces no version, or has [`without_expiry`](Self::without_expiry), the value stays.
    pub const fn expiry(&self) -> Expiry {
        match (self.time_to_live, &self.condition) {
            (Some(after), _) => Expiry::After(after),
            (None, Condition::Version(_)) if !self.without_expiry => Expiry::Kept,
            (None, _) => Expiry::Never,
        }
    }

    /// The longest time to live: 100 years. It is longer than any cache or lease should have, and short enough that no
    /// provider's clock overflows.
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

/// Shows only the length of the value.
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

/// When a stored value expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The value does not expire.
    Never,
    /// The value is absent after this time.
    After(Duration),
    /// The value expires when the replaced version would have.
    Kept,
}

/// The condition of a put. An expired value is absent, also if the provider has not removed it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The put takes place in any case.
    Always,
    /// The put takes place only if the key is absent. Otherwise it fails with
    /// [`AlreadyExists`](crate::provider::ProviderErrorKind::AlreadyExists).
    Absent,
    /// The put takes place only if the value still has this version. Otherwise, also if there is no value, it fails
    /// with [`PreconditionFailed`](crate::provider::ProviderErrorKind::PreconditionFailed).
    Version(Version),
}

/// The answer to a put.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutAnswer {
    /// The version of the stored value.
    pub version: Version,
}

impl PutAnswer {
    /// An answer with this version.
    pub const fn new(version: Version) -> Self {
        Self { version }
    }
}

/// A request to remove a value. The delete of an absent value succeeds, unless the delete has a version.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delete {
    /// The value's key.
    pub key: Key,
    /// Removes the value only if it has this version. Otherwise, also if there is no value, the delete fails with
    /// [`PreconditionFailed`](crate::provider::ProviderErrorKind::PreconditionFailed).
    pub if_version: Option<Version>,
    /// For providers that recognise a repetition by a token. After a delete, no value remains that could keep the id.
    pub write_id: WriteId,
}

impl Delete {
    /// Removes any value.
    pub const fn new(key: Key, write_id: WriteId) -> Self {
        Self {
            key,
            if_version: None,
            write_id,
        }
    }

    /// Makes the delete conditional on this version.
    #[must_use]
    pub fn if_version(mut self, version: Version) -> Self {
        self.if_version = Some(version);
        self
    }
}

/// A request for several values in one call: at most [`Limits::get_many`], no key twice.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GetMany {
    /// The values' keys.
    pub keys: Arc<[Key]>,
    /// See [`Get::fresh`].
    pub fresh: bool,
}

impl GetMany {
    /// Fetches the latest values.
    pub fn new(keys: impl Into<Arc<[Key]>>) -> Self {
        Self {
            keys: keys.into(),
            fresh: true,
        }
    }
}

/// A request to store several values in one call: at most [`Limits::put_many`], no key twice, all of them
/// [`Condition::Always`]. This is not a transaction: each put has a result of its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PutMany {
    /// The puts.
    pub puts: Arc<[Put]>,
}

impl PutMany {
    /// A batch of these puts.
    pub fn new(puts: impl Into<Arc<[Put]>>) -> Self {
        Self { puts: puts.into() }
    }
}

/// A value and its metadata.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Value {
    /// The bytes.
    pub bytes: Bytes,
    /// The version, which a compare-and-set needs.
    pub version: Version,
    /// The id of the write that stored the value. `None`: evenkeel did not store the value.
    pub write_id: Option<WriteId>,
    /// When the value becomes absent, by this host's clock. `None`: the value does not expire.
    pub expires_at: Option<SystemTime>,
}

impl Value {
    /// A value that does not expire, from an unknown writer.
    pub fn new(bytes: impl Into<Bytes>, version: Version) -> Self {
        Self {
            bytes: bytes.into(),
            version,
            write_id: None,
            expires_at: None,
        }
    }
}

/// Shows only the length of the value.
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

/// A version token, together with the endpoint that gave it. The token means nothing at another endpoint, unless both
/// are replicas of one table in its strong mode ([`Replication::strong`](crate::Replication::strong)).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version {
    token: Arc<str>,
    endpoint: Arc<str>,
}

impl Version {
    /// `token` is the provider's token; `endpoint` is the endpoint's name. Adapters leave the name empty, and the stack
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

    /// The name of the endpoint that gave the token.
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
