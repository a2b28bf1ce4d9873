//! What is measured: each variant makes one call of the same inner service.

use crate::measure::{BARE, Runner, Variant};
use evenkeel::{Endpoint, Failover, client::failover::Op, request::Call};
use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Answers at once, or suspends once and is woken at once.
pub(crate) struct Answer {
    suspends: bool,
}

impl Future for Answer {
    type Output = Result<u64, io::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.suspends {
            self.suspends = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(42))
    }
}

/// The client at the bottom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) suspends: bool,
}

impl Client {
    pub(crate) fn get(self) -> Answer {
        Answer {
            suspends: self.suspends,
        }
    }
}

pub(crate) const OURS: [Variant; 5] = [
    Variant::new(BARE, bare),
    Variant::new("tower limit + retry + timeout", tower),
    Variant::new("evenkeel", evenkeel),
    Variant::new("evenkeel, Failover::read", evenkeel_door),
    Variant::new("evenkeel, 64 endpoints", evenkeel_64),
];

fn bare(suspends: bool) -> Runner {
    let client = Client { suspends };
    Box::new(move |calls| {
        Box::pin(async move {
            for _ in 0..calls {
                std::hint::black_box(client.get().await.unwrap());
            }
        })
    })
}

fn tower(suspends: bool) -> Runner {
    let client = Client { suspends };
    let service = ServiceBuilder::new()
        .concurrency_limit(1_024)
        .retry(Thrice(3))
        .timeout(std::time::Duration::from_secs(1))
        .service(service_fn(move |(): ()| client.get()));
    drive(service, || ())
}

fn evenkeel(suspends: bool) -> Runner {
    over_endpoints(3, suspends)
}

fn evenkeel_64(suspends: bool) -> Runner {
    over_endpoints(64, suspends)
}

fn over_endpoints(endpoints: usize, suspends: bool) -> Runner {
    let service = failover(Client { suspends }, endpoints).service();
    drive(service, || Call::read(Op::new(|client: Client| client.get())))
}

fn evenkeel_door(suspends: bool) -> Runner {
    let failover = failover(Client { suspends }, 3);
    Box::new(move |calls| {
        let failover = failover.clone();
        Box::pin(async move {
            for _ in 0..calls {
                std::hint::black_box(failover.read(|client: Client| client.get()).await.unwrap());
            }
        })
    })
}

/// tower's retry wants a policy: up to three more attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thrice(pub(crate) u32);

impl<E> tower::retry::Policy<(), u64, E> for Thrice {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut (), result: &mut Result<u64, E>) -> Option<Self::Future> {
        (result.is_err() && self.0 > 0).then(|| {
            self.0 -= 1;
            std::future::ready(())
        })
    }

    fn clone_request(&mut self, _: &()) -> Option<()> {
        Some(())
    }
}

/// A client with its default settings over so many endpoints.
pub(crate) fn failover(client: Client, endpoints: usize) -> Failover<Client> {
    Failover::builder()
        .endpoints((0..endpoints).map(|index| Endpoint::new(format!("endpoint-{index}"), client)))
        .build()
        .unwrap()
}

pub(crate) fn drive<S, R>(service: S, request: impl Fn() -> R + Clone + Send + Sync + 'static) -> Runner
where
    S: Service<R, Response = u64> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug,
    R: Send + 'static,
{
    Box::new(move |calls| {
        let mut service = service.clone();
        let request = request.clone();
        Box::pin(async move {
            for _ in 0..calls {
                std::hint::black_box(service.ready().await.unwrap().call(request()).await.unwrap());
            }
        })
    })
}
