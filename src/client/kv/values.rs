use crate::{
    call::Answer,
    request::{
        WriteId,
        kv::{Value, Version},
    },
};
use bytes::Bytes;
use std::time::SystemTime;

/// A value that was stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub(super) version: Option<Version>,
    pub(super) answer: Answer,
}

/// A value that was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub(super) value: Value,
    pub(super) answer: Answer,
}

impl Stored {
    /// The version of what was stored: for the next [`compare_and_set`](super::KvClient::compare_and_set).
    pub const fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// The endpoint that stored it.
    pub fn endpoint(&self) -> &str {
        self.answer.endpoint()
    }

    /// An attempt of this put was given up before its answer came, and may still land: a `put`'s would undo what is written
    /// meanwhile, that of a `put_if_absent` would store the value again after it was removed. For how long, and what to do, is
    /// said under [late attempts](crate::client#late-attempts).
    pub const fn earlier_attempt_unresolved(&self) -> bool {
        self.answer.unresolved
    }
}

impl Fetched {
    /// The bytes.
    pub const fn bytes(&self) -> &Bytes {
        &self.value.bytes
    }

    /// The bytes, by value.
    pub fn into_bytes(self) -> Bytes {
        self.value.bytes
    }

    /// What a [`compare_and_set`](super::KvClient::compare_and_set) needs.
    pub const fn version(&self) -> &Version {
        &self.value.version
    }

    /// The id of the write that stored it: compare it with an [error's](crate::Error::write_id) to find out what became of
    /// a write. `None`: it was none of ours.
    pub const fn write_id(&self) -> Option<&WriteId> {
        self.value.write_id.as_ref()
    }

    /// When it will be absent; `None`: it stays.
    pub const fn expires_at(&self) -> Option<SystemTime> {
        self.value.expires_at
    }

    /// The value as the provider's adapter gave it.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// The endpoint that answered.
    pub fn endpoint(&self) -> &str {
        self.answer.endpoint()
    }

    /// It came from a copy that may lag behind the home.
    pub const fn is_possibly_stale(&self) -> bool {
        self.answer.possibly_stale
    }
}
