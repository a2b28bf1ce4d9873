//! A client with the options that `object_store`'s methods have no place for.

use super::{
    error::{STORE, not_supported},
    tag::Tags,
};
use crate::{
    Error, ErrorKind,
    call::Authority,
    client::ObjectClient,
    provider::ObjectProvider as _,
    request::{OpClass, WriteId, bit, members, object::ETag},
};
use object_store::Error as StoreError;
use std::{fmt, future::Future, sync::Arc, time::Duration};

/// The gap between two ranges that is fetched along: at 100 MB/s it costs 10 ms, about what a request does.
const GAP: u64 = object_store::OBJECT_STORE_COALESCE_DEFAULT;
/// As `object_store`'s own stores.
const AT_ONCE: usize = 10;

/// An [`ObjectClient`] as an [`object_store::ObjectStore`], with options. Without options the client itself will do.
/// Clones share the client.
#[derive(Clone, Debug)]
pub struct FailoverStore {
    pub(super) client: ObjectClient,
    pub(super) settings: Settings,
    pub(super) tags: Tags,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) overwrite_as_create: bool,
    pub(super) gap: u64,
    pub(super) at_once: usize,
    pub(super) streams: usize,
}

/// How a write is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Whatever is there.
    Overwrite,
    /// As a create, at any endpoint that takes writes.
    Create,
    /// As a create at this endpoint alone.
    CreateAt(Arc<str>),
    /// If the object still has this tag.
    IfMatch(ETag),
}

impl FailoverStore {
    /// This client, as it is.
    pub fn new(client: ObjectClient) -> Self {
        let settings = Settings {
            overwrite_as_create: false,
            gap: GAP,
            at_once: AT_ONCE,
            streams: 2,
        };
        let core = client.core();
        let mut stores = members(core.permitted()).filter_map(|endpoint| core.provider(endpoint));
        let tags = Tags {
            stamps: stores.all(|store| store.capabilities().listed_ids),
        };
        Self { client, settings, tags }
    }

    /// Under [`write_once`](crate::Replication::write_once): stores a put, an upload and a copy that would overwrite as a
    /// create, which fails over to any endpoint that takes writes.
    ///
    /// **For files with unique names only**: Parquet data files, Iceberg's metadata and manifests, anything with a UUID
    /// in its name. An object that exists is then [`AlreadyExists`](object_store::Error::AlreadyExists). A name that is
    /// used twice may end with two bodies, one at each of two endpoints. Creates on request
    /// ([`PutMode::Create`](object_store::PutMode::Create), a Delta log's entries) stay with the one authority; this
    /// option changes nothing about them. Under any other replication the option has no effect.
    #[must_use]
    pub const fn overwrite_as_create(mut self) -> Self {
        self.settings.overwrite_as_create = true;
        self
    }

    /// Sets how many bytes between two ranges `get_ranges` fetches along, so that both come with one request. Default:
    /// 1 MiB, as `object_store`'s own stores.
    #[must_use]
    pub const fn coalesce(mut self, gap: u64) -> Self {
        self.settings.gap = gap;
        self
    }

    /// Sets how many requests a `get_ranges` or a `delete_stream` has under way at a time, at least one. Default: 10, as
    /// `object_store`'s own stores. (A store's one request for many deletes goes alone.)
    #[must_use]
    pub const fn concurrency(mut self, requests: usize) -> Self {
        self.settings.at_once = if requests == 0 { 1 } else { requests };
        self
    }

    /// Sets how many parts of a streamed object are fetched at a time, at least one. Default: 2. Each holds up to 8 MiB.
    /// More are faster where a store limits the rate of a connection.
    #[must_use]
    pub const fn stream_concurrency(mut self, parts: usize) -> Self {
        self.settings.streams = if parts == 0 { 1 } else { parts };
        self
    }

    /// The client behind it.
    pub const fn client(&self) -> &ObjectClient {
        &self.client
    }

    fn is_write_once(&self) -> bool {
        self.client.core().plan.creates
    }

