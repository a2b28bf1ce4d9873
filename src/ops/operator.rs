//! The operator wins, with a guard.
//!
//! A person on call can take endpoints out of use (*drain*, or *drain writes* only), send everything to some endpoints
//! (*force*), keep lost endpoints from coming back (*freeze failback*), or have evenkeel only watch (*shadow*). In 2025
//! operators cured flapping load balancers by switching automatic failover off.
//!
//! Every order has a reason and an expiry, and is first a [`Proposal`] that says what the order would do. An order that
//! matches nothing, or would leave no endpoint to serve calls, is refused unless it is applied regardless: the 2017
//! outage was one mistyped command.
//!
//! ```
//! use evenkeel::{Endpoint, ObjectClient, Replication, provider::Memory, ops::operator::Selector};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ObjectClient::builder()
//!     .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws").region("us-east-1"))
//!     .endpoint(Endpoint::new("stackit", Memory::new()).provider("stackit").region("eu01"))
//!     .replication(Replication::write_once())
//!     .build()?;
//! let operator = client.operator();
//!
//! let hour = Duration::from_secs(3_600);
//! let proposal = operator.drain(Selector::region("aws", "us-east-1"), "change 4711", hour);
//! assert_eq!(proposal.affected(), ["virginia"]);
//! let order = proposal.apply()?;
//! assert_eq!(client.put("k", "v").await?.endpoint(), "stackit");
//!
//! // Nothing would be left:
//! let refused = operator.drain(Selector::provider("stackit"), "typo", hour).apply().unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "the order to drain provider stackit was refused: no endpoint would be left to serve calls",
//! );
//! operator.lift(order);
//!
//! // Writes elsewhere, while what is there can still be read:
//! operator.drain_writes(Selector::endpoint("virginia"), "it fills up", hour).apply()?;
//! assert_eq!(client.put("k2", "v").await?.endpoint(), "stackit");
//! # Ok(()) }
//! ```
//!
//! **Cancel safety**: orders are plain state; nothing waits. An attempt under way finishes at its endpoint.

pub use crate::{
    model::{Action, Selector},
    stack::orders::Order,
};

use super::snapshot::OrderSnapshot;
use crate::{
    endpoint::{Roster, Violation},
    model::clock::{self, Instant},
    request::{OpClass, bit},
    stack::{
        Composed,
        orders::{Orders, selected, standing},
        route::Vitals,
    },
    telemetry::{Event, Reporter},
};
use std::{fmt, sync::Arc, time::Duration};

/// The operator's handle on one client. Clones share the handle.
#[derive(Clone)]
pub struct Operator {
    shared: Arc<Shared>,
}

struct Shared {
    roster: Roster,
    /// The constraint that each endpoint breaks, by endpoint. No order opens an endpoint that breaks a constraint.
    violations: Arc<[Option<Violation>]>,
    /// Endpoints that writes may go to.
    takes_writes: u64,
    vitals: Arc<[Vitals]>,
    orders: Arc<Orders>,
    reporter: Reporter,
}

/// Why an order was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The selector matches no endpoint of this client.
    #[error("the order to {action} {selector} was refused: no endpoint of this client matches")]
    MatchesNothing {
        /// The action of the order.
        action: &'static str,
        /// The target of the order.
        selector: String,
    },
    /// No endpoint with a closed breaker would be left, for all calls or for writes.
    #[error("the order to {action} {selector} was refused: no endpoint would be left to serve {calls}{}", because(.not_serving))]
    LeavesNothing {
        /// The action of the order.
        action: &'static str,
        /// The target of the order.
        selector: String,
        /// The calls that would have no endpoint: `calls` or `writes`.
        calls: &'static str,
        /// The endpoints that would get the calls, and why each cannot serve them, as a clause.
        not_serving: Vec<(Arc<str>, String)>,
    },
    /// The order has no reason. The next person on call could not understand such an order.
    #[error("an order needs a reason")]
    NoReason,
    /// The order would expire at once, or would last for more than a week.
    #[error("an order must last longer than 0 s and at most a week")]
    Expiry,
}

fn because(not_serving: &[(Arc<str>, String)]) -> String {
    let clauses = not_serving
        .iter()
        .map(|(name, why)| format!("; {name} cannot, because {why}"));
    clauses.collect()
}

/// An order that has not been given yet, and what it would do.
#[must_use = "a proposal does nothing until it is applied"]
pub struct Proposal {
    operator: Operator,
    order: Order,
    lasts: Duration,
}

