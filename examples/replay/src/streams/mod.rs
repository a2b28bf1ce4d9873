//! Large objects beside the small ones, with `--stream`: they are read as streams, which a fault can strike in mid-body.
//!
//! Only in memory and in paused time. On loopback sockets a body of 8 MiB is over in a few milliseconds, and the proxy
//! plays most faults at the heads of requests: there would be no middle to strike.
//!
//! Only reads: hours of stored 8 MiB objects would not fit into memory.

mod reader;
mod wire;

pub(crate) use reader::{Reader, Streamed};
pub(crate) use wire::Wire;

use super::{course::Course, outcome::now};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

/// The size of a large object.
pub(crate) const SIZE: usize = 8 << 20;

/// Large objects that lie at all three places before the start.
const OBJECTS: u64 = 4;

/// Streams per call of the other load.
pub(crate) const SHARE: f64 = 0.1;

/// A stream that takes longer is cut off: forty times as long as the body takes on a good day.
const CUT: Duration = Duration::from_secs(30);

const LARGE: &str = "large/";

/// Whether this is the key of a large object.
pub(crate) fn is_large(key: &str) -> bool {
    key.starts_with(LARGE)
}

/// The large objects: in memory once, however many stores have them.
pub(crate) fn objects(seed: u64) -> Vec<(String, Bytes)> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let each = (0..OBJECTS).map(|number| {
        let mut body = vec![0; SIZE];
        rng.fill(&mut body);
        (format!("{LARGE}{number}"), body.into())
    });
    each.collect()
}

/// Who reads large objects.
pub(crate) trait Streaming: Clone + Send + Sync + 'static {
    /// Reads the whole object, byte for byte as it comes.
    fn stream(&self, key: &str, reader: &mut Reader) -> impl Future<Output = Result<(), String>> + Send;
}

/// One side's streams.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) samples: Vec<Streamed>,
    /// The bytes that came over the wire, those that came again included.
    pub(crate) carried: u64,
}

/// Both sides' streams.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    pub(crate) evenkeel: Streams,
    pub(crate) baseline: Streams,
}

/// A Poisson process, as the other load is.
pub(crate) fn arrivals(course: &Course, rate: f64, seed: u64) -> Vec<(Duration, usize)> {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_add(1 << 32));
    let mut at = 0.0;
    let mut arrivals = Vec::new();
    loop {
        at -= (1.0 - rng.f64()).ln() / rate;
        let when = Duration::from_secs_f64(at);
        if when >= course.total() {
            return arrivals;
        }
        arrivals.push((when, rng.usize(..OBJECTS as usize)));
    }
}

/// Reads all streams, each from when it arrives, and waits for the last.
pub(crate) async fn drive<S: Streaming>(
    who: S,
    objects: Arc<[(String, Bytes)]>,
    arrivals: Arc<[(Duration, usize)]>,
    start: Instant,
) -> Vec<Streamed> {
    let mut samples = Vec::with_capacity(arrivals.len());
    let mut under_way = JoinSet::new();
    for (at, number) in arrivals.iter().copied() {
        sleep_until(start + at).await;
        let (who, (key, body)) = (who.clone(), objects[number].clone());
        under_way.spawn(async move {
            let mut reader = Reader::new(body, start + at);
            let read = timeout_at(start + at + CUT, who.stream(&key, &mut reader)).await;
            let read = read.unwrap_or_else(|_| Err(format!("not at its end within {} s", CUT.as_secs())));
            reader.ended(at, read, now())
        });
        while let Some(sample) = under_way.try_join_next() {
            samples.extend(sample);
        }
    }
    while let Some(sample) = under_way.join_next().await {
        samples.extend(sample);
    }
    samples.sort_by_key(|sample| sample.at);
    samples
}
