//! A standby that can do less than it is sent, and nobody said so. Virtual time, seeded.

use evenkeel::{Endpoint, ErrorKind, Failover, ops::snapshot::Snapshot, stack::limit};
use std::{
    future::IntoFuture,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};

const SECOND: Duration = Duration::from_secs(1);
/// So often an attempt that waits for a place looks for one, and the resolution of the timer.
const LOOK: Duration = Duration::from_millis(6);

/// A server with a queue: one request after the other, at its own pace, those that nobody waits for any more as well.
#[derive(Clone)]
struct Server(Arc<Inner>);

struct Inner {
    down: AtomicBool,
    asked: AtomicU32,
    takes: Box<dyn Fn(&mut fastrand::Rng) -> Duration + Send + Sync>,
    rng: Mutex<fastrand::Rng>,
    /// Requests a second; more of them wait in line.
    pace: f64,
    free: Mutex<Instant>,
}

impl Server {
    fn new(pace: f64, takes: impl Fn(&mut fastrand::Rng) -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            down: AtomicBool::new(false),
            asked: AtomicU32::new(0),
            takes: Box::new(takes),
            rng: Mutex::new(fastrand::Rng::with_seed(1)),
            pace,
            free: Mutex::new(Instant::now()),
        }))
    }

    fn steady(pace: f64, millis: u64) -> Self {
        Self::new(pace, move |rng| {
            Duration::from_micros(millis * 1_000 + rng.u64(..2_000))
        })
    }

    fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }

    async fn get(self) -> Result<(), io::Error> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        if self.0.down.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let takes = (self.0.takes)(&mut self.0.rng.lock().unwrap());
        let turn = {
            let mut free = self.0.free.lock().unwrap();
            let turn = (*free).max(Instant::now());
            *free = turn + Duration::from_secs_f64(1.0 / self.0.pace);
            turn
        };
        sleep_until(turn + takes).await;
        Ok(())
    }
}

fn client(servers: &[(&str, &Server)], seed: u64) -> Failover<Server> {
    let endpoints = servers
        .iter()
        .map(|(name, server)| Endpoint::new(*name, (*server).clone()));
    Failover::builder()
        .endpoints(endpoints.collect::<Vec<_>>())
        .seed(seed)
        .build()
        .unwrap()
}

#[derive(Debug, Default)]
struct Went {
    ok: u32,
    slowest: Duration,
    failed: Vec<(ErrorKind, Duration)>,
    message: String,
}

/// Calls that arrive after these gaps; waits for all of them.
async fn load(client: &Failover<Server>, lasting: Duration, mut gap: impl FnMut() -> Duration) -> Went {
    let end = Instant::now() + lasting;
    let mut next = Instant::now();
    let mut tasks = Vec::new();
    loop {
        next += gap();
        if next >= end {
            break;
        }
        sleep_until(next).await;
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            let result = client.read(Server::get).await;
            (
                result.map_err(|error| (error.kind(), error.to_string())),
                began.elapsed(),
            )
        }));
    }
    let mut went = Went::default();
    for task in tasks {
        let (result, took) = task.await.unwrap();
        match result {
            Ok(()) => {
                went.ok += 1;
                went.slowest = went.slowest.max(took);
            }
            Err((kind, message)) => {
                went.failed.push((kind, took));
                went.message = message;
            }
        }
    }
    went
}

fn poisson(rate: f64, rng: &mut fastrand::Rng) -> impl FnMut() -> Duration {
    move || Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / rate)
}

