//! Every layer keeps tower's contract.

use evenkeel::{
    request::{Call, OpClass},
    stack::{
        breaker::{Breaker, BreakerLayer, State},
        deadline::DeadlineLayer,
        health::{HealthLayer, Tracker},
        hedge::{Delay, HedgeLayer},
        limit::{Admission, LimitLayer},
        retry::{Budget, RetryLayer, RetrySettings},
        route::{Member, Route, Vitals},
        timeout::{Limit, TimeoutLayer},
    },
    testing::contract::{self, ProbeError, Watchful},
    verdict::{Classify, Outcome, Sent, Verdict},
};
use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tower::{Layer, ServiceExt, layer::layer_fn};

/// Judges the probe's errors.
#[derive(Clone, Copy, Debug)]
struct AnyFault;

impl<T> Classify<T, evenkeel::BoxError> for AnyFault {
    fn classify(&self, result: Result<&T, &evenkeel::BoxError>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => {
                assert!(error.is::<ProbeError>());
                Outcome::new(Verdict::Faulty, Sent::Maybe)
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_layer_keeps_the_contract() {
    contract::probe(|| DeadlineLayer::new(Duration::from_secs(10))).await;
}

#[tokio::test(start_paused = true)]
async fn the_retry_layer_keeps_the_contract() {
    contract::probe(|| RetryLayer::new(RetrySettings::default(), Budget::default(), 1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_hedge_layer_keeps_the_contract() {
    contract::probe(|| HedgeLayer::new(Delay::fixed(Duration::from_millis(20)), Budget::default())).await;
}

#[tokio::test(start_paused = true)]
async fn the_route_layer_keeps_the_contract() {
    contract::probe(|| {
        layer_fn(|inner: Watchful| Route::new([Member::new(inner.clone()).tier(0), Member::new(inner).tier(1)], 1))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_breaker_layer_keeps_the_contract() {
    let made = Mutex::new(Vec::new());
    contract::probe(|| {
        let breaker = Breaker::default();
        made.lock().unwrap().push(breaker.clone());
        BreakerLayer::new(breaker)
    })
    .await;
    for breaker in made.into_inner().unwrap() {
        assert_eq!(
            breaker.state(OpClass::Read),
            State::Closed,
            "a dropped attempt alone never opens it"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_layer_keeps_the_contract() {
    let made = Mutex::new(Vec::new());
    contract::probe(|| {
        let admission = Admission::new(Some(1_000.0));
        made.lock().unwrap().push(admission.clone());
        LimitLayer::new(admission)
    })
    .await;
    for admission in made.into_inner().unwrap() {
        assert_eq!(admission.in_flight(), 0, "a place among the attempts under way leaked");
    }
}

#[tokio::test(start_paused = true)]
async fn the_health_layer_keeps_the_contract() {
    let made = Mutex::new(Vec::new());
    contract::probe(|| {
        let tracker = Arc::new(Tracker::new());
        made.lock().unwrap().push(tracker.clone());
        HealthLayer::new(tracker, AnyFault)
    })
    .await;
    for tracker in made.into_inner().unwrap() {
        assert_eq!(tracker.in_flight(), 0, "an attempt under way leaked");
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_layer_keeps_the_contract() {
    contract::probe(|| TimeoutLayer::new(Limit::fixed(Duration::from_millis(250)))).await;
}

/// And all of them together, in the order of the stack.
#[tokio::test(start_paused = true)]
async fn the_whole_stack_keeps_the_contract() {
    contract::probe(|| {
        layer_fn(|inner: Watchful| {
            let endpoint = |tier| {
                let vitals = Vitals::default();
                let service = tower::ServiceBuilder::new()
                    .layer(BreakerLayer::new(vitals.breaker.clone()))
                    .layer(LimitLayer::new(vitals.admission.clone()))
                    .layer(HealthLayer::new(
                        vitals.tracker.clone(),
                        evenkeel::stack::timeout::Timed(AnyFault),
                    ))
                    .layer(TimeoutLayer::new(Limit::learnt(vitals.tracker.clone())))
                    .service(inner.clone());
                Member::with(service, vitals).tier(tier)
            };
            let route = Route::new([endpoint(0), endpoint(1)], 1);
            let hedge = HedgeLayer::new(Delay::fixed(Duration::from_millis(20)), Budget::default()).layer(route);
            let retry = RetryLayer::default().layer(hedge);
            DeadlineLayer::new(Duration::from_secs(10)).layer(retry)
        })
    })
    .await;
    let _ = Call::read(());
}

/// A service may hold something (a permit, a connection) for as long as its future lives.
#[tokio::test(start_paused = true)]
async fn a_failed_attempt_releases_its_resources_before_the_next() {
    let calls = Arc::new(AtomicU32::new(0));
    let flaky = tower::service_fn(move |_: Call<()>| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if first {
                Err(evenkeel::BoxError::from("reset"))
            } else {
                Ok(42)
            }
        }
    });
    let one_at_a_time = tower::limit::ConcurrencyLimitLayer::new(1).layer(flaky);
    let service = RetryLayer::default().layer(one_at_a_time);
    let answer = tokio::time::timeout(Duration::from_secs(5), service.oneshot(Call::read(())));
    assert_eq!(answer.await.expect("no attempt waits for another").unwrap(), 42);
}

/// At the service until it is dropped.
struct Here(Arc<AtomicU32>);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whoever keeps a future that is over (in a list, in a select) does not keep the connection of what was cut off.
#[tokio::test(start_paused = true)]
async fn a_timed_out_attempt_is_dropped_at_once() {
    let limit = Duration::from_millis(250);
    let at_the_service = Arc::new(AtomicU32::new(0));
    let count = at_the_service.clone();
    let hangs = tower::service_fn(move |_: Call<()>| {
        count.fetch_add(1, Ordering::Relaxed);
        let here = Here(count.clone());
        async move {
            let _here = here;
            std::future::pending::<Result<(), evenkeel::BoxError>>().await
        }
    });
    let attempt = TimeoutLayer::new(Limit::fixed(limit))
        .layer(hangs.clone())
        .send(Call::read(()));
    let mut attempt = pin!(attempt);
    attempt.as_mut().await.unwrap_err();
    assert_eq!(at_the_service.load(Ordering::Relaxed), 0, "the attempt's limit");
    let call = DeadlineLayer::new(limit).layer(hangs).send(Call::read(()));
    let mut call = pin!(call);
    call.as_mut().await.unwrap_err();
    assert_eq!(at_the_service.load(Ordering::Relaxed), 0, "the call's deadline");
}
