//! A create that may go to any endpoint, but leaves an endpoint that lost an answer only after a look at what lies
//! there.
//!
//! The lost answer may have been "it exists already". A create that then went elsewhere would store a second body
//! beside the first, and say Ok. So the stack gives a lost answer back, and this module looks:
//!
//! | at the endpoint that lost the answer | then |
//! |---|---|
//! | the object with this write's id | the object is stored there |
//! | another object | the key exists already |
//! | nothing, so far | elsewhere: the lost attempt may yet land, with the same bytes |
//! | no answer: the endpoint hangs, or is gone | elsewhere: what is there may be another's |
//!
//! The last row is the price of failing over. In both last rows the answer says that an attempt is unresolved.

use super::{
    Accepted, Owner, Write,
    declined::{cannot_create, full_at},
    owner, settle,
};
use crate::{
    call::{Aim, Context, Error, Protocol, Reply, Why},
    model::{ErrorKind, clock},
    request::{Ended, LegKind, OpClass, Work, bit, members},
};
use std::{sync::PoisonError, time::Duration};

/// The longest look at an endpoint whose speed of reads is not known yet: the floor of any attempt.
const LOOK: Duration = Duration::from_secs(1);
/// The longest look at an endpoint that was silent: it will mostly stay silent, and the create waits. Three round trips
/// across a continent, for a new connection, and the look itself.
const LOOK_AT_THE_SILENT: Duration = Duration::from_millis(250);

/// The earlier tries.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    /// Endpoints that lost an answer.
    lost: u64,
    /// Endpoints that are not asked again while there are others.
    tried: u64,
    attempts: u32,
    returns: usize,
}

/// `fit`: the endpoints that may take the create, as far as that is known. An endpoint that says that it supports no
/// creates (501) is removed, and another endpoint is asked.
pub(super) async fn anywhere<P: Protocol>(cx: &Context<P>, write: Write<P>, fit: u64) -> Result<Accepted<P>, Error> {
    let mut fit = fit;
    let mut before = Before::default();
    let mut last: Option<Reply<P>> = None;
    let reply = loop {
        // One that is full, or has no creates, would cost each create an attempt. If all are so, they are asked: one may have room
        // again.
        let with_room = fit & !cx.core.passed_over.set(cx.started);
        let allowed = if with_room & !cx.barred != 0 { with_room } else { fit };
        let aim = Aim {
            barred: !allowed | before.tried,
            kind: if last.is_some() { LegKind::Retry } else { LegKind::First },
            gives_back_lost: true,
            spent: before.attempts,
            ..Aim::default()
        };
        let reply = cx.ask(write.request.clone(), aim).await;
        if let Some(earlier) = last.take_if(|_| reply.record().attempts() == 0) {
            // Nobody else can be asked.
            if before.tried == 0 || !pause(cx, &mut before).await {
                break earlier;
            }
            before.tried = 0;
            last = Some(earlier);
            continue;
        }
        for endpoint in full_at(&reply) {
            cx.core.pass_over(endpoint, Why::Full, clock::now());
        }
        if let Some(unable) = cannot_create(cx, &reply) {
            cx.core.pass_over(unable, Why::NoCreates, clock::now());
            fit &= !bit(unable);
            before.attempts += u32::try_from(reply.record().attempts()).unwrap_or(u32::MAX);
            if cx.reach(fit) & !before.tried == 0 || cx.ends_with(&reply) || !may_ask_more(cx, &reply) {
                break reply;
            }
            last = Some(reply);
            continue;
        }
        let lost = members(reply.maybe_applied_at()).next();
        let Some(endpoint) = lost.filter(|_| !reply.is_ok() && clock::now() < cx.deadline) else {
            break reply;
        };
        let aim = look_at(cx, endpoint, was_silent(&reply));
        match owner(cx, write.look.clone(), &write.mark, aim).await {
            Owner::Own(tag) => return Ok(Accepted::recognised(tag, endpoint, write.known_id, cx)),
            Owner::Foreign => {
                let elsewhere = before.lost & !bit(endpoint) != 0;
                let error = cx.fail(reply);
                return Err(match elsewhere {
                    true => error.with_kind(ErrorKind::MaybeApplied).retryable(true),
                    false => error.with_kind(ErrorKind::AlreadyExists),
                });
            }
            Owner::Unnamed => return Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(false)),
            Owner::Gone | Owner::Unknown => {}
        }
        before.attempts += u32::try_from(reply.record().attempts()).unwrap_or(u32::MAX);
        before.tried |= reply.record().picked();
        before.lost |= bit(endpoint);
        // As the stack's own retries, paid for before the wait: who has waited is not turned away.
        let most = cx.core.retry.max_attempts;
        if before.attempts >= most || cx.ends_with(&reply) || !may_ask_more(cx, &reply) {
            break reply;
        }
        if cx.reach(allowed) & !before.tried == 0 {
            if !pause(cx, &mut before).await {
                cx.give_back();
                break reply;
            }
            before.tried = 0;
        }
        last = Some(reply);
    };
    finish(cx, reply, write, before.lost).await
}

