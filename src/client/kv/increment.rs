use super::{
    Keys, KvCall,
    door::{self, Checked},
    operations::write_of,
    turns::Turns,
};
use crate::{
    client::store::{Aim, Answer, Context, Operation, Refusal},
    error::{Error, ErrorKind},
    provider::ProviderErrorKind,
    replicate::{self, of_the_home},
    request::{
        OpClass,
        kv::{Condition, Get, Key, KvRequest, KvResponse, Put, Value},
    },
};
use std::{sync::Arc, time::Duration};

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
    /// The sum stays, also if what was there would have expired.
    pub const fn without_expiry(mut self) -> Self {
        self.operation.without_expiry = true;
        self
    }
}

/// The first wait after others were faster, at most: about a round trip within a region, in which one of them is done.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// No wait is longer: with more contention than this resolves, the deadline decides.
const LONGEST_WAIT: Duration = Duration::from_millis(64);

impl Operation for Increment {
    type Protocol = Keys;
    type Value = i64;
    const NAME: &'static str = "increment";
    const CLASS: OpClass = OpClass::Write;

    async fn run(self, cx: &Context<Keys>) -> Result<(i64, Answer), Error> {
        let key = cx.checked(self.key.clone())?;
        cx.checked(door::item_fits(cx, &key, DIGITS))?;
        let mut aim = replicate::authority(cx)?;
        let place = self.turns.queue_at(&key);
        let Ok(_turn) = tokio::time::timeout_at(cx.deadline, place.come()).await else {
            let message = "other increments of the key by this client were not done in time";
            return Err(cx.refuse(ErrorKind::DeadlineExceeded, message));
        };
        let mut wait = FIRST_WAIT;
        loop {
            if let Some(sum) = self.once(cx, &key, aim).await? {
                return Ok(sum);
            }
            let mut refused = None;
            loop {
                if let Err(refusal) = cx.pause(wait).await {
                    let lost = cx.refuse(ErrorKind::DeadlineExceeded, "others kept changing the value");
                    return Err(lost.withholding(Some(refused.unwrap_or(refusal).as_str())));
                }
                if cx.may_ask_two_more(Self::CLASS) {
                    break;
                }
                // It waits for the budget: a call that fails now would be made again, at the same price.
                (refused, wait) = (Some(Refusal::Budget), LONGEST_WAIT);
            }
            aim = aim.again();
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

impl Increment {
    /// A get and a compare-and-set. `None`: another was faster.
    async fn once(&self, cx: &Context<Keys>, key: &Key, aim: Aim) -> Result<Option<(i64, Answer)>, Error> {
        let there = read(cx, key, aim).await?;
        let before = there.as_ref().map_or(Ok(0), |value| number(cx, value))?;
        let sum = before
            .checked_add(self.by)
            .ok_or_else(|| cx.refuse(ErrorKind::Rejected, "the sum does not fit into 64 bits"))?;
        let put = Put {
            condition: there.map_or(Condition::Absent, |value| Condition::Version(value.version)),
            without_expiry: self.without_expiry,
            ..Put::new(key.clone(), sum.to_string(), cx.core.draw_write_id())
        };
        match replicate::write(cx, write_of(put, false)).await {
            Ok(accepted) => Ok(Some((sum, accepted.answer(cx)))),
            Err(error) if is_race(error.kind()) => Ok(None),
            // Whether this one counted is not known, so the next would perhaps count twice.
            Err(error) if error.may_have_been_applied() => Err(error.retryable(false)),
            Err(error) => Err(error),
        }
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
    number.ok_or_else(|| cx.refuse(ErrorKind::Rejected, "the value that is there is no number"))
}
