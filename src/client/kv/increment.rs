use super::{
    Keys, KvCall,
    door::{self, Checked},
    operations::{answer_of, write_of},
    turns::{Batch, Counting, Done, Terms, Turns, Work},
};
use crate::{
    call::{Aim, Answer, Context, Core, Error, LONGEST_PAUSE, Operation, Standing},
    model::ErrorKind,
    provider::ProviderErrorKind,
    replicate::{self, of_the_home},
    request::{
        OpClass,
        kv::{Condition, Get, Key, KvRequest, KvResponse, Put, Value},
    },
};
use futures_util::{FutureExt, future::Shared};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::Handle;

/// An increment that has not been sent yet.
pub struct Increment {
    key: Checked<Key>,
    by: i64,
    without_expiry: bool,
    turns: Arc<Turns>,
}

impl Increment {
    pub(super) const fn new(key: Checked<Key>, by: i64, turns: Arc<Turns>) -> Self {
        Self {
            key,
            by,
            without_expiry: false,
            turns,
        }
    }
}

impl KvCall<Increment> {
    /// Makes the sum stay, even if the old value would have expired.
    pub const fn without_expiry(mut self) -> Self {
        self.operation.without_expiry = true;
        self
    }
}

/// The longest first wait after others were faster: about a round trip within a region, in which one of the others is
/// done.
const FIRST_WAIT: Duration = Duration::from_millis(2);

impl Operation for Increment {
    type Protocol = Keys;
    type Value = i64;
    const NAME: &'static str = "increment";
    const CLASS: OpClass = OpClass::Write;

    async fn run(self, cx: &Arc<Context<Keys>>) -> Result<(i64, Answer), Error> {
        let key = cx.checked(self.key)?;
        cx.checked(door::item_fits(cx, &key, DIGITS))?;
        replicate::authority(cx)?;
        let terms = Terms {
            pin: cx.pin,
            barred: cx.barred,
            without_expiry: self.without_expiry,
            told: cx.told.clone(),
            runtime: Handle::try_current().ok().map(|runtime| runtime.id()),
        };
        let core = cx.core.clone();
        let mut member = self.turns.join(&key, (terms, self.by), cx, |batch| work(core, batch));
        let ended = tokio::time::timeout_at(cx.deadline, &mut member.work).await;
        // First, so that what is asked from here on is not this one's.
        let given_up = ended.is_err().then(|| member.give_up());
        let together = member.batch.cx.get();
        if let Some(together) = together {
            cx.share(together);
        }
        let Ok(done) = ended else {
            let may_count = match given_up {
                Some((Counting::Done, _)) => true,
                Some((Counting::UnderWay, others_go_on)) => others_go_on || cx.may_have_been_applied(),
                Some((Counting::NotYet, _)) | None => false,
            };
            let (kind, message) = match (may_count, together) {
                (true, _) => (
                    ErrorKind::MaybeApplied,
                    "the increment was sent, but not answered in time",
                ),
                (false, Some(_)) => (ErrorKind::DeadlineExceeded, "the increment was not done in time"),
                (false, None) => (
                    ErrorKind::DeadlineExceeded,
                    "other increments of the key by this client were not done in time",
                ),
            };
            return Err(cx.refuse(kind, message).retryable(!may_count));
        };
        let done = match Arc::try_unwrap(done) {
            // Nobody else needs it.
            Ok(Done::Failed(error)) => return Err(error),
            Ok(done) => Arc::new(done),
            Err(shared) => shared,
        };
        match &*done {
            Done::Counted(sums, answer) => match sums.get(&member.number).copied().flatten() {
                Some(sum) => Ok((sum, answer.clone())),
                None => Err(cx.refuse(ErrorKind::Rejected, "the sum does not fit into 64 bits")),
            },
            Done::Panicked(payload) => {
                let payload = payload.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(payload) = payload {
                    resume_unwind(payload);
                }
                // The panic may have come on the way back.
                let counted = member.batch.counting() != Counting::NotYet;
                let kind = match counted {
                    true => ErrorKind::MaybeApplied,
                    false => ErrorKind::Unavailable,
                };
                let message = "a layer or a provider panicked during increments of the key";
                Err(cx.refuse(kind, message).retryable(!counted))
            }
            Done::Failed(error) => Err(error.shared()),
        }
    }
}

