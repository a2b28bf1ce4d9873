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
    pub(super) fn names_of(&self, set: u64) -> Vec<Arc<str>> {
        let within = (0..self.roster.len()).filter(|index| set & bit(*index) != 0);
        within.map(|index| self.roster.shared_name(index)).collect()
    }

    /// The endpoints that would get calls of this class under these orders, and can serve them.
    pub(super) fn serving(&self, orders: &[Order], class: OpClass, now: Instant) -> u64 {
        let able = |index| self.not_serving(orders, index, class, now).is_none();
        self.left(orders, class, now) & self.roster.set_of(|index, _| able(index))
    }

    /// The endpoints that would get calls of this class under these orders.
    fn left(&self, orders: &[Order], class: OpClass, now: Instant) -> u64 {
        let together = standing(orders, class, &self.roster, now);
        let left = self.roster.set_of(|index, _| together.barred & bit(index) == 0);
        if together.shadowed == 0 {
            return left;
        }
        // One endpoint takes them all. It is the router's choice: the most preferred of those that may.
        let may = |index: &usize| left & together.shadowed & bit(*index) != 0 && self.cannot(*index, class).is_none();
        let tier = |index: &usize| {
            let by_position = || u8::try_from(*index).unwrap_or(u8::MAX);
            self.roster
                .get(*index)
                .map(|profile| profile.tier().unwrap_or_else(by_position))
        };
        let first = (0..self.roster.len()).filter(may).min_by_key(tier);
        first.map_or(0, bit)
    }

    /// Why this endpoint never serves calls of this class.
    fn cannot(&self, index: usize, class: OpClass) -> Option<String> {
        if let Some(violation) = &self.violations[index] {
            return Some(violation.to_string());
        }
        let takes_none = class == OpClass::Write && self.takes_writes & bit(index) == 0;
        takes_none.then(|| "it takes no writes".to_owned())
    }

    /// Why this endpoint could not serve its calls. In shadow nobody asks the breaker.
    fn not_serving(&self, orders: &[Order], index: usize, class: OpClass, now: Instant) -> Option<String> {
        self.cannot(index, class).or_else(|| {
            let shadows = |order: &Order| order.action == Action::Shadow && now < order.until;
            let is_out = self.vitals[index].breaker.share(class, now) == 0.0 && !orders.iter().any(shadows);
            is_out.then(|| "its circuit breaker is open".to_owned())
        })
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
        self.leaves_for(match self.order.action {
            Action::DrainWrites => OpClass::Write,
            _ => OpClass::Read,
        })
    }

    /// The names of the endpoints that would be left to serve calls of this class: they would get such calls, and their
    /// breaker is closed. In shadow that is one endpoint, whatever its breaker says.
    pub fn leaves_for(&self, class: OpClass) -> Vec<&str> {
        let now = clock::now();
        self.names(self.left_serving(&self.client.orders.in_force(now), class, now))
    }

    /// Whether [`apply`](Self::apply) would give the order at this moment. Nothing changes and nothing is reported.
    ///
    /// # Errors
    /// What [`apply`](Self::apply) would be refused with.
    pub fn check(&self) -> Result<(), Refused> {
        let now = clock::now();
        // The order would begin now, however long ago it was proposed.
        let mut proposal = Self {
            client: self.client.clone(),
            order: self.order.clone(),
            lasts: self.lasts,
        };
        proposal.begin();
        proposal.sensible()?;
        proposal.leaves_something(&self.client.orders.in_force(now), now)
    }

    /// The order itself. It is not in force.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The endpoints that would get calls of this class beside these other orders, and can serve them.
    fn left_serving(&self, others: &[Order], class: OpClass, now: Instant) -> u64 {
        self.client.serving(&self.beside(others), class, now)
    }

    /// These orders and this one.
    fn beside(&self, others: &[Order]) -> Vec<Order> {
        [others, std::slice::from_ref(&self.order)].concat()
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
        let mut but_those = self.beside(others);
        but_those.retain(|order| order.action != Action::DrainWrites);
        let but_for_those = self.client.left(&but_those, OpClass::Write, now);
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
        self.client.orders.expire(now, &self.client.reporter);
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
        let (client, all) = (&self.client, self.beside(others));
        let asked = match self.order.action {
            Action::Shadow => selected(&self.order.selector, &client.roster),
            _ => client.left(&all, class, now),
        };
        let within = (0..client.roster.len()).filter(|index| asked & bit(*index) != 0);
        let why = |index| {
            Some((
                client.roster.shared_name(index),
                client.not_serving(&all, index, class, now)?,
            ))
        };
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
                endpoints: self.client.orders.names(&self.order),
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
