//! What is measured: each variant makes one call of the same inner service.

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    Bare,
    Tower,
    Evenkeel,
    EvenkeelDoor,
    Evenkeel64,
}

impl Stack {
    pub(crate) const ALL: [Self; 5] = [
        Self::Bare,
        Self::Tower,
        Self::Evenkeel,
        Self::EvenkeelDoor,
        Self::Evenkeel64,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare service",
            Self::Tower => "tower limit + retry + timeout",
            Self::Evenkeel => "evenkeel",
            Self::EvenkeelDoor => "evenkeel, Failover::read",
            Self::Evenkeel64 => "evenkeel, 64 endpoints",
        }
    }

    /// A function that makes `calls` calls one after the other.
    pub(crate) fn runner(self, suspends: bool) -> Runner {
        let client = Client { suspends };
        match self {
            Self::Bare => Box::new(move |calls| {
                Box::pin(async move {
                    for _ in 0..calls {
                        std::hint::black_box(client.get().await.unwrap());
                    }
                })
            }),
            Self::Tower => {
                let service = ServiceBuilder::new()
                    .concurrency_limit(1_024)
                    .retry(Thrice(3))
                    .timeout(std::time::Duration::from_secs(1))
                    .service(service_fn(move |_: ()| client.get()));
                drive(service, || ())
            }
            Self::Evenkeel | Self::Evenkeel64 => {
                let service = failover(client, if self == Self::Evenkeel { 3 } else { 64 }).service();
                drive(service, || Call::read(Op::new(|client: Client| client.get())))
            }
            Self::EvenkeelDoor => {
                let failover = failover(client, 3);
                Box::new(move |calls| {
                    let failover = failover.clone();
                    Box::pin(async move {
                        for _ in 0..calls {
                            std::hint::black_box(failover.read(|client: Client| client.get()).await.unwrap());
                        }
                    })
                })
            }
        }
    }
}

pub(crate) type Runner = Box<dyn Fn(u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// tower's retry wants a policy: up to three more attempts.
#[derive(Clone, Copy, Debug)]
struct Thrice(u32);

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

fn drive<S, R>(service: S, request: impl Fn() -> R + Clone + Send + Sync + 'static) -> Runner
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