fn limits(snapshot: &Snapshot) -> Vec<Option<u32>> {
    snapshot
        .endpoints
        .iter()
        .map(|endpoint| endpoint.learnt_limit)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn failover_does_not_overload_a_standby_of_unknown_capacity() {
    // It was idle before, or it had some calls.
    for (seed, known) in [(1, false), (2, true), (3, false), (4, true)] {
        let (primary, standby) = (Server::steady(1e6, 1), Server::steady(300.0, 11));
        let client = client(&[("primary", &primary), ("standby", &standby)], seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        load(&client, 5 * SECOND, poisson(500.0, &mut rng)).await;
        if known {
            for _ in 0..100 {
                client.read(Server::get).pin("standby").await.unwrap();
            }
        }
        primary.down(true);
        let first = load(&client, 2 * SECOND, poisson(500.0, &mut rng)).await;
        assert!(first.ok > 400, "{} in the first two seconds", first.ok);
        let went = load(&client, 20 * SECOND, poisson(500.0, &mut rng)).await;
        let goodput = f64::from(went.ok) / 20.0;
        // What is under way when the time begins (20 at most), and what waits for a place at its end: who is told to come again is so
        // at once, and who waits does not wait for more than half of its deadline of 10 s, in which 1,500 others are served.
        assert!((285.0..=377.5).contains(&goodput), "{goodput} calls/s, seed {seed}");
        assert!(
            went.slowest < Duration::from_millis(5_200),
            "{:?}, seed {seed}",
            went.slowest
        );
        let overloaded = went
            .failed
            .iter()
            .filter(|(kind, _)| *kind == ErrorKind::Overloaded)
            .count();
        assert!(
            overloaded * 100 >= went.failed.len() * 99,
            "{overloaded} of {}, seed {seed}: {}",
            went.failed.len(),
            went.message
        );
        let refused = went.failed.iter().filter(|(kind, _)| *kind == ErrorKind::Overloaded);
        assert!(
            refused.map(|(_, took)| *took).max().unwrap() <= 5 * SECOND + limit::PATIENCE + LOOK,
            "no later than half of its deadline, which is as long as an attempt with nowhere else to go waits"
        );
        let snapshot = client.snapshot();
        assert!(limits(&snapshot)[1].is_some(), "{snapshot}");
        assert_eq!(snapshot.endpoints[1].classes[0].breaker.as_str(), "closed");
        // Recovery is clean, and nothing is left of the limit.
        primary.down(false);
        load(&client, 3 * SECOND, poisson(500.0, &mut rng)).await;
        let after = load(&client, 10 * SECOND, poisson(500.0, &mut rng)).await;
        assert!(after.failed.is_empty(), "{:?}", after.failed);
        assert!(after.slowest < Duration::from_millis(50));
        for _ in 0..100 {
            client.read(Server::get).pin("standby").await.unwrap();
        }
        let burst = (0..12).map(|_| client.read(Server::get).pin("standby").into_future());
        assert!(futures_util::future::join_all(burst).await.iter().all(Result::is_ok));
    }
}

#[tokio::test(start_paused = true)]
async fn healthy_endpoints_never_refuse_calls() {
    let ms = Duration::from_millis;
    for seed in 0..8 {
        let heavy = |rng: &mut fastrand::Rng| match rng.u8(..50) {
            // Mostly small objects, some of them large.
            0 => Duration::from_millis(400),
            _ => Duration::from_millis(rng.u64(2..30)),
        };
        for server in [
            Server::steady(1e6, 1),
            Server::steady(1e6, 100),
            Server::new(1e6, heavy),
        ] {
            // Alone, so that nothing that it refuses is served elsewhere.
            let client = client(&[("only", &server)], seed);
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut batches = rng.fork();
            let mut left = 0;
            // A trickle, then much, then batches of up to 200 at once, then a trickle with batches.
            let mut all = Vec::new();
            all.push(load(&client, 10 * SECOND, poisson(5.0, &mut rng)).await);
            all.push(load(&client, 5 * SECOND, poisson(2_000.0, &mut rng)).await);
            let batch = || {
                if left == 0 {
                    left = batches.u32(1..200);
                    return ms(batches.u64(20..400));
                }
                left -= 1;
                Duration::ZERO
            };
            all.push(load(&client, 10 * SECOND, batch).await);
            let mut quiet = 0;
            let mixed = || {
                quiet = (quiet + 1) % 250;
                if quiet < 100 {
                    Duration::ZERO
                } else {
                    ms(rng.u64(1..20))
                }
            };
            all.push(load(&client, 10 * SECOND, mixed).await);
            for went in all {
                let refused = went
                    .failed
                    .iter()
                    .filter(|(kind, _)| *kind == ErrorKind::Overloaded)
                    .count();
                assert_eq!(refused, 0, "seed {seed}: {} ok, {:?}", went.ok, went.message);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_merely_slower_endpoint_is_not_kept_limited() {
    let slow = Arc::new(AtomicU32::new(10));
    let takes = slow.clone();
    let server = Server::new(1e6, move |_| {
        Duration::from_millis(takes.load(Ordering::Relaxed).into())
    });
    let client = client(&[("only", &server)], 1);
    let mut rng = fastrand::Rng::with_seed(1);
    load(&client, 10 * SECOND, poisson(1_000.0, &mut rng)).await;
    // Eight times as slow, for all: a limit is tried, and found to be of no use.
    slow.store(80, Ordering::Relaxed);
    let first = load(&client, 2 * SECOND, poisson(1_000.0, &mut rng)).await;
    assert!(
        first.failed.len() < 600,
        "{} of 2000 refused while it was tried",
        first.failed.len()
    );
    let then = load(&client, 10 * SECOND, poisson(1_000.0, &mut rng)).await;
    assert!(then.failed.is_empty(), "{} failed: {}", then.failed.len(), then.message);
    assert_eq!(limits(&client.snapshot()), [None]);
    sleep(SECOND).await;
}
