//! Several keys in one call: the providers' batches, with a result for each key.
//!
//! Keys that a batch left undone (throttled, failed) are asked for again on their own, up to three times with growing
//! waits, as far as the budget grants it; a key that the budget refuses fails. Keys beyond the end of a large answer
//! are no extra load, and are asked for at once. If a copy calls keys absent, the endpoints whose word counts prove the
//! absence, in one batch each.

use super::{
    Keys, KvCall,
    door::{self, Checked},
    operations::answer_of,
    values::{Fetched, Stored},
};
use crate::{
    call::{Aim, Answer, Context, Error, Operation, Refusal, Reply, gather},
    model::{ErrorKind, clock},
    provider::{ProviderError, ProviderErrorKind},
    replicate::{self, of_the_home},
    request::{
        OpClass, WriteId, bit,
        kv::{GetMany, Key, KvRequest, KvResponse, Put, PutAnswer, PutMany, Value},
        members,
    },
    verdict::{Sent, Verdict},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Duration};

/// A get of several keys that has not been sent yet.
pub struct GetValues {
    keys: Checked<Vec<Key>>,
    fresh: bool,
}

/// A put of several values that has not been sent yet.
pub struct PutValues {
    values: Checked<Vec<(Key, Bytes)>>,
    time_to_live: Option<Duration>,
}

impl GetValues {
    pub(super) const fn new(keys: Checked<Vec<Key>>) -> Self {
        Self { keys, fresh: true }
    }
}

impl PutValues {
    pub(super) const fn new(values: Checked<Vec<(Key, Bytes)>>) -> Self {
        Self {
            values,
            time_to_live: None,
        }
    }
}

impl KvCall<GetValues> {
    /// Accepts the values that the endpoint has at hand, though they may miss the latest writes, as for a single get.
    pub const fn eventual(mut self) -> Self {
        self.operation.fresh = false;
        self
    }
}

impl KvCall<PutValues> {
    /// Makes the keys absent after this time, kept to the second or better, rounded up. Without a time to live the
    /// values stay.
    pub const fn time_to_live(mut self, time_to_live: Duration) -> Self {
        self.operation.time_to_live = Some(time_to_live);
        self
    }
}

/// How many batches are under way at a time. More would make one call a burst that starves the other calls of this
/// process.
const AT_ONCE: usize = 4;
/// How often undone keys are asked for again.
const AGAIN: u32 = 3;
/// The longest wait before the first repetition; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// An answer with this many bytes of values is full: DynamoDB's answers have 16 MB, and the next value, of up to 400
/// KB, would have been too much.
const FULL: usize = 15_000_000;

impl Operation for GetValues {
    type Protocol = Keys;
    type Value = Vec<Result<Fetched, Error>>;
    const NAME: &'static str = "get_many";
    const CLASS: OpClass = OpClass::Read;

    async fn run(self, cx: &Arc<Context<Keys>>) -> Result<(Self::Value, Answer), Error> {
        let keys = cx.checked(self.keys)?;
        for key in &keys {
            cx.checked(door::fits(cx, key))?;
        }
        cx.checked(door::no_key_twice(&keys))?;
        let size = door::strictest(&cx.core).get_many;
        let batches: Vec<_> = keys
            .chunks(size)
            .map(|keys| get_batch(cx, keys.to_vec(), self.fresh))
            .collect();
        let results: Vec<_> = stream::iter(batches).buffered(AT_ONCE).collect().await;
        unless_all_failed(results.into_iter().flatten().collect())
    }
}

impl Operation for PutValues {
    type Protocol = Keys;
    type Value = Vec<Result<Stored, Error>>;
    const NAME: &'static str = "put_many";
    const CLASS: OpClass = OpClass::Write;

    async fn run(self, cx: &Arc<Context<Keys>>) -> Result<(Self::Value, Answer), Error> {
        let values = cx.checked(self.values)?;
        for (key, value) in &values {
            cx.checked(door::item_fits(cx, key, value.len()))?;
        }
        cx.checked(door::no_key_twice(values.iter().map(|(key, _)| key)))?;
        cx.checked(Put::check_life(self.time_to_live))?;
        let aim = replicate::authority(cx)?;
        if cx.core.fenced {
            let message = "a batch has no conditions, so a batch cannot be fenced: put the values one by one";
            return Err(cx.refuse(ErrorKind::Unsupported, message));
        }
        let puts: Vec<Put> = values
            .into_iter()
            .map(|(key, value)| {
                let id = cx.core.write_id(None, key.as_str(), Some(value.len()));
                Put {
                    time_to_live: self.time_to_live,
                    ..Put::new(key, value, id)
                }
            })
            .collect();
        let size = door::strictest(&cx.core).put_many;
        let batches: Vec<_> = puts
            .chunks(size)
            .map(|puts| put_batch(cx, puts.to_vec(), aim))
            .collect();
        let results: Vec<_> = stream::iter(batches).buffered(AT_ONCE).collect().await;
        let (results, answer) = unless_all_failed(results.into_iter().flatten().collect())?;
        let unresolved = cx.unresolved() > 0;
        Ok((results, Answer { unresolved, ..answer }))
    }
}

