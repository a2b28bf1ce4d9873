//! On the healthy path: the variants of `benches/overhead/` and the peers' beside them.

mod least;
mod opendal;
mod others;
mod resilience;

use crate::{
    measure::{self, Measured, Variant},
    stacks::OURS,
};

pub(crate) fn measured() -> Vec<Measured> {
    let [bare, tower, evenkeel, evenkeel_door, ..] = OURS;
    measure::all(&[
        bare,
        tower,
        Variant::new("failsafe + the same", others::failsafe),
        Variant {
            shared: false, // it has one owner; to share it takes a buffer and a task
            ..Variant::new("tower p2c over 3", others::balanced)
        },
        Variant::new("tower-resilience retry + breaker + timeout", resilience::usual),
        Variant::new("the same + hedge + outlier + fallback", resilience::full),
        Variant::new(opendal::BARE, opendal::bare),
        Variant {
            over: opendal::BARE,
            ..Variant::new("its retry + timeout + limit, over that", opendal::layered)
        },
        Variant::new("the least there is, without a timer", least::untimed),
        Variant::new("the least there is, with a tokio timer", least::timed),
        evenkeel,
        evenkeel_door,
    ])
}
