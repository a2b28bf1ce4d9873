//! failsafe and tower's balancer.

use crate::{
    measure::Runner,
    stacks::{Client, Thrice, drive},
};
use failsafe::{Config, StateMachine, futures::CircuitBreaker};
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tower::{
    Service, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PeakEwmaDiscover},
    service_fn,
};

pub(super) fn failsafe(suspends: bool) -> Runner {
    let client = Client { suspends };
    let service = ServiceBuilder::new()
        .concurrency_limit(1_024)
        .retry(Thrice(3))
        .layer_fn(|inner| Broken {
            breaker: Config::new().build(),
            inner,
        })
        .timeout(Duration::from_secs(1))
        .service(service_fn(move |(): ()| client.get()));
    drive(service, || ())
}

/// failsafe has no tower layer.
struct Broken<S, P> {
    breaker: StateMachine<P, ()>,
    inner: S,
}

impl<S: Clone, P> Clone for Broken<S, P> {
    fn clone(&self) -> Self {
        Self {
            breaker: self.breaker.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<S, P> Service<()> for Broken<S, P>
where
    S: Service<(), Future: Send + 'static>,
    S::Error: Send + 'static,
    S::Response: Send + 'static,
    P: failsafe::FailurePolicy + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = failsafe::Error<S::Error>;
    type Future = failsafe::futures::ResponseFuture<S::Future, P, (), failsafe::Any>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(failsafe::Error::Inner)
    }

    fn call(&mut self, request: ()) -> Self::Future {
        self.breaker.call(self.inner.call(request))
    }
}

pub(super) fn balanced(suspends: bool) -> Runner {
    Box::new(move |calls| {
        let endpoints = [Client { suspends }; 3].map(|client| service_fn(move |(): ()| client.get()));
        let loads = PeakEwmaDiscover::new(
            ServiceList::new(endpoints),
            Duration::from_millis(30),
            Duration::from_secs(10),
            CompleteOnResponse::default(),
        );
        let mut balance = Balance::new(loads);
        Box::pin(async move {
            for _ in 0..calls {
                std::hint::black_box(balance.ready().await.unwrap().call(()).await.unwrap());
            }
        })
    })
}
