use super::{
    super::{Objects, rounds, values::Stored, writing::Checks},
    advice,
};
use crate::{
    call::{Aim, Context, Core, Error, Why, enter, options::CallOptions},
    model::{
        ErrorKind, Human,
        clock::{self, Instant},
    },
    provider::{ObjectProvider as _, PartRule, ProviderErrorKind},
    replicate::{self, Completed, Incomplete, Mark},
    request::{
        LegKind, OpClass, bit, members,
        object::{
            AbortUpload, CompleteUpload, Head, ObjectRequest, ObjectResponse, PartTag, PutMode, PutPart, UploadId,
        },
    },
};
use bytes::Bytes;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long a completion is sent again. Each has ten seconds and more, as a store may take its time.
const COMPLETING: Duration = Duration::from_secs(45);
/// An upload without a deadline.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// An upload at one endpoint.
pub(super) struct Lane {
    core: Arc<Core<Objects>>,
    /// What the caller called.
    operation: &'static str,
    options: CallOptions,
    ends: Ends,
    checks: Checks,
    endpoint: usize,
    upload: UploadId,
    rule: PartRule,
    is_given_up: AtomicBool,
    /// Whether a part was sent more than once: what was sent first may land last.
    was_repeated: AtomicBool,
}

/// When the whole upload must end, and how long it had. `None`: there is no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends(Option<(Instant, Duration)>);

/// Why an upload cannot go on.
pub(super) struct Fault {
    pub(super) error: Error,
    /// Nothing was stored, or the same bytes of the same write: the write may be made again.
    pub(super) may_restart: bool,
    /// The store ended the upload, and takes calls: the write may be made again there.
    pub(super) is_gone: bool,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self {
            error,
            may_restart: false,
            is_gone: false,
        }
    }
}

impl Ends {
    pub(super) fn after(total: Option<Duration>) -> Self {
        Self(total.map(|total| (clock::now() + total.min(LONGEST), total)))
    }

    fn left(self) -> Duration {
        self.0
            .map_or(LONGEST, |(ends, _)| ends.saturating_duration_since(clock::now()))
    }

    /// What is left of the deadline that the caller gave, if it gave one.
    pub(super) fn left_of(self, given: Option<Duration>) -> Option<Duration> {
        given.map(|_| self.left().max(Duration::from_nanos(1)))
    }

    /// What comes in time.
    pub(super) async fn within<T>(self, future: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            Some((ends, _)) => tokio::time::timeout_at(ends, future).await.ok(),
            None => Some(future.await),
        }
    }

    /// The upload's own time is up. (A request knows only what was left of it.)
    pub(super) fn late(self, cx: &Context<Objects>) -> Error {
        let total = self.0.map_or(LONGEST, |(_, total)| total);
        let message = format!("the upload's deadline of {} ran out", Human(total));
        cx.refuse(ErrorKind::DeadlineExceeded, message)
    }
}

/// The endpoints that take objects in parts.
fn in_parts(core: &Core<Objects>) -> u64 {
    let takes = |&endpoint: &usize| {
        core.provider(endpoint)
            .is_some_and(|store| store.capabilities().parts.is_some())
    };
    members(core.permitted())
        .filter(takes)
        .fold(0, |set, endpoint| set | bit(endpoint))
}

/// What every endpoint at which the upload may begin asks of its parts.
pub(super) fn rule(core: &Core<Objects>) -> Option<PartRule> {
    let rules = members(core.plan.write_to & in_parts(core));
    let rules = rules.filter_map(|endpoint| core.provider(endpoint)?.capabilities().parts);
    rules.reduce(both)
}

/// What two stores ask of parts that go to both.
pub(super) fn both(one: PartRule, other: PartRule) -> PartRule {
    PartRule {
        least: one.least.max(other.least),
        most: one.most.min(other.most),
        count: one.count.min(other.count),
        equal: one.equal || other.equal,
    }
}