/// Nothing replaces a stored object here. A foreign write at the only endpoint that lost an answer was therefore there
/// before ours arrived, and ours was refused.
async fn finish<P: Protocol>(
    cx: &Context<P>,
    reply: Reply<P>,
    write: Write<P>,
    lost: u64,
) -> Result<Accepted<P>, Error> {
    let here = reply.endpoint().map_or(0, bit);
    let about = (write.condition, write.mark, write.known_id);
    let settled = settle(cx, reply, write.look, about, lost).await;
    settled.map_err(|error| {
        let definite = error.kind() == ErrorKind::AlreadyExists && lost & !here == 0;
        match lost == 0 || definite {
            true => error,
            false => error.with_kind(ErrorKind::MaybeApplied).retryable(true),
        }
    })
}

/// Whether the budget grants another attempt. If not, the call's error says so.
fn may_ask_more<P: Protocol>(cx: &Context<P>, reply: &Reply<P>) -> bool {
    let granted = cx.may_ask_more(OpClass::Write);
    if !granted {
        reply.record().note_withheld();
    }
    granted
}

fn was_silent<P: Protocol>(reply: &Reply<P>) -> bool {
    let mut legs = reply.record().legs().into_iter();
    legs.any(|leg| matches!(leg.ended, Some(Ended::Judged(outcome)) if outcome.timed_out))
}

/// One short attempt: within twice the endpoint's own p99, if known.
fn look_at<P: Protocol>(cx: &Context<P>, endpoint: usize, silent: bool) -> Aim {
    let floor = if silent { LOOK_AT_THE_SILENT } else { LOOK };
    let learnt = cx.core.engine.vitals[endpoint].tracker.p99(Work {
        class: OpClass::Read,
        name: cx.told.options().name,
    });
    let limit = learnt.map_or(floor, |p99| p99.saturating_mul(2).max(LOOK_AT_THE_SILENT));
    Aim {
        deadline: Some(cx.preferring().min(clock::now() + limit)),
        spent: cx.core.retry.max_attempts,
        ..Aim::confirm(endpoint)
    }
}

/// Waits before an endpoint is asked again, as the stack's own retries do if no endpoint asks for a longer wait.
/// `false`: there is no time left.
async fn pause<P: Protocol>(cx: &Context<P>, before: &mut Before) -> bool {
    let wait = {
        let mut rng = cx.core.rng.lock().unwrap_or_else(PoisonError::into_inner);
        cx.core.retry.waits(&mut rng).nth(before.returns)
    };
    let wait = wait.unwrap_or(cx.core.retry.max_backoff);
    before.returns += 1;
    if clock::now() + wait >= cx.deadline {
        return false;
    }
    tokio::time::sleep(wait).await;
    true
}
