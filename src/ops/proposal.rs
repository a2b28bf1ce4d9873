//! An order before it is given: what it would do, and the guard that may refuse it.

use super::refused::Refused;
use crate::{
    endpoint::{Roster, Violation},
    model::{
        Action,
        clock::{self, Instant},
    },
    request::{OpClass, bit},
    stack::{
        orders::{Order, Orders, selected, standing},
        route::Vitals,
    },
    telemetry::{Event, Reporter},
};
use std::{fmt, sync::Arc, time::Duration};

/// What the guard of one client looks at.
pub(super) struct Guarded {
    pub(super) roster: Roster,
    /// The constraint that each endpoint breaks, by endpoint. No order opens an endpoint that breaks a constraint.
    pub(super) violations: Arc<[Option<Violation>]>,
    /// Endpoints that writes may go to.
    pub(super) takes_writes: u64,
    pub(super) vitals: Arc<[Vitals]>,
    pub(super) orders: Arc<Orders>,
    pub(super) reporter: Reporter,
}

/// An order that has not been given yet, and what it would do.
#[must_use = "a proposal does nothing until it is applied"]
pub struct Proposal {
    pub(super) client: Arc<Guarded>,
    pub(super) order: Order,
    pub(super) lasts: Duration,
}

impl Guarded {
    /// The names of the endpoints that the order is about.
    pub(super) fn names(&self, order: &Order) -> Vec<Arc<str>> {
        let about = selected(&order.selector, &self.roster);
        let within = (0..self.roster.len()).filter(|index| about & bit(*index) != 0);
        within.map(|index| self.roster.shared_name(index)).collect()
    }
}

/// The longest life of an order: a longer one would be a forgotten one.
pub(super) const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

impl Proposal {
    /// The names of the endpoints that the order affects.
    pub fn affected(&self) -> Vec<&str> {
        self.names(selected(&self.order.selector, &self.client.roster))
    }

    /// The names of the endpoints that would be left to serve calls: not drained, and with a closed breaker for reads.
    /// For an order that drains writes: the endpoints that would be left for writes, with a closed breaker for writes.
    pub fn leaves(&self) -> Vec<&str> {
        let class = match self.order.action {
            Action::DrainWrites => OpClass::Write,
            _ => OpClass::Read,
        };
        let now = clock::now();
        self.names(self.left_serving(&self.client.orders.in_force(now), class, now))
    }

    /// The order itself. It is not in force.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The endpoints that would get calls of this class beside these other orders, and can serve them.
    fn left_serving(&self, others: &[Order], class: OpClass, now: Instant) -> u64 {
        let serving = self
            .client
            .roster
            .set_of(|index, _| self.not_serving(index, class, now).is_none());
        self.left(others, class, now, |_| true) & serving
    }

    /// The endpoints that would get calls of this class under the `heeded` orders.
    fn left(&self, others: &[Order], class: OpClass, now: Instant, heeded: impl Fn(&Order) -> bool) -> u64 {
        let mut list = others.to_vec();
        list.push(self.order.clone());
        list.retain(heeded);
        let together = standing(&list, class, &self.client.roster, now);
        self.client.roster.set_of(|index, _| together.barred & bit(index) == 0)
    }

    /// Why this endpoint could not serve its calls.
    fn not_serving(&self, index: usize, class: OpClass, now: Instant) -> Option<String> {
        let client = &self.client;
        if let Some(violation) = &client.violations[index] {
            return Some(violation.to_string());
        }
        if class == OpClass::Write && client.takes_writes & bit(index) == 0 {
            return Some("it takes no writes".to_owned());
        }
        let is_out = client.vitals[index].breaker.share(class, now) == 0.0;
        is_out.then(|| "its circuit breaker is open".to_owned())
    }

