//! Where the data lies, and in which order the pages of several endpoints are merged. Pure.

mod listing;
mod mode;
mod progress;

pub(crate) use listing::{Line, Merge, Next};
pub(crate) use mode::Mode;
pub(crate) use progress::Progress;

use std::sync::Arc;

/// Where the data lives: how it gets from the endpoint that took a write to the others.
///
/// There is no silent default for a client with two or more writable endpoints, because each answer gives up something.
/// (With one writable endpoint, alone or beside read-only copies, it is `provider_managed`.)
///
/// | | a put | while the home is down | a read |
/// |---|---|---|---|
/// | [`provider_managed`](Self::provider_managed) | to the home | writes fail, reads go on | marked possibly stale when not from the home |
/// | [`write_once`](Self::write_once) | to the first endpoint that takes it | nobody notices | asks everyone before it says *not found* |
/// | [`strong`](Self::strong), tables only | to the first replica that takes it | nobody notices | at any replica |
#[derive(Clone, Debug)]
pub struct Replication {
    pub(crate) plan: Plan,
    pub(crate) home: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    ProviderManaged,
    WriteOnce,
    Strong,
}

impl Replication {
    /// The provider copies (S3 cross-region replication, RA-GRS, dual-region buckets).
    ///
    /// Writes and deletes go to a fixed *home* (the first endpoint that is not read-only) or fail: with
    /// [`ErrorKind::HomeUnavailable`](crate::ErrorKind::HomeUnavailable) if they were provably not applied, else with `MaybeApplied`. Reads fail over; what does not come from the home is marked possibly stale. A
    /// copy's *not found* is no proof, as it may lag: the home is asked, and if it cannot be, the read is
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable).
    pub const fn provider_managed() -> Self {
        Self {
            plan: Plan::ProviderManaged,
            home: None,
        }
    }

    /// A key is written once and never again, not even after it was deleted.
    ///
    /// `put` means create and fails over freely: the object lies wherever an endpoint took it. When an answer was lost, that
    /// endpoint is looked at first: what lies there, ours or another's, decides. Where nothing is found yet, or it cannot be looked
    /// at within twice its own p99 (before that is known within a second, or 250 ms where it was silent), the create goes elsewhere, and the object may come to lie at two: with the same
    /// bytes, unless the endpoint that could not be looked at held another's. The answer then says
    /// [`earlier_attempt_unresolved`](crate::client::object::Stored::earlier_attempt_unresolved). A read asks every endpoint that may hold the key before it says *not found*; a delete is Ok only
    /// when every writable endpoint has confirmed it; overwrite and if-match are refused. Reusing a key breaks these
    /// promises: which of two bodies a read returns is then undefined.
    ///
    /// All of it rests on stores that refuse a second create. One of which that is not known is asked
    /// [in the background](crate::ObjectClient::verify) when the first create goes there, and gets no more once it was seen to
    /// overwrite.
    pub const fn write_once() -> Self {
        Self {
            plan: Plan::WriteOnce,
            home: None,
        }
    }

    /// Every endpoint is a replica of *one* table that the provider keeps in step **before** it acknowledges: a DynamoDB
    /// global table with multi-Region strong consistency (MRSC).
    ///
    /// Reads and writes, conditional ones included, go to any replica that is not read-only and fail over freely, because
    /// a version means the same at each of them and a later read at another shows an acknowledged write. What a read-only
    /// replica answers is marked possibly stale. Only for a [`KvClient`](crate::KvClient), and only where
    /// [the adapter](crate::provider::KvProvider::has_strong_replicas) says that its provider has such a mode.
    ///
    /// Nobody can check from here which mode a table is in. **On a global table in its default mode, where the last writer
    /// wins, this breaks compare-and-set**: use [`provider_managed`](Self::provider_managed) there.
    pub const fn strong() -> Self {
        Self {
            plan: Plan::Strong,
            home: None,
        }
    }

    /// Another home than the first endpoint that is not read-only. Only for
    /// [`provider_managed`](Self::provider_managed).
    #[must_use]
    pub fn home(mut self, endpoint: impl Into<Arc<str>>) -> Self {
        self.home = Some(endpoint.into());
        self
    }
}
