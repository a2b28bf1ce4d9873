//! Objects over several endpoints.
//!
//! An application keeps writing `put`, `get`, `head`, `delete` and `list` while a region is gone. Where data lives is
//! said when the client is built, with a [`Replication`](crate::Replication); each call is a builder that is awaited.
//!
//! ```
//! use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, provider::Memory};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = ObjectClient::builder()
//!     .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws").region("us-east-1"))
//!     .endpoint(Endpoint::new("ireland", Memory::new()).provider("aws").region("eu-west-1"))
//!     .replication(Replication::write_once())
//!     .build()?;
//! orders.put("2026/11/20/42.json", "{}").content_type("application/json").await?;
//! let order = orders.get("2026/11/20/42.json").deadline(Duration::from_secs(2)).await?;
//! assert_eq!((order.body().as_ref(), order.endpoint()), (&b"{}"[..], "virginia"));
//!
//! let error = orders.get("2026/11/20/43.json").await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::NotFound); // both endpoints said so
//! # Ok(()) }
//! ```
//!
//! # Promises
//! - A key, an attribute or a range is checked before anything is sent ([`ErrorKind::InvalidInput`](crate::ErrorKind)).
//! - A constraint is never broken: an endpoint that breaks one gets no call, not even to prove absence.
//! - Dropping a call's future abandons its attempts; a write that was under way may have been applied.
//! - An [`ETag`](crate::request::object::ETag) carries its endpoint and is never shown to another.

mod builder;
mod call;
pub(crate) mod context;
pub(super) mod door;
mod listing;
mod operations;
mod probe;
pub(crate) mod values;
mod verify;
mod walk;
mod warm_up;

#[cfg(test)]
mod tests;

pub use builder::{BuildError, ObjectClientBuilder};
pub use call::{Explained, ObjectCall};
pub use listing::{ListCall, Listed, Listing};
pub use operations::{DeleteObject, GetObject, HeadObject, PutObject};
pub use values::{Answer, Fetched, FetchedMeta, Stored};
pub use verify::{Property, VERIFY_PREFIX, Verification, Verified};
pub use warm_up::{WarmUp, Warmed};

use crate::{
    client::{ObjectStack, settings::Settings, stack},
    clock,
    endpoint::{Constraints, Profile, Roster},
    operator::Operator,
    probe::Prober,
    provider::AnyObjectProvider,
    replicate::Mode,
    request::Key,
    route::Vitals,
    telemetry::{CallMetrics, Snapshot},
};
use bytes::Bytes;
use context::Core;
use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// A client for objects. Clones share everything; keep one per process.
#[derive(Clone)]
pub struct ObjectClient {
    core: Arc<Core>,
}

/// What a builder hands to whoever composes the stack.
pub(crate) struct ObjectParts {
    pub(crate) roster: Roster,
    pub(crate) providers: Vec<AnyObjectProvider>,
    pub(crate) constraints: Constraints,
    pub(crate) mode: Mode,
    pub(crate) settings: Settings,
}

/// The client on its stack.
pub(crate) fn assemble(
    parts: ObjectParts,
    stack: ObjectStack,
    vitals: Arc<[Vitals]>,
    operator: Operator,
    prober: Prober,
) -> ObjectClient {
    let violations = parts
        .roster
        .iter()
        .map(|profile| parts.constraints.check(profile).err());
    ObjectClient {
        core: Arc::new(Core {
            violations: violations.collect(),
            roster: parts.roster,
            providers: parts.providers,
            stack,
            mode: parts.mode,
            deadline: parts.settings.deadline,
            rng: Mutex::new(fastrand::Rng::with_seed(parts.settings.seed)),
            budget: parts.settings.budget,
            vitals,
            operator,
            prober,
            metrics: CallMetrics::telling(parts.settings.call_listener),
            closed: AtomicBool::new(false),
        }),
    }
}

impl ObjectClient {
    /// Starts a client.
    pub fn builder() -> ObjectClientBuilder {
        ObjectClientBuilder::default()
    }

    /// Stores `body` under `key`. A create unless [`overwrite`](ObjectCall::overwrite) or
    /// [`if_match`](ObjectCall::if_match) says otherwise.
    pub fn put(&self, key: impl Into<String>, body: impl Into<Bytes>) -> ObjectCall<PutObject> {
        self.call(PutObject::new(key_of(key), body.into()))
    }

