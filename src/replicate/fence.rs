//! Overwrites and deletes: the last writer wins, but a late attempt that was given up does not.
//!
//! A late attempt cannot be called back, but can be made to miss. Every attempt carries the tag of the value that it is
//! to replace, and any newer write takes that tag away. A known tag costs nothing; a *fenced* write asks for an unknown
//! tag.
//!
//! | what is known | a put is sent | a delete is sent |
//! |---|---|---|
//! | the tag | on the tag | on the tag |
//! | nothing is there | as a create, which a later delete lets in | not at all: there is nothing to remove |
//! | nothing, not fenced | unconditionally | unconditionally |
//!
//! While another write of the key by this client is under way, nothing is known: the tag is about to go.
//!
//! The condition is ours and not the caller's, so its failure is no answer. The client then looks again. It recognises
//! an attempt of its own that landed, or else tries on the current tag. A write without `.fenced()` goes
//! unconditionally in the end.

use super::{Accepted, Write, authority, fit::fit, of_the_home};
use crate::{
    call::{Aim, Context, Error, Pen, Protocol, Refusal, Reply, Seen},
    model::{ErrorKind, clock},
    provider::{
        Conditional, ProviderError,
        ProviderErrorKind::{AlreadyExists, Denied, Invalid, NotFound, PreconditionFailed, Throttled, Unsupported},
    },
    request::{LegKind, OpClass, WriteId, bit},
    stack::retry::Exception,
};
use std::time::Duration;

/// The conditional rounds of a write that nobody asked to be fenced: its own tag, and the tag that it finds instead.
/// More rounds would fence an attempt that may not even be lost, at the price of requests that are certain.
const TRIES: u32 = 2;
/// The conditional rounds of a fenced write. Each round is lost to a writer that got through, so eight rounds are lost
/// to eight others.
const FENCED_TRIES: u32 = 8;
/// The longest first wait of a fenced write after others were faster: about a round trip within a region. Each further
/// wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(2);

pub(super) async fn write<P: Protocol>(
    cx: &Context<P>,
    write: Write<P>,
    pen: Option<&Pen<'_, P::Tag>>,
) -> Result<Accepted<P>, Error> {
    let written = run(cx, write, pen).await;
    written.map_err(|error| of_the_home(cx, error))
}

async fn run<P: Protocol>(
    cx: &Context<P>,
    write: Write<P>,
    pen: Option<&Pen<'_, P::Tag>>,
) -> Result<Accepted<P>, Error> {
    let mut aim = authority(cx)?;
    let fenced = write.fenced || cx.core.fenced;
    if let (true, Some(home)) = (fenced, aim.pin) {
        fit(cx, bit(home), judged(&write)).await?;
    }
    // What another write of ours is about to replace would be tried in vain.
    let is_first = pen.is_none_or(Pen::is_first);
    let mut seen = known(cx, aim, &write).filter(|_| is_first).map(Seen::There);
    if seen.is_none() && fenced {
        seen = look(cx, &write, aim).await?.seen;
    }
    // The endpoint that refused the condition, whatever the condition was.
    let mut refused_at = None;
    for tries in 1.. {
        if write.removes && seen == Some(Seen::Absent) {
            return Ok(Accepted::at(aim.pin, cx));
        }
        let Some(request) = seen.as_ref().and_then(|seen| P::on(&write.request, seen)) else {
            if fenced {
                let message = format!(
                    "the write cannot be fenced because the store gives no {} that could be a condition",
                    P::TAG
                );
                return Err(cx.refuse(ErrorKind::Unsupported, message));
            }
            if tries > 1 {
                aim.beyond = Some(Exception::Outdated);
            }
            let reply = cx.ask(write.request, aim).await;
            if let Some(endpoint) = refused_at.filter(|_| reply.is_ok()) {
                cx.core.fences.found_lacking(endpoint, write.removes, clock::now());
            }
            return Accepted::from(reply, cx);
        };
        let reply = cx.ask(request, aim).await;
        aim.kind = LegKind::Retry;
        let lost = reply.record().of_unknown_fate() > 0;
        match reply.refusal() {
            Some(PreconditionFailed | AlreadyExists) => {}
            // But not where the credential is at fault: it would be so without the condition, too.
            Some(Unsupported | Invalid | Denied) if !fenced && !lost && !reply.names_the_credential() => {
                refused_at = reply.endpoint().or(aim.pin);
                seen = None;
                continue;
            }
            // Another write was under way. Who set no condition does not wait for it.
            Some(Throttled) if !fenced && !lost && is_conflict(&reply) => {
                seen = None;
                continue;
            }
            _ => return Accepted::from(reply, cx),
        }
        // Our own write, which came in between, is no sign of others: neither goes first.
        let crossed = pen.is_some_and(Pen::crossed);
        if crossed && !fenced && !lost {
            seen = None;
            continue;
        }
        // Outdated. What an attempt of ours stored before it was given up is found here, too.
        let Some(endpoint) = reply.endpoint() else {
            return Err(cx.fail(reply));
        };
        let outdated = || {
            if let Some(key) = P::key(&write.request).filter(|_| !fenced && !crossed) {
                cx.core.fences.shared(key, clock::now());
            }
        };
        let most = if fenced { FENCED_TRIES } else { TRIES };
        // A look and what follows it; of a lost answer the look is a confirmation.
        if fenced && !lost {
            if tries == most {
                return Err(outrun(cx, None));
            }
            let paused = cx.pause_for_two_more(OpClass::Write, FIRST_WAIT * 2_u32.pow(tries - 1));
            paused.await.map_err(|refusal| outrun(cx, Some(refusal)))?;
        } else if !lost && (tries == most || !cx.may_ask_two_more(OpClass::Write)) {
            outdated();
            seen = None;
            continue;
        }
        let at = match lost {
            true => Aim::confirm(endpoint),
            false => Aim {
                kind: LegKind::Retry,
                ..Aim::only(endpoint)
            },
        };
        let found = match look(cx, &write, at).await {
            Ok(found) => found,
            Err(_) if lost => return Err(cx.fail(reply).with_kind(ErrorKind::MaybeApplied).retryable(true)),
            Err(error) if fenced => return Err(error),
            Err(_) => {
                seen = None;
                continue;
            }
        };
        if !write.removes && found.id.is_some_and(|id| write.mark.is_of(&id, found.length)) {
            let tag = match found.seen {
                Some(Seen::There(tag)) => Some(tag),
                _ => None,
            };
            return Ok(Accepted {
                tag,
                ..Accepted::at(Some(endpoint), cx)
            });
        }
        outdated();
        if found.seen == seen && seen != Some(Seen::Absent) {
            if fenced {
                let message = format!(
                    "the write cannot be fenced because the store refuses its own {}",
                    P::TAG
                );
                return Err(cx.refuse(ErrorKind::Unsupported, message));
            }
            refused_at = Some(endpoint);
            seen = None;
            continue;
        }
        let granted = tries < most && (!lost || cx.may_ask_more(OpClass::Write));
        seen = found.seen.filter(|_| granted);
        if fenced && seen.is_none() {
            return Err(outrun(cx, (tries < most).then_some(Refusal::Budget)));
        }
    }
    Err(outrun(cx, None))
}

