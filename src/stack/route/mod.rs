//! Chooses an endpoint for every attempt.
//!
//! Spill, don't flip: a tier carries what its endpoints bear, and the rest goes to the next tier. Within a tier the
//! router takes the endpoint with the lowest cost, peak-EWMA × attempts under way.
//!
//! An endpoint that fails or is slow beside a healthier one keeps a trickle. An endpoint whose
//! breaker is open gets nothing but a probe when one is due. An endpoint that throttles gets the share that it can
//! bear. A full endpoint is passed over. When *every* endpoint looks bad, the endpoint that succeeded last stays in
//! use: then this host's own network, DNS or credentials are the likelier cause.
//!
//! ```
//! use evenkeel::request::Call;
//! use evenkeel::stack::route::{Member, Route};
//! use tower::{ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let answers = |name: &'static str| service_fn(move |_: Call<()>| async move { Ok::<_, evenkeel::BoxError>(name) });
//! # fn same<F>(a: F, b: F) -> [F; 2] { [a, b] }
//! let [virginia, dublin] = same(answers("virginia"), answers("dublin"));
//! let route = Route::new([Member::new(virginia).tier(0), Member::new(dublin).tier(1)], 7);
//! assert_eq!(route.oneshot(Call::read(())).await.unwrap(), "virginia");
//! # }
//! ```
//!
//! **Place in the stack**: inside `hedge`, around the endpoints. The router picks in `call`, because readiness comes
//! before the request is known; only then does it ask the chosen endpoint for readiness. The router writes each pick
//! into the call's record. It never picks an endpoint twice for one call, unless retry says that every endpoint was
//! tried.
//!
//! **Constraints** end here. An endpoint that breaks a constraint of the client is a candidate for nothing: no pin,
//! order, probe or hand-made record leads to that endpoint.
//!
//! **Cancel safety**: the router holds nothing.

mod all_bad;
pub(crate) mod neighbours;
pub(crate) mod pick;
mod select;
mod service;

pub use super::refusal::{Barred, Exhausted};
pub use service::Route;
pub(crate) use service::Router;

use crate::stack::{breaker::Breaker, health::Tracker, limit::Admission};
use std::sync::Arc;

/// What the layers around one endpoint have seen and decided, shared between these layers and the router.
#[derive(Clone, Debug)]
pub struct Vitals {
    /// What was seen.
    pub tracker: Arc<Tracker>,
    /// Whether traffic flows.
    pub breaker: Breaker,
    /// How much may be sent.
    pub admission: Admission,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            tracker: Arc::default(),
            breaker: Breaker::default(),
            admission: Admission::new(None),
        }
    }
}

/// One endpoint as the router sees it.
#[derive(Clone, Debug)]
pub struct Member<S> {
    pub(crate) service: S,
    pub(crate) vitals: Vitals,
    pub(crate) tier: Option<u8>,
    pub(crate) read_only: bool,
    /// Why the endpoint must not be used, if so.
    pub(crate) barred: Option<Barred>,
}

impl<S> Member<S> {
    /// A member of this service. Nothing is known of the endpoint yet.
    pub fn new(service: S) -> Self {
        Self::with(service, Vitals::default())
    }

    /// A member of this service, with the state that its layers share.
    pub const fn with(service: S, vitals: Vitals) -> Self {
        Self {
            service,
            vitals,
            tier: None,
            read_only: false,
            barred: None,
        }
    }

    /// The state that the endpoint's layers share.
    pub const fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    fn map<N>(self, station: impl FnOnce(S) -> N) -> Member<N> {
        Member {
            service: station(self.service),
            vitals: self.vitals,
            tier: self.tier,
            read_only: self.read_only,
            barred: self.barred,
        }
    }

    /// Lower is preferred. Default: the member's position in the list.
    #[must_use]
    pub const fn tier(mut self, tier: u8) -> Self {
        self.tier = Some(tier);
        self
    }

    /// Keeps writes away from this endpoint.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }
}
