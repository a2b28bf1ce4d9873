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
//! Orders are checked and given one after the other: of two drains at once, one meets the other. Say in whose name you
//! act with [`Operator::by`]; each order, lifted order and refused order is an [`Event`]. So is an order that expires:
//! it is reported by the next call, snapshot or look at the orders.
//!
//! **Cancel safety**: orders are plain state; nothing waits. An attempt under way finishes at its endpoint.

pub use super::{proposal::Proposal, refused::Refused};
pub use crate::{
    model::{Action, Selector},
    stack::orders::Order,
};

use super::{
    proposal::{Guarded, LONGEST},
    snapshot::OrderSnapshot,
};
use crate::{
    endpoint::Roster,
    model::clock::{self, Instant},
    request::{OpClass, bit},
    stack::{Composed, orders::selected},
    telemetry::Event,
};
use std::{fmt, sync::Arc, time::Duration};

/// The operator's handle on one client. Clones share the client.
#[derive(Clone)]
pub struct Operator {
    shared: Arc<Guarded>,
    /// In whose name the handle acts.
    by: Option<Arc<str>>,
}

impl Operator {
    /// Whether both steer one client.
    pub(crate) fn is_of_the_same_client(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// `takes_writes`: the set of endpoints to which writes may go.
    pub(crate) fn of<S, K>(roster: &Roster, composed: &Composed<S, K>, takes_writes: u64) -> Self {
        Self {
            by: None,
            shared: Arc::new(Guarded {
                roster: roster.clone(),
                violations: composed.violations.clone(),
                takes_writes,
                vitals: composed.vitals.clone(),
                orders: composed.orders.clone(),
                reporter: composed.reporter.clone(),
            }),
        }
    }

    /// The same handle in the name of this author: a person, or the tool that acts for one. Every order that this handle
    /// gives or lifts names the author, in [events](Event), snapshots and logs. Without an author it is unknown who
    /// gave an order.
    #[must_use]
    pub fn by(self, author: impl Into<Arc<str>>) -> Self {
        Self {
            by: Some(author.into()),
            ..self
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

    /// Passes every call through: the most preferred of these endpoints takes it as if evenkeel were not there. Nothing
    /// fails over and nothing is hedged, and breakers are not asked; evenkeel only watches, and counts the calls that
    /// it would have sent elsewhere. Constraints and drains still bind: of the endpoints that may take a call, the most
    /// preferred takes it. Writes that none of these endpoints takes fail.
    pub fn shadow(&self, selector: Selector, reason: impl Into<Arc<str>>, lasts: Duration) -> Proposal {
        self.propose(Action::Shadow, selector, reason.into(), lasts)
    }

    /// Reports the orders that have expired since somebody last looked.
    pub(crate) fn expire(&self) {
        self.shared.orders.expire(clock::now(), &self.shared.reporter);
    }

    /// Ends an order before it expires. `false`: there is no order of this number (any more).
    pub fn lift(&self, number: u64) -> bool {
        self.expire();
        let lifted = self.shared.orders.lift(number, clock::now());
        if let Some(order) = &lifted {
            self.shared.reporter.report(Event::OrderLifted {
                action: order.action,
                selector: order.selector.clone(),
                endpoints: self.shared.orders.names(order),
                reason: order.reason.clone(),
                by: self.by.clone(),
                number,
            });
        }
        lifted.is_some()
    }

    /// The orders in force.
    pub fn orders(&self) -> Vec<Order> {
        self.expire();
        self.shared.orders.in_force(clock::now())
    }

    /// The names of the endpoints that would be left to serve calls of this class without this order: they would get
    /// such calls, and their breaker is closed.
    pub fn leaves_without(&self, number: u64, class: OpClass) -> Vec<Arc<str>> {
        let now = clock::now();
        let mut others = self.shared.orders.in_force(now);
        others.retain(|order| order.number != number);
        self.shared.names_of(self.shared.serving(&others, class, now))
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

    /// The order that keeps calls of this class from an endpoint, as a clause.
    pub(crate) fn ordered_out(&self, endpoint: usize, class: OpClass, now: Instant) -> Option<&'static str> {
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
        let now = clock::now();
        let names = |order: &Order| {
            self.shared
                .orders
                .names(order)
                .iter()
                .map(|name| name.to_string())
                .collect()
        };
        let orders = self.orders();
        let each = orders.iter();
        each.map(|order| OrderSnapshot::of(order, names(order), now)).collect()
    }

    fn propose(&self, action: Action, selector: Selector, reason: Arc<str>, lasts: Duration) -> Proposal {
        let now = clock::now();
        Proposal {
            client: self.shared.clone(),
            order: Order {
                number: self.shared.orders.next_number(),
                action,
                selector,
                reason,
                by: self.by.clone(),
                since: now,
                until: now + lasts.min(LONGEST),
            },
            lasts,
        }
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("orders", &self.orders())
            .finish_non_exhaustive()
    }
}
