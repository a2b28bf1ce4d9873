//! A person's orders, as the router sees them.

use crate::{
    endpoint::Roster,
    model::{Action, Selector, clock::Instant},
    request::{OpClass, bit},
    stack::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    telemetry::{Event, Reporter},
};
use std::sync::{Arc, PoisonError};

/// An order in force.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) number: u64,
    pub(crate) action: Action,
    pub(crate) selector: Selector,
    pub(crate) reason: Arc<str>,
    pub(crate) by: Option<Arc<str>>,
    pub(crate) since: Instant,
    pub(crate) until: Instant,
}

impl Order {
    /// The order's number, which lifts it.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// What the order does.
    pub const fn action(&self) -> Action {
        self.action
    }

    /// Which endpoints the order is about.
    pub const fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Why, in the operator's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Who gave the order, if the author was [said](crate::ops::operator::Operator::by).
    pub fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }

    /// When the order was given.
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// When the order expires by itself.
    pub const fn until(&self) -> Instant {
        self.until
    }
}

/// What all orders together mean for the router and calls of one class. Sets of endpoints: bit i is endpoint i.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Endpoints that get no calls.
    pub(crate) barred: u64,
    /// Endpoints that stay out once they are out.
    pub(crate) frozen: u64,
    /// Endpoints that take everything, without failover.
    pub(crate) shadowed: u64,
}

/// The orders in force, as the router sees them.
#[derive(Debug)]
pub(crate) struct Orders {
    roster: Roster,
    /// Whether there are any orders, expired ones among them: without any, the healthy path skips the lock.
    any: AtomicBool,
    list: Mutex<Vec<Order>>,
    next_number: AtomicU64,
    /// Per class: frozen endpoints that were seen out since the freeze.
    stuck: [AtomicU64; 3],
}

impl Orders {
    pub(crate) fn none(roster: Roster) -> Self {
        Self {
            roster,
            any: AtomicBool::new(false),
            list: Mutex::new(Vec::new()),
            next_number: AtomicU64::new(1),
            stuck: OpClass::ALL.map(|_| AtomicU64::new(0)),
        }
    }

