//! Which endpoints can be trusted with a condition.

use super::Condition;
use crate::{
    call::{Context, Error, Protocol},
    model::ErrorKind,
    provider::Conditional,
    request::bit,
};

impl Condition {
    /// The condition that the store must keep for such a put.
    pub(super) const fn of_a_put(&self) -> Option<Conditional> {
        match self {
            Self::None => None,
            Self::Create => Some(Conditional::Create),
            Self::Match { .. } => Some(Conditional::IfMatch),
        }
    }
}

/// The subset of these endpoints that a write on this condition may go to.
///
/// An endpoint that cannot be trusted with the condition gets no write. An endpoint whose treatment is unknown is asked
/// in the background, and gets a bounded number of writes meanwhile (none, if an answer is required). With no other
/// endpoint left, the write waits for the answer. If an answer is required, the write waits as long as that takes.
/// Otherwise the write waits for a quarter of its time, and then goes and is counted.
pub(super) async fn fit<P: Protocol>(cx: &Context<P>, among: u64, condition: Conditional) -> Result<u64, Error> {
    let core = &cx.core;
    let until = core.hold(cx.deadline);
    let here = among & !cx.barred & cx.pin.map_or(u64::MAX, bit);
    loop {
        let trusted = !core.lacking(condition);
        if here & trusted == 0 && here != 0 {
            let names = cx.names(here).join(" and ");
            let message = format!(
                "{names} cannot be trusted with {} (a setting or the store's answers say so): the write could destroy what others stored",
                condition.as_str()
            );
            return Err(cx.refuse(ErrorKind::Unsupported, message));
        }
        if here & trusted & core.unknown(condition) == 0 {
            return Ok(among & trusted);
        }
        let mut changed = std::pin::pin!(core.verifier.changed());
        // From now on nothing is missed; so the last look is after it.
        changed.as_mut().enable();
        let unknown = here & trusted & core.unknown(condition);
        let held = core.have_asked(unknown);
        if here & trusted & !held != 0 {
            return Ok(among & trusted & !held);
        }
        let names = || cx.names(held).join(" and ");
        if !core.verifier.is_asking(held) {
            // Answered just now.
            if core.unknown(condition) & held != held {
                continue;
            }
            let mut message = format!(
                "the client could not tell whether {} can be trusted with {}",
                names(),
                condition.as_str()
            );
            for why in core.why_unknown(held) {
                message += "; ";
                message += &why;
            }
            return Err(cx.refuse(ErrorKind::Unavailable, message));
        }
        if tokio::time::timeout_at(until, changed).await.is_err() {
            if until < cx.deadline {
                core.let_go(held);
                return Ok(among & trusted);
            }
            let message = format!(
                "the client is still finding out whether {} can be trusted with {}",
                names(),
                condition.as_str()
            );
            return Err(cx.refuse(ErrorKind::DeadlineExceeded, message));
        }
    }
}