    /// Fetches an object, or a part of it.
    pub fn get(&self, key: impl Into<String>) -> ObjectCall<GetObject> {
        self.call(GetObject::new(key_of(key)))
    }

    /// Fetches what is known of an object without its body.
    pub fn head(&self, key: impl Into<String>) -> ObjectCall<HeadObject> {
        self.call(HeadObject::new(key_of(key)))
    }

    /// Removes an object. Succeeds if it did not exist.
    pub fn delete(&self, key: impl Into<String>) -> ObjectCall<DeleteObject> {
        self.call(DeleteObject::new(key_of(key)))
    }

    /// Enumerates the objects whose keys start with `prefix`, in ascending order of their bytes.
    pub fn list(&self, prefix: impl Into<String>) -> ListCall {
        ListCall::new(self.core.clone(), prefix.into())
    }

    /// The whole stack as a tower service, for those who speak tower: one pass through it per call, without what the
    /// replication adds (which endpoint may be written to, what proves absence). Most want the methods above.
    pub fn service(&self) -> ObjectStack {
        self.core.stack.clone()
    }

    /// The operator's handle: drain, force, freeze failback, shadow.
    pub fn operator(&self) -> Operator {
        self.core.operator.clone()
    }

    /// How the endpoints stand at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let core = &self.core;
        let barred = core.violations.iter().map(|v| v.as_ref().map(ToString::to_string));
        stack::snapshot(
            core.roster.iter().zip(barred),
            &core.vitals,
            &core.budget,
            &core.operator,
            &core.prober,
            clock::now(),
        )
    }

    /// The endpoints in their order, those that break a constraint included.
    pub fn endpoints(&self) -> impl Iterator<Item = &Profile> {
        self.core.roster.iter()
    }

    /// Opens connections and loads credentials at all endpoints at once, so that the first calls need not. An endpoint
    /// that is dead is reported and hinders nobody; each gets at most 2 s: the connect limit of 0.9 s and the floor of an
    /// attempt, 1 s, rounded up.
    pub async fn warm_up(&self) -> WarmUp {
        warm_up::run(&self.core).await
    }

    /// Finds out what each writable endpoint does with creates, all at once: whether a second create of a key is refused
    /// (*honours*), and whether 24 at the same time have one winner, five times over (*atomic*). Some stores answer 200 to a
    /// create that they should refuse, and overwrite; what they declare does not tell.
    ///
    /// It writes six small objects to each endpoint, under [`VERIFY_PREFIX`] and random digits, in some 130 requests, and
    /// removes them again. The requests go past breakers, limits and the budget and are no evidence: call it when the
    /// service is set up, not on its path. Each request gets 5 s; an endpoint that cannot be asked is
    /// [`Property::Unknown`]: ask again later. Dropped half-way, or when an endpoint fails meanwhile, objects may be left
    /// behind there. On a bucket with versioning the removed ones remain as old versions.
    ///
    /// Nothing is drawn from the result: what to do about an endpoint that overwrites is yours to decide, before it has a
    /// role (for S3 there is `S3::without_conditional_put`).
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build().unwrap();
    /// let found = client.verify().await;
    /// assert!(found.is_sound(), "{found:?}");
    /// # }
    /// ```
    pub async fn verify(&self) -> Verification {
        verify::run(&self.core).await
    }

    /// Ends it: later calls of this client and all its clones fail with
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed). Calls under way go on to their end.
    pub fn close(&self) {
        self.core.closed.store(true, Ordering::Release);
        self.core.prober.stop();
    }

    fn call<O>(&self, operation: O) -> ObjectCall<O> {
        ObjectCall::new(self.core.clone(), operation)
    }
}

/// No names of providers' types, no keys.
impl fmt::Debug for ObjectClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.endpoints().map(Profile::name).collect();
        f.debug_struct("ObjectClient")
            .field("endpoints", &names)
            .field("mode", &self.core.mode)
            .finish_non_exhaustive()
    }
}

fn key_of(key: impl Into<String>) -> Result<Key, String> {
    let key = key.into();
    if key.starts_with(Key::RESERVED) {
        return Err(format!("keys that start with `{}` are reserved", Key::RESERVED));
    }
    Key::new(key).map_err(|invalid| invalid.to_string())
}
