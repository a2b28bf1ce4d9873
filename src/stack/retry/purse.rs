use super::{Budget, Exception, Exceptions};
use crate::{
    model::clock::Instant,
    request::{CallRecord, OpClass},
    telemetry::{Event, Reporter},
};
use std::sync::Arc;

/// A client's budget for extra requests, the listener for its exhaustion, and the count of the exceptions.
#[derive(Clone, Debug)]
pub(crate) struct Purse {
    budget: Budget,
    reporter: Reporter,
    exceptions: Arc<Exceptions>,
}

impl Purse {
    pub(crate) fn new(budget: Budget, reporter: Reporter) -> Self {
        Self {
            budget,
            reporter,
            exceptions: Arc::default(),
        }
    }

    pub(crate) const fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(crate) fn exceptions(&self) -> &Exceptions {
        &self.exceptions
    }

    /// A request that no budget may refuse.
    pub(crate) fn except(&self, why: Exception) {
        self.exceptions.note(why);
    }

    /// Whether a request beyond those that its call needs may be sent.
    pub(crate) fn withdraw(&self, class: OpClass, now: Instant) -> bool {
        let granted = self.budget.withdraw(now);
        if !granted && self.budget.may_tell(now) {
            self.reporter.report(Event::BudgetExhausted { class });
        }
        granted
    }

    /// As [`withdraw`](Self::withdraw), for one who can wait. To wait for others is no exhaustion.
    pub(crate) fn withdraw_sparing(&self, class: OpClass, now: Instant) -> bool {
        let granted = self.budget.withdraw_sparing(now);
        if !granted && self.budget.available(now) == 0 && self.budget.may_tell(now) {
            self.reporter.report(Event::BudgetExhausted { class });
        }
        granted
    }

    /// Whether a further attempt of this call may be sent. A background attempt is always granted. A call that lends
    /// an attempt as a probe pays like any other; when the budget refuses, the attempt is granted all the same.
    pub(crate) fn grants(&self, record: &CallRecord, now: Instant) -> Option<Grant> {
        if record.is_background() {
            return Some(Grant::Excepted);
        }
        if !record.is_probe() {
            return self.withdraw(record.class(), now).then_some(Grant::Paid);
        }
        if self.budget.withdraw(now) {
            return Some(Grant::Paid);
        }
        self.except(Exception::LentProbe);
        Some(Grant::Excepted)
    }

    /// Takes back a grant whose attempt was not sent after all.
    pub(crate) fn give_back(&self, grant: Grant, now: Instant) {
        if grant == Grant::Paid {
            self.budget.refund(now);
        }
    }
}

/// On what terms an extra attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The budget paid.
    Paid,
    /// An exception: the budget need not pay.
    Excepted,
}
