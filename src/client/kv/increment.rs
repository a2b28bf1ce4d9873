use super::{
    Keys,
    door::{self, Checked},
    operations::write_of,
};
use crate::{
    client::store::{Answer, Context, Operation},
    clock,
    error::{Error, ErrorKind},
    provider::ProviderErrorKind,
    replicate::{self, of_the_home},
    request::{
        OpClass,
        kv::{Condition, Get, Key, KvRequest, KvResponse, Put, Value},
    },
};
use std::{sync::PoisonError, time::Duration};

/// An increment that has not been sent yet.
pub struct Increment {
    key: Checked<Key>,
    by: i64,
}

impl Increment {
    pub(super) const fn new(key: Checked<Key>, by: i64) -> Self {
        Self { key, by }
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
        let key = cx.checked(self.key)?;
        cx.checked(door::item_fits(cx, &key, DIGITS))?;
        let mut wait = FIRST_WAIT;
        loop {
            let there = read(cx, &key).await?;
            let before = there.as_ref().map_or(Ok(0), |value| number(cx, value))?;
            let sum = before
                .checked_add(self.by)
                .ok_or_else(|| cx.refuse(ErrorKind::Rejected, "the sum does not fit into 64 bits"))?;
            let put = Put {
                condition: there.map_or(Condition::Absent, |value| Condition::Version(value.version)),
                ..Put::new(key.clone(), sum.to_string(), cx.core.draw_write_id())
            };
            match replicate::write(cx, write_of(put, false)).await {
                Ok(accepted) => return Ok((sum, accepted.answer(cx))),
                Err(error) if is_race(error.kind()) => {}
                // Whether this one counted is not known, so the next would perhaps count twice.
                Err(error) if error.may_have_been_applied() => return Err(error.retryable(false)),
                Err(error) => return Err(error),
            }
            if clock::now() + wait >= cx.deadline {
                return Err(cx.refuse(ErrorKind::DeadlineExceeded, "others kept changing the value"));
            }
            tokio::time::sleep(jittered(cx, wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// The most digits of an `i64`, with its sign.
const DIGITS: usize = 20;

/// Definite: this write was not applied, as another was first.
const fn is_race(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed)
}

async fn read(cx: &Context<Keys>, key: &Key) -> Result<Option<Value>, Error> {
    let aim = replicate::authority(cx)?;
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

/// Full jitter, so that those who met once do not meet again.
fn jittered(cx: &Context<Keys>, most: Duration) -> Duration {
    let share = cx.core.rng.lock().unwrap_or_else(PoisonError::into_inner).f64();
    most.mul_f64(share)
}
