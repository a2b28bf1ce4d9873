//! Endpoints that decline a create for a reason of their own, so that another endpoint may take it.

use crate::{
    call::{Context, Protocol, Reply},
    provider::{Conditional, ProviderErrorKind},
    request::{Ended, LegRecord, bit},
    verdict::{Sent, Verdict},
};

/// The endpoints that said that they are full.
pub(super) fn full_at<P: Protocol>(reply: &Reply<P>) -> impl Iterator<Item = usize> {
    let says_full = |leg: &LegRecord| leg.detail.as_ref().is_some_and(|detail| detail.says_full());
    let legs = if reply.is_ok() && reply.record().attempts() == 1 {
        Vec::new()
    } else {
        reply.record().legs()
    };
    legs.into_iter().filter(says_full).filter_map(|leg| leg.endpoint)
}

/// The endpoint that supports no creates (501), or was found meanwhile to ignore their condition, if no earlier attempt
/// of this write is of unknown fate. Another endpoint may then take the create.
pub(super) fn cannot_create<P: Protocol>(cx: &Context<P>, reply: &Reply<P>) -> Option<usize> {
    if reply.refusal() != Some(ProviderErrorKind::Unsupported) || reply.record().may_have_been_applied() {
        return None;
    }
    let legs = reply.record().legs();
    let last = legs.iter().rev().find(|leg| leg.started.is_some())?;
    let Ended::Judged(outcome) = last.ended? else {
        return None;
    };
    // What an adapter refuses by itself is the put's own affair.
    let found_out =
        |endpoint: &usize| outcome.sent == Sent::Maybe || cx.core.lacking(Conditional::Create) & bit(*endpoint) != 0;
    last.endpoint
        .filter(found_out)
        .filter(|_| outcome.verdict == Verdict::Caller)
}
