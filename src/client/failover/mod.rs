//! Your own SDK calls, failing over.
//!
//! An SDK has hundreds of operations and is made for one endpoint. [`Failover`] keeps the SDK and its operations. A
//! call is a closure over the client; each attempt gets the client of the endpoint that was chosen for it.
//!
//! ```
//! use evenkeel::{Endpoint, ErrorKind, Failover};
//! use std::{io, time::Duration};
//!
//! #[derive(Clone)]
//! struct Queue(&'static str);
//! impl Queue {
//!     async fn push(&self, _message: &str) -> Result<(), io::Error> {
//!         Err(io::ErrorKind::ConnectionReset.into()) // on the way there, or on the way back?
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queues = Failover::builder()
//!     .endpoint(Endpoint::new("virginia", Queue("virginia")))
//!     .endpoint(Endpoint::new("ireland", Queue("ireland")))
//!     .build()?;
//! let push = |queue: Queue| async move { queue.push("order 42").await };
//!
//! // It must not be pushed twice, and nobody can tell whether it was: one attempt, and the error says so.
//! let error = queues.write(push).deadline(Duration::from_secs(2)).await.unwrap_err();
//! assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::MaybeApplied, 1));
//!
//! // It may be pushed twice: it goes elsewhere.
//! let error = queues.idempotent_write(push).await.unwrap_err();
//! assert_ne!(error.attempts()[0].endpoint(), error.attempts()[1].endpoint());
//! # Ok(()) }
//! ```
//!
//! # Promises
//! - The closure runs once per attempt, and only a [`read`](Failover::read) ever runs twice at the same time.
//! - The client's own error is kept, typed: [`Error::provider_error`](crate::Error::provider_error). The error may be a
//!   `Box<dyn Error + Send + Sync>` or an `anyhow::Error`.
//! - Dropping a call's future drops its attempts. A write that was under way may have been applied, or may yet be.

mod builder;
mod closure;
mod endpoint_error;
mod invoke;
mod layer;
mod operation;
mod probe;
mod service;

pub use builder::FailoverBuilder;
pub use closure::{Ask, Op, Telling};
pub use endpoint_error::Carried;
use endpoint_error::{AsError, EndpointError, Judges};
pub(crate) use invoke::Invoke;
pub use layer::{Opaque, OpaqueStack};
pub use operation::{ExplainedOperation, Operation};
pub use service::FailoverService;

use super::WarmUp;
use crate::{
    call::Engine,
    endpoint::{Dependencies, Profile},
    ops::{ClientView, impact::Analysis, operator::Operator, snapshot::Snapshot},
    request::{Progress, Safety},
    stack::Stack,
    verdict::{Classify, Standard},
};
use std::{fmt, future::Future, sync::Arc};

/// Fails over any cloneable client at several endpoints, with your own calls of the client.
///
/// `Failover` is the lightest way in: a call can do what the client can do (a DynamoDB query, a transaction, a batch).
/// The closure is called once per attempt, with the client of the chosen endpoint.
///
/// ```
/// use evenkeel::{Endpoint, Failover};
/// use std::io;
///
/// #[derive(Clone)]
/// struct Table(&'static str);
/// impl Table {
///     async fn query(&self) -> Result<&'static str, io::Error> {
///         match self.0 {
///             "virginia" => Err(io::ErrorKind::ConnectionRefused.into()),
///             name => Ok(name),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tables = Failover::builder()
///     .endpoint(Endpoint::new("virginia", Table("virginia")).provider("aws").region("us-east-1"))
///     .endpoint(Endpoint::new("ireland", Table("ireland")).provider("aws").region("eu-west-1"))
///     .build()?;
/// let answer = tables.read(|table| async move { table.query().await }).await?;
/// assert_eq!(answer, "ireland");
/// # Ok(()) }
/// ```
///
/// # What the client must do
/// - Its own retries are **off**. They would multiply with evenkeel's retries, and hide a dying region until they give
///   up. For an AWS SDK, set `.retry_config(RetryConfig::disabled())` in the client's config, and a connect timeout of
///   0.9 s or less. evenkeel cannot set either here, because it does not know your client; [`S3::new`](crate::provider)
///   does.
/// - A body that streams after `send()` is collected *inside* the closure, so that evenkeel sees its failure.
/// - Its error has a verdict. [`Standard`] judges `std::io::Error`, hyper's errors, and the errors of the SDKs of AWS,
///   Azure and Google and of Redis, each with its feature; and a `Box<dyn Error + Send + Sync>` by its causes. For
///   other errors there is [`classify`](FailoverBuilder::classify).
///
/// # What it does not do
/// `Failover` moves calls, not data. A write that failed over is at the other endpoint and only there, unless the
/// provider copies the data. For data over several endpoints there is [`ObjectClient`](crate::ObjectClient).
pub struct Failover<C, K = Standard> {
    core: Arc<Core<C, K>>,
}

