//! Another task, or a combinator with wakers of its own, between the layers.

use super::{SLACK, now};
use crate::promise::Promise;
use evenkeel::{
    BoxError, Endpoint, ObjectClient,
    client::ObjectStack,
    provider::Memory,
    request::Call,
    stack::{
        deadline::DeadlineLayer,
        hedge::{Delay, HedgeLayer},
        limit::{Admission, LimitLayer},
        retry::{Budget, RetryLayer},
        route::{Member, Route},
        timeout::{Limit, TimeoutLayer},
    },
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use libtest_mimic::Trial;
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tower::{Layer, Service, ServiceExt, layer::layer_fn, util::BoxCloneSyncService};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Promise::Deadline.paused("composition::an_attempts_limit_holds_in_another_task", || {
            an_attempts_limit_holds(Between::Task)
        }),
        Promise::Deadline.paused("composition::an_attempts_limit_holds_in_a_set_of_futures", || {
            an_attempts_limit_holds(Between::Set)
        }),
        Promise::Deadline.trial(
            "composition::an_attempts_limit_holds_on_another_thread",
            an_attempts_limit_holds_on_another_thread,
        ),
        Promise::Deadline.paused(
            "composition::a_hedge_is_sent_in_time_beside_another_task",
            a_hedge_is_sent_in_time_beside_another_task,
        ),
        Promise::Deadline.paused(
            "composition::a_clients_attempts_are_limited_in_a_layers_task",
            a_clients_attempts_are_limited_in_a_layers_task,
        ),
    ]
}

type Stack = BoxCloneSyncService<Call<()>, u32, BoxError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    /// A task of its own.
    Task,
    /// A set of futures, which polls a future only when that one's own waker was called.
    Set,
}

const ALL: [Between; 3] = [Between::Nothing, Between::Task, Between::Set];

/// Puts `between` before a service.
fn put<R, A>(
    between: Between,
    inner: impl Service<Call<R>, Response = A, Error = BoxError, Future: Send + 'static> + Clone + Send + Sync + 'static,
) -> BoxCloneSyncService<Call<R>, A, BoxError>
where
    R: Send + Sync + 'static,
    A: Send + 'static,
{
    let service = tower::service_fn(move |call: Call<R>| {
        let answer = inner.clone().oneshot(call);
        async move {
            match between {
                Between::Nothing => answer.await,
                Between::Task => tokio::spawn(answer).await?,
                Between::Set => FuturesUnordered::from_iter([answer]).next().await.expect("it has one"),
            }
        }
    });
    BoxCloneSyncService::new(service)
}

fn hangs() -> Stack {
    BoxCloneSyncService::new(tower::service_fn(|_: Call<()>| pending::<Result<u32, BoxError>>()))
}

fn boxed<S>(service: S) -> Stack
where
    S: Service<Call<()>, Response = u32, Future: Send + 'static> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
{
    BoxCloneSyncService::new(service.map_err(Into::into))
}

/// A timeout of 250 ms below, a deadline of an hour above, and something in between: at each place in turn.
fn stack(between: Between, at: usize, limit: Duration) -> Stack {
    let here = |place: usize| if place == at { between } else { Between::Nothing };
    let timeout = boxed(TimeoutLayer::new(Limit::fixed(limit)).layer(put(here(0), hangs())));
    let limit = boxed(LimitLayer::new(Admission::new(None)).layer(put(here(1), timeout)));
    let route = boxed(Route::new([Member::new(put(here(2), limit))], 1));
    let hedge = HedgeLayer::new(Delay::fixed(Duration::from_secs(600)), Budget::default());
    let hedge = boxed(hedge.layer(put(here(3), route)));
    let retry = boxed(RetryLayer::default().layer(put(here(4), hedge)));
    boxed(DeadlineLayer::new(Duration::from_secs(3_600)).layer(put(here(5), retry)))
}