impl Lane {
    /// Begins the upload at any endpoint that may take it, but for `left`.
    pub(super) async fn begin(
        cx: &Context<Objects>,
        options: CallOptions,
        ends: Ends,
        checks: Checks,
        left: u64,
    ) -> Result<Self, Error> {
        let core = cx.core.clone();
        let aim = replicate::aim_of_upload(cx, &checks.condition(), in_parts(&core)).await?;
        let full = core.passed_over.set(cx.started) | left;
        let aim = Aim {
            barred: match cx.reach(core.plan.write_to & !aim.barred & !full) {
                0 => aim.barred | left,
                _ => aim.barred | full,
            },
            ..aim
        };
        let reply = cx.ask(ObjectRequest::BeginUpload(checks.begin.clone()), aim).await;
        let endpoint = reply.endpoint();
        match (reply.result, endpoint) {
            (Ok(ObjectResponse::BeginUpload(upload)), Some(endpoint)) => Ok(Self::at(
                core,
                cx.operation,
                (options, ends),
                checks,
                (endpoint, upload),
            )),
            (Ok(_), _) => Err(cx.nonsense()),
            (result @ Err(_), _) => {
                let failed = cx.fail(crate::call::Reply {
                    result,
                    call: reply.call,
                });
                // An upload that may have begun changes nothing that is visible.
                let failed = match failed.kind() {
                    ErrorKind::MaybeApplied => failed.with_kind(ErrorKind::Unavailable).retryable(true),
                    _ => failed,
                };
                Err(replicate::of_the_home(cx, failed).with_write_id(Some(checks.id)))
            }
        }
    }

    fn at(
        core: Arc<Core<Objects>>,
        operation: &'static str,
        (options, ends): (CallOptions, Ends),
        checks: Checks,
        (endpoint, upload): (usize, UploadId),
    ) -> Self {
        let rule = core.provider(endpoint).and_then(|store| store.capabilities().parts);
        Self {
            options: CallOptions {
                deadline: None,
                ..options
            },
            ends,
            checks,
            endpoint,
            upload,
            rule: rule.unwrap_or(PartRule::S3),
            is_given_up: AtomicBool::new(false),
            was_repeated: AtomicBool::new(false),
            core,
            operation,
        }
    }

    /// An upload that was begun before, as the same write.
    #[cfg(feature = "object_store")]
    pub(super) fn resumed(
        core: Arc<Core<Objects>>,
        options: CallOptions,
        checks: Checks,
        endpoint: usize,
        upload: UploadId,
    ) -> Self {
        let ends = Ends::after(options.deadline);
        Self::at(core, "upload", (options, ends), checks, (endpoint, upload))
    }

    #[cfg(feature = "object_store")]
    pub(super) const fn upload(&self) -> &UploadId {
        &self.upload
    }

    pub(super) const fn endpoint(&self) -> usize {
        self.endpoint
    }

    pub(super) fn endpoint_name(&self) -> Arc<str> {
        self.core.engine.roster.shared_name(self.endpoint)
    }

    pub(super) const fn rule(&self) -> PartRule {
        self.rule
    }

    pub(super) const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// A context for one of the upload's requests.
    pub(super) fn enter(&self) -> (Arc<Context<Objects>>, Result<(), Error>) {
        let left = self.ends.left();
        let options = CallOptions {
            deadline: Some(left.max(Duration::from_nanos(1))),
            ..self.options.clone()
        };
        let (cx, admitted) = enter(self.core.clone(), self.operation, &options);
        let admitted = match admitted {
            _ if left.is_zero() => Err(self.ends.late(&cx)),
            // The upload was admitted when it began: a client that is closed lets it go on to its end.
            Ok(()) | Err((ErrorKind::Closed, _)) => Ok(()),
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        (cx, admitted)
    }

    /// What is said of a request that ran out of what was left of the upload's time.
    fn ended<T>(&self, cx: &Context<Objects>, result: Result<T, Fault>) -> Result<T, Fault> {
        let result = result.map_err(|fault| match fault.error.kind() {
            ErrorKind::DeadlineExceeded => self.ends.late(cx).into(),
            ErrorKind::Unavailable | ErrorKind::HomeUnavailable if self.ends.left().is_zero() => {
                self.ends.late(cx).into()
            }
            _ => fault,
        });
        cx.ended(OpClass::Write, result.as_ref().err().map(|fault| &fault.error));
        result.map_err(|fault| Fault {
            error: fault.error.with_write_id(Some(self.checks.id.clone())),
            ..fault
        })
    }

    /// What comes before the upload's time is up.
    pub(super) async fn in_time<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        match self.ends.within(future).await {
            Some(value) => Ok(value),
            None => Err(self.ends.late(&self.enter().0)),
        }
    }

    /// Stores one part. `may_be_left`: the upload can do without this endpoint, and a part that fails leaves sooner.
    pub(super) async fn put(&self, number: u32, body: Bytes, may_be_left: bool) -> Result<PartTag, Fault> {
        let (cx, admitted) = self.enter();
        let part = PutPart::new(self.checks.key().clone(), self.upload.clone(), number, body);
        let stored = match admitted {
            Ok(()) => self.put_in_rounds(&cx, part, may_be_left).await,
            Err(error) => Err(error.into()),
        };
        self.ended(&cx, stored)
    }