impl Operator {
    /// `takes_writes`: the set of endpoints to which writes may go.
    pub(crate) fn of<S, K>(roster: &Roster, composed: &Composed<S, K>, takes_writes: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                roster: roster.clone(),
                violations: composed.violations.clone(),
                takes_writes,
                vitals: composed.vitals.clone(),
                orders: composed.orders.clone(),
                reporter: composed.reporter.clone(),
            }),
        }
    }

    /// Takes endpoints out of use: they get no first attempts, retries, hedges, probes or pinned calls.
    pub fn drain(&self, selector: Selector, reason: impl Into<Arc<str>>, lasts: Duration) -> Proposal {
        self.propose(Action::Drain, selector, reason.into(), lasts)
    }

    /// Sends no more writes to endpoints, while reads and listings go on there: before a migration, or when an endpoint
    /// fills up.
    ///
    /// The effect on a call depends on where its writes may go. Under
    /// [`provider_managed`](crate::Replication::provider_managed) writes go to the home only: draining the home's
    /// writes stops all writes, and is refused because nothing would be left. Under
    /// [`write_once`](crate::Replication::write_once) puts go elsewhere; a delete, which every endpoint must confirm,
    /// fails until the order is over.
    pub fn drain_writes(&self, selector: Selector, reason: impl Into<Arc<str>>, lasts: Duration) -> Proposal {
        self.propose(Action::DrainWrites, selector, reason.into(), lasts)
    }

    /// Sends every call to these endpoints and to no other endpoint.
    pub fn force(&self, selector: Selector, reason: impl Into<Arc<str>>, lasts: Duration) -> Proposal {
        self.propose(Action::Force, selector, reason.into(), lasts)
    }

    /// Keeps endpoints that are out, or go out, from coming back until the order is lifted or expires.
    pub fn freeze_failback(&self, selector: Selector, reason: impl Into<Arc<str>>, lasts: Duration) -> Proposal {
        self.propose(Action::FreezeFailback, selector, reason.into(), lasts)
    }

    /// Only watches: the most preferred of these endpoints takes every call as if evenkeel were not there.
    pub fn shadow(&self, selector: Selector, reason: impl Into<Arc<str>>, lasts: Duration) -> Proposal {
        self.propose(Action::Shadow, selector, reason.into(), lasts)
    }

    /// Ends an order before it expires. `false`: there is no order of this number (any more).
    pub fn lift(&self, number: u64) -> bool {
        let lifted = self.shared.orders.lift(number);
        if let Some(order) = &lifted {
            self.shared.reporter.report(Event::OrderLifted {
                action: order.action,
                selector: order.selector.clone(),
                reason: order.reason.clone(),
            });
        }
        lifted.is_some()
    }

    /// The orders in force.
    pub fn orders(&self) -> Vec<Order> {
        self.shared.orders.in_force(clock::now())
    }

    /// The endpoints that get no calls of this class because of an order.
    pub(crate) fn barred(&self, class: OpClass, now: Instant) -> u64 {
        let standing = self.shared.orders.standing(class, now, || 0);
        standing.map_or(0, |standing| standing.barred)
    }

    /// Why an endpoint that no constraint bars gets no calls of this class at this moment, as a clause.
    pub(crate) fn out_of_use(&self, endpoint: usize, class: OpClass) -> Option<&'static str> {
        let (shared, now) = (&self.shared, clock::now());
        self.ordered_out(endpoint, class, now).or_else(|| {
            let is_out = shared.vitals[endpoint].breaker.share(class, now) == 0.0;
            is_out.then_some("its circuit breaker is open")
        })
    }

    fn ordered_out(&self, endpoint: usize, class: OpClass, now: Instant) -> Option<&'static str> {
        let orders = &self.shared.orders;
        if orders.are_none() {
            return None;
        }
        let stuck = orders.is_stuck(endpoint, class);
        orders.in_force(now).iter().find_map(|order| {
            let about = selected(&order.selector, &self.shared.roster) & bit(endpoint) != 0;
            match order.action {
                Action::Drain if about => Some("the operator has drained it"),
                Action::DrainWrites if about && class == OpClass::Write => Some("the operator has drained its writes"),
                Action::Force if !about => Some("the operator forces calls elsewhere"),
                Action::FreezeFailback if about && stuck => Some("the operator has frozen failback to it"),
                _ => None,
            }
        })
    }

    /// The orders, as the snapshot shows them.
    pub(crate) fn snapshot(&self) -> Vec<OrderSnapshot> {
        let (now, roster) = (clock::now(), &self.shared.roster);
        let names = |order: &Order| {
            let about = selected(&order.selector, roster);
            let within = (0..roster.len()).filter(|index| about & bit(*index) != 0);
            within.map(|index| roster.name(index).to_owned()).collect()
        };
        let orders = self.orders();
        let each = orders.iter();
        each.map(|order| OrderSnapshot::of(order, names(order), now)).collect()
    }

    fn propose(&self, action: Action, selector: Selector, reason: Arc<str>, lasts: Duration) -> Proposal {
        Proposal {
            operator: self.clone(),
            order: Order {
                number: self.shared.orders.next_number(),
                action,
                selector,
                reason,
                until: clock::now() + lasts.min(LONGEST),
            },
            lasts,
        }
    }
}

