//! A key is written once: a put may go anywhere, a delete must go everywhere.

use super::{
    Accepted, Condition, Write,
    authority::{pinned_to_a_writable, read_only},
    create,
    fit::fit,
};
use crate::{
    call::{Aim, Context, Error, Protocol, Reply, gather},
    model::ErrorKind,
    provider::Conditional,
    request::{bit, members},
};
use std::{ops::ControlFlow, sync::Arc};

pub(super) async fn write<P: Protocol>(cx: &Context<P>, write: Write<P>) -> Result<Accepted<P>, Error> {
    if write.condition != Condition::Create {
        return Err(cx.refuse(
            ErrorKind::Unsupported,
            "under write_once a put only creates: overwrite and if-match are refused",
        ));
    }
    pinned_to_a_writable(cx)?;
    let fit = fit(cx, cx.plan.write_to, Conditional::Create).await?;
    create::anywhere(cx, write, fit).await
}

/// Sends the delete to every endpoint that may hold the key. Read-only endpoints follow their source.
pub(super) async fn delete<P: Protocol>(cx: &Arc<Context<P>>, request: P::Request) -> Result<Accepted<P>, Error> {
    pinned_to_a_writable(cx)?;
    let targets = cx.pin.map_or(cx.core.plan.write_to, bit);
    if targets == 0 {
        return Err(read_only(cx));
    }
    if let Some(barred) = members(targets & !cx.plan.write_to).next() {
        let reason = cx.not_asked(barred, None);
        let message = format!("a delete must reach every endpoint, but {reason}");
        return Err(cx.refuse(ErrorKind::Unsupported, message));
    }
    let (mut confirmed, mut failed) = (0, Vec::new());
    let legs = members(targets).map(|endpoint| (endpoint, cx.leg(request.clone(), Aim::only(endpoint))));
    let confirmed_by_all = gather(legs, |endpoint, reply| {
        match reply.is_ok() {
            true => confirmed |= bit(endpoint),
            false => failed.push((endpoint, reply)),
        }
        if confirmed == targets {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    if confirmed_by_all.await.is_some() {
        let one = (targets.count_ones() == 1).then(|| targets.trailing_zeros() as usize);
        return Ok(Accepted::at(one, cx));
    }
    failed.sort_unstable_by_key(|&(endpoint, _)| endpoint);
    Err(unconfirmed(cx, confirmed, failed))
}

fn unconfirmed<P: Protocol>(cx: &Context<P>, confirmed: u64, failed: Vec<(usize, Reply<P>)>) -> Error {
    let nowhere = confirmed == 0 && failed.iter().all(|(_, reply)| !reply.record().may_have_been_applied());
    if nowhere && failed.len() == 1 {
        let mut failed = failed;
        return failed.pop().map_or_else(|| cx.nonsense(), |(_, reply)| cx.fail(reply));
    }
    let kind = if nowhere {
        ErrorKind::Unavailable
    } else {
        ErrorKind::MaybeApplied
    };
    let failed = failed
        .into_iter()
        .map(|(endpoint, reply)| cx.not_asked(endpoint, Some(reply)));
    cx.refuse(kind, "not every endpoint confirmed the delete")
        .with_confirmation(cx.names(confirmed), failed.collect())
}