/// The condition that a fence uses.
const fn judged<P: Protocol>(write: &Write<P>) -> Conditional {
    if write.removes {
        Conditional::DeleteIfMatch
    } else {
        Conditional::IfMatch
    }
}

/// The tag with which this client last saw the key, if the tag can be a condition where the write goes.
fn known<P: Protocol>(cx: &Context<P>, aim: Aim, write: &Write<P>) -> Option<P::Tag> {
    let tag = cx.core.fences.tag(P::key(&write.request)?, cx.started)?;
    let judge = cx.core.engine.roster.index_of(P::judge_of(&tag)?)?;
    let lacking =
        |home| cx.core.lacking(judged(write)) & bit(home) != 0 || cx.core.fences.lacks(home, write.removes, cx.started);
    match aim.pin {
        Some(home) if judge != home || lacking(home) => None,
        _ => Some(tag),
    }
}

/// What is there, and whose write it was.
struct Found<P: Protocol> {
    /// `None`: what is there has no tag.
    seen: Option<Seen<P::Tag>>,
    id: Option<WriteId>,
    length: u64,
}

async fn look<P: Protocol>(cx: &Context<P>, write: &Write<P>, aim: Aim) -> Result<Found<P>, Error> {
    let reply = cx.ask(write.look.clone(), aim).await;
    if reply.refusal() == Some(NotFound) {
        return Ok(Found {
            seen: Some(Seen::Absent),
            id: None,
            length: 0,
        });
    }
    match reply.result {
        Err(_) => Err(cx.fail(reply)),
        Ok(response) => {
            let (id, length, tag) = P::found(response).ok_or_else(|| cx.nonsense())?;
            let tag = tag.filter(|tag| P::judge_of(tag).is_some());
            Ok(Found {
                seen: tag.map(Seen::There),
                id,
                length,
            })
        }
    }
}

/// S3 refuses a conditional write while another write of the key is under way.
fn is_conflict<P: Protocol>(reply: &Reply<P>) -> bool {
    let error = reply.result.as_ref().err().and_then(|error| error.downcast_ref());
    error.and_then(|error: &ProviderError| error.detail().code.as_deref()) == Some("ConditionalRequestConflict")
}

fn outrun<P: Protocol>(cx: &Context<P>, refusal: Option<Refusal>) -> Error {
    let message = format!("other writers kept changing the {}", P::NOUN);
    let kind = match cx.may_have_been_applied() {
        true => ErrorKind::MaybeApplied,
        false => ErrorKind::Unavailable,
    };
    cx.refuse(kind, message)
        .retryable(true)
        .withholding(refusal.map(Refusal::as_str))
}
