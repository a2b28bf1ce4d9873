//! Layers, closures and listeners of the caller's own: slow, never ready, panicking, in between.

mod between;
mod panics;

use crate::promise::Promise;
use evenkeel::{
    BoxError, Endpoint, ErrorKind, Failover, KvClient, ObjectClient,
    provider::{Memory, MemoryTable},
    request::{Call, Key, kv, object},
};
use futures_util::FutureExt;
use libtest_mimic::Trial;
use std::{
    future::{Pending, pending},
    io,
    marker::PhantomData,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};
use tokio::time::Instant;
use tower::{Service, ServiceExt, layer::layer_fn, limit::ConcurrencyLimitLayer};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Promise::Deadline.paused(
            "composition::a_layer_that_queues_ends_by_the_deadline",
            a_layer_that_queues_ends_by_the_deadline,
        ),
        Promise::Deadline.paused(
            "composition::a_layer_that_is_never_ready_ends_by_the_deadline",
            a_layer_that_is_never_ready_ends_by_the_deadline,
        ),
        Promise::OwnCode.plain("composition::a_blocking_closure_delays_no_other_call", || {
            a_closure_that_blocks_holds_up_nobody_else();
        }),
        Promise::OwnCode.plain("composition::a_closure_may_call_the_same_client", || {
            a_closure_may_call_the_same_client();
        }),
        Promise::OwnCode.plain("composition::a_layer_may_call_the_same_client_in_poll_ready", || {
            a_layer_may_call_the_same_client_when_asked_whether_it_is_ready();
        }),
    ];
    trials.extend(between::trials());
    trials.extend(panics::trials());
    trials
}

const LIMIT: Duration = Duration::from_millis(50);
/// Paused time passes in whole milliseconds.
const SLACK: Duration = Duration::from_millis(5);

#[expect(clippy::disallowed_methods, reason = "the time is paused here")]
fn now() -> Instant {
    Instant::now()
}

fn get(key: &str) -> Call<object::ObjectRequest> {
    Call::read(object::ObjectRequest::Get(object::Get::new(Key::new(key).unwrap())))
}

/// The one place is taken for a second, and the others queue before it.
async fn a_layer_that_queues_ends_by_the_deadline() {
    let second = Duration::from_secs(1)..Duration::from_secs(1);
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", Memory::new().with_latency(second.clone(), 1)))
        .layer(ConcurrencyLimitLayer::new(1))
        .build()
        .unwrap();
    let (calls, started) = (client.clone(), now());
    let first = tokio::spawn(async move { calls.head("a").await });
    tokio::task::yield_now().await;
    let error = client.get("a").deadline(LIMIT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(started.elapsed() < LIMIT + SLACK, "{:?}", started.elapsed());
    // What was cut off has left the queue.
    first.await.unwrap().unwrap_err();
    client.get("a").deadline(Duration::from_secs(2)).await.unwrap_err();

    let client = KvClient::builder()
        .endpoint(Endpoint::new("here", MemoryTable::new().with_latency(second, 1)))
        .layer(ConcurrencyLimitLayer::new(1))
        .deadline(LIMIT * 2)
        .build()
        .unwrap();
    let (calls, started) = (client.clone(), now());
    let first = tokio::spawn(async move { calls.get("a").deadline(Duration::from_secs(2)).await });
    tokio::task::yield_now().await;
    let many = client.get_many(["a", "b"]).deadline(LIMIT).await;
    assert!(started.elapsed() < LIMIT + SLACK, "{:?}", started.elapsed());
    drop(many);
    // The client's own deadline holds for what comes through the service.
    let request = kv::KvRequest::Get(kv::Get::new(kv::Key::new("a").unwrap()));
    client.service().oneshot(Call::read(request)).await.unwrap_err();
    assert!(started.elapsed() < LIMIT * 3 + SLACK, "{:?}", started.elapsed());
    first.await.unwrap().unwrap_err();
}

/// Is never ready.
#[derive(Clone)]
struct Never<S>(PhantomData<fn() -> S>);

impl<R, S: Service<R>> Service<R> for Never<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pending<Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Pending
    }

    fn call(&mut self, _: R) -> Self::Future {
        pending()
    }
}

