//! The load: the same calls at the same moments for every client.

use crate::{
    figures::{Row, Seen, row},
    world::{Setting, Store, TALLY, Tally},
};
use std::{
    future::Future,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// What is measured.
pub(crate) trait Client: Clone + Send + 'static {
    /// One read. Whether it succeeded.
    fn read(&self) -> impl Future<Output = bool> + Send;
}

/// One run, in virtual time. `client` is made of the primary, the standby and a seed.
pub(crate) fn play<C: Client>(setting: Setting, seed: u64, client: impl FnOnce(Store, Store, u64) -> C) -> Row {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let calls = runtime.block_on(load(setting, seed, client));
    row(setting.fault.name(), setting.rate, calls, setting.schedule)
}

async fn load<C: Client>(setting: Setting, seed: u64, client: impl FnOnce(Store, Store, u64) -> C) -> Vec<Seen> {
    let start = Instant::now();
    let mut rng = fastrand::Rng::with_seed(seed);
    let primary = Store::new(true, setting, start, rng.u64(..));
    let standby = Store::new(false, setting, start, rng.u64(..));
    let client = client(primary, standby, rng.u64(..));
    let mut tasks = Vec::new();
    let mut next = start;
    loop {
        next += Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / setting.rate);
        if next - start >= setting.schedule.end {
            break;
        }
        sleep_until(next).await;
        let client = client.clone();
        let tally = Arc::new(Tally::default());
        tasks.push(tokio::spawn(TALLY.scope(Arc::clone(&tally), async move {
            let began = Instant::now();
            let ok = client.read().await;
            Seen {
                at: began - start,
                took: began.elapsed(),
                ok,
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
