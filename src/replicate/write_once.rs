//! A key is written once: a put may go anywhere, a delete must go everywhere.

use super::{Accepted, Condition, Write, create, fit::fit};
use crate::{
    call::{Aim, Context, Error, Protocol, Reply},
    model::ErrorKind,
    provider::Conditional,
    request::{bit, members},
};
use futures_util::future::join_all;

pub(super) async fn write<P: Protocol>(cx: &Context<P>, write: Write<P>) -> Result<Accepted<P>, Error> {
    if write.condition != Condition::Create {
        return Err(cx.refuse(
            ErrorKind::Unsupported,
            "under write_once a key is written once, so overwrite and if-match are refused",
        ));
    }
    pinned_to_a_writable(cx)?;
    let fit = fit(cx, cx.core.writable(), Conditional::Create).await?;
    create::anywhere(cx, write, fit).await
}

/// Sends the delete to every endpoint that may hold the key. Read-only endpoints follow their source.
pub(super) async fn delete<P: Protocol>(cx: &Context<P>, request: P::Request) -> Result<Accepted<P>, Error> {
    pinned_to_a_writable(cx)?;
    let targets = cx.pin.map_or_else(|| cx.core.writable(), bit);
    if targets == 0 {
        return Err(cx.refuse(ErrorKind::Unsupported, "every endpoint of this client is read-only"));
    }
    if let Some(barred) = members(targets & cx.barred).next() {
        let reason = cx.not_asked(barred, None);
        let message = format!("a delete must reach every endpoint, and {reason}");
        return Err(cx.refuse(ErrorKind::Unsupported, message));
    }
    let asks = members(targets).map(|endpoint| {
        let request = request.clone();
        async move { (endpoint, cx.ask(request, Aim::only(endpoint)).await) }
    });
    let (confirmed, failed): (Vec<_>, Vec<_>) = join_all(asks).await.into_iter().partition(|(_, reply)| reply.is_ok());
    if failed.is_empty() {
        let one = (targets.count_ones() == 1).then(|| targets.trailing_zeros() as usize);
        return Ok(Accepted::at(one, cx));
    }
    Err(unconfirmed(cx, confirmed, failed))
}

fn unconfirmed<P: Protocol>(
    cx: &Context<P>,
    confirmed: Vec<(usize, Reply<P>)>,
    failed: Vec<(usize, Reply<P>)>,
) -> Error {
    let nowhere = confirmed.is_empty() && failed.iter().all(|(_, reply)| !reply.record().may_have_been_applied());
    if nowhere && failed.len() == 1 {
        let mut failed = failed;
        return failed.pop().map_or_else(|| cx.nonsense(), |(_, reply)| cx.fail(reply));
    }
    let kind = if nowhere {
        ErrorKind::Unavailable
    } else {
        ErrorKind::MaybeApplied
    };
    let confirmed = confirmed.into_iter().map(|(endpoint, _)| cx.name(endpoint)).collect();
    let failed = failed
        .into_iter()
        .map(|(endpoint, reply)| cx.not_asked(endpoint, Some(reply)));
    cx.refuse(kind, "not every endpoint confirmed it")
        .with_confirmation(confirmed, failed.collect())
}

pub(super) fn pinned_to_a_writable<P: Protocol>(cx: &Context<P>) -> Result<(), Error> {
    match cx.pin {
        Some(pin) if cx.core.writable() & bit(pin) == 0 => {
            let message = format!("{} is read-only", cx.core.engine.roster.name(pin));
            Err(cx.refuse(ErrorKind::Unsupported, message))
        }
        _ => Ok(()),
    }
}
