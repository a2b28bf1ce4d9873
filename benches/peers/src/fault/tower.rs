//! tower's own layers.

use super::{Tower, attempt_limit, resilience};
use crate::{load::Client, store::Store};
use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};
use tower::{
    Service, ServiceBuilder,
    balance::p2c::Balance,
    buffer::Buffer,
    discover::ServiceList,
    hedge::{self, Hedge},
    load::{CompleteOnResponse, PeakEwmaDiscover},
    retry::{
        Policy,
        budget::{Budget, TpsBudget},
    },
    service_fn,
};
use tower_resilience::outlier::{OutlierDetectionLayer, OutlierDetectionServiceError};

/// As in tower's example of a balancer.
const START: Duration = Duration::from_millis(30);
const DECAY: Duration = Duration::from_secs(10);

pub(super) fn balanced(primary: Store, standby: Store, seed: u64) -> impl Client {
    balance([primary, standby].map(endpoint), seed)
}

/// The balancer with tower-resilience's ejection, which is made for it: an ejected endpoint is not ready.
pub(super) fn balanced_ejecting(primary: Store, standby: Store, seed: u64) -> impl Client {
    let detector = resilience::detector();
    let endpoints = [("primary", primary), ("standby", standby)].map(|(name, store)| {
        let outlier = OutlierDetectionLayer::builder()
            .detector(detector.clone())
            .instance_name(name);
        ServiceBuilder::new()
            .map_err(|error: OutlierDetectionServiceError<tower::BoxError>| tower::BoxError::from(error.to_string()))
            .layer(outlier.build().unwrap())
            .service(endpoint(store))
    });
    balance(endpoints, seed)
}

fn balance<S>(endpoints: [S; 2], seed: u64) -> impl Client
where
    S: Service<Place, Response = (), Error = tower::BoxError, Future: Send> + Send + 'static,
{
    let loads = PeakEwmaDiscover::new(ServiceList::new(endpoints), START, DECAY, CompleteOnResponse::default());
    let balance = Balance::from_rng(loads, Seeded(fastrand::Rng::with_seed(seed)));
    // A balancer has one owner; a client that is shared wants a buffer before it.
    let service = ServiceBuilder::new()
        .retry(Elsewhere::new(Some(TpsBudget::default())))
        .service(Buffer::new(balance, 4_096));
    Tower {
        service,
        request: || Place::Primary,
    }
}

fn endpoint(
    store: Store,
) -> impl Service<Place, Response = (), Error = tower::BoxError, Future: Send> + Clone + Send + Sync + 'static {
    let get = service_fn(move |_: Place| {
        let store = store.clone();
        async move { store.get().await }
    });
    ServiceBuilder::new().timeout(attempt_limit()).service(get)
}

pub(super) fn retrying(primary: Store, standby: Store, _: u64) -> impl Client {
    let service = ServiceBuilder::new()
        .retry(Elsewhere::new(None))
        .service(limited(primary, standby));
    Tower {
        service,
        request: || Place::Primary,
    }
}

pub(super) fn budgeted(primary: Store, standby: Store, _: u64) -> impl Client {
    let service = ServiceBuilder::new()
        .retry(Elsewhere::new(Some(TpsBudget::default())))
        .service(limited(primary, standby));
    Tower {
        service,
        request: || Place::Primary,
    }
}

pub(super) fn hedging(primary: Store, standby: Store, _: u64) -> impl Client {
    let hedge = Hedge::new(limited(primary, standby), ToStandby, 10, 0.99, Duration::from_secs(10));
    // `Hedge` is no `Clone`; its readiness is that of the service below, always.
    let service = ServiceBuilder::new()
        .retry(Elsewhere::new(None))
        .service(Buffer::new(hedge, 4_096));
    Tower {
        service,
        request: || Place::Primary,
    }
}

/// Which endpoint a request is meant for.
#[derive(Clone, Copy, Debug)]
enum Place {
    Primary,
    Standby,
}

impl Place {
    const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Standby,
            Self::Standby => Self::Primary,
        }
    }
}

fn limited(
    primary: Store,
    standby: Store,
) -> impl Service<Place, Response = (), Error = tower::BoxError, Future: Send> + Clone + Send + Sync + 'static {
    let get = service_fn(move |place: Place| {
        let store = match place {
            Place::Primary => primary.clone(),
            Place::Standby => standby.clone(),
        };
        async move { store.get().await }
    });
    ServiceBuilder::new().timeout(attempt_limit()).service(get)
}

/// Up to two more attempts, at once, each at the other endpoint.
#[derive(Clone)]
struct Elsewhere {
    left: u32,
    budget: Option<Arc<TpsBudget>>,
}

impl Elsewhere {
    fn new(budget: Option<TpsBudget>) -> Self {
        Self {
            left: 2,
            budget: budget.map(Arc::new),
        }
    }
}

impl<E> Policy<Place, (), E> for Elsewhere {
    type Future = Ready<()>;

    fn retry(&mut self, request: &mut Place, result: &mut Result<(), E>) -> Option<Ready<()>> {
        if result.is_ok() {
            self.budget.iter().for_each(|budget| budget.deposit());
            return None;
        }
        let allowed = self.left > 0 && self.budget.as_ref().is_none_or(|budget| budget.withdraw());
        allowed.then(|| {
            self.left -= 1;
            *request = request.other();
            ready(())
        })
    }

    fn clone_request(&mut self, request: &Place) -> Option<Place> {
        Some(*request)
    }
}

/// Not when a retry went to the standby: `Hedge` takes the first answer even if it is an error, and the primary's would win.
#[derive(Clone, Copy, Debug)]
struct ToStandby;

impl hedge::Policy<Place> for ToStandby {
    fn clone_request(&self, request: &Place) -> Option<Place> {
        matches!(request, Place::Primary).then_some(Place::Standby)
    }

    fn can_retry(&self, _: &Place) -> bool {
        true
    }
}

#[derive(Debug)]
struct Seeded(fastrand::Rng);

impl tower::util::rng::Rng for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0.u64(..)
    }
}
