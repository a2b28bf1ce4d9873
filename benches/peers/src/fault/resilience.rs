//! tower-resilience's layers.

use super::{Tower, attempt_limit, late};
use crate::{load::Client, store::Store};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_resilience::{
    circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer, SlidingWindowType},
    fallback::FallbackLayer,
    hedge::HedgeLayer,
    outlier::{OutlierDetectionLayer, OutlierDetectionServiceError, OutlierDetector},
    retry::RetryLayer,
    timelimiter::{TimeLimiterError, TimeLimiterLayer},
};

/// What comes up through the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    Answered,
    Late,
    /// An open breaker or an ejected endpoint: nothing was sent.
    Refused,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Failed {}

/// What their guide calls the full stack, with the standby as the fallback.
pub(super) fn falling_back(primary: Store, standby: Store, _: u64) -> impl Client {
    let retry = RetryLayer::<(), (), Failed>::builder()
        .max_attempts(2)
        .fixed_backoff(Duration::from_millis(10))
        .retry_on(|failed| *failed == Failed::Answered)
        .build();
    let service = ServiceBuilder::new()
        .layer(FallbackLayer::<(), (), Failed>::tower_service(limited(standby)))
        .layer(retry)
        .service(broken(limited(primary)));
    Tower {
        service,
        request: || (),
    }
}

/// All that can help here. The library has no failover among endpoints, so that is written by hand.
pub(super) fn hedging(primary: Store, standby: Store, _: u64) -> impl Client {
    let detector = detector();
    let endpoints = [("primary", primary), ("standby", standby)].map(|(name, store)| {
        let outlier = OutlierDetectionLayer::builder()
            .detector(detector.clone())
            .instance_name(name)
            .error_on_ejection()
            .build()
            .unwrap();
        let service = ServiceBuilder::new()
            .map_err(|error| match error {
                OutlierDetectionServiceError::OutlierDetection(_) => Failed::Refused,
                OutlierDetectionServiceError::Inner(error) => error,
            })
            .layer(outlier)
            .service(broken(limited(store)));
        BoxCloneSyncService::new(service)
    });
    let retry = RetryLayer::<Ask, (), Failed>::builder()
        .max_attempts(3)
        .fixed_backoff(Duration::ZERO)
        .build();
    let hedge = HedgeLayer::builder().delay(late()).max_hedged_attempts(2).build();
    // Not the other way round: a hedge that waits for its delay would keep a failed attempt from being retried.
    let service = ServiceBuilder::new()
        .layer(hedge)
        .layer(retry)
        .service(service_fn(move |ask: Ask| route(endpoints.clone(), ask)));
    Tower {
        service,
        request: Ask::default,
    }
}

type Endpoint = BoxCloneSyncService<(), (), Failed>;

/// How many endpoints were asked in this call; shared by its attempts.
#[derive(Clone, Debug, Default)]
struct Ask(Arc<AtomicUsize>);

async fn route(endpoints: [Endpoint; 2], ask: Ask) -> Result<(), Failed> {
    for _ in 0..endpoints.len() {
        let next = ask.0.fetch_add(1, Relaxed) % endpoints.len();
        match endpoints[next].clone().oneshot(()).await {
            Err(Failed::Refused) => {}
            answer => return answer,
        }
    }
    Err(Failed::Refused)
}

pub(super) fn detector() -> OutlierDetector {
    let detector = OutlierDetector::new()
        .max_ejection_percent(50)
        .base_ejection_duration(Duration::from_secs(1))
        .max_ejection_duration(Duration::from_secs(1));
    detector.register("primary", 5);
    detector.register("standby", 5);
    detector
}

fn limited(
    store: Store,
) -> impl Service<(), Response = (), Error = Failed, Future: Send> + Clone + Send + Sync + 'static {
    ServiceBuilder::new()
        .map_err(|error: TimeLimiterError<_>| match error {
            TimeLimiterError::Timeout => Failed::Late,
            TimeLimiterError::Inner(_) => Failed::Answered,
        })
        .layer(TimeLimiterLayer::builder().timeout_duration(attempt_limit()).build())
        .service(service_fn(move |()| {
            let store = store.clone();
            async move { store.get().await }
        }))
}

fn broken<S>(inner: S) -> impl Service<(), Response = (), Error = Failed, Future: Send> + Clone + Send + Sync + 'static
where
    S: Service<(), Response = (), Error = Failed, Future: Send> + Clone + Send + Sync + 'static,
{
    // Its default window counts all calls since the last change of state, so that a long healthy time hides a fault.
    let breaker = CircuitBreakerLayer::fast_fail()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(Duration::from_secs(1))
        .wait_duration_in_open(Duration::from_secs(1))
        .slow_call_duration_threshold(late())
        .slow_call_rate_threshold(0.5)
        .build()
        .unwrap();
    ServiceBuilder::new()
        .map_err(|error: CircuitBreakerError<Failed>| match error {
            CircuitBreakerError::OpenCircuit => Failed::Refused,
            CircuitBreakerError::Inner(error) => error,
        })
        .layer(breaker)
        .service(inner)
}
