//! A part of a large body is asked for in rounds: giving up early would mean moving the whole body again.

use super::Objects;
use crate::{
    call::{Context, Core, Reply},
    model::clock::{self, Instant},
    request::OpClass,
    stack::timeout::Limit,
    verdict::{Sent, Verdict},
};
use std::time::Duration;

/// How often a part is tried at its endpoint. The waits between double, with full jitter, so that an endpoint that
/// restarts has five seconds on average.
pub(super) const MOST: u32 = 9;
/// After so many rounds at an endpoint that is out of use, an upload that can be made again elsewhere leaves.
pub(super) const BEFORE_LEAVING: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The longest wait before this round. The wait is drawn below it: others that lost the same endpoint come back at
/// another time.
pub(super) fn longest_pause(round: u32) -> Duration {
    (PAUSE * 2_u32.pow(round.saturating_sub(1))).min(LONGEST_PAUSE)
}

/// The bound of one request that moves this many bytes. Silence and a crawl end an attempt long before; the bound holds
/// while nothing is learnt.
pub(super) fn longest(core: &Core<Objects>, bytes: u64) -> Duration {
    core.deadline + Duration::from_secs_f64(bytes as f64 / Limit::LEAST_RATE)
}

/// Waits until the budget grants another request. Who would begin anew would move everything again, so a part waits for
/// as long as a call may take.
pub(super) async fn granted(cx: &Context<Objects>, class: OpClass, patience: Instant) -> bool {
    once(|| cx.may_ask_more(class), cx, patience).await
}

/// The same for a request of an upload, which leaves half of the budget to others. An upload in trouble has many rounds
/// to pay, and would take each token in the moment in which it comes; the failover of a read cannot wait.
pub(super) async fn granted_sparing(cx: &Context<Objects>, patience: Instant) -> bool {
    once(|| cx.may_ask_more_sparing(OpClass::Write), cx, patience).await
}

async fn once(is_granted: impl Fn() -> bool, cx: &Context<Objects>, patience: Instant) -> bool {
    while !is_granted() {
        if clock::now() >= patience || cx.pause(PAUSE).await.is_err() {
            return false;
        }
    }
    true
}

/// Whether asking the same endpoint again would end the same way: it refuses the caller or the request.
pub(super) fn is_lasting(reply: &Reply<Objects>) -> bool {
    reply.last_outcome().is_some_and(|outcome| match outcome.verdict {
        Verdict::Caller => true,
        Verdict::Denied => outcome.sent == Sent::Maybe && !outcome.credential,
        _ => false,
    })
}
