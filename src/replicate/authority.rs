//! Writes that one authority judges: the home, or any replica of one table.

use super::{Accepted, Condition, Write, fit::fit, settle};
use crate::{
    call::{Aim, Authority, Context, Error, Protocol},
    model::ErrorKind,
    provider::{Conditional, ProviderErrorKind},
    request::bit,
    stack::retry::Exception,
};
use std::sync::Arc;

/// A write on a condition.
pub(super) async fn write<P: Protocol>(cx: &Context<P>, write: Write<P>) -> Result<Accepted<P>, Error> {
    let aim = authority(cx)?;
    may_judge(cx, &write.condition, write.condition.of_a_put()).await?;
    let reply = cx.ask(write.request, aim).await;
    let about = (write.condition, write.mark, write.known_id);
    let settled = settle(cx, reply, write.look, about, 0).await;
    settled.map_err(|error| of_the_home(cx, error))
}

pub(super) async fn delete_if<P: Protocol>(
    cx: &Context<P>,
    request: P::Request,
    look: P::Request,
    given_by: Arc<str>,
) -> Result<Accepted<P>, Error> {
    let aim = authority(cx)?;
    let condition = Condition::Match { given_by };
    may_judge(cx, &condition, Some(Conditional::DeleteIfMatch)).await?;
    let reply = cx.ask(request, aim).await;
    if reply.refusal() == Some(ProviderErrorKind::PreconditionFailed)
        && let Some(endpoint) = reply.endpoint()
    {
        // Some stores say so of what is not there, too.
        let aim = Aim {
            beyond: Some(Exception::Recognition),
            ..Aim::confirm(endpoint)
        };
        let there = cx.ask(look, aim).await;
        if there.refusal() == Some(ProviderErrorKind::NotFound) {
            return Ok(Accepted::at(Some(endpoint), cx));
        }
    }
    Accepted::from(reply, cx).map_err(|error| of_the_home(cx, error))
}

/// Where a request goes that the authority must judge.
pub(crate) fn authority<P: Protocol>(cx: &Context<P>) -> Result<Aim, Error> {
    let plan = &cx.core.plan;
    match plan.authority {
        Authority::Home(home) => usable(cx, home).map(Aim::only),
        Authority::Replicas if plan.write_to != 0 => {
            pinned_to_a_writable(cx)?;
            Ok(Aim {
                barred: !plan.write_to,
                ..Aim::default()
            })
        }
        Authority::Nobody if plan.write_to != 0 => Err(cx.refuse(
            ErrorKind::Unsupported,
            "under write_once no endpoint can speak for the others, so no endpoint can judge a condition",
        )),
        Authority::Replicas | Authority::Nobody => Err(read_only(cx)),
    }
}

/// The home, if this call may write to it.
fn usable<P: Protocol>(cx: &Context<P>, home: usize) -> Result<usize, Error> {
    let name = cx.core.engine.roster.name(home);
    if cx.pin.is_some_and(|pin| pin != home) {
        let message =
            format!("under provider_managed writes go to the home {name} only, but the call is pinned elsewhere");
        return Err(cx.refuse(ErrorKind::InvalidInput, message));
    }
    if let Some(violation) = cx.violation(home) {
        let message = format!("the home {name} may not be used because {violation}");
        return Err(cx.refuse(ErrorKind::HomeUnavailable, message).retryable(false));
    }
    Ok(home)
}

pub(super) fn read_only<P: Protocol>(cx: &Context<P>) -> Error {
    cx.refuse(ErrorKind::Unsupported, "every endpoint of this client is read-only")
}

pub(super) fn pinned_to_a_writable<P: Protocol>(cx: &Context<P>) -> Result<(), Error> {
    match cx.pin {
        Some(pin) if cx.core.plan.write_to & bit(pin) == 0 => {
            let message = format!(
                "the call is pinned to {}, which is read-only",
                cx.core.engine.roster.name(pin)
            );
            Err(cx.refuse(ErrorKind::Unsupported, message))
        }
        _ => Ok(()),
    }
}

/// Whether the authority can judge this condition. `asked`: what the home's store must keep to.
pub(super) async fn may_judge<P: Protocol>(
    cx: &Context<P>,
    condition: &Condition,
    asked: Option<Conditional>,
) -> Result<(), Error> {
    let given_by = match condition {
        Condition::Match { given_by } => Some(given_by),
        Condition::None | Condition::Create => None,
    };
    let roster = &cx.core.engine.roster;
    match (cx.core.plan.authority, given_by) {
        (Authority::Home(home), Some(given_by)) if **given_by != *roster.name(home) => {
            let name = roster.name(home);
            let message = format!(
                "{given_by} gave the {}, but under provider_managed writes go to the home {name} only; fetch the {} \
                 from the home",
                P::TAG,
                P::NOUN
            );
            return Err(cx.refuse(ErrorKind::InvalidInput, message));
        }
        // A version of a replica that lags is no current one, and the condition then fails as it should.
        (Authority::Replicas, Some(given_by)) if roster.index_of(given_by).is_none() => {
            let message = format!(
                "{given_by} gave the {} and is no replica of this table; read the key again",
                P::TAG
            );
            return Err(cx.refuse(ErrorKind::InvalidInput, message));
        }
        _ => {}
    }
    if let (Authority::Home(home), Some(asked)) = (cx.core.plan.authority, asked) {
        fit(cx, bit(home), asked).await?;
    }
    Ok(())
}

/// With copies beside it, a home that cannot answer has an error of its own: reads still work.
pub(crate) fn of_the_home<P: Protocol>(cx: &Context<P>, error: Error) -> Error {
    let has_home = matches!(cx.core.plan.authority, Authority::Home(_));
    if has_home && error.kind() == ErrorKind::Unavailable && cx.core.permitted().count_ones() > 1 {
        error.with_kind(ErrorKind::HomeUnavailable)
    } else {
        error
    }
}