struct Core<C, K> {
    engine: Engine,
    stack: Stack<Invoke<C>, Judges<K>>,
    /// The clients of endpoints that may be used, for requests that bypass the router.
    clients: Vec<C>,
    takes_writes: u64,
}

impl<C, K> Clone for Failover<C, K> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
        }
    }
}

impl<C> Failover<C> {
    /// Starts a client.
    pub fn builder() -> FailoverBuilder<C> {
        FailoverBuilder::new()
    }
}

impl<C, K> Failover<C, K> {
    /// A call that changes nothing. A late read is hedged; a failed read is repeated elsewhere.
    pub fn read<F, Fut, T, E, M>(&self, operation: F) -> Operation<'_, C, K, F, E>
    where
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Carried<M>,
        K: Classify<T, E>,
    {
        Operation::new(self, operation, E::as_error, Safety::ReadOnly)
    }

    /// A write that must not happen twice. The write is repeated elsewhere only if it was *provably not sent*.
    /// Otherwise the error says whether the write may have been applied, or may yet be. At most one attempt was sent,
    /// so an Ok leaves no attempt behind.
    pub fn write<F, Fut, T, E, M>(&self, operation: F) -> Operation<'_, C, K, F, E>
    where
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Carried<M>,
        K: Classify<T, E>,
    {
        Operation::new(self, operation, E::as_error, Safety::Once)
    }

    /// A write that may happen twice without harm, at this endpoint or another. The write is repeated elsewhere when it
    /// fails, and never hedged. Endpoints that nothing keeps in step do not know of each other's writes.
    ///
    /// An attempt that was given up may land after the call was acknowledged, and after later writes. *Idempotent* is
    /// therefore not enough where another write may come between.
    /// [`Explanation::earlier_attempt_unresolved`](crate::Explanation::earlier_attempt_unresolved) says whether an
    /// attempt may still land. If that matters, give every attempt a condition (a version, an ETag): see
    /// [late attempts](crate::client#late-attempts).
    pub fn idempotent_write<F, Fut, T, E, M>(&self, operation: F) -> Operation<'_, C, K, F, E>
    where
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Carried<M>,
        K: Classify<T, E>,
    {
        Operation::new(self, operation, E::as_error, Safety::Idempotent)
    }

    /// A [`read`](Self::read) that reports how its bytes move, for bodies that may be large or slow. The closure gets a
    /// handle of its attempt, and reports progress to the handle. An attempt that reports progress is not taken for
    /// silent. Its endpoint is then judged by the first byte of the answer, not by the size of the body.
    ///
    /// ```
    /// use evenkeel::{Endpoint, Failover, request::Progress};
    /// use std::io;
    /// use tokio::io::{AsyncRead, AsyncReadExt};
    ///
    /// #[derive(Clone)]
    /// struct Bucket;
    /// impl Bucket {
    ///     async fn open(&self, _key: &str) -> io::Result<impl AsyncRead + Unpin + use<>> {
    ///         Ok(tokio::io::repeat(7).take(1 << 20))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let buckets = Failover::builder().endpoint(Endpoint::new("virginia", Bucket)).build()?;
    /// let fetch = |bucket: Bucket, progress: Progress| async move {
    ///     let mut body = bucket.open("large").await?;
    ///     progress.answered();
    ///     let mut object = Vec::new();
    ///     loop {
    ///         match body.read_buf(&mut object).await? {
    ///             0 => return Ok::<_, io::Error>(object),
    ///             bytes => progress.received(bytes),
    ///         }
    ///     }
    /// };
    /// assert_eq!(buckets.read_with(fetch).await?.len(), 1 << 20);
    /// # Ok(()) }
    /// ```
    pub fn read_with<F, Fut, T, E, M>(&self, operation: F) -> Operation<'_, C, K, Telling<F>, E>
    where
        F: Fn(C, Progress) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Carried<M>,
    {
        Operation::new(self, Telling(operation), E::as_error, Safety::ReadOnly)
    }

