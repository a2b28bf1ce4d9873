//! The stations of a call, from its deadline to one attempt's time limit. They know nothing of objects or providers.

pub mod breaker;
mod compose;
pub mod deadline;
pub mod health;
pub mod hedge;
pub mod limit;
pub(crate) mod orders;
mod refusal;
pub mod retry;
pub mod route;
mod settings;
pub(crate) mod station;
mod striped;
mod sync;
pub mod timeout;

pub(crate) use compose::Stack;
pub(crate) use compose::{Composed, Routed, compose};
pub(crate) use refusal::is_local_refusal;
pub(crate) use settings::Settings;
