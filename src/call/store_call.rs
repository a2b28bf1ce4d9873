use super::{Answer, Context, Core, Protocol, Standing, Turned};
use crate::{
    call::{
        Error, Explanation,
        options::{CallOptions, call_setters},
    },
    model::clock,
    request::OpClass,
};
use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call that has not been sent yet. Options first, then `.await`.
#[must_use = "a call does nothing until it is awaited"]
pub struct StoreCall<O: Operation> {
    core: Arc<Core<O::Protocol>>,
    pub(crate) operation: O,
    options: CallOptions,
}

/// A call that returns its [`Explanation`] beside the value.
#[must_use = "a call does nothing until it is awaited"]
pub struct ExplainedCall<O: Operation>(StoreCall<O>);

/// One operation, run with its context. Sealed.
pub trait Operation: Send + Sized + 'static {
    /// The protocol of the operation.
    type Protocol: Protocol;
    /// The result of the operation.
    type Value: Send + 'static;
    /// `put`, `get`, …
    const NAME: &'static str;
    /// The method that was called, where one type stands for several.
    fn name(&self) -> &'static str {
        Self::NAME
    }
    /// The class under which the operation counts.
    const CLASS: OpClass;
    /// Runs the operation.
    fn run(
        self,
        cx: &Arc<Context<Self::Protocol>>,
    ) -> impl Future<Output = Result<(Self::Value, Answer), Error>> + Send;
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

    /// The same with the options of another call.
    pub(crate) fn with_options(mut self, options: CallOptions) -> Self {
        self.options = options;
        self
    }

    /// Makes the call return `(value, Explanation)`. (An error always carries its own explanation.)
    pub const fn explained(self) -> ExplainedCall<O> {
        ExplainedCall(self)
    }

    async fn run(self) -> (Result<(O::Value, Answer), Error>, Arc<Context<O::Protocol>>) {
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
) -> (Arc<Context<P>>, Result<(), Turned>) {
    let started = clock::now();
    let barred = core.engine.barred_by(&options.constraints);
    let admitted = core.engine.enter(options, barred);
    let limit = options.deadline.unwrap_or(core.deadline);
    // What makes no sense must not be added to the clock.
    let limit = options.check().map_or(Duration::ZERO, |()| limit);
    let pin = admitted.as_ref().ok().copied().flatten();
    let cx = Context {
        plan: core.plan.for_call(Standing { barred, pin }),
        constraints: options.constraints.clone(),
        barred,
        operation,
        started,
        deadline: started + limit,
        pin,
        told: options.attempts.clone(),
        passes: Mutex::default(),
        core,
    };
    (Arc::new(cx), admitted.map(|_| ()))
}

impl<O: Operation> IntoFuture for StoreCall<O> {
    type Output = Result<O::Value, Error>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run().await.0.map(|(value, _)| value) })
    }
}

impl<O: Operation> IntoFuture for ExplainedCall<O> {
    type Output = Result<(O::Value, Explanation), Error>;
    type IntoFuture = BoxFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (result, cx) = self.0.run().await;
            result.map(|(value, answer)| (value, cx.explain_answer(answer)))
        })
    }
}