/// A call fails as a whole if it failed for all its keys, unless the failures are the keys' own answers.
fn unless_all_failed<T>(results: Vec<Result<T, Error>>) -> Result<(Vec<Result<T, Error>>, Answer), Error> {
    let failed = |result: &Result<T, Error>| result.as_ref().is_err_and(|error| !error.kind().is_answer());
    if !results.is_empty() && results.iter().all(failed) {
        let errors = results.into_iter().filter_map(Result::err);
        // One that may have been applied says most.
        if let Some(error) = errors.max_by_key(Error::may_have_been_applied) {
            return Err(error);
        }
        return Ok((Vec::new(), Answer::default()));
    }
    Ok((results, Answer::default()))
}

/// What became of one key of a batch so far.
struct Slot<T> {
    done: Option<Result<T, Error>>,
    /// The last failure that may be tried again.
    failed: Option<Error>,
    maybe_applied: bool,
}

impl<T> Slot<T> {
    const OPEN: Self = Self {
        done: None,
        failed: None,
        maybe_applied: false,
    };
}

/// The open slots.
fn open<T>(slots: &[Slot<T>]) -> Vec<usize> {
    let all = slots.iter().enumerate();
    all.filter(|(_, slot)| slot.done.is_none()).map(|(at, _)| at).collect()
}

/// Whether trying again may help: the key was throttled, or the store failed at this key. The caller's rule may forbid
/// another try.
fn may_try_again(cx: &Context<Keys>, error: &ProviderError) -> bool {
    let outcome = error.outcome();
    let helps = outcome.verdict == Verdict::Throttled
        || outcome.verdict.is_fault()
        || (outcome.verdict == Verdict::Denied && outcome.sent == Sent::No);
    helps && !cx.is_final(outcome)
}

/// The failure of one key in a batch that came back.
fn of_one_key(cx: &Context<Keys>, reply: &Reply<Keys>, error: ProviderError) -> Error {
    let may = error.outcome().may_have_been_applied() && matches!(reply.record().class(), OpClass::Write);
    let judged = Error::judged(error.into(), reply.record(), &cx.core.engine.roster, cx.explain());
    if may {
        judged.with_kind(ErrorKind::MaybeApplied).retryable(true)
    } else {
        judged
    }
}

/// Waits, and says whether the keys that a batch left undone may be asked for again.
async fn again(cx: &Context<Keys>, class: OpClass, round: u32) -> Result<(), Refusal> {
    cx.pause(FIRST_WAIT * 2_u32.pow(round)).await?;
    cx.may_ask_more(class).then_some(()).ok_or(Refusal::Budget)
}

async fn get_batch(cx: &Arc<Context<Keys>>, keys: Vec<Key>, fresh: bool) -> Vec<Result<Fetched, Error>> {
    let mut slots: Vec<Slot<Fetched>> = keys.iter().map(|_| Slot::OPEN).collect();
    // The endpoints that called each key absent.
    let mut absent = vec![0; keys.len()];
    let mut aim = Aim::default();
    let mut round = 0;
    loop {
        let asked: Vec<usize> = open(&slots).into_iter().filter(|&at| absent[at] == 0).collect();
        if asked.is_empty() {
            break;
        }
        let reply = cx.ask(request(&keys, &asked, fresh), aim).await;
        // Of a whole that failed the stack has tried what it could.
        let (whole, full) = (reply.result.is_err(), bytes(&reply) >= FULL);
        take(cx, reply, &asked, &mut slots, &mut absent);
        if whole {
            break;
        }
        if full {
            continue;
        }
        let left = open(&slots).into_iter().any(|at| absent[at] == 0);
        if !left || round == AGAIN {
            break;
        }
        if let Err(refusal) = again(cx, OpClass::Read, round).await {
            withheld(&mut slots, refusal);
            break;
        }
        (aim, round) = (aim.again(), round + 1);
    }
    if cx.pin.is_none() {
        prove(cx, &keys, fresh, &mut slots, &mut absent).await;
    }
    let finished = slots.into_iter().zip(absent);
    finished.map(|(slot, absent)| finish(cx, slot, absent)).collect()
}

