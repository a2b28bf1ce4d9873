use super::{Answer, Core, Protocol, Why, time_on_the_wire};
use crate::{
    BoxError,
    call::{Attempt, Error, Explanation, NotAsked, Plan, Refusal},
    endpoint::{Constraints, Violation},
    model::{
        ErrorKind,
        clock::{self, Instant},
    },
    provider::{Conditional, ProviderError, ProviderErrorKind},
    request::{Call, CallRecord, Ended, LegKind, OpClass, Safety, Told, bit, members},
    stack::{
        deadline::Elapsed,
        retry::{Again, Exception},
    },
    verdict::{Outcome, Verdict},
};
use std::{
    any::Any,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// One call of the client, which may pass through the stack several times.
pub struct Context<P: Protocol> {
    pub(crate) core: Arc<Core<P>>,
    pub(crate) operation: &'static str,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    /// The endpoint that the caller pinned.
    pub(crate) pin: Option<usize>,
    /// The call's own constraints.
    pub(crate) constraints: Constraints,
    /// The endpoints that this call must not use: those that break a constraint of the client or of the call.
    pub(crate) barred: u64,
    /// The client's plan, narrowed to what this call may do.
    pub(crate) plan: Plan,
    /// The caller's options for its attempts.
    pub(crate) told: Told,
    /// The call's passes so far.
    pub(crate) passes: Mutex<Vec<Call<P::Request>>>,
}

/// Where a pass through the stack may go, and why it is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aim {
    pub(crate) pin: Option<usize>,
    pub(crate) barred: u64,
    pub(crate) kind: LegKind,
    /// The pass's own deadline, sooner than the call's.
    pub(crate) deadline: Option<Instant>,
    /// Returns a write whose answer was lost, instead of trying elsewhere.
    pub(crate) gives_back_lost: bool,
    /// How many attempts the call made before this pass; they count towards the most that one call may make.
    pub(crate) spent: u32,
    /// Why the budget is not asked, for a request that the call does not need.
    pub(crate) beyond: Option<Exception>,
}

/// The longest pause: if contention lasts longer than this resolves, the deadline decides.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(64);

impl Aim {
    pub(crate) fn only(endpoint: usize) -> Self {
        Self {
            pin: Some(endpoint),
            ..Self::default()
        }
    }

    pub(crate) fn confirm(endpoint: usize) -> Self {
        Self {
            kind: LegKind::Confirm,
            beyond: Some(Exception::Confirmation),
            ..Self::only(endpoint)
        }
    }

    /// The same aim for a further request that the budget has granted.
    pub(crate) const fn again(self) -> Self {
        Self {
            kind: LegKind::Retry,
            ..self
        }
    }

    pub(crate) fn proof(endpoint: usize) -> Self {
        Self {
            kind: LegKind::Proof,
            beyond: Some(Exception::AbsenceProof),
            ..Self::only(endpoint)
        }
    }
}

/// The result of one pass.
pub(crate) struct Reply<P: Protocol> {
    pub(crate) result: Result<P::Response, BoxError>,
    pub(crate) call: Call<P::Request>,
}

impl<P: Protocol> Reply<P> {
    pub(crate) fn record(&self) -> &CallRecord {
        self.call.record()
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.result.is_ok()
    }

    /// The kind of the provider's error, if there is one.
    pub(crate) fn refusal(&self) -> Option<ProviderErrorKind> {
        let error = self.result.as_ref().err()?;
        error.downcast_ref::<ProviderError>().map(ProviderError::kind)
    }

    /// Whether the credential, not the request, was refused.
    pub(crate) fn names_the_credential(&self) -> bool {
        let error = self.result.as_ref().err().and_then(|error| error.downcast_ref());
        error.is_some_and(|error: &ProviderError| error.outcome().credential)
    }

    /// How the last attempt that was judged ended.
    pub(crate) fn last_outcome(&self) -> Option<Outcome> {
        self.record().last_outcome()
    }

    /// The endpoint that gave this answer.
    pub(crate) fn endpoint(&self) -> Option<usize> {
        let wanted = match self.refusal() {
            None => Verdict::Success,
            Some(ProviderErrorKind::NotFound) => Verdict::Absent,
            Some(_) => Verdict::Answer,
        };
        winner(self.record(), wanted)
    }

    /// The endpoints that said *absent*.
    pub(crate) fn absent_at(&self) -> u64 {
        judged(self.record())
            .filter(|&(_, verdict)| verdict == Verdict::Absent)
            .fold(0, |set, (endpoint, _)| set | bit(endpoint))
    }

