use super::Selector;
use crate::{
    clock::Instant,
    endpoint::Roster,
    request::{OpClass, bit},
};
use std::sync::Arc;

/// What an order does with the endpoints it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They get no calls.
    Drain,
    /// They get no writes. Reads and listings go on.
    DrainWrites,
    /// Only they get calls.
    Force,
    /// Once one of them is out, it stays out: its breaker may close, traffic does not return.
    FreezeFailback,
    /// They get exactly what they would get without evenkeel: the most preferred one takes every call, nothing fails over,
    /// nothing is hedged. What would have been done is counted.
    Shadow,
}

impl Action {
    /// The word used in events and snapshots.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::DrainWrites => "drain writes",
            Self::Force => "force",
            Self::FreezeFailback => "freeze failback",
            Self::Shadow => "shadow",
        }
    }

    /// Whether it keeps calls of this class from an endpoint, which it is `about` or not.
    pub(crate) const fn keeps_away(self, class: OpClass, about: bool) -> bool {
        match self {
            Self::Drain => about,
            Self::DrainWrites => about && matches!(class, OpClass::Write),
            Self::Force => !about,
            Self::FreezeFailback | Self::Shadow => false,
        }
    }
}

/// An order in force.
#[derive(Clone, Debug)]
pub struct Order {
    pub(super) number: u64,
    pub(super) action: Action,
    pub(super) selector: Selector,
    pub(super) reason: Arc<str>,
    pub(super) until: Instant,
}

impl Order {
    /// Its number, by which it is lifted.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// What it does.
    pub const fn action(&self) -> Action {
        self.action
    }

    /// To whom.
    pub const fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Why, in the operator's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// When it expires by itself.
    pub const fn until(&self) -> Instant {
        self.until
    }
}

/// What all orders together mean for the router and calls of one class. Sets of endpoints: bit i is endpoint i.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Get no calls.
    pub(crate) barred: u64,
    /// Stay out once they are out.
    pub(crate) frozen: u64,
    /// Take everything as it comes.
    pub(crate) shadowed: u64,
}

/// Adds up orders. Pure.
pub(super) fn standing(orders: &[Order], class: OpClass, roster: &Roster, now: Instant) -> Standing {
    let mut standing = Standing::default();
    for order in orders.iter().filter(|order| now < order.until) {
        let about = order.selector.of(roster);
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
