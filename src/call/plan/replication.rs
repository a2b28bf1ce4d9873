use std::sync::Arc;

/// Where the data lives: how data gets from the endpoint that took a write to the others.
///
/// A client with two or more writable endpoints has no silent default, because each answer gives up something. (With
/// one writable endpoint, alone or beside read-only copies, the default is `provider_managed`.)
///
/// | | a put goes | while the home is down | a read |
/// |---|---|---|---|
/// | [`provider_managed`](Self::provider_managed) | to the home | writes fail, reads go on | marked possibly stale when not from the home |
/// | [`write_once`](Self::write_once) | to the first endpoint that takes it | nobody notices | asks every endpoint before it says *not found* |
/// | [`strong`](Self::strong), tables only | to the first replica that takes it | nobody notices | at any replica |
#[derive(Clone, Debug)]
pub struct Replication {
    pub(super) mode: Mode,
    pub(super) home: Option<Arc<str>>,
}

/// A replication without its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    ProviderManaged,
    WriteOnce,
    Strong,
}

impl Replication {
    /// The mode in words.
    #[cfg(feature = "drill")]
    pub(crate) const fn as_str(&self) -> &'static str {
        match self.mode {
            Mode::ProviderManaged => "provider managed",
            Mode::WriteOnce => "write once",
            Mode::Strong => "strong",
        }
    }

    /// The provider copies (S3 cross-region replication, RA-GRS, dual-region buckets).
    ///
    /// Writes and deletes go to a fixed *home* (the first endpoint that is not read-only) or fail. The error is
    /// [`ErrorKind::HomeUnavailable`](crate::ErrorKind::HomeUnavailable) if the write was provably not applied, else
    /// `MaybeApplied`. Reads fail over; an answer that does not come from the home is marked possibly stale. A copy's
    /// *not found* is no proof, because a copy may lag: the read then asks the home. If the home cannot answer, the
    /// read fails with [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable).
    pub const fn provider_managed() -> Self {
        Self {
            mode: Mode::ProviderManaged,
            home: None,
        }
    }

    /// A key is written once and never again, not even after a delete.
    ///
    /// `put` means create and fails over freely: the object lies at the endpoint that took it. If an endpoint loses its
    /// answer, the client first looks at that endpoint: the object that lies there, this write's or another's, decides.
    /// If the client finds nothing yet, or cannot look within twice the endpoint's own p99 (while the p99 is not known:
    /// within a second, or 250 ms where the endpoint was silent), the create goes elsewhere. The object may then lie at
    /// two endpoints, with the same bytes, unless the endpoint that could not be looked at held another object. The
    /// answer then says [`earlier_attempt_unresolved`](crate::client::object::Stored::earlier_attempt_unresolved).
    ///
    /// A read asks every endpoint that may hold the key before it says *not found*. A delete is Ok only when every
    /// writable endpoint has confirmed it. Overwrite and if-match are refused. Reusing a key breaks these promises:
    /// which of two bodies a read returns is then undefined.
    ///
    /// All of this rests on stores that refuse a second create. If the client does not know whether a store refuses,
    /// the client asks the store [in the background](crate::ObjectClient::verify) when the first create goes there. A
    /// store that was seen to overwrite gets no more creates.
    pub const fn write_once() -> Self {
        Self {
            mode: Mode::WriteOnce,
            home: None,
        }
    }

    /// Every endpoint is a replica of *one* table that the provider keeps in step **before** it acknowledges: a
    /// DynamoDB global table with multi-Region strong consistency (MRSC).
    ///
    /// Reads and writes, conditional ones included, go to any replica that is not read-only and fail over freely: a
    /// version means the same at each replica, and a later read at another replica shows an acknowledged write. An
    /// answer from a read-only replica is marked possibly stale. `strong` is only for a [`KvClient`](crate::KvClient),
    /// and only for providers that have such a mode, as [the adapter](crate::provider::KvProvider::has_strong_replicas)
    /// says.
    ///
    /// The client cannot check which mode a table is in. **On a global table in its default mode, where the last writer
    /// wins, `strong` breaks compare-and-set**: use [`provider_managed`](Self::provider_managed) there.
    pub const fn strong() -> Self {
        Self {
            mode: Mode::Strong,
            home: None,
        }
    }

    #[cfg(feature = "drill")]
    pub(crate) fn is_write_once(&self) -> bool {
        self.mode == Mode::WriteOnce
    }

    #[cfg(feature = "drill")]
    pub(crate) fn is_strong(&self) -> bool {
        self.mode == Mode::Strong
    }

    /// Sets another home than the first endpoint that is not read-only. Only for
    /// [`provider_managed`](Self::provider_managed).
    #[must_use]
    pub fn home(mut self, endpoint: impl Into<Arc<str>>) -> Self {
        self.home = Some(endpoint.into());
        self
    }
}
