//! The shared part of the object and the key-value client: a call's way from the door through the stack and back.
//!
//! Everything here is generic over the [`Protocol`] that a client speaks.

mod build_error;
mod builder;
pub(crate) mod context;
mod core;
mod engine;
mod erased;
mod error;
mod explanation;
mod fences;
mod gather;
mod listing;
mod methods;
pub(crate) mod options;
mod plan;
mod probe;
pub(crate) mod settings;
mod store_call;
pub(crate) mod survival;
mod walk;
mod warm_up;

pub use build_error::BuildError;
pub use builder::StoreBuilder;
pub(crate) use context::Context;
pub(crate) use context::{Aim, LONGEST_PAUSE, Reply, winner};
pub(crate) use core::{Core, Why};
pub(crate) use engine::{Engine, Turned};
pub use erased::ErasedService;
pub(crate) use error::{Cause, Refusal};
pub use error::{Error, NotAsked};
pub use explanation::{Attempt, Considered, Explanation, Served};
pub(crate) use fences::{Fences, Pen, Seen};
pub(crate) use gather::gather;
pub use listing::{Collected, Pages, PagesCall};
pub(crate) use methods::store_methods;
pub use plan::Replication;
pub(crate) use plan::{Authority, Line, Merge, Mode, Next, Plan, Progress, Standing};
pub(crate) use store_call::Operation;
pub(crate) use store_call::enter;
pub use store_call::{ExplainedCall, StoreCall};
pub use survival::Unmet;
pub(crate) use walk::{PageOf, Paged, Resume};
pub use warm_up::{WarmUp, Warmed};

use crate::{
    BoxError,
    endpoint::{Host, Profile},
    provider::{Capabilities, Conditional, ObjectVerdicts, ProviderError},
    request::{Call, OpClass, WriteId},
    stack::{
        Stack,
        deadline::Deadline,
        station::{self, Behind},
    },
};
use std::{future::Future, sync::Arc, time::Duration};
use tower::{Service, util::Either};

/// A service for one kind of store with its type erased: one endpoint's service, or the whole stack, where a user's
/// layers may be around it.
pub(crate) type StoreStack<P> = ErasedService<<P as Protocol>::Request, <P as Protocol>::Response>;

/// One endpoint's service: the bridge itself, or with a user's layers around it.
pub(crate) type EndpointService<P> = Either<<P as Protocol>::Service, StoreStack<P>>;

/// The service that calls are sent to: the stack itself, or the stack with a user's layers around it and the deadline
/// around these.
pub(crate) type Door<P> =
    Either<Stack<EndpointService<P>, ObjectVerdicts>, station::Served<Deadline<Behind<StoreStack<P>>>>>;

/// The protocol between a client and its endpoints. Sealed: objects and keys.
pub trait Protocol: Sized + Send + Sync + 'static {
    /// One operation.
    type Request: Clone + Send + Sync + 'static;
    /// A provider's answer to it.
    type Response: Send + Sync + 'static;
    /// An adapter with its type erased.
    type Provider: Clone + Send + Sync + 'static;
    /// One endpoint's adapter as a tower service.
    type Service: Service<Call<Self::Request>, Response = Self::Response, Error = BoxError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static;
    /// A tag names one state of one object or key: an ETag, a version.
    type Tag: Clone + PartialEq + Send + Sync + 'static;

    /// The word for a stored thing in errors.
    const NOUN: &'static str;
    /// The word for the tag in errors.
    const TAG: &'static str;
    /// Whether a create is a put where every put is a create. Otherwise an authority judges it.
    const CREATES_ARE_PUTS: bool;
    /// The prefix of evenkeel's own keys.
    const RESERVED: &'static str;

    /// The class under which health is kept.
    fn class(request: &Self::Request) -> OpClass;
    /// The name of a request.
    fn operation(request: &Self::Request) -> &'static str;

    /// The bytes that a request sends or asks for, as far as they are known beforehand.
    fn bytes(request: &Self::Request) -> u64;

    /// The endpoint that gave the tag of a conditional read.
    fn tag_given_by(request: &Self::Request) -> Option<&str>;

    /// The endpoint that alone can answer: it gave the tag on which the read depends.
    fn bound_to(request: &Self::Request) -> Option<&str> {
        let _ = request;
        None
    }

    /// Whether the client goes on from the beginning of this request's answer if its body breaks off.
    fn goes_on(request: &Self::Request) -> bool {
        let _ = request;
        false
    }

    /// The answer to a write: the tag of what was stored, if the answer has one. `None`: the response answers something
    /// else.
    fn accepted(response: Self::Response) -> Option<Option<Self::Tag>>;

    /// The answer to a look at a key: the id of the write that stored the value, the value's length in bytes, and the
    /// tag. `None`: the response answers something else.
    fn found(response: Self::Response) -> Option<(Option<WriteId>, u64, Option<Self::Tag>)>;

    /// The key of a request about one key.
    fn key(request: &Self::Request) -> Option<&str>;

    /// The tag in the answer to a read, if that tag is current. The tag of a read that may miss the latest write is
    /// not.
    fn tag_of<'a>(request: &Self::Request, response: &'a Self::Response) -> Option<&'a Self::Tag>;

    /// The endpoint that gave this tag. `None`: no condition with it ever holds.
    fn judge_of(tag: &Self::Tag) -> Option<&str>;

    /// Makes this unconditional write conditional on this state of its key. `None`: there is no such condition.
    fn on(write: &Self::Request, seen: &Seen<Self::Tag>) -> Option<Self::Request>;

    /// The condition of this write that a late copy always finds broken, whatever was written meanwhile.
    fn fence(write: &Self::Request) -> Option<Conditional>;

    /// The bridge from an endpoint's adapter to the stack; `siblings` share its tags.
    fn bridge(profile: &Profile, provider: &Self::Provider, siblings: &Arc<[Arc<str>]>) -> Self::Service;

    /// Whether tags can be shared: see `Replication::strong`.
    fn has_strong_replicas(provider: &Self::Provider) -> bool;

    /// A cheap request that shows whether an endpoint serves this class, on a key of evenkeel's own.
    fn probe(class: OpClass) -> Option<Self::Request>;

    /// The hosts of the provider's data, if known.
    fn hosts(provider: &Self::Provider) -> Option<Vec<Host>>;

    /// How the store treats conditions, as far as that is known.
    fn capabilities(provider: &Self::Provider) -> Capabilities;

    /// Asks the store for what is not `known`, under a name with this id in it. `told` is called after each finding.
    /// Returns why a question stayed open, if one did.
    fn verify(
        provider: &Self::Provider,
        id: &WriteId,
        known: Capabilities,
        told: impl Fn() + Send + Sync,
    ) -> impl Future<Output = Option<String>> + Send;

    /// Opens a connection and loads credentials.
    fn warm_up(provider: &Self::Provider) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// What a write probe stores. A person who finds it should know whence it came.
pub(super) const PROBE: &[u8] = b"evenkeel stores this to see whether writes succeed; it may be deleted\n";

/// How long a request's bytes alone may take on the way, if nobody reports how they move: at 1 MiB/s, which is slow for
/// a server and not yet a fault.
fn time_on_the_wire<P: Protocol>(request: &P::Request) -> Duration {
    Duration::from_micros(P::bytes(request).min(1 << 40))
}

/// The endpoint that answered a call, and whether the answer may lag.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) possibly_stale: bool,
    pub(crate) unresolved: bool,
    /// Who gave the body, if it did not come in one answer.
    pub(crate) served: Vec<Served>,
}

impl Answer {
    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint.as_deref().unwrap_or("?")
    }
}
