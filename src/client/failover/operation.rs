use super::{Ask, Failover, Op};
use crate::{
    BoxError, Error, ErrorKind, Explanation,
    call::options::{CallOptions, call_setters},
    client::Considered,
    endpoint::{Constraints, Violation},
    model::clock,
    request::{Call, CallRecord, OpClass, Safety, bit},
    route::Barred,
    verdict::Classify,
};
use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::atomic::Ordering,
    time::Duration,
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A call that has not been sent yet. Options first, then `.await`.
#[must_use = "a call does nothing until it is awaited"]
pub struct Operation<'c, C, K, F> {
    failover: &'c Failover<C, K>,
    operation: F,
    safety: Safety,
    options: CallOptions,
}

/// A call that gives back its [`Explanation`] beside the value.
#[must_use = "a call does nothing until it is awaited"]
pub struct Explained<'c, C, K, F>(Operation<'c, C, K, F>);

impl<'c, C, K, F> Operation<'c, C, K, F> {
    pub(super) fn new(failover: &'c Failover<C, K>, operation: F, safety: Safety) -> Self {
        Self {
            failover,
            operation,
            safety,
            options: CallOptions::default(),
        }
    }

    call_setters! {
        deadline: "How long this call may take, with all its attempts.",
        pin: "Only this endpoint."
    }

    /// Gives back `(value, Explanation)`. (An error always carries its own.)
    pub const fn explained(self) -> Explained<'c, C, K, F> {
        Explained(self)
    }

    /// The value, with the record of how it was had.
    async fn run<T, E>(self, explained: bool) -> Result<(T, Option<Explanation>), Error<E>>
    where
        C: Clone,
        F: Ask<C, Response = T, Error = E>,
        E: std::error::Error + Send + Sync + 'static,
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
                core.metrics.ended(class, Some(kind), Duration::ZERO);
                let considered = Considered::all(&core.roster, |_| None);
                let nothing = Explanation::new(self.name(), considered, &core.roster, clock::now(), []);
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
            options: CallOptions {
                constraints, attempts, ..
            },
            ..
        } = self;
        let call = Call::on_record(Op::new(operation), record.heeding(attempts));
        let explain = || explain(failover, name, &constraints, call.record());
        let result: Result<T, BoxError> = core.composed.service.send(call.clone()).await;
        let took = call.record().took();
        let result = match result {
            Ok(value) => {
                let by = call.record().answered_by().map(|index| core.roster.shared_name(index));
                Ok((value, explained.then(|| explain().answered(by, false))))
            }
            Err(error) => Err(Error::judged(error, call.record(), &core.roster, explain())),
        };
        let failure = result.as_ref().err().map(|error| error.kind());
        core.metrics.ended(class, failure, took);
        result
    }

    /// What it is called.
    fn name(&self) -> &'static str {
        let usual = match self.safety {
            Safety::ReadOnly => "read",
            Safety::Idempotent | Safety::Once => "write",
        };
        self.options
            .attempts
            .options()
            .name
            .or(self.failover.core.name)
            .unwrap_or(usual)
    }

    /// The door: what the call may use, or why it may not go on.
    fn record(&self, class: OpClass) -> Result<CallRecord, (ErrorKind, String)> {
        let core = &self.failover.core;
        if core.closed.load(Ordering::Acquire) {
            return Err((ErrorKind::Closed, "the client is closed".to_owned()));
        }
        let options = &self.options;
        options.check().map_err(|message| (ErrorKind::InvalidInput, message))?;
        let constraints = &options.constraints;
        let of_the_call = match constraints.is_empty() {
            true => 0,
            false => core.roster.set_of(|_, profile| constraints.check(profile).is_err()),
        };
        let barred = core.barred | of_the_call;
        let pin = match &options.pin {
            None => None,
            Some(name) => {
                let index = core.roster.index_of(name).ok_or_else(|| {
                    let message = format!("the call is pinned to `{name}`, which is no endpoint of this client");
                    (ErrorKind::InvalidInput, message)
                })?;
                if let Some(violation) = violation(self.failover, constraints, index) {
                    return Err((ErrorKind::InvalidInput, Barred::new(name, &violation).to_string()));
                }
                Some(index)
            }
        };
        if (0..core.roster.len()).all(|index| barred & bit(index) != 0) {
            let message = "no endpoint is left under the constraints of the client and the call".to_owned();
            return Err((ErrorKind::InvalidInput, message));
        }
        core.prober.ensure_running();
        Ok(CallRecord::new(class, self.safety)
            .pinned(pin)
            .barring(barred)
            .narrowed(barred != core.barred))
    }
}

/// Which constraint of the client or of the call the endpoint breaks.
fn violation<C, K>(failover: &Failover<C, K>, constraints: &Constraints, endpoint: usize) -> Option<Violation> {
    let core = &failover.core;
    let of_the_call = || constraints.check(core.roster.get(endpoint)?).err();
    core.composed.violations[endpoint].clone().or_else(of_the_call)
}

/// What a call did and why.
fn explain<C, K>(
    failover: &Failover<C, K>,
    name: &'static str,
    constraints: &Constraints,
    record: &CallRecord,
) -> Explanation {
    let (roster, operator) = (&failover.core.roster, &failover.core.operator);
    let considered = Considered::all(roster, |index| {
        match (violation(failover, constraints, index), record.pin()) {
            (Some(violation), _) => Some(violation.to_string()),
            (None, Some(pin)) if pin != index => Some(format!("the call is pinned to {}", roster.name(pin))),
            _ if record.picked() & bit(index) != 0 => None,
            _ => operator.out_of_use(index, record.class()).map(str::to_owned),
        }
    });
    let unresolved = record.of_unknown_fate() > 0;
    Explanation::new(name, considered, roster, record.started(), [record]).unresolved(unresolved)
}

impl<'c, C, K, F, T, E> IntoFuture for Operation<'c, C, K, F>
where
    C: Clone + Send + Sync + 'static,
    K: Classify<T, E> + Clone + Send + Sync + 'static,
    F: Ask<C, Response = T, Error = E, Future: Send> + Send + Sync + 'c,
    T: Send + 'c,
    E: std::error::Error + Send + Sync + 'static,
{
    type Output = Result<T, Error<E>>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run(false).await.map(|(value, _)| value) })
    }
}

impl<'c, C, K, F, T, E> IntoFuture for Explained<'c, C, K, F>
where
    C: Clone + Send + Sync + 'static,
    K: Classify<T, E> + Clone + Send + Sync + 'static,
    F: Ask<C, Response = T, Error = E, Future: Send> + Send + Sync + 'c,
    T: Send + 'c,
    E: std::error::Error + Send + Sync + 'static,
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

impl<C, K, F> fmt::Debug for Operation<'_, C, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl<C, K, F> fmt::Debug for Explained<'_, C, K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explained").finish_non_exhaustive()
    }
}