fn request(keys: &[Key], asked: &[usize], fresh: bool) -> KvRequest {
    let keys: Vec<Key> = asked.iter().map(|&at| keys[at].clone()).collect();
    KvRequest::GetMany(GetMany {
        fresh,
        ..GetMany::new(keys)
    })
}

/// The bytes of the reply's values.
fn bytes(reply: &Reply<Keys>) -> usize {
    match &reply.result {
        Ok(KvResponse::GetMany(results)) => results.iter().flatten().map(|value| value.bytes.len()).sum(),
        _ => 0,
    }
}

/// Notes in the open slots why the call did not ask for them again.
fn withheld<T>(slots: &mut [Slot<T>], refusal: Refusal) {
    for slot in slots.iter_mut().filter(|slot| slot.done.is_none()) {
        slot.failed = slot
            .failed
            .take()
            .map(|failed| failed.withholding(Some(refusal.as_str())));
    }
}

/// Notes the reply for the slots `asked`.
fn take(cx: &Context<Keys>, reply: Reply<Keys>, asked: &[usize], slots: &mut [Slot<Fetched>], absent: &mut [u64]) {
    let endpoint = reply.endpoint();
    let Reply { result, call } = reply;
    let results = match result {
        Ok(KvResponse::GetMany(results)) => results,
        Ok(_) => {
            return each_failed(asked, slots, &cx.nonsense());
        }
        Err(error) => {
            let error = cx.fail(Reply {
                result: Err(error),
                call,
            });
            return each_failed(asked, slots, &error);
        }
    };
    let reply = Reply {
        result: Ok(KvResponse::Delete),
        call,
    };
    for (&at, result) in asked.iter().zip(results) {
        let slot = &mut slots[at];
        if slot.done.is_some() {
            continue;
        }
        match result {
            Ok(value) => slot.done = Some(Ok(fetched(cx, value, endpoint))),
            Err(error) if error.kind() == ProviderErrorKind::NotFound => {
                if let Some(endpoint) = endpoint {
                    absent[at] |= bit(endpoint);
                }
                slot.failed = Some(of_one_key(cx, &reply, error));
            }
            Err(error) if may_try_again(cx, &error) => slot.failed = Some(of_one_key(cx, &reply, error)),
            Err(error) => slot.done = Some(Err(of_one_key(cx, &reply, error))),
        }
    }
}

fn each_failed<T>(asked: &[usize], slots: &mut [Slot<T>], error: &Error) {
    for &at in asked {
        slots[at].failed = Some(error.shared());
    }
}

fn fetched(cx: &Context<Keys>, value: Value, endpoint: Option<usize>) -> Fetched {
    Fetched {
        value,
        answer: Answer {
            possibly_stale: cx.core.plan.may_lag(endpoint),
            ..answer_of(cx, endpoint)
        },
    }
}

/// If a copy called keys absent, asks all endpoints whose word is still needed, at once, in one batch each. Of two
/// endpoints that give the same key, the first to answer wins.
async fn prove(cx: &Arc<Context<Keys>>, keys: &[Key], fresh: bool, slots: &mut [Slot<Fetched>], absent: &mut [u64]) {
    let is_open = |slot: &Slot<_>, absent: u64| slot.done.is_none() && absent != 0 && cx.plan.missing(absent) != 0;
    let doubtful = |slots: &[Slot<_>], absent: &[u64]| -> Vec<usize> {
        let all = slots.iter().zip(absent).enumerate();
        all.filter(|(_, (slot, absent))| is_open(slot, **absent))
            .map(|(at, _)| at)
            .collect()
    };
    let asked: BTreeMap<usize, Vec<usize>> = members(cx.plan.holders)
        .map(|endpoint| {
            let mut asked = doubtful(slots, absent);
            asked.retain(|&at| absent[at] & bit(endpoint) == 0);
            (endpoint, asked)
        })
        .filter(|(_, asked)| !asked.is_empty())
        .collect();
    let legs = asked
        .iter()
        .map(|(&endpoint, asked)| (endpoint, cx.leg(request(keys, asked, fresh), Aim::proof(endpoint))));
    gather(legs, |endpoint, reply| {
        take(cx, reply, &asked[&endpoint], slots, absent);
        if doubtful(slots, absent).is_empty() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })
    .await;
}