    /// Whether there are no orders. Costs one load.
    #[inline]
    pub(crate) fn are_none(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// What is ordered for calls of this class. `out` is the set of endpoints whose breakers are not closed.
    pub(crate) fn standing(&self, class: OpClass, now: Instant, out: impl FnOnce() -> u64) -> Option<Standing> {
        if self.are_none() {
            return None;
        }
        let mut together = standing(&self.lock(), class, &self.roster, now);
        let stuck = &self.stuck[class.index()];
        if together.frozen == 0 {
            stuck.store(0, Ordering::Relaxed);
        } else {
            let newly = out() & together.frozen;
            let all = stuck.fetch_or(newly, Ordering::Relaxed) | newly;
            together.barred |= all & together.frozen;
        }
        Some(together)
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives the order, unless `refuses` has something against it. `refuses` gets the orders in force. No other order is
    /// given between that look and this order: two orders that are harmless alone may leave nothing together.
    pub(crate) fn give<E>(
        &self,
        order: Order,
        now: Instant,
        refuses: impl FnOnce(&[Order]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut list = self.lock();
        refuses(&in_force(&list, now))?;
        list.push(order);
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes out the orders that have expired, and reports each of them once.
    pub(crate) fn expire(&self, now: Instant, reporter: &Reporter) {
        if self.are_none() {
            return;
        }
        let mut list = self.lock();
        let expired: Vec<_> = list.extract_if(.., |order| order.until <= now).collect();
        self.any.store(!list.is_empty(), Ordering::Release);
        drop(list);
        for order in expired {
            reporter.report(Event::OrderExpired {
                endpoints: self.names(&order),
                action: order.action,
                selector: order.selector,
                reason: order.reason,
                by: order.by,
                number: order.number,
            });
        }
    }

    /// The names of the endpoints that the order is about.
    pub(crate) fn names(&self, order: &Order) -> Vec<Arc<str>> {
        let about = selected(&order.selector, &self.roster);
        let within = (0..self.roster.len()).filter(|index| about & bit(*index) != 0);
        within.map(|index| self.roster.shared_name(index)).collect()
    }

    /// Ends the order of this number; `None`: there is no such order (any more).
    pub(crate) fn lift(&self, number: u64, now: Instant) -> Option<Order> {
        let mut list = self.lock();
        let is_it = |order: &Order| order.number == number && now < order.until;
        let at = list.iter().position(is_it)?;
        let lifted = list.remove(at);
        self.any.store(!list.is_empty(), Ordering::Release);
        Some(lifted)
    }

    /// The orders in force.
    pub(crate) fn in_force(&self, now: Instant) -> Vec<Order> {
        in_force(&self.lock(), now)
    }

    /// Whether this endpoint was seen out since failback to it was frozen.
    pub(crate) fn is_stuck(&self, endpoint: usize, class: OpClass) -> bool {
        self.stuck[class.index()].load(Ordering::Relaxed) & bit(endpoint) != 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Order>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_force(list: &[Order], now: Instant) -> Vec<Order> {
    list.iter().filter(|order| now < order.until).cloned().collect()
}

/// The endpoints that the selector selects, as a set.
pub(crate) fn selected(selector: &Selector, roster: &Roster) -> u64 {
    roster.set_of(|_, profile| match selector {
        Selector::Endpoint(name) => profile.name() == &**name,
        Selector::Provider(provider) => profile.provider() == Some(provider),
        Selector::Region { provider, region } => {
            profile.provider() == Some(provider) && profile.region() == Some(region)
        }
    })
}

/// Adds up orders. Pure.
pub(crate) fn standing(orders: &[Order], class: OpClass, roster: &Roster, now: Instant) -> Standing {
    let mut standing = Standing::default();
    for order in orders.iter().filter(|order| now < order.until) {
        let about = selected(&order.selector, roster);
        let kept_away = |index, _: &_| order.action.keeps_away(class, about & bit(index) != 0);
        standing.barred |= roster.set_of(kept_away);
        match order.action {
            Action::FreezeFailback => standing.frozen |= about,
            Action::Shadow => standing.shadowed |= about,
            Action::Drain | Action::DrainWrites | Action::Force => {}
        }
    }
    standing
}

#[cfg(all(test, evenkeel_loom))]
mod loom_tests {
    use super::*;
    use crate::{endpoint::Profile, model::clock, stack::sync::explore};
    use std::time::Duration;

    #[test]
    fn loom_two_drains_at_once_leave_an_endpoint() {
        explore(|| {
            let roster = Roster::new(["a", "b"].map(Profile::new).to_vec()).unwrap();
            let orders = Arc::new(Orders::none(roster.clone()));
            let now = clock::now();
            let drain = move |orders: &Orders, roster: &Roster, name: &str| {
                let order = Order {
                    number: orders.next_number(),
                    action: Action::Drain,
                    selector: Selector::endpoint(name),
                    reason: "change".into(),
                    by: None,
                    since: now,
                    until: now + Duration::from_secs(60),
                };
                orders.give(order.clone(), now, |others| {
                    let all = [others, &[order]].concat();
                    let barred = standing(&all, OpClass::Read, roster, now).barred;
                    if barred == 0b11 { Err(()) } else { Ok(()) }
                })
            };
            let (other, its) = (orders.clone(), roster.clone());
            let thread = loom::thread::spawn(move || drain(&other, &its, "a"));
            let mine = drain(&orders, &roster, "b");
            let theirs = thread.join().unwrap();
            assert!(mine.is_ok() != theirs.is_ok(), "one is given and one is refused");
            assert!(!orders.are_none());
            assert_eq!(orders.in_force(now).len(), 1);
        });
    }
}