    async fn put_in_rounds(&self, cx: &Context<Objects>, part: PutPart, may_be_left: bool) -> Result<PartTag, Fault> {
        let (number, size) = (part.number, part.body.len() as u64);
        let mut last = None;
        for round in 0..rounds::MOST {
            if round > 0 {
                let is_enough = may_be_left && round >= rounds::BEFORE_LEAVING && self.is_out_of_use();
                if is_enough || !self.may_go_on(cx, round).await {
                    break;
                }
                self.was_repeated.store(true, Ordering::Relaxed);
            }
            let reply = cx
                .ask(ObjectRequest::PutPart(part.clone()), self.aim(round, size))
                .await;
            let is_gone = reply.refusal() == Some(ProviderErrorKind::UploadGone);
            let is_full = reply.refusal() == Some(ProviderErrorKind::Full);
            if is_full {
                self.core.pass_over(self.endpoint, Why::Full, clock::now());
            }
            let ends = is_gone || is_full || rounds::is_lasting(&reply) || cx.ends_with(&reply);
            match reply.result {
                Ok(ObjectResponse::PutPart(tag)) if tag.number == number && tag.size == size => return Ok(tag),
                Ok(_) => return Err(cx.nonsense().into()),
                Err(_) if ends => {
                    let error = cx.fail(reply);
                    return Err(Fault {
                        error: if is_gone { error.because(advice::GONE) } else { error },
                        may_restart: true,
                        is_gone,
                    });
                }
                Err(_) => last = Some(reply),
            }
        }
        let error = match last {
            Some(reply) => cx.fail(reply),
            None => cx.refuse(ErrorKind::Unavailable, "the endpoint of the upload could not be asked"),
        };
        // A part that may have arrived changes nothing: the object is not there before the completion.
        let error = match error.kind() {
            ErrorKind::MaybeApplied => error.with_kind(ErrorKind::Unavailable),
            _ => error,
        };
        Err(Fault {
            may_restart: true,
            is_gone: false,
            error: replicate::of_the_home(cx, error),
        })
    }

    /// Whether calls do not go there any more: its breaker is open, or the operator has drained it.
    fn is_out_of_use(&self) -> bool {
        let operator = &self.core.engine.operator;
        operator.out_of_use(self.endpoint, OpClass::Write).is_some()
    }

    /// Waits before another round. `false`: the upload was given up, or there is no time or no budget left.
    async fn may_go_on(&self, cx: &Context<Objects>, round: u32) -> bool {
        let is_given_up = || self.is_given_up.load(Ordering::Relaxed);
        !is_given_up() && self.may_ask_again(cx, round).await && !is_given_up()
    }

    /// The same for a completion, which is one request, and without which all parts were sent in vain. It leaves
    /// nothing of the budget to others.
    async fn may_complete_again(&self, cx: &Context<Objects>, round: u32) -> bool {
        let is_given_up = || self.is_given_up.load(Ordering::Relaxed);
        let patience = clock::now() + self.core.deadline;
        !is_given_up()
            && cx.pause(rounds::longest_pause(round)).await.is_ok()
            && rounds::granted(cx, OpClass::Write, patience).await
            && !is_given_up()
    }

    async fn may_ask_again(&self, cx: &Context<Objects>, round: u32) -> bool {
        let patience = clock::now() + self.core.deadline;
        cx.pause(rounds::longest_pause(round)).await.is_ok() && rounds::granted_sparing(cx, patience).await
    }

    /// One attempt at this endpoint, without the stack's own retries.
    fn aim(&self, round: u32, bytes: u64) -> Aim {
        Aim {
            kind: if round > 0 { LegKind::Retry } else { LegKind::First },
            deadline: Some(clock::now() + rounds::longest(&self.core, bytes)),
            spent: self.core.retry.max_attempts.saturating_sub(1),
            ..Aim::only(self.endpoint)
        }
    }

    /// Makes the object of these parts visible. Says whether the upload is over, too.
    pub(super) async fn complete(&self, parts: Vec<PartTag>) -> Result<(Stored, bool), Fault> {
        let (cx, admitted) = self.enter();
        let stored = match admitted {
            Ok(()) => self.complete_in_rounds(&cx, parts).await,
            Err(error) => Err(error.into()),
        };
        self.ended(&cx, stored)
    }

