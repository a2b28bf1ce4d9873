//! Writes to a fixed home; the provider copies.

use super::{Accepted, Condition, Witness, Write, fit::fit, settle};
use crate::{
    call::{Aim, Context, Error, Protocol},
    model::ErrorKind,
    provider::{Conditional, ProviderErrorKind},
    request::bit,
    stack::retry::Exception,
};
use std::sync::Arc;

pub(super) async fn write<P: Protocol>(
    cx: &Context<P>,
    home: Option<usize>,
    write: Write<P>,
) -> Result<Accepted<P>, Error> {
    let home = usable(cx, home)?;
    may_judge(cx, home, &write.condition, write.condition.of_a_put()).await?;
    let reply = cx.ask(write.request, Aim::only(home)).await;
    // Another writer may have overwritten what a lost attempt stored, so a foreign write proves nothing here.
    let witness = Witness {
        knows_all: false,
        foreign_is_definite: false,
        lost: 0,
    };
    let settled = settle(
        cx,
        reply,
        write.look,
        (write.condition, write.id, write.known_id),
        witness,
    )
    .await;
    settled.map_err(|error| of_the_home(cx, error))
}

pub(super) async fn delete_if<P: Protocol>(
    cx: &Context<P>,
    home: Option<usize>,
    request: P::Request,
    look: P::Request,
    given_by: Arc<str>,
) -> Result<Accepted<P>, Error> {
    let home = usable(cx, home)?;
    let condition = Condition::Match { given_by };
    may_judge(cx, home, &condition, Some(Conditional::DeleteIfMatch)).await?;
    let reply = cx.ask(request, Aim::only(home)).await;
    if reply.refusal() == Some(ProviderErrorKind::PreconditionFailed) {
        // Some stores say so of what is not there, too.
        let aim = Aim {
            beyond: Some(Exception::Recognition),
            ..Aim::confirm(home)
        };
        let there = cx.ask(look, aim).await;
        if there.refusal() == Some(ProviderErrorKind::NotFound) {
            return Ok(Accepted::at(Some(home), cx));
        }
    }
    Accepted::from(reply, cx).map_err(|error| of_the_home(cx, error))
}

/// Whether the home can judge this condition.
pub(super) async fn may_judge<P: Protocol>(
    cx: &Context<P>,
    home: usize,
    condition: &Condition,
    asked: Option<Conditional>,
) -> Result<(), Error> {
    let name = cx.core.engine.roster.name(home);
    if let Condition::Match { given_by } = condition
        && **given_by != *name
    {
        let message = format!(
            "the {} was given by {given_by}, and under provider_managed writes go to the home {name} only; fetch the {} \
             from there",
            P::TAG,
            P::NOUN
        );
        return Err(cx.refuse(ErrorKind::InvalidInput, message));
    }
    if let Some(asked) = asked {
        fit(cx, bit(home), asked).await?;
    }
    Ok(())
}

/// The home, if this call may write to it.
pub(super) fn usable<P: Protocol>(cx: &Context<P>, home: Option<usize>) -> Result<usize, Error> {
    let Some(home) = home else {
        return Err(cx.refuse(ErrorKind::Unsupported, "every endpoint of this client is read-only"));
    };
    let name = cx.core.engine.roster.name(home);
    if cx.pin.is_some_and(|pin| pin != home) {
        let message =
            format!("under provider_managed writes go to the home {name} only, and the call is pinned elsewhere");
        return Err(cx.refuse(ErrorKind::InvalidInput, message));
    }
    if let Some(violation) = cx.violation(home) {
        let message = format!("the home {name} may not be used, as {violation}");
        return Err(cx.refuse(ErrorKind::HomeUnavailable, message).retryable(false));
    }
    Ok(home)
}

/// With copies beside it, a home that cannot answer has an error of its own: reads still work.
pub(crate) fn of_the_home<P: Protocol>(cx: &Context<P>, error: Error) -> Error {
    if error.kind() == ErrorKind::Unavailable && cx.core.permitted().count_ones() > 1 {
        error.with_kind(ErrorKind::HomeUnavailable)
    } else {
        error
    }
}
