//! Calls in turn, so many at a time, or at a rate.

use futures_util::{StreamExt, stream};
use std::{future::Future, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

/// So many calls, `width` at a time.
pub(crate) async fn at_a_time<T, F: Future<Output = T>>(
    width: usize,
    calls: usize,
    call: impl Fn(usize) -> F,
) -> Vec<T> {
    stream::iter((0..calls).map(call))
        .buffer_unordered(width)
        .collect()
        .await
}

/// One call each `every` for so long, whatever becomes of those before. When each was made, counted from the start.
pub(crate) async fn at_a_rate<T, F>(every: Duration, lasts: Duration, call: impl Fn(usize) -> F) -> Vec<(Duration, T)>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Instant::now();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut calls = JoinSet::new();
    for number in 0.. {
        let at = ticks.tick().await.duration_since(start);
        if at >= lasts {
            break;
        }
        let call = call(number);
        calls.spawn(async move { (at, call.await) });
    }
    let mut made = calls.join_all().await;
    made.sort_by_key(|(at, _)| *at);
    made
}

/// How long it took.
pub(crate) async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    let answer = call.await;
    (answer, start.elapsed())
}

pub(crate) fn count<T>(all: &[T], is: impl Fn(&T) -> bool) -> usize {
    all.iter().filter(|one| is(one)).count()
}

/// That which so large a part is not above.
pub(crate) fn quantile(mut times: Vec<Duration>, part: f64) -> Option<Duration> {
    times.sort();
    let last = times.len().checked_sub(1)?;
    times.get((part * last as f64).round() as usize).copied()
}