async fn an_attempts_limit_holds(between: Between) {
    let limit = Duration::from_millis(250);
    for at in 0..6 {
        let started = now();
        // One attempt: it must not happen twice.
        let error = stack(between, at, limit).oneshot(Call::new(())).await.unwrap_err();
        assert!(error.is::<evenkeel::stack::timeout::Elapsed>(), "{error}");
        assert!(
            started.elapsed() < limit + SLACK,
            "{between:?} at {at}: {:?}",
            started.elapsed()
        );
        // Without a deadline above.
        let started = now();
        let alone = boxed(TimeoutLayer::new(Limit::fixed(limit)).layer(hangs()));
        put(between, alone).oneshot(Call::new(())).await.unwrap_err();
        assert!(started.elapsed() < limit + SLACK, "{:?}", started.elapsed());
    }
}

/// Where both poll at the same time, neither takes the other's wait away.
async fn an_attempts_limit_holds_on_another_thread() {
    let calls = (0..200).map(|n| {
        let stack = stack(Between::Task, n % 6, Duration::from_millis(20));
        tokio::spawn(async move { stack.oneshot(Call::new(())).await.unwrap_err() })
    });
    let all = futures_util::future::join_all(calls);
    let errors = tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .expect("every attempt ends by its limit");
    for error in errors {
        assert!(error.unwrap().is::<evenkeel::stack::timeout::Elapsed>());
    }
}

/// With and without a deadline above: a hedge after 20 ms, while the first attempt's limit is 250 ms.
async fn a_hedge_is_sent_in_time_beside_another_task() {
    for (between, deadline) in ALL.into_iter().flat_map(|between| [(between, false), (between, true)]) {
        let calls = Arc::new(AtomicU32::new(0));
        let count = calls.clone();
        let second_answers = tower::service_fn(move |_: Call<()>| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            async move {
                match number {
                    0 => pending().await,
                    number => Ok::<u32, BoxError>(number),
                }
            }
        });
        let timeout = boxed(TimeoutLayer::new(Limit::fixed(Duration::from_millis(250))).layer(second_answers));
        let within = put(between, timeout);
        let route = boxed(Route::new([Member::new(within.clone()), Member::new(within)], 1));
        let delay = Delay::fixed(Duration::from_millis(20));
        let hedge = boxed(HedgeLayer::new(delay, Budget::default()).layer(put(between, route)));
        let whole = match deadline {
            true => boxed(DeadlineLayer::new(Duration::from_secs(3_600)).layer(put(between, hedge))),
            false => hedge,
        };
        let started = now();
        assert_eq!(whole.oneshot(Call::read(())).await.unwrap(), 1);
        let took = started.elapsed();
        assert!(
            took < Duration::from_millis(20) + SLACK,
            "{between:?}, {deadline}: {took:?}"
        );
    }
}

/// Of two endpoints the first hangs. A user's layer sends each call in a task of its own.
async fn a_clients_attempts_are_limited_in_a_layers_task() {
    for between in ALL {
        let hangs = Memory::new().with_latency(Duration::from_secs(900)..Duration::from_secs(900), 1);
        let client = ObjectClient::builder()
            .endpoint(Endpoint::new("hangs", hangs))
            .endpoint(Endpoint::new("answers", Memory::new()))
            .replication(evenkeel::Replication::write_once())
            .endpoint_layer(move |_| layer_fn(move |inner: ObjectStack| put(between, inner)))
            .layer(layer_fn(move |inner: ObjectStack| put(between, inner)))
            .deadline(Duration::from_secs(60))
            .hedging(false)
            .seed(1)
            .build()
            .unwrap();
        let started = now();
        client.put("a", "body").await.unwrap();
        // The limit while nothing was learnt is 1 s, and 250 ms for a look at what became of it.
        assert!(
            started.elapsed() < Duration::from_millis(1_350),
            "{between:?}: {:?}",
            started.elapsed()
        );
    }
}