    /// A [`write`](Self::write) that reports how its bytes move. See [`read_with`](Self::read_with).
    pub fn write_with<F, Fut, T, E, M>(&self, operation: F) -> Operation<'_, C, K, Telling<F>, E>
    where
        F: Fn(C, Progress) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Carried<M>,
    {
        Operation::new(self, Telling(operation), E::as_error, Safety::Once)
    }

    /// An [`idempotent_write`](Self::idempotent_write) that reports how its bytes move. See
    /// [`read_with`](Self::read_with).
    pub fn idempotent_write_with<F, Fut, T, E, M>(&self, operation: F) -> Operation<'_, C, K, Telling<F>, E>
    where
        F: Fn(C, Progress) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Carried<M>,
    {
        Operation::new(self, Telling(operation), E::as_error, Safety::Idempotent)
    }

    /// The whole stack as a tower service, for users of tower. A request is a [`Call`](crate::request::Call) of an
    /// [`Op`]. The client's constraints and its deadline hold for these requests, too.
    pub fn service(&self) -> FailoverService<C, K> {
        FailoverService::new(self.core.stack.clone())
    }

    /// The operator's handle: drain (all calls, or writes only), force, freeze failback, shadow.
    pub fn operator(&self) -> Operator {
        self.core.engine.operator.clone()
    }

    /// The state of the endpoints at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.core.engine.snapshot()
    }

    /// This client as a status page or a report sees it.
    pub fn view(&self) -> ClientView
    where
        C: Send + Sync + 'static,
        K: Send + Sync + 'static,
    {
        let core = Arc::downgrade(&self.core);
        let other = core.clone();
        let look = move || core.upgrade().map(|core| core.engine.snapshot());
        let third = other.clone();
        let needs = move || third.upgrade().map(|core| core.engine.dependencies());
        let analyse = move || {
            other
                .upgrade()
                .map(|core| core.engine.impact_of_calls(core.takes_writes))
        };
        self.core.engine.view(look, needs, analyse)
    }

    /// What this client loses with each provider, region, location, jurisdiction and host: which calls reach an
    /// endpoint. The client does not know the data. See [`impact`](mod@crate::ops::impact).
    pub fn impact(&self) -> Analysis {
        self.core.engine.impact_of_calls(self.core.takes_writes)
    }

    /// Every declared host. This client does not know which hosts its endpoints' clients contact. See
    /// [`dependencies`](crate::client::Dependencies).
    pub fn dependencies(&self) -> Dependencies {
        self.core.engine.dependencies()
    }

    /// The endpoints in their order, those that break a constraint included.
    pub fn endpoints(&self) -> impl Iterator<Item = &Profile> {
        self.core.engine.roster.iter()
    }

    /// Calls `open` with every endpoint's client at once, so that connections are open and credentials loaded before
    /// the first call. You choose what `open` does (`list_tables`, `head_bucket`). Each endpoint gets at most 2 s; a
    /// dead endpoint hinders no other.
    pub async fn warm_up<F, Fut, T, E>(&self, open: F) -> WarmUp
    where
        C: Clone,
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: fmt::Display,
    {
        let open = |client: &C| {
            let opening = open(client.clone());
            async { opening.await.map(|_| ()) }
        };
        self.core.engine.warm_up(self.core.clients.iter().map(open)).await
    }

    /// Closes the client. Later calls of this client and all its clones fail with
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed). Calls under way go on to their end.
    pub fn close(&self) {
        self.core.engine.close();
    }
}

impl<C, K> fmt::Debug for Failover<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.endpoints().map(Profile::name).collect();
        f.debug_struct("Failover")
            .field("endpoints", &names)
            .finish_non_exhaustive()
    }
}
