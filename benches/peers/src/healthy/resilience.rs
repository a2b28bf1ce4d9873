//! tower-resilience, with the presets of its guide.

use crate::{
    measure::Runner,
    stacks::{Client, drive},
};
use std::time::Duration;
use tower::{Service, ServiceBuilder, service_fn};
use tower_resilience::{
    circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer},
    fallback::FallbackLayer,
    hedge::{HedgeError, HedgeLayer},
    outlier::{OutlierDetectionLayer, OutlierDetectionServiceError, OutlierDetector},
    retry::RetryLayer,
    timelimiter::{TimeLimiterError, TimeLimiterLayer},
};

#[derive(Clone, Copy, Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

pub(super) fn usual(suspends: bool) -> Runner {
    let service = ServiceBuilder::new()
        .layer(RetryLayer::<(), u64, Failed>::exponential_backoff().build())
        .map_err(|_: CircuitBreakerError<Failed>| Failed)
        .layer(CircuitBreakerLayer::standard().build().unwrap())
        .service(limited(Client { suspends }));
    drive(service, || ())
}

pub(super) fn full(suspends: bool) -> Runner {
    let client = Client { suspends };
    let detector = OutlierDetector::new();
    detector.register("primary", 5);
    let outlier = OutlierDetectionLayer::builder()
        .detector(detector)
        .instance_name("primary")
        .error_on_ejection()
        .build()
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(FallbackLayer::<(), u64, Failed>::tower_service(limited(client)))
        .layer(RetryLayer::<(), u64, Failed>::exponential_backoff().build())
        .map_err(|_: HedgeError<Failed>| Failed)
        .layer(HedgeLayer::standard())
        .map_err(|_: OutlierDetectionServiceError<Failed>| Failed)
        .layer(outlier)
        .map_err(|_: CircuitBreakerError<Failed>| Failed)
        .layer(CircuitBreakerLayer::standard().build().unwrap())
        .service(limited(client));
    drive(service, || ())
}

fn limited(
    client: Client,
) -> impl Service<(), Response = u64, Error = Failed, Future: Send> + Clone + Send + Sync + 'static {
    ServiceBuilder::new()
        .map_err(|_: TimeLimiterError<_>| Failed)
        .layer(
            TimeLimiterLayer::builder()
                .timeout_duration(Duration::from_secs(1))
                .build(),
        )
        .service(service_fn(move |(): ()| client.get()))
}
