//! What no stack with a limit per attempt, a breaker and a memory of the call can do without: two clock reads, three updates of
//! shared counters, one `Arc` per call, and a timer.

use crate::{
    measure::Runner,
    stacks::{Client, drive},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tower::service_fn;

#[derive(Default)]
struct Counters {
    started: AtomicU64,
    ended: AtomicU64,
    nanoseconds: AtomicU64,
}

pub(super) fn untimed(suspends: bool) -> Runner {
    least(Client { suspends }, |client| async move { client.get().await.unwrap() })
}

pub(super) fn timed(suspends: bool) -> Runner {
    least(Client { suspends }, |client| async move {
        timeout(Duration::from_secs(1), client.get()).await.unwrap().unwrap()
    })
}

fn least<F>(client: Client, attempt: fn(Client) -> F) -> Runner
where
    F: Future<Output = u64> + Send + 'static,
{
    let counters = Arc::new(Counters::default());
    let service = service_fn(move |(): ()| {
        let counters = Arc::clone(&counters);
        async move {
            let record = Arc::new(Instant::now());
            counters.started.fetch_add(1, Relaxed);
            let answer = attempt(client).await;
            counters
                .nanoseconds
                .fetch_add(record.elapsed().as_nanos() as u64, Relaxed);
            counters.ended.fetch_add(1, Relaxed);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    drive(service, || ())
}
