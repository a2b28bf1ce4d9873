//! A person's orders, as the router sees them.

use crate::{
    endpoint::Roster,
    model::{Action, Selector, clock::Instant},
    request::{OpClass, bit},
};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// An order in force.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) number: u64,
    pub(crate) action: Action,
    pub(crate) selector: Selector,
    pub(crate) reason: Arc<str>,
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
    /// Whether there are any orders: the healthy path then skips the lock.
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
            list: Mutex::default(),
            next_number: AtomicU64::new(1),
            stuck: [const { AtomicU64::new(0) }; 3],
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
        let mut list = self.lock();
        list.retain(|order| now < order.until);
        self.any.store(!list.is_empty(), Ordering::Release);
        let mut together = standing(&list, class, &self.roster, now);
        drop(list);
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

    pub(crate) fn give(&self, order: Order) {
        let mut list = self.lock();
        list.push(order);
        self.any.store(true, Ordering::Release);
    }

    /// Ends the order of this number; `None`: there is no such order (any more).
    pub(crate) fn lift(&self, number: u64) -> Option<Order> {
        let mut list = self.lock();
        let at = list.iter().position(|order| order.number == number)?;
        let lifted = list.remove(at);
        self.any.store(!list.is_empty(), Ordering::Release);
        Some(lifted)
    }

    /// The orders in force.
    pub(crate) fn in_force(&self, now: Instant) -> Vec<Order> {
        let list = self.lock();
        list.iter().filter(|order| now < order.until).cloned().collect()
    }

    /// Whether this endpoint was seen out since failback to it was frozen.
    pub(crate) fn is_stuck(&self, endpoint: usize, class: OpClass) -> bool {
        self.stuck[class.index()].load(Ordering::Relaxed) & bit(endpoint) != 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Order>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