/// A batch waits for its turn, and then counts for all its members.
fn work(core: Arc<Core<Keys>>, batch: Arc<Batch>) -> Shared<Work> {
    let work = async move {
        let (_turn, (started, deadline)) = batch.come().await;
        let standing = Standing {
            barred: batch.terms.barred,
            pin: batch.terms.pin,
        };
        let cx = batch.cx.get_or_init(|| Context {
            plan: core.plan.for_call(standing),
            core,
            operation: Increment::NAME,
            started,
            deadline,
            pin: standing.pin,
            constraints: batch.constraints.clone(),
            barred: standing.barred,
            told: batch.terms.told.clone(),
            passes: Mutex::default(),
        });
        count(cx, &batch).await
    };
    let work = AssertUnwindSafe(work).catch_unwind().map(|ended| {
        Arc::new(match ended {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Done::Failed(error),
            Err(panic) => Done::Panicked(Mutex::new(Some(panic))),
        })
    });
    (Box::pin(work) as Work).shared()
}

async fn count(cx: &Context<Keys>, batch: &Batch) -> Result<Done, Error> {
    let mut aim = replicate::authority(cx)?;
    let mut wait = FIRST_WAIT;
    loop {
        if let Some(done) = once(cx, batch, aim).await? {
            return Ok(done);
        }
        if let Err(refusal) = cx.pause_for_two_more(Increment::CLASS, wait).await {
            let lost = cx.refuse(ErrorKind::DeadlineExceeded, "other writers kept changing the value");
            return Err(lost.withholding(Some(refusal.as_str())));
        }
        aim = aim.again();
        wait = (wait * 2).min(LONGEST_PAUSE);
    }
}

/// A get and a compare-and-set. `None`: another was faster.
async fn once(cx: &Context<Keys>, batch: &Batch, aim: Aim) -> Result<Option<Done>, Error> {
    let there = read(cx, &batch.key, aim).await?;
    let mut sum = there.as_ref().map_or(Ok(0), |value| number(cx, value))?;
    // One after the other, as if each had had its own turn. Who has given up by now is not counted.
    let added = batch.draw().into_iter().map(|(number, by)| {
        let next = sum.checked_add(by);
        sum = next.unwrap_or(sum);
        (number, next)
    });
    let sums: BTreeMap<_, _> = added.collect();
    if sums.values().all(Option::is_none) {
        return Ok(Some(Done::Counted(sums, answer_of(cx, None))));
    }
    let sum = sum.to_string();
    let id = cx.core.write_id(None, batch.key.as_str(), Some(sum.len()));
    let put = Put {
        condition: there.map_or(Condition::Absent, |value| Condition::Version(value.version)),
        without_expiry: batch.terms.without_expiry,
        ..Put::new(batch.key.clone(), sum, id)
    };
    match replicate::write(cx, write_of(put, false)).await {
        Ok(accepted) => {
            batch.ended(true);
            Ok(Some(Done::Counted(sums, accepted.answer(cx))))
        }
        Err(error) if is_race(error.kind()) => {
            batch.ended(false);
            Ok(None)
        }
        // Whether this one counted is not known, so the next would perhaps count twice.
        Err(error) if error.may_have_been_applied() => Err(error.retryable(false)),
        Err(error) => Err(error),
    }
}

/// The most digits of an `i64`, with its sign.
const DIGITS: usize = 20;

/// Definite: this write was not applied, as another was first.
const fn is_race(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed)
}

async fn read(cx: &Context<Keys>, key: &Key, aim: Aim) -> Result<Option<Value>, Error> {
    let reply = cx.ask(KvRequest::Get(Get::new(key.clone())), aim).await;
    if reply.refusal() == Some(ProviderErrorKind::NotFound) {
        return Ok(None);
    }
    match reply.result {
        Ok(KvResponse::Get(value)) => Ok(Some(value)),
        Ok(_) => Err(cx.nonsense()),
        Err(_) => Err(of_the_home(cx, cx.fail(reply))),
    }
}

fn number(cx: &Context<Keys>, value: &Value) -> Result<i64, Error> {
    let text = std::str::from_utf8(&value.bytes).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| cx.refuse(ErrorKind::Rejected, "the stored value is no number"))
}
