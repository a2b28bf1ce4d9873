use super::{Answer, Context, Core, Protocol};
use crate::{
    call::{
        Error, Explanation,
        options::{CallOptions, call_setters},
    },
    model::{ErrorKind, clock},
    request::OpClass,
    route::Barred,
};
use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering},
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call that has not been sent yet. Options first, then `.await`.
#[must_use = "a call does nothing until it is awaited"]
pub struct StoreCall<O: Operation> {
    core: Arc<Core<O::Protocol>>,
    pub(crate) operation: O,
    options: CallOptions,
}

/// A call that gives back its [`Explanation`] beside the value.
#[must_use = "a call does nothing until it is awaited"]
pub struct Explained<O: Operation>(StoreCall<O>);

/// Sealed: what one operation does with its context.
pub trait Operation: Send + Sized + 'static {
    /// What it is said in.
    type Protocol: Protocol;
    /// What it returns.
    type Value: Send + 'static;
    /// `put`, `get`, …
    const NAME: &'static str;
    /// The method that was called, where one type stands for several.
    fn name(&self) -> &'static str {
        Self::NAME
    }
    /// The class under which it counts.
    const CLASS: OpClass;
    /// Does it.
    fn run(self, cx: &Context<Self::Protocol>) -> impl Future<Output = Result<(Self::Value, Answer), Error>> + Send;
}

impl<O: Operation> StoreCall<O> {
    pub(crate) fn new(core: Arc<Core<O::Protocol>>, operation: O) -> Self {
        Self {
            core,
            operation,
            options: CallOptions::default(),
        }
    }

    call_setters! {
        deadline: "How long this call may take, with all its attempts.",
        pin: "Only this endpoint. Its word is then final: *not found* means not found there, and a pinned delete removes what \
              lies there and leaves other copies alone."
    }

    /// Gives back `(value, Explanation)`. (An error always carries its own.)
    pub const fn explained(self) -> Explained<O> {
        Explained(self)
    }

    async fn run(self) -> (Result<(O::Value, Answer), Error>, Context<O::Protocol>) {
        let (cx, admitted) = enter(self.core, self.operation.name(), &self.options);
        let result = match admitted {
            Ok(()) => self.operation.run(&cx).await,
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        cx.ended(O::CLASS, result.as_ref().err());
        (result, cx)
    }
}

/// The door: a context for the call, and whether it may go on.
pub(crate) fn enter<P: Protocol>(
    core: Arc<Core<P>>,
    operation: &'static str,
    options: &CallOptions,
) -> (Context<P>, Result<(), (ErrorKind, String)>) {
    let limit = options.deadline.unwrap_or(core.deadline);
    let valid = options.check();
    let started = clock::now();
    let constraints = &options.constraints;
    let of_the_call = || core.roster.iter().map(|profile| constraints.check(profile).err());
    let pin = options.pin.as_ref().map(|name| (name, core.roster.index_of(name)));
    let cx = Context {
        of_the_call: (!constraints.is_empty()).then(|| of_the_call().collect()),
        operation,
        started,
        deadline: if valid.is_ok() { started + limit } else { started },
        pin: pin.and_then(|(_, index)| index),
        told: options.attempts.clone(),
        passes: Mutex::default(),
        core: core.clone(),
    };
    let invalid = |message| Err((ErrorKind::InvalidInput, message));
    let admitted = match (valid, pin) {
        _ if core.closed.load(Ordering::Acquire) => Err((ErrorKind::Closed, "the client is closed".to_owned())),
        (Err(message), _) => invalid(message),
        (_, Some((name, None))) => invalid(format!(
            "the call is pinned to `{name}`, which is no endpoint of this client"
        )),
        (_, Some((name, Some(index)))) if cx.violation(index).is_some() => {
            let barred = cx.violation(index).map(|violation| Barred::new(name, violation));
            invalid(barred.map(|barred| barred.to_string()).unwrap_or_default())
        }
        _ if (0..cx.core.roster.len()).all(|index| cx.violation(index).is_some()) => {
            invalid("no endpoint is left under the constraints of the client and the call".to_owned())
        }
        _ => {
            cx.core.prober.ensure_running();
            Ok(())
        }
    };
    (cx, admitted)
}

impl<O: Operation> IntoFuture for StoreCall<O> {
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
