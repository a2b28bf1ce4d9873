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
    /// The version of the stored value: for the next [`compare_and_set`](super::KvClient::compare_and_set).
    pub const fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// The endpoint that stored the value.
    pub fn endpoint(&self) -> &str {
        self.answer.endpoint()
    }

    /// An attempt of this put was given up before its answer came, and may still land. A late `put` would undo newer
    /// writes; a late `put_if_absent` would store the value again after a removal. See [late
    /// attempts](crate::client#late-attempts) for how long, and what to do.
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

    /// The version that a [`compare_and_set`](super::KvClient::compare_and_set) needs.
    pub const fn version(&self) -> &Version {
        &self.value.version
    }

    /// The id of the write that stored the value. Compare the id with an [error's](crate::Error::write_id) by
    /// [`names_same_write`](WriteId::names_same_write), to find out whether that write was applied. `None`: no evenkeel
    /// client wrote the value.
    pub const fn write_id(&self) -> Option<&WriteId> {
        self.value.write_id.as_ref()
    }

    /// When the value expires; `None`: the value stays.
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

    /// The answer came from a copy that may lag behind the home.
    pub const fn is_possibly_stale(&self) -> bool {
        self.answer.possibly_stale
    }
}