async fn a_layer_that_is_never_ready_ends_by_the_deadline() {
    let objects = ObjectClient::builder()
        .endpoint(Endpoint::new("here", Memory::new()))
        .layer(layer_fn(|_inner| {
            Never(PhantomData::<fn() -> evenkeel::client::ObjectStack>)
        }))
        .build()
        .unwrap();
    let tables = KvClient::builder()
        .endpoint(Endpoint::new("here", MemoryTable::new()))
        .layer(layer_fn(|_inner| {
            Never(PhantomData::<fn() -> evenkeel::client::KvStack>)
        }))
        .build()
        .unwrap();
    let started = now();
    let all = async {
        let object = objects.get("a").deadline(LIMIT).await.unwrap_err();
        let value = tables.put("a", "value").deadline(LIMIT).await.unwrap_err();
        let page = objects.list("").deadline(LIMIT).collect_all().await.unwrap_err();
        assert_eq!(
            [object.kind(), value.kind(), page.kind()],
            [ErrorKind::DeadlineExceeded; 3]
        );
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("all of them end");
    assert!(started.elapsed() < LIMIT * 3 + SLACK * 3, "{:?}", started.elapsed());
    // Ready or not, what the service was made of ends, too.
    let error = objects.service().oneshot(get("a")).await.unwrap_err();
    assert!(error.is::<evenkeel::stack::deadline::Elapsed>(), "{error}");
}

/// So long is waited for what should come at once, before it is called stuck. Only a failure takes so long.
const STUCK: Duration = Duration::from_secs(20);

fn ends_in_time(what: &str, story: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        story();
        let _ = tell.send(());
    });
    assert!(told.recv_timeout(STUCK).is_ok(), "{what}");
}

/// More threads than there can be instances of one service.
fn a_closure_that_blocks_holds_up_nobody_else() {
    const THREADS: usize = 16;
    let failover = Failover::builder()
        .endpoint(Endpoint::new("here", ()))
        .hedging(false)
        .build()
        .unwrap();
    // All of them are within the closure at once, or none gets out.
    let together = Arc::new(Barrier::new(THREADS));
    ends_in_time("a closure waits for another's end", move || {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (failover, together) = (failover.clone(), together.clone());
                thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    let serialises = |()| {
                        together.wait();
                        async { Ok::<_, io::Error>(()) }
                    };
                    runtime.block_on(async { failover.read(serialises).await }).unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

fn a_closure_may_call_the_same_client() {
    let failover = Failover::builder().endpoint(Endpoint::new("here", ())).build().unwrap();
    ends_in_time("a closure that calls its own client locks itself", move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let within = failover.clone();
        let answer = runtime.block_on(async {
            let outer = |()| {
                let inner = within
                    .read(|()| async { Ok::<_, io::Error>(20) })
                    .into_future()
                    .now_or_never();
                async move { Ok::<_, io::Error>(inner.unwrap().unwrap() + 22) }
            };
            failover.read(outer).await
        });
        assert_eq!(answer.unwrap(), 42);
    });
}

/// Calls the client that it is a part of, before it says that it is ready.
#[derive(Clone)]
struct Curious<S> {
    inner: S,
    client: Arc<std::sync::OnceLock<ObjectClient>>,
    /// Once, or this would never end.
    asks: Arc<AtomicBool>,
}

impl<S> Service<Call<object::ObjectRequest>> for Curious<S>
where
    S: Service<Call<object::ObjectRequest>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.asks.swap(false, Ordering::Relaxed)
            && let Some(client) = self.client.get()
        {
            let _ = client.get("other").into_future().now_or_never();
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call<object::ObjectRequest>) -> S::Future {
        self.inner.call(call)
    }
}

fn a_layer_may_call_the_same_client_when_asked_whether_it_is_ready() {
    ends_in_time("a layer that calls its own client locks itself", || {
        let slot: Arc<std::sync::OnceLock<ObjectClient>> = Arc::default();
        let (own, asks) = (slot.clone(), Arc::new(AtomicBool::new(true)));
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("here", Memory::new()))
            .endpoint_layer(move |_| {
                let (client, asks) = (own.clone(), asks.clone());
                layer_fn(move |inner| Curious {
                    inner,
                    client: client.clone(),
                    asks: asks.clone(),
                })
            })
            .build()
            .unwrap();
        let _ = slot.set(client.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { client.put("a", "body").await }).unwrap();
    });
}