    /// The endpoints where a write's attempts are of unknown fate.
    pub(crate) fn maybe_applied_at(&self) -> u64 {
        let unknown = |ended: Option<Ended>| match ended {
            Some(Ended::Judged(outcome)) => outcome.may_have_been_applied(),
            Some(Ended::Abandoned(_)) | None => true,
        };
        let legs = self.record().legs();
        legs.iter()
            .filter(|leg| leg.started.is_some() && unknown(leg.ended))
            .filter_map(|leg| leg.endpoint)
            .fold(0, |set, endpoint| set | bit(endpoint))
    }
}

fn judged(record: &CallRecord) -> impl Iterator<Item = (usize, Verdict)> {
    record
        .legs()
        .into_iter()
        .filter_map(|leg| match (leg.endpoint, leg.ended) {
            (Some(endpoint), Some(Ended::Judged(outcome))) => Some((endpoint, outcome.verdict)),
            _ => None,
        })
}

/// The endpoint that answered with `wanted`; else the first that answered at all; else, for stacks in which nobody
/// judges, the endpoint that was asked.
pub(crate) fn winner(record: &CallRecord, wanted: Verdict) -> Option<usize> {
    judged(record)
        .find(|&(_, verdict)| verdict == wanted)
        .or_else(|| judged(record).find(|&(_, verdict)| verdict.is_healthy()))
        .map(|(endpoint, _)| endpoint)
        .or_else(|| record.legs().iter().find_map(|leg| leg.endpoint))
        .or(record.pin())
}

impl<P: Protocol> Context<P> {
    /// The constraint of the client or of this call that the endpoint breaks.
    pub(crate) fn violation(&self, endpoint: usize) -> Option<Violation> {
        self.core.engine.violation(&self.constraints, endpoint)
    }

    pub(crate) fn name(&self, endpoint: usize) -> Arc<str> {
        self.core.engine.roster.shared_name(endpoint)
    }

    pub(crate) fn names(&self, set: u64) -> Vec<Arc<str>> {
        members(set).map(|endpoint| self.name(endpoint)).collect()
    }

    /// Whether the caller's rule, or the client's, lets nothing be tried again after this outcome.
    pub(crate) fn is_final(&self, outcome: Outcome) -> bool {
        let rule = self.told.options().retry_when.or(self.core.retry.when);
        rule.is_some_and(|rule| rule(outcome) == Again::Never)
    }

    /// Whether the last outcome of this pass is final in that sense.
    pub(crate) fn ends_with(&self, reply: &Reply<P>) -> bool {
        reply.last_outcome().is_some_and(|outcome| self.is_final(outcome))
    }

    /// Whether the call may send a request beyond those that it needs.
    pub(crate) fn may_ask_more(&self, class: OpClass) -> bool {
        self.core.engine.purse.withdraw(class, clock::now())
    }

    /// The same for a call that can wait, and leaves half of the budget to those that cannot.
    pub(crate) fn may_ask_more_sparing(&self, class: OpClass) -> bool {
        self.core.engine.purse.withdraw_sparing(class, clock::now())
    }

    /// Whether the call may send two such requests; the budget grants both or neither.
    pub(crate) fn may_ask_two_more(&self, class: OpClass) -> bool {
        let first = self.may_ask_more(class);
        let both = first && self.may_ask_more(class);
        if first && !both {
            self.give_back();
        }
        both
    }

    /// Returns to the budget what was granted and is not sent.
    pub(crate) fn give_back(&self) {
        self.core.engine.purse.budget().refund(clock::now());
    }

