use super::{
    context::{Context, Core},
    door,
    values::Answer,
};
use crate::{
    client::Explanation,
    clock,
    endpoint::Constraints,
    error::{Error, ErrorKind},
    request::OpClass,
};
use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call that has not been sent yet. Options first, then `.await`.
#[must_use = "a call does nothing until it is awaited"]
pub struct ObjectCall<O> {
    core: Arc<Core>,
    pub(super) operation: O,
    options: CallOptions,
}

/// What every call can be told.
#[derive(Clone, Debug, Default)]
pub(super) struct CallOptions {
    pub(super) deadline: Option<Duration>,
    pub(super) pin: Option<Arc<str>>,
    pub(super) constraints: Constraints,
}

/// A call that gives back its [`Explanation`] beside the value.
#[must_use = "a call does nothing until it is awaited"]
pub struct Explained<O>(ObjectCall<O>);

/// Sealed: what one operation does with its context.
pub trait Operation: Send + Sized + 'static {
    /// What it returns.
    type Value: Send + 'static;
    /// `put`, `get`, …
    const NAME: &'static str;
    /// The class under which it counts.
    const CLASS: OpClass;
    /// Does it.
    fn run(self, cx: &Context) -> impl Future<Output = Result<(Self::Value, Answer), Error>> + Send;
}

impl<O> ObjectCall<O> {
    pub(super) fn new(core: Arc<Core>, operation: O) -> Self {
        Self {
            core,
            operation,
            options: CallOptions::default(),
        }
    }

    /// How long this call may take, with all its attempts.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Only this endpoint. Its word is then final: *not found* means not found there, and a pinned delete removes the
    /// object there and leaves other copies alone.
    pub fn pin(mut self, endpoint: impl Into<Arc<str>>) -> Self {
        self.options.pin = Some(endpoint.into());
        self
    }

    /// For this call, only endpoints that lie in one of these places, beside the client's own constraints.
    pub fn only_locations<L: Into<Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
        self.options.constraints = self.options.constraints.only_locations(locations);
        self
    }

    /// For this call, no endpoint whose operator this law reaches, beside the client's own constraints.
    pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<Arc<str>>) -> Self {
        self.options.constraints = self.options.constraints.not_under_jurisdiction_of(jurisdiction);
        self
    }

    /// Gives back `(value, Explanation)`. (An error always carries its own.)
    pub const fn explained(self) -> Explained<O> {
        Explained(self)
    }
}

impl<O: Operation> ObjectCall<O> {
    async fn run(self) -> (Result<(O::Value, Answer), Error>, Context) {
        let (cx, admitted) = enter(self.core, O::NAME, &self.options);
        let result = match admitted {
            Ok(()) => self.operation.run(&cx).await,
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        cx.ended(O::CLASS, result.as_ref().err());
        (result, cx)
    }
}

/// The door: a context for the call, and whether it may go on.
pub(super) fn enter(
    core: Arc<Core>,
    operation: &'static str,
    options: &CallOptions,
) -> (Context, Result<(), (ErrorKind, String)>) {
    let limit = options.deadline.unwrap_or(core.deadline);
    let valid = door::deadline(limit);
    let started = clock::now();
    let violations = core.violations.iter().zip(&core.roster);
    let violations = violations.map(|(of_the_client, profile)| {
        let of_the_call = || options.constraints.check(profile).err();
        of_the_client.clone().or_else(of_the_call)
    });
    let pin = options.pin.as_ref().map(|name| (name, core.roster.index_of(name)));
    let cx = Context {
        violations: violations.collect(),
        operation,
        started,
        deadline: if valid.is_ok() { started + limit } else { started },
        pin: pin.and_then(|(_, index)| index),
        records: Mutex::default(),
        core: core.clone(),
    };
    let invalid = |message| Err((ErrorKind::InvalidInput, message));
    let admitted = match (valid, pin) {
        _ if core.closed.load(Ordering::Acquire) => Err((ErrorKind::Closed, "the client is closed".to_owned())),
        (Err(message), _) => invalid(message),
        (_, Some((name, None))) => invalid(format!(
            "the call is pinned to `{name}`, which is no endpoint of this client"
        )),
        (_, Some((name, Some(index)))) if cx.violations[index].is_some() => {
            let violation = cx.violations[index]
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            invalid(format!(
                "the call is pinned to {name}, which may not be used, as {violation}"
            ))
        }
        _ if cx.violations.iter().all(Option::is_some) => {
            invalid("no endpoint is left under the constraints of the client and the call".to_owned())
        }
        _ => {
            cx.core.prober.ensure_running();
            Ok(())
        }
    };
    (cx, admitted)
}

impl<O: Operation> IntoFuture for ObjectCall<O> {
    type Output = Result<O::Value, Error>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run().await.0.map(|(value, _)| value) })
    }
}

impl<O: Operation> IntoFuture for Explained<O> {
    type Output = Result<(O::Value, Explanation), Error>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (result, cx) = self.0.run().await;
            result.map(|(value, answer)| (value, cx.explain_answer(answer)))
        })
    }
}
