//! A call is made again, for a caller who does not try again himself: one that no endpoint could take, and one of unknown
//! fate that recognises itself.

use super::{Objects, rounds};
use crate::{
    Error,
    call::{Context, Core, enter, options::CallOptions},
    model::{ErrorKind, clock},
    request::OpClass,
};
use std::{sync::Arc, time::Duration};

/// The longest wait between two tries. A breaker lets a call through now and then, and a home may come and go: some twenty
/// tries within ten seconds, which the budget pays, meet it.
const PAUSE: Duration = Duration::from_millis(500);

/// The time of one call, of which each try has what is left.
pub(in crate::client) struct Patience {
    cx: Arc<Context<Objects>>,
    round: u32,
}

impl Patience {
    pub(super) fn new(core: Arc<Core<Objects>>) -> Self {
        let (cx, _) = enter(core, "patience", &CallOptions::default());
        Self { cx, round: 0 }
    }

    /// How long the next try may take.
    pub(in crate::client) fn left(&self) -> Duration {
        let left = self.cx.deadline.saturating_duration_since(clock::now());
        left.max(Duration::from_millis(1))
    }

    /// Waits until the call may be made again: for a while that doubles, and for the budget. `false`: it would be of no
    /// use, or might do harm, or there is no time left.
    pub(in crate::client) async fn again(&mut self, class: OpClass, error: &Error) -> bool {
        could_pass(error) && self.waited(class).await
    }

    /// The same for a write that is made again under the id of its first try, and recognises what that one stored.
    pub(in crate::client) async fn again_by_id(&mut self, error: &Error) -> bool {
        let is_unknown = error.may_have_been_applied() && error.is_retryable() && error.write_id().is_some();
        (is_unknown || could_pass(error)) && self.waited(OpClass::Write).await
    }

    async fn waited(&mut self, class: OpClass) -> bool {
        self.round += 1;
        let longest = rounds::longest_pause(self.round.min(rounds::MOST)).min(PAUSE);
        self.cx.pause(longest).await.is_ok() && rounds::granted(&self.cx, class, self.cx.deadline).await
    }
}

/// Whether nothing has happened, and the reason may pass. (What may have been applied is repeated only by its id: a
/// condition would else be judged by what the first try left.)
fn could_pass(error: &Error) -> bool {
    use ErrorKind::{HomeUnavailable, Overloaded, Throttled, Unavailable};
    matches!(error.kind(), Unavailable | HomeUnavailable | Throttled | Overloaded) && error.is_retryable()
}