    /// How a create is stored. Under `write_once` any endpoint would take it: two writers could both win, one at each of
    /// two endpoints. So one of them is the authority: the first that takes writes.
    pub(super) fn create(&self) -> Way {
        let core = self.client.core();
        let writable = core.plan.write_to;
        match members(writable).next() {
            Some(first) if self.is_write_once() && writable != bit(first) => {
                Way::CreateAt(core.engine.roster.shared_name(first))
            }
            _ => Way::Create,
        }
    }

    /// How a write is stored that replaces what is there.
    pub(super) fn overwrite(&self) -> Result<Way, StoreError> {
        match (self.is_write_once(), self.settings.overwrite_as_create) {
            (false, _) => Ok(Way::Overwrite),
            (true, true) => Ok(Way::Create),
            (true, false) => Err(not_supported(
                "under write_once nothing is overwritten; for uniquely named files see FailoverStore::overwrite_as_create",
            )),
        }
    }

    /// Whether a version can be replaced by another one.
    pub(super) fn updates(&self) -> Result<(), StoreError> {
        match self.is_write_once() {
            false => Ok(()),
            true => Err(StoreError::NotImplemented {
                operation: "`put_opts` with `PutMode::Update` under write_once".into(),
                implementer: STORE.into(),
            }),
        }
    }

    /// Whether an endpoint that takes writes gave this tag.
    pub(super) fn can_judge(&self, tag: &ETag) -> bool {
        self.knows(tag)
            .is_some_and(|at| self.client.core().plan.write_to & bit(at) != 0)
    }

    /// The one endpoint that takes writes, where there is one.
    pub(super) fn home(&self) -> Option<Arc<str>> {
        let core = self.client.core();
        match core.plan.authority {
            Authority::Home(home) => Some(core.engine.roster.shared_name(home)),
            Authority::Replicas | Authority::Nobody => None,
        }
    }

    /// Makes the call again while no endpoint can take it and nothing has happened, within the client's deadline.
    /// `object_store`'s own stores try for three minutes; who calls them does not try again. `call` is told how long the
    /// try may take.
    pub(super) async fn patiently<T, F>(&self, class: OpClass, call: impl Fn(Duration) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let mut patience = self.client.patience();
        loop {
            match call(patience.left()).await {
                Err(error) if patience.again(class, &error).await => {}
                ended => return ended,
            }
        }
    }

    /// The same for a create, which is also made again while nobody knows whether it took place: under the id of its first
    /// try, so that it recognises its own object. Another's object is `AlreadyExists`.
    ///
    /// It might have replaced ours: a client's own call says [`MaybeApplied`](crate::ErrorKind::MaybeApplied) then. But
    /// what is created under `object_store` stays, a log's entries above all, and whoever writes a log gives up for ever
    /// what nobody knows.
    pub(super) async fn until_known<T, F>(&self, call: impl Fn(Duration, Option<WriteId>) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let mut patience = self.client.patience();
        let mut lost = None;
        loop {
            let error = match call(patience.left(), lost.clone()).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if error.may_have_been_applied() {
                lost = error.write_id().cloned();
            }
            if !patience.again_by_id(&error).await {
                // Only what lies there takes back that an earlier try may have been applied.
                return Err(match error.kind() {
                    ErrorKind::AlreadyExists | ErrorKind::MaybeApplied => error,
                    _ if lost.is_none() => error,
                    _ => error.with_kind(ErrorKind::MaybeApplied).retryable(true),
                });
            }
        }
    }

    /// The endpoint that gave the tag, if it is one of this client's and the tag can be a condition.
    pub(super) fn knows(&self, tag: &ETag) -> Option<usize> {
        let at = self.client.core().engine.roster.index_of(tag.endpoint())?;
        (tag.unfit().is_none() && self.client.core().permitted() & bit(at) != 0).then_some(at)
    }

    pub(super) fn named(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roster = &self.client.core().engine.roster;
        let names: Vec<_> = (0..roster.len()).map(|endpoint| roster.name(endpoint)).collect();
        write!(f, "{name}({})", names.join(", "))
    }
}

impl From<ObjectClient> for FailoverStore {
    fn from(client: ObjectClient) -> Self {
        Self::new(client)
    }
}

impl fmt::Display for FailoverStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.named("FailoverStore", f)
    }
}

impl fmt::Display for ObjectClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FailoverStore::new(self.clone()).named("ObjectClient", f)
    }
}
