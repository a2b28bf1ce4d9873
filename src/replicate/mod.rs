//! How data gets to the other endpoints, and what may therefore be promised.

mod absence;
mod listing;
mod provider_managed;
mod write_once;

pub(crate) use absence::read;
pub(crate) use listing::{Merge, Next};

use crate::{
    client::object::context::{Aim, Context, Reply},
    error::{Error, ErrorKind},
    provider::ProviderErrorKind,
    request::{
        Key, bit,
        object::{Delete, Head, ObjectMeta, ObjectRequest, ObjectResponse, Put, PutMode, WriteId},
    },
};
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
#[derive(Clone, Debug)]
pub struct Replication {
    pub(crate) plan: Plan,
    pub(crate) home: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    ProviderManaged,
    WriteOnce,
}

/// A replication whose names have been looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `None`: every endpoint is read-only.
    ProviderManaged {
        home: Option<usize>,
    },
    WriteOnce,
}

impl Replication {
    /// The provider copies (S3 cross-region replication, RA-GRS, dual-region buckets).
    ///
    /// Writes and deletes go to a fixed *home* (the first endpoint that is not read-only) or fail with
    /// [`ErrorKind::HomeUnavailable`]. Reads fail over; what does not come from the home is marked possibly stale. A
    /// copy's *not found* is no proof, as it may lag: the home is asked, and if it cannot be, the read is
    /// [`ErrorKind::Unavailable`].
    pub const fn provider_managed() -> Self {
        Self {
            plan: Plan::ProviderManaged,
            home: None,
        }
    }

    /// A key is written once and never again, not even after it was deleted.
    ///
    /// `put` means create and fails over freely: the object lies wherever an endpoint took it (sometimes at two, when an
    /// answer was lost). A read asks every endpoint that may hold the key before it says *not found*; a delete is Ok only
    /// when every writable endpoint has confirmed it; overwrite and if-match are refused. Reusing a key breaks these
    /// promises: which of two bodies a read returns is then undefined.
    pub const fn write_once() -> Self {
        Self {
            plan: Plan::WriteOnce,
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

/// Stores an object; returns the tag's carrier and the endpoint. `known_id`: the caller chose the write id, so an
/// earlier call may have stored it.
pub(crate) async fn put(cx: &Context, put: Put, id: &WriteId, known_id: bool) -> Result<Accepted, Error> {
    match cx.core.mode {
        Mode::ProviderManaged { home } => provider_managed::put(cx, home, put, id, known_id).await,
        Mode::WriteOnce => write_once::put(cx, put, id, known_id).await,
    }
}

/// Removes an object. Which endpoint confirmed, if it was a single one.
pub(crate) async fn delete(cx: &Context, delete: Delete) -> Result<Option<usize>, Error> {
    match cx.core.mode {
        Mode::ProviderManaged { home } => provider_managed::delete(cx, home, delete).await,
        Mode::WriteOnce => write_once::delete(cx, delete).await,
    }
}

/// A put that was stored, by this attempt or an earlier one.
pub(crate) struct Accepted {
    pub(crate) etag: Option<crate::request::object::ETag>,
    pub(crate) endpoint: Option<usize>,
}

impl Accepted {
    fn from(reply: Reply, cx: &Context) -> Result<Self, Error> {
        let endpoint = reply.endpoint();
        match reply.result {
            Ok(ObjectResponse::Put(answer)) => Ok(Self {
                etag: answer.etag,
                endpoint,
            }),
            _ => Err(cx.fail(reply)),
        }
    }
}

/// Whose object stands where a conditional put was refused.
enum Owner {
    /// The write id is that of this call: an earlier attempt was applied.
    Own(ObjectMeta),
    /// Another write's, or it is gone again.
    Foreign,
    /// It could not be asked.
    Unknown,
}

async fn owner(cx: &Context, key: Key, id: &WriteId, endpoint: usize) -> Owner {
    // Forced through the breaker if need be: only this endpoint knows what became of the lost attempt.
    let reply = cx
        .ask(ObjectRequest::Head(Head::new(key)), Aim::confirm(endpoint))
        .await;
    match (reply.refusal(), reply.result) {
        (_, Ok(ObjectResponse::Head(meta))) if meta.write_id.as_ref() == Some(id) => Owner::Own(meta),
        (_, Ok(ObjectResponse::Head(_))) | (Some(ProviderErrorKind::NotFound), _) => Owner::Foreign,
        _ => Owner::Unknown,
    }
}

/// The end of a conditional put: if it was refused where an earlier attempt may have been applied, look whose object
/// that is. `foreign_is_definite`: nothing can have replaced our own object, so a foreign one proves that ours never
/// was there.
async fn settle(
    cx: &Context,
    reply: Reply,
    put: (Key, PutMode),
    id: &WriteId,
    known_id: bool,
    foreign_is_definite: bool,
) -> Result<Accepted, Error> {
    let (key, mode) = put;
    let met = match reply.refusal() {
        Some(ProviderErrorKind::AlreadyExists) => ErrorKind::AlreadyExists,
        Some(ProviderErrorKind::PreconditionFailed) => ErrorKind::PreconditionFailed,
        _ => return Accepted::from(reply, cx),
    };
    let Some(endpoint) = reply.endpoint().filter(|_| mode != PutMode::Overwrite) else {
        return Err(cx.fail(reply));
    };
    let unknown_at = reply.maybe_applied_at();
    if !known_id && unknown_at & bit(endpoint) == 0 {
        return Err(cx.fail(reply));
    }
    match owner(cx, key, id, endpoint).await {
        Owner::Own(meta) => Ok(Accepted {
            etag: meta.etag,
            endpoint: Some(endpoint),
        }),
        Owner::Foreign if foreign_is_definite && unknown_at & !bit(endpoint) == 0 => Err(cx.fail(reply).with_kind(met)),
        Owner::Foreign => Err(cx.fail(reply)),
        Owner::Unknown => Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(true)),
    }
}