    /// Waits before a repetition: up to `most`, with full jitter, so that two calls that met do not meet again.
    pub(crate) async fn pause(&self, most: Duration) -> Result<(), Refusal> {
        let share = self.core.rng.lock().unwrap_or_else(PoisonError::into_inner).f64();
        let wait = most.mul_f64(share);
        if clock::now() + wait >= self.deadline {
            return Err(Refusal::Time);
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Pauses, and then waits until the budget grants two more requests. A call that lost a race and failed now would
    /// be repeated by its caller, at the same price.
    pub(crate) async fn pause_for_two_more(&self, class: OpClass, most: Duration) -> Result<(), Refusal> {
        self.pause(most).await?;
        while !self.may_ask_two_more(class) {
            self.pause(LONGEST_PAUSE).await.map_err(|_| Refusal::Budget)?;
        }
        Ok(())
    }

    /// [`ask`](Self::ask), as a future that owns the call's context and may outlive the call.
    pub(crate) fn leg(
        self: &Arc<Self>,
        request: P::Request,
        aim: Aim,
    ) -> impl Future<Output = Reply<P>> + Send + use<P> {
        let cx = self.clone();
        async move { cx.ask(request, aim).await }
    }

    /// Sends a request through the stack once.
    pub(crate) async fn ask(&self, request: P::Request, aim: Aim) -> Reply<P> {
        let class = P::class(&request);
        // Every write of this client may be repeated: a create recognises its own id, a conditional put meets its own
        // success and recognises it too, a delete of what is gone succeeds, and an unconditional overwrite stores the
        // same bytes again (a caller to whom the order of concurrent overwrites matters uses a condition).
        let safety = match class {
            OpClass::Write => Safety::Idempotent,
            OpClass::Read | OpClass::List => Safety::ReadOnly,
        };
        if let Some(why) = aim.beyond {
            self.core.engine.purse.except(why);
        }
        let first = self.passes().is_empty();
        let record = CallRecord::new(class, safety)
            .earning(first)
            .pinned(aim.pin.or(self.pin))
            .barring(self.barred | aim.barred)
            .narrowed(self.barred & self.core.permitted() != 0)
            .starting_as(aim.kind)
            .giving_back_lost(aim.gives_back_lost)
            .having_spent(aim.spent)
            .keeping_beginnings(first && self.core.retry.max_attempts > 1 && P::goes_on(&request))
            .proving_absences(self.pin.is_none())
            .carrying(P::bytes(&request))
            .weighed()
            .called(P::operation(&request))
            .allowing(time_on_the_wire::<P>(&request))
            .heeding(self.told.clone());
        record.set_deadline(aim.deadline.map_or(self.deadline, |sooner| sooner.min(self.deadline)));
        let call = Call::on_record(request, record);
        self.passes().push(call.clone());
        let result = self.core.send(call.clone()).await;
        // What the caller gave, and not what was left of it when this pass began.
        let result = result.map_err(|error| match error.downcast::<Elapsed>() {
            Ok(_) if clock::now() >= self.deadline => {
                let limit = self.deadline.saturating_duration_since(self.started);
                Elapsed { limit }.into()
            }
            Ok(elapsed) => elapsed,
            Err(other) => other,
        });
        Reply { result, call }
    }

    /// The beginning of the body that broke off in this call's first pass, and the endpoint that gave it. `None` also
    /// where nothing may be tried again.
    pub(crate) fn broken_off<B: Any>(&self) -> Option<(usize, B)> {
        let record = self.passes().first()?.clone();
        let record = record.record();
        let is_last =
            self.core.retry.max_attempts <= 1 || record.last_outcome().is_some_and(|outcome| self.is_final(outcome));
        let (endpoint, beginning) = record.take_beginning().filter(|_| !is_last)?;
        Some((endpoint, *beginning.downcast().ok()?))
    }

    /// Adds the passes of a call that several calls made together.
    pub(crate) fn share(&self, together: &Self) {
        let shared = together.passes().clone();
        self.passes().extend(shared);
    }

    /// How many attempts of this call's writes may land after the call has ended, and change what is there then.
    pub(crate) fn unresolved(&self) -> usize {
        let open: Vec<_> = {
            let passes = self.passes();
            let writes = passes.iter().filter(|call| call.class() == OpClass::Write);
            let open = writes.map(|call| {
                let record = call.record();
                (record.of_unknown_fate(), P::fence(call.request()), record.picked())
            });
            open.filter(|(open, ..)| *open > 0).collect()
        };
        // Of a store that was never seen to keep to the condition it is not known whether it will. Adapters are asked, so under
        // no lock.
        let keeps = |fence, asked| (self.core.lacking(fence) | self.core.unknown(fence)) & asked == 0;
        let unfenced = open
            .iter()
            .filter(|(_, fence, asked)| !fence.is_some_and(|fence| keeps(fence, *asked)));
        unfenced.map(|(open, ..)| open).sum()
    }

    fn passes(&self) -> MutexGuard<'_, Vec<Call<P::Request>>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The subset of these endpoints that this call may go to.
    pub(crate) fn reach(&self, endpoints: u64) -> u64 {
        endpoints & !self.barred & self.pin.map_or(u64::MAX, bit)
    }

    /// Whether some attempt of this call's writes may have been applied.
    pub(crate) fn may_have_been_applied(&self) -> bool {
        let passes = self.passes();
        passes.iter().any(|call| call.record().may_have_been_applied())
    }

    /// The instant by which a preferred endpoint must have answered, so that the others still have time: after a
    /// quarter of the time left. An endpoint that needs longer than 2.5 of the default 10 s is better left.
    pub(crate) fn preferring(&self) -> Instant {
        let now = clock::now();
        now + self.deadline.saturating_duration_since(now) / 4
    }

    /// Notes the end of the call.
    pub(crate) fn ended(&self, class: OpClass, failure: Option<&Error>) {
        let took = clock::now().saturating_duration_since(self.started);
        self.core
            .engine
            .metrics
            .ended(self.called(), class, failure.map(Error::kind), took);
    }

    /// What the call is called.
    fn called(&self) -> &'static str {
        self.core.engine.name_of(self.told.options(), self.operation)
    }

    pub(crate) fn explain(&self) -> Explanation {
        let creates = self.operation == "put" && self.plan.creates;
        // Adapters are asked, so under no lock.
        let lacking = if creates {
            self.core.lacking(Conditional::Create)
        } else {
            0
        };
        let passes = self.passes();
        let tried = passes.iter().fold(0, |set, call| set | call.record().picked());
        let class = passes.first().map_or(OpClass::Read, Call::class);
        // Reads and deletes go there: it may hold what was stored before.
        let no_creates = |index| (lacking & bit(index) != 0).then_some("it cannot be trusted with creates");
        let passed_over = |index| {
            let why = self.core.passed_over.why(index, self.started).filter(|_| creates);
            why.map(Why::as_str)
        };
        let engine = &self.core.engine;
        let own = |index| no_creates(index).or_else(|| passed_over(index));
        let considered = engine.considered(class, (&self.constraints, self.pin), tried, own);
        let records = passes.iter().map(Call::record);
        let explanation = Explanation::new(self.called(), considered, &engine.roster, self.started, records);
        drop(passes);
        explanation.about(P::NOUN).unresolved(self.unresolved() > 0)
    }

    pub(crate) fn explain_answer(&self, answer: Answer) -> Explanation {
        let explanation = self.explain().unresolved(answer.unresolved).of_a_body(answer.served);
        explanation.answered(answer.endpoint, answer.possibly_stale)
    }

    /// The failure of `reply`.
    pub(crate) fn fail(&self, reply: Reply<P>) -> Error {
        match reply.result {
            Ok(_) => self.nonsense(),
            Err(error) => Error::judged(error, reply.call.record(), &self.core.engine.roster, self.explain()),
        }
    }

    /// The failure when a user's layer gave the answer of another operation.
    pub(crate) fn nonsense(&self) -> Error {
        self.refuse(ErrorKind::Unavailable, "a layer gave the answer to another operation")
    }

    /// A failure without a provider's error.
    pub(crate) fn refuse(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::local(kind, self.explain(), message)
    }

    /// The value that was checked at the door, or the refusal with its reason.
    pub(crate) fn checked<T>(&self, result: Result<T, String>) -> Result<T, Error> {
        result.map_err(|message| self.refuse(ErrorKind::InvalidInput, message))
    }

    /// Why `endpoint` could not be asked.
    pub(crate) fn not_asked(&self, endpoint: usize, reply: Option<Reply<P>>) -> NotAsked {
        let reason = match (self.violation(endpoint), reply) {
            (Some(violation), _) => {
                let reason = format!("may not be asked because {violation}");
                return NotAsked::new(self.name(endpoint), reason).lasting(true);
            }
            (None, reply) => {
                let legs = reply.iter().flat_map(|reply| reply.record().legs());
                if let Some(leg) = legs.filter(|leg| leg.started.is_some()).last() {
                    let attempt = Attempt::new(leg, &self.core.engine.roster);
                    let met = attempt.to_string();
                    let name = self.core.engine.roster.name(endpoint);
                    let reason = met.strip_prefix(name).unwrap_or(&met).trim_start();
                    return NotAsked::new(self.name(endpoint), reason).lasting(attempt.lasts());
                }
                let class = self.passes().first().map_or(OpClass::Read, Call::class);
                match self.core.engine.operator.out_of_use(endpoint, class) {
                    Some(why) => format!("was not asked because {why}"),
                    None if reply.is_some() => "could not be asked now".to_owned(),
                    None => "was not asked".to_owned(),
                }
            }
        };
        NotAsked::new(self.name(endpoint), reason)
    }
}