/// The longest life of an order: a longer one would be a forgotten one.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

impl Proposal {
    /// The names of the endpoints that the order affects.
    pub fn affected(&self) -> Vec<&str> {
        self.names(selected(&self.order.selector, &self.operator.shared.roster))
    }

    /// The names of the endpoints that would be left to serve calls: not drained, and with a closed breaker for reads.
    /// For an order that drains writes: the endpoints that would be left for writes, with a closed breaker for writes.
    pub fn leaves(&self) -> Vec<&str> {
        let class = match self.order.action {
            Action::DrainWrites => OpClass::Write,
            _ => OpClass::Read,
        };
        self.names(self.left_serving(class, clock::now()))
    }

    /// The endpoints that would get calls of this class, and can serve them.
    fn left_serving(&self, class: OpClass, now: Instant) -> u64 {
        let shared = &self.operator.shared;
        let serving = shared
            .roster
            .set_of(|index, _| self.not_serving(index, class, now).is_none());
        self.left(class, now, |_| true) & serving
    }

    /// The endpoints that would get calls of this class under the `heeded` orders.
    fn left(&self, class: OpClass, now: Instant, heeded: impl Fn(&Order) -> bool) -> u64 {
        let shared = &self.operator.shared;
        let mut list = shared.orders.in_force(now);
        list.push(self.order.clone());
        list.retain(heeded);
        let together = standing(&list, class, &shared.roster, now);
        shared.roster.set_of(|index, _| together.barred & bit(index) == 0)
    }

    /// Why this endpoint could not serve its calls.
    fn not_serving(&self, index: usize, class: OpClass, now: Instant) -> Option<String> {
        let shared = &self.operator.shared;
        if let Some(violation) = &shared.violations[index] {
            return Some(violation.to_string());
        }
        if class == OpClass::Write && shared.takes_writes & bit(index) == 0 {
            return Some("it takes no writes".to_owned());
        }
        let is_out = shared.vitals[index].breaker.share(class, now) == 0.0;
        is_out.then(|| "its circuit breaker is open".to_owned())
    }

    /// The class for which the order would leave nothing. A person who drains the home knows that writes wait for it,
    /// and easily forgets that the other endpoints' writes are drained.
    fn leaves_nothing_for(&self, now: Instant) -> Option<OpClass> {
        let none_left = |class| self.left_serving(class, now) == 0;
        if self.order.action == Action::DrainWrites {
            return none_left(OpClass::Write).then_some(OpClass::Write);
        }
        if none_left(OpClass::Read) {
            return Some(OpClass::Read);
        }
        let but_for_those = self.left(OpClass::Write, now, |order| order.action != Action::DrainWrites);
        let forgotten = none_left(OpClass::Write) && but_for_those & self.operator.shared.takes_writes != 0;
        forgotten.then_some(OpClass::Write)
    }

    /// Gives the order. [`lift`](Operator::lift) takes the returned number.
    ///
    /// # Errors
    /// [`Refused`]: the order matches nothing, would leave nothing (or, where writes are drained, nothing for writes),
    /// has no reason, or lasts too long.
    pub fn apply(self) -> Result<u64, Refused> {
        self.sensible()?;
        let now = clock::now();
        let Some(class) = self.leaves_nothing_for(now) else {
            return Ok(self.give());
        };
        let roster = &self.operator.shared.roster;
        let left = self.left(class, now, |_| true);
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

    /// Gives the order even if nothing would be left to serve calls.
    ///
    /// # Errors
    /// [`Refused`]: the order matches nothing, has no reason, or lasts too long.
    pub fn apply_regardless(self) -> Result<u64, Refused> {
        self.sensible()?;
        Ok(self.give())
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

    fn give(self) -> u64 {
        let shared = &self.operator.shared;
        shared.orders.give(self.order.clone());
        shared.reporter.report(Event::OrderGiven {
            action: self.order.action,
            selector: self.order.selector.clone(),
            reason: self.order.reason.clone(),
            lasts: self.lasts,
        });
        self.order.number
    }

    fn names(&self, set: u64) -> Vec<&str> {
        let roster = &self.operator.shared.roster;
        let within = (0..roster.len()).filter(|index| set & bit(*index) != 0);
        within.map(|index| roster.name(index)).collect()
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("orders", &self.orders())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposal")
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}