    async fn complete_in_rounds(&self, cx: &Context<Objects>, parts: Vec<PartTag>) -> Result<(Stored, bool), Fault> {
        let stored = |accepted: replicate::Accepted<Objects>| Stored {
            answer: accepted.answer(cx),
            etag: accepted.tag,
            write_id: self.checks.id.clone(),
        };
        let request = CompleteUpload {
            mode: self.checks.mode.clone(),
            ..CompleteUpload::new(&self.checks.begin, self.upload.clone(), parts)
        };
        let size = request.size();
        let mut lost = false;
        let mut last = None;
        let until = clock::now() + COMPLETING;
        for round in 0..rounds::MOST {
            if round > 0 && (clock::now() > until || !self.may_complete_again(cx, round).await) {
                break;
            }
            let request = ObjectRequest::CompleteUpload(request.clone());
            let write = self.checks.clone().write(request, false);
            let at = (self.endpoint, self.aim(round, size / 64));
            let Incomplete { error, is_gone } = match replicate::complete(cx, write, at, lost).await {
                Ok(Completed { accepted, was_answered }) => return Ok((stored(accepted), was_answered)),
                Err(incomplete) => incomplete,
            };
            let goes_on = match error.kind() {
                ErrorKind::MaybeApplied => {
                    lost = true;
                    true
                }
                ErrorKind::Unavailable | ErrorKind::HomeUnavailable | ErrorKind::Throttled => error.is_retryable(),
                _ => false,
            };
            // Of a part that was sent twice the first may have landed last, under another tag than the one we know.
            // After a lost answer the object may be there: to upload it again could undo a later write.
            let is_muddled = !lost && error.kind() == ErrorKind::Rejected && self.was_repeated.load(Ordering::Relaxed);
            let error = if is_gone { error.because(advice::GONE) } else { error };
            let is_gone = is_gone || is_muddled;
            if is_gone || !goes_on {
                return Err(Fault {
                    error: if lost { Self::unknown(cx, error) } else { error },
                    may_restart: is_gone,
                    is_gone,
                });
            }
            last = Some(error);
        }
        if lost {
            // What is given up cannot be completed later. What is there now is what there will be.
            let abort = AbortUpload::new(self.checks.key().clone(), self.upload.clone());
            let _ = cx.ask(ObjectRequest::AbortUpload(abort), self.aim(1, 0)).await;
            let look = ObjectRequest::Head(Head::new(self.checks.key().clone()));
            let mark = Mark {
                id: self.checks.id.clone(),
                length: Some(size),
            };
            if let Some(accepted) = replicate::recognise(cx, look, &mark, self.checks.known_id, self.endpoint).await {
                return Ok((stored(accepted), true));
            }
        }
        let error = last.unwrap_or_else(|| {
            cx.refuse(
                ErrorKind::Unavailable,
                "the endpoint of the upload could not be asked to complete it",
            )
        });
        Err(Fault {
            // A create that went elsewhere meanwhile stores the same bytes; an overwrite would be a second write.
            may_restart: !lost || self.checks.mode == PutMode::Create,
            is_gone: false,
            error: if lost { Self::unknown(cx, error) } else { error },
        })
    }

    /// The end of a completion of which an earlier answer was lost. No later refusal takes that back, unless what lies
    /// there tells.
    fn unknown(cx: &Context<Objects>, error: Error) -> Error {
        match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed if cx.plan.witness.foreign_is_definite => error,
            _ => error.with_kind(ErrorKind::MaybeApplied).retryable(true),
        }
    }

    /// Sends no more for the parts and the completion that are under way.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Gives the upload up. This has the time of any call, also after the upload's own deadline.
    pub(super) async fn abort(&self) -> Result<(), Error> {
        self.give_up();
        let (cx, admitted) = enter(self.core.clone(), self.operation, &self.options);
        // A client that is closed leaves nothing behind.
        if let Err((kind, message)) = admitted
            && kind != ErrorKind::Closed
        {
            return Err(cx.refuse(kind, message));
        }
        let abort = AbortUpload::new(self.checks.key().clone(), self.upload.clone());
        let mut round = 0;
        let aborted = loop {
            let abort = ObjectRequest::AbortUpload(abort.clone());
            let reply = cx.ask(abort, Aim::only(self.endpoint)).await;
            let ends = rounds::is_lasting(&reply) || cx.ends_with(&reply);
            round += 1;
            match reply.result {
                Ok(ObjectResponse::AbortUpload) => break Ok(()),
                Ok(_) => break Err(cx.nonsense()),
                // What is not given up now stays until somebody sweeps.
                Err(_) if !ends && round < rounds::MOST && self.may_ask_again(&cx, round).await => {}
                Err(_) => break Err(cx.fail(reply)),
            }
        };
        cx.ended(OpClass::Write, aborted.as_ref().err());
        aborted
    }
}
