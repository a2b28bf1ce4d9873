use super::{AsError, Ask, EndpointError, Failover, Op};
use crate::{
    BoxError, Error, Explanation,
    call::{
        Turned,
        options::{CallOptions, call_setters},
    },
    client::Considered,
    endpoint::Constraints,
    model::clock,
    request::{Call, CallRecord, OpClass, Safety},
    verdict::Classify,
};
use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A call that has not been sent yet. Options first, then `.await`.
#[must_use = "a call does nothing until it is awaited"]
pub struct Operation<'c, C, K, F, E> {
    failover: &'c Failover<C, K>,
    operation: F,
    as_error: AsError<E>,
    safety: Safety,
    options: CallOptions,
}

/// A call that returns its [`Explanation`] beside the value.
#[must_use = "a call does nothing until it is awaited"]
pub struct ExplainedOperation<'c, C, K, F, E>(Operation<'c, C, K, F, E>);

impl<'c, C, K, F, E> Operation<'c, C, K, F, E> {
    pub(super) fn new(failover: &'c Failover<C, K>, operation: F, as_error: AsError<E>, safety: Safety) -> Self {
        Self {
            failover,
            operation,
            as_error,
            safety,
            options: CallOptions::default(),
        }
    }

    call_setters! {
        deadline: "How long this call may take, with all its attempts.",
        pin: "Only this endpoint."
    }

    /// Makes the call return `(value, Explanation)`. (An error always carries its own explanation.)
    pub const fn explained(self) -> ExplainedOperation<'c, C, K, F, E> {
        ExplainedOperation(self)
    }

    /// The value, with the explanation if asked for.
    async fn run<T>(self, explained: bool) -> Result<(T, Option<Explanation>), Error<E>>
    where
        C: Clone,
        F: Ask<C, Response = T, Error = E>,
        E: Send + Sync + 'static,
        K: Classify<T, E> + Clone,
    {
        let core = &self.failover.core;
        let class = match self.safety {
            Safety::ReadOnly => OpClass::Read,
            Safety::Idempotent | Safety::Once => OpClass::Write,
        };
        let record = match self.record(class) {
            Ok(record) => record,
            Err((kind, message)) => {
                core.engine
                    .metrics
                    .ended(self.name(), class, Some(kind), Duration::ZERO);
                let considered = Considered::all(&core.engine.roster, |_| None);
                let nothing = Explanation::new(self.name(), considered, &core.engine.roster, clock::now(), []);
                return Err(Error::local(kind, nothing, message));
            }
        };
        if let Some(limit) = self.options.deadline {
            record.set_deadline(record.started() + limit);
        }
        let name = self.name();
        let Self {
            failover,
            operation,
            as_error,
            options: CallOptions {
                constraints, attempts, ..
            },
            ..
        } = self;
        let call = Call::on_record(Op::new(operation), record.heeding(attempts));
        let explain = || explain(failover, name, &constraints, call.record());
        let result: Result<T, BoxError> = core.stack.send(call.clone()).await;
        let took = call.record().took();
        let result = match result {
            Ok(value) => {
                let by = call
                    .record()
                    .answered_by()
                    .map(|index| core.engine.roster.shared_name(index));
                Ok((value, explained.then(|| explain().answered(by, false))))
            }
            Err(error) => {
                let cause = EndpointError::cause(error, as_error);
                Err(Error::caused_by(cause, call.record(), &core.engine.roster, explain()))
            }
        };
        let failure = result.as_ref().err().map(|error| error.kind());
        core.engine.metrics.ended(name, class, failure, took);
        result
    }

    /// The call's name.
    fn name(&self) -> &'static str {
        let usual = match self.safety {
            Safety::ReadOnly => "read",
            Safety::Idempotent | Safety::Once => "write",
        };
        self.failover
            .core
            .engine
            .name_of(self.options.attempts.options(), usual)
    }

    /// The door: the call's record, or why the call may not go on.
    fn record(&self, class: OpClass) -> Result<CallRecord, Turned> {
        let engine = &self.failover.core.engine;
        let barred = engine.barred_by(&self.options.constraints);
        let pin = engine.enter(&self.options, barred)?;
        Ok(CallRecord::new(class, self.safety)
            .pinned(pin)
            .barring(barred)
            .narrowed(barred != engine.barred))
    }
}

/// What a call did and why.
fn explain<C, K>(
    failover: &Failover<C, K>,
    name: &'static str,
    constraints: &Constraints,
    record: &CallRecord,
) -> Explanation {
    let engine = &failover.core.engine;
    let considered = engine.considered(record.class(), (constraints, record.pin()), record.picked(), |_| None);
    let unresolved = record.of_unknown_fate() > 0;
    Explanation::new(name, considered, &engine.roster, record.started(), [record]).unresolved(unresolved)
}

impl<'c, C, K, F, T, E> IntoFuture for Operation<'c, C, K, F, E>
where
    C: Clone + Send + Sync + 'static,
    K: Classify<T, E> + Clone + Send + Sync + 'static,
    F: Ask<C, Response = T, Error = E, Future: Send> + Send + Sync + 'c,
    T: Send + 'c,
    E: Send + Sync + 'static,
{
    type Output = Result<T, Error<E>>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run(false).await.map(|(value, _)| value) })
    }
}

impl<'c, C, K, F, T, E> IntoFuture for ExplainedOperation<'c, C, K, F, E>
where
    C: Clone + Send + Sync + 'static,
    K: Classify<T, E> + Clone + Send + Sync + 'static,
    F: Ask<C, Response = T, Error = E, Future: Send> + Send + Sync + 'c,
    T: Send + 'c,
    E: Send + Sync + 'static,
{
    type Output = Result<(T, Explanation), Error<E>>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (value, explanation) = self.0.run(true).await?;
            Ok((value, explanation.expect("it was asked for")))
        })
    }
}

impl<C, K, F, E> fmt::Debug for Operation<'_, C, K, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl<C, K, F, E> fmt::Debug for ExplainedOperation<'_, C, K, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExplainedOperation").finish_non_exhaustive()
    }
}