    /// The class for which the order would leave nothing. A person who drains the home knows that writes wait for it,
    /// and easily forgets that the other endpoints' writes are drained.
    fn leaves_nothing_for(&self, others: &[Order], now: Instant) -> Option<OpClass> {
        let none_left = |class| self.left_serving(others, class, now) == 0;
        if self.order.action == Action::DrainWrites {
            return none_left(OpClass::Write).then_some(OpClass::Write);
        }
        if none_left(OpClass::Read) {
            return Some(OpClass::Read);
        }
        let but_for_those = self.left(others, OpClass::Write, now, |order| order.action != Action::DrainWrites);
        let forgotten = none_left(OpClass::Write) && but_for_those & self.client.takes_writes != 0;
        forgotten.then_some(OpClass::Write)
    }

    /// Gives the order. [`lift`](super::operator::Operator::lift) takes the returned number. Of two orders that are
    /// given at once, the second meets the first: no two leave nothing together.
    ///
    /// # Errors
    /// [`Refused`]: the order matches nothing, would leave nothing (or, where writes are drained, nothing for writes),
    /// has no reason, or lasts too long. A refusal is reported as [`Event::OrderRefused`].
    pub fn apply(mut self) -> Result<u64, Refused> {
        let now = self.begin();
        let given = self.sensible().and_then(|()| {
            let guard = |others: &[Order]| self.leaves_something(others, now);
            self.client.orders.give(self.order.clone(), now, guard)
        });
        self.reported(given)
    }

    /// Gives the order even if nothing would be left to serve calls.
    ///
    /// # Errors
    /// [`Refused`]: the order matches nothing, has no reason, or lasts too long. A refusal is reported as
    /// [`Event::OrderRefused`].
    pub fn apply_regardless(mut self) -> Result<u64, Refused> {
        let now = self.begin();
        let given = self
            .sensible()
            .and_then(|()| self.client.orders.give(self.order.clone(), now, |_| Ok(())));
        self.reported(given)
    }

    /// The order lasts from now on, however long ago it was proposed.
    fn begin(&mut self) -> Instant {
        let now = clock::now();
        (self.order.since, self.order.until) = (now, now + self.lasts.min(LONGEST));
        now
    }

    fn sensible(&self) -> Result<(), Refused> {
        if self.order.reason.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        if self.lasts.is_zero() || self.lasts > LONGEST {
            return Err(Refused::Expiry);
        }
        if self.affected().is_empty() {
            return Err(Refused::MatchesNothing {
                action: self.order.action.as_str(),
                selector: self.order.selector.to_string(),
            });
        }
        Ok(())
    }

    fn leaves_something(&self, others: &[Order], now: Instant) -> Result<(), Refused> {
        let Some(class) = self.leaves_nothing_for(others, now) else {
            return Ok(());
        };
        let roster = &self.client.roster;
        let left = self.left(others, class, now, |_| true);
        let within = (0..roster.len()).filter(|index| left & bit(*index) != 0);
        let why = |index| Some((roster.shared_name(index), self.not_serving(index, class, now)?));
        Err(Refused::LeavesNothing {
            action: self.order.action.as_str(),
            selector: self.order.selector.to_string(),
            calls: match class {
                OpClass::Write => "writes",
                OpClass::Read | OpClass::List => "calls",
            },
            not_serving: within.filter_map(why).collect(),
        })
    }

    /// Reports what became of the order, under no lock.
    fn reported(self, given: Result<(), Refused>) -> Result<u64, Refused> {
        let Order {
            number,
            action,
            selector,
            reason,
            by,
            ..
        } = self.order.clone();
        self.client.reporter.report(match &given {
            Ok(()) => Event::OrderGiven {
                action,
                selector,
                endpoints: self.client.names(&self.order),
                reason,
                by,
                lasts: self.lasts,
                number,
            },
            Err(refused) => Event::OrderRefused {
                action,
                selector,
                reason,
                by,
                because: refused.to_string().into(),
            },
        });
        given.map(|()| number)
    }

    fn names(&self, set: u64) -> Vec<&str> {
        let roster = &self.client.roster;
        let within = (0..roster.len()).filter(|index| set & bit(*index) != 0);
        within.map(|index| roster.name(index)).collect()
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposal")
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}
