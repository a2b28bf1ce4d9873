//! An open loop: calls arrive when they arrive, however slow the answers are.

use super::{contender::Contender, course::Course, progress::Lane};
use evenkeel::Explanation;
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

/// A call is available when it is answered rightly within this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Objects that lie at all three places before the start.
pub(crate) const SEEDED: u64 = 200;

/// Every tenth call stores something, the others fetch.
const PUTS: f64 = 0.1;

const BODY: usize = 1024;

/// A call to be made.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) key: String,
    /// A put of a new key, else a get of a seeded one.
    pub(crate) put: bool,
}

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Until there was an answer, right or wrong, counted from when the call *should* have started: a late start counts.
    pub(crate) latency: Duration,
    pub(crate) failure: Option<String>,
    /// What happened in a call that was answered rightly, but late.
    pub(crate) story: Option<String>,
    pub(crate) attempts: u32,
    /// Bit i: an attempt went to place i.
    pub(crate) touched: u8,
    pub(crate) put: bool,
    /// A table was asked, not a bucket.
    pub(crate) row: bool,
    /// The key that was stored, if this is an acknowledged put.
    pub(crate) stored: Option<String>,
}

impl Sample {
    pub(crate) fn available(&self) -> bool {
        self.within(PATIENCE)
    }

    pub(crate) fn within(&self, limit: Duration) -> bool {
        self.failure.is_none() && self.latency <= limit
    }
}

pub(crate) fn seeded(number: u64) -> String {
    format!("seeded/{number:04}")
}

/// What the keys of rows begin with.
const ROW: &str = "row/";

/// Whether this is the key of a table's row, else of an object.
pub(crate) fn is_row(key: &str) -> bool {
    key.starts_with(ROW)
}

/// The row's key for an object's.
pub(crate) fn row(key: &str) -> String {
    format!("{ROW}{key}")
}

/// What lies under a key: bytes that follow from it, so that a mix-up shows.
pub(crate) fn body(key: &str) -> Vec<u8> {
    let seed = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..BODY).map(|_| rng.u8(..)).collect()
}

/// A Poisson process: the time between two calls is exponential, as it is when many users do not know of each other.
/// With `rows` half of the calls go to tables.
pub(crate) fn arrivals(course: &Course, rate: f64, seed: u64, rows: bool) -> Vec<Arrival> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut at = 0.0;
    let mut arrivals = Vec::new();
    loop {
        at -= (1.0 - rng.f64()).ln() / rate;
        let when = Duration::from_secs_f64(at);
        if when >= course.total() {
            return arrivals;
        }
        let put = rng.f64() < PUTS;
        let key = if put {
            format!("written/{:06}", arrivals.len())
        } else {
            seeded(rng.u64(..SEEDED))
        };
        let key = if rows && rng.bool() { row(&key) } else { key };
        arrivals.push(Arrival { at: when, key, put });
    }
}

/// Makes all calls and waits for the last. `places` bounds those under way: a further one waits, and its time runs.
pub(crate) async fn drive<C: Contender>(
    who: C,
    arrivals: Arc<[Arrival]>,
    start: Instant,
    places: Arc<Semaphore>,
    lane: Arc<Lane>,
) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(arrivals.len());
    let mut under_way = JoinSet::new();
    for arrival in arrivals.iter().cloned() {
        sleep_until(start + arrival.at).await;
        under_way.spawn(one(who.clone(), arrival, start, places.clone(), lane.clone()));
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

/// `get: aws-us-east-1 abandoned after 1.9 s, then aws-eu-west-1 success after 0.0 s`.
fn told(explanation: &Explanation) -> String {
    let attempts = explanation.attempts().iter().map(|attempt| {
        let took = attempt.elapsed().map_or(f64::NAN, |took| took.as_secs_f64());
        let why = attempt.why().as_str();
        format!("{} ({why}) {} after {took:.1} s", attempt.endpoint(), attempt.result())
    });
    let attempts: Vec<_> = attempts.collect();
    format!("{}: {}", explanation.operation(), attempts.join(", then "))
}

async fn one<C: Contender>(
    who: C,
    arrival: Arrival,
    start: Instant,
    places: Arc<Semaphore>,
    lane: Arc<Lane>,
) -> Sample {
    let started = start + arrival.at;
    let tally = Arc::default();
    let mut work = pin!(async {
        let _place = places.acquire().await;
        if arrival.put {
            who.put(&arrival.key, &tally).await
        } else {
            who.get(&arrival.key, &tally).await
        }
    });
    let result = match timeout_at(started + PATIENCE, &mut work).await {
        Ok(result) => {
            lane.decided(result.is_ok(), tally.touched());
            result
        }
        Err(_) => {
            lane.decided(false, tally.touched());
            timeout_at(started + C::CUT, work)
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", C::CUT.as_secs())))
        }
    };
    let latency = super::outcome::now().saturating_duration_since(started);
    let late = result
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .filter(|_| latency > PATIENCE);
    Sample {
        at: arrival.at,
        latency,
        story: late.map(told),
        put: arrival.put,
        row: is_row(&arrival.key),
        stored: (arrival.put && result.is_ok()).then(|| arrival.key.clone()),
        failure: result.err(),
        attempts: tally.attempts(),
        touched: tally.touched(),
    }
}
