//! Outages as data, and what plays them.
mod check;
mod duration;
mod fault;
mod kind;
pub mod layer;
mod load;
mod locate;
mod plan;
pub mod proxy;
mod scenario;
mod throttle;
mod timeline;

pub use check::InvalidScenario;
pub use fault::Fault;
pub use kind::{PlayerKind, Unplayable};
pub use layer::{FaultLayer, FaultService};
pub use load::LoadError;
pub use proxy::FaultProxy;
pub use scenario::{Moment, Phase, Rule, Scenario, Target};
pub use timeline::Timeline;
