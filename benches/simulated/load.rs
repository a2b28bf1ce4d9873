//! The load: the same calls at the same moments for every client.

use crate::{
    figures::Seen,
    store::{Ask, TALLY, Tally},
};
use std::{
    future::Future,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, sleep_until, timeout};

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The client's own limit refused it.
    Refused,
    Otherwise,
}

/// What is measured.
pub(crate) trait Client: Clone + Send + Sync + 'static {
    /// One read. Whether it succeeded.
    fn read(&self) -> impl Future<Output = bool> + Send;

    /// One call. A client that knows nothing but reads makes a read.
    fn call(&self, _: Ask) -> impl Future<Output = Result<(), Failed>> + Send {
        async { self.read().await.then_some(()).ok_or(Failed::Otherwise) }
    }
}

/// Calls at random moments, whatever becomes of those before.
pub(crate) struct Load<Q, A> {
    /// Calls a second.
    pub(crate) rate: f64,
    /// When nobody calls.
    pub(crate) quiet: Q,
    pub(crate) end: Duration,
    /// What the next call asks for.
    pub(crate) ask: A,
}

impl<Q: Fn(Duration) -> bool, A: FnMut(&mut fastrand::Rng) -> Ask> Load<Q, A> {
    /// One run, in virtual time. `client` is made of the moment when the run begins and of the run's chance.
    pub(crate) fn play<C: Client>(self, seed: u64, client: impl FnOnce(Instant, &mut fastrand::Rng) -> C) -> Vec<Seen> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(self.put_on(seed, client))
    }

    async fn put_on<C: Client>(
        mut self,
        seed: u64,
        client: impl FnOnce(Instant, &mut fastrand::Rng) -> C,
    ) -> Vec<Seen> {
        let start = Instant::now();
        let mut rng = fastrand::Rng::with_seed(seed);
        let client = client(start, &mut rng);
        let mut tasks = Vec::new();
        let mut next = start;
        loop {
            next += Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / self.rate);
            if next - start >= self.end {
                break;
            }
            if (self.quiet)(next - start) {
                continue;
            }
            let ask = (self.ask)(&mut rng);
            sleep_until(next).await;
            let client = client.clone();
            let tally = Arc::new(Tally {
                ask,
                ..Tally::default()
            });
            tasks.push(tokio::spawn(TALLY.scope(Arc::clone(&tally), async move {
                let began = Instant::now();
                let result = match ask.deadline {
                    Some(patience) if ask.leaves => {
                        let result = timeout(patience, client.call(ask)).await;
                        result.unwrap_or(Err(Failed::Otherwise))
                    }
                    _ => client.call(ask).await,
                };
                Seen {
                    at: began - start,
                    took: began.elapsed(),
                    ok: result.is_ok(),
                    refused: result == Err(Failed::Refused),
                    kind: ask.kind,
                    primary: tally.primary.load(Relaxed),
                    attempts: tally.attempts.load(Relaxed),
                }
            })));
        }
        let mut seen = Vec::with_capacity(tasks.len());
        for task in tasks {
            seen.push(task.await.unwrap());
        }
        seen
    }
}