/// The result for a key.
fn finish(cx: &Context<Keys>, slot: Slot<Fetched>, absent: u64) -> Result<Fetched, Error> {
    if let Some(done) = slot.done {
        return done;
    }
    let failed = slot.failed.unwrap_or_else(|| cx.nonsense());
    if absent == 0 {
        return Err(failed);
    }
    let absent_at = cx.names(absent);
    if cx.plan.missing(absent) == 0 || cx.pin.is_some() {
        return Err(cx
            .refuse(ErrorKind::NotFound, "no such key")
            .with_absence(absent_at, Vec::new()));
    }
    let missing = members(cx.plan.missing(absent)).map(|endpoint| cx.not_asked(endpoint, None));
    Err(cx
        .refuse(
            ErrorKind::Unavailable,
            "the client could not tell whether the key exists",
        )
        .with_absence(absent_at, missing.collect()))
}

async fn put_batch(cx: &Context<Keys>, puts: Vec<Put>, mut aim: Aim) -> Vec<Result<Stored, Error>> {
    // What was known of these keys is outdated from now on.
    let now = clock::now();
    puts.iter().for_each(|put| cx.core.fences.forget(put.key.as_str(), now));
    let mut slots: Vec<Slot<Stored>> = puts.iter().map(|_| Slot::OPEN).collect();
    for round in 0..=AGAIN {
        let asked = open(&slots);
        if asked.is_empty() {
            break;
        }
        if round > 0 {
            if let Err(refusal) = again(cx, OpClass::Write, round - 1).await {
                withheld(&mut slots, refusal);
                break;
            }
            aim = aim.again();
        }
        let wanted: Vec<Put> = asked.iter().map(|&at| puts[at].clone()).collect();
        let reply = cx.ask(KvRequest::PutMany(PutMany::new(wanted)), aim).await;
        let whole = reply.result.is_err();
        take_puts(cx, reply, &asked, &mut slots);
        if whole {
            break;
        }
    }
    let finished = slots.into_iter().zip(puts);
    finished.map(|(slot, put)| finish_put(cx, slot, put.write_id)).collect()
}

fn take_puts(cx: &Context<Keys>, reply: Reply<Keys>, asked: &[usize], slots: &mut [Slot<Stored>]) {
    let endpoint = reply.endpoint();
    let Reply { result, call } = reply;
    let results = match result {
        Ok(KvResponse::PutMany(results)) => results,
        Ok(_) => return each_failed(asked, slots, &cx.nonsense()),
        Err(error) => {
            let may = call.record().may_have_been_applied();
            let error = of_the_home(
                cx,
                cx.fail(Reply {
                    result: Err(error),
                    call,
                }),
            );
            for &at in asked {
                slots[at].maybe_applied |= may;
            }
            return each_failed(asked, slots, &error);
        }
    };
    let reply = Reply {
        result: Ok(KvResponse::Delete),
        call,
    };
    for (&at, result) in asked.iter().zip(results) {
        let slot = &mut slots[at];
        match result {
            Ok(PutAnswer { version, .. }) => {
                slot.done = Some(Ok(Stored {
                    version: Some(version),
                    answer: Answer {
                        unresolved: slot.maybe_applied || reply.record().may_have_been_applied(),
                        ..answer_of(cx, endpoint)
                    },
                }));
            }
            Err(error) => {
                slot.maybe_applied |= error.outcome().may_have_been_applied();
                let again = may_try_again(cx, &error);
                let failure = of_one_key(cx, &reply, error);
                if again {
                    slot.failed = Some(failure);
                } else {
                    slot.done = Some(Err(failure));
                }
            }
        }
    }
}

fn finish_put(cx: &Context<Keys>, slot: Slot<Stored>, id: WriteId) -> Result<Stored, Error> {
    let failed = match slot.done {
        Some(Ok(stored)) => return Ok(stored),
        Some(Err(error)) => error,
        None => slot.failed.unwrap_or_else(|| cx.nonsense()),
    };
    // Once an attempt of it is of unknown fate, no later refusal takes that back.
    let failed = match slot.maybe_applied {
        true => failed.with_kind(ErrorKind::MaybeApplied).retryable(true),
        false => failed,
    };
    Err(failed.with_write_id(Some(id)))
}
