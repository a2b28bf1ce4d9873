//! What whole fleets, and the worst moments, look like. Virtual time, seeded.

use evenkeel::{Endpoint, ErrorKind, Failover, telemetry::Event};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Broken,
    Hanging,
}

/// An endpoint whose mood can be set, and that keeps a diary of the attempts it saw.
#[derive(Clone)]
struct Store(Arc<Inner>);

struct Inner {
    takes: Duration,
    mood: Mutex<Mood>,
    seen: Mutex<Vec<Instant>>,
}

impl Store {
    fn new(takes_ms: u64) -> Self {
        Self(Arc::new(Inner {
            takes: Duration::from_millis(takes_ms),
            mood: Mutex::new(Mood::Well),
            seen: Mutex::default(),
        }))
    }

    fn be(&self, mood: Mood) {
        *self.0.mood.lock().unwrap() = mood;
    }

    async fn get(self) -> Result<(), io::Error> {
        self.0.seen.lock().unwrap().push(Instant::now());
        let mood = *self.0.mood.lock().unwrap();
        match mood {
            Mood::Well => {
                sleep(self.0.takes).await;
                Ok(())
            }
            Mood::Broken => Err(io::ErrorKind::BrokenPipe.into()),
            Mood::Hanging => std::future::pending().await,
        }
    }

    /// Attempts seen in this stretch.
    fn seen(&self, from: Instant, lasting: Duration) -> usize {
        let seen = self.0.seen.lock().unwrap();
        seen.iter().filter(|at| (from..from + lasting).contains(*at)).count()
    }
}

/// How the calls of one stretch went.
#[derive(Debug, Default)]
struct Went {
    ok: u32,
    failed: Vec<(ErrorKind, Duration)>,
    slowest: Duration,
}

/// Poisson calls of `client` at this rate for this long; waits for all of them.
async fn load(client: &Failover<Store>, rate: f64, lasting: Duration, rng: &mut fastrand::Rng) -> Went {
    let began = Instant::now();
    let mut next = began;
    let mut tasks = Vec::new();
    loop {
        next += Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / rate);
        if next >= began + lasting {
            break;
        }
        sleep_until(next).await;
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            (client.read(Store::get).await.map_err(|e| e.kind()), began.elapsed())
        }));
    }
    let mut went = Went::default();
    for task in tasks {
        let (result, took) = task.await.unwrap();
        went.slowest = went.slowest.max(took);
        match result {
            Ok(()) => went.ok += 1,
            Err(kind) => went.failed.push((kind, took)),
        }
    }
    went
}

fn pair(primary: &Store, standby: Endpoint<Store>, seed: u64) -> Failover<Store> {
    Failover::builder()
        .endpoint(Endpoint::new("primary", primary.clone()))
        .endpoint(standby)
        .seed(seed)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_standby_serves_its_capacity_and_the_rest_is_refused_at_once() {
    let (primary, standby) = (Store::new(2), Store::new(12));
    let client = pair(&primary, Endpoint::new("standby", standby.clone()).capacity(300.0), 1);
    let mut rng = fastrand::Rng::with_seed(1);
    load(&client, 500.0, Duration::from_secs(5), &mut rng).await;
    primary.be(Mood::Broken);
    let fault = Instant::now();
    let went = load(&client, 500.0, Duration::from_secs(20), &mut rng).await;
    let goodput = f64::from(went.ok) / 20.0;
    assert!((285.0..=310.0).contains(&goodput), "{goodput} calls/s");
    let overloaded = went
        .failed
        .iter()
        .filter(|(kind, _)| *kind == ErrorKind::Overloaded)
        .count();
    assert!(
        overloaded * 100 >= went.failed.len() * 99,
        "a clear error: {:?}",
        went.failed
    );
    assert!(
        went.failed.iter().all(|(_, took)| *took < Duration::from_millis(20)),
        "at once"
    );
    assert!(
        standby.seen(fault, Duration::from_secs(20)) <= 300 * 20 + 30,
        "never more than its capacity and a burst"
    );
    primary.be(Mood::Well);
    load(&client, 500.0, Duration::from_secs(2), &mut rng).await;
    let after = load(&client, 500.0, Duration::from_secs(5), &mut rng).await;
    assert!(after.failed.is_empty(), "{:?}", after.failed);
    assert!(after.slowest < Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn four_hundred_clients_return_without_a_stampede() {
    for mood in [Mood::Broken, Mood::Hanging] {
        let (primary, standby) = (Store::new(2), Store::new(12));
        let mut seeds = fastrand::Rng::with_seed(7);
        let clients: Vec<_> = (0..400)
            .map(|_| pair(&primary, Endpoint::new("standby", standby.clone()), seeds.u64(..)))
            .collect();
        let began = Instant::now();
        let second = Duration::from_secs(1);
        let (fault_from, fault_to, end) = (began + 10 * second, began + 40 * second, began + 70 * second);
        let loads: Vec<_> = clients
            .into_iter()
            .map(|client| {
                let mut rng = seeds.fork();
                tokio::spawn(async move { load(&client, 5.0, end - Instant::now(), &mut rng).await })
            })
            .collect();
        sleep_until(fault_from).await;
        primary.be(mood);
        sleep_until(fault_to).await;
        primary.be(Mood::Well);
        for load in loads {
            let went = load.await.unwrap();
            assert!(went.failed.is_empty(), "{mood:?}: {:?}", went.failed);
        }
        let healthy = primary.seen(began + 2 * second, 8 * second) / 8;
        let busiest = (0..290)
            .map(|tenth| primary.seen(fault_to + tenth * second / 10, second))
            .max()
            .unwrap();
        assert!(
            busiest <= 2 * healthy,
            "{mood:?}: {busiest} attempts in a second, {healthy} when healthy"
        );
        let during = primary.seen(fault_from + 5 * second, 25 * second) / 25;
        assert!(
            during * 20 <= healthy,
            "{mood:?}: {during} attempts a second while it was down"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn with_both_endpoints_dead_the_first_to_return_is_used() {
    let (primary, standby) = (Store::new(2), Store::new(12));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    let client = Failover::builder()
        .endpoint(Endpoint::new("primary", primary.clone()))
        .endpoint(Endpoint::new("standby", standby.clone()))
        .on_event(move |event: &Event| {
            if matches!(event, Event::AllBad { .. } | Event::NoLongerAllBad { .. }) {
                ears.lock().unwrap().push(event.to_string());
            }
        })
        .seed(3)
        .build()
        .unwrap();
    let mut rng = fastrand::Rng::with_seed(3);
    load(&client, 100.0, Duration::from_secs(5), &mut rng).await;
    primary.be(Mood::Broken);
    standby.be(Mood::Broken);
    let dead = Instant::now();
    let went = load(&client, 100.0, Duration::from_secs(10), &mut rng).await;
    assert_eq!(went.ok, 0);
    assert!(
        went.slowest < Duration::from_secs(1),
        "nobody waits for the dead: {:?}",
        went.slowest
    );
    let lasting = Duration::from_secs(10);
    let attempts = primary.seen(dead, lasting) + standby.seen(dead, lasting);
    assert!(attempts <= 1_000 * 13 / 10, "{attempts} attempts for 1000 calls");
    standby.be(Mood::Well);
    load(&client, 100.0, Duration::from_secs(2), &mut rng).await;
    let went = load(&client, 100.0, Duration::from_secs(5), &mut rng).await;
    assert!(went.failed.is_empty(), "{:?}", went.failed);
    primary.be(Mood::Well);
    load(&client, 100.0, Duration::from_secs(3), &mut rng).await;
    let back = Instant::now();
    load(&client, 100.0, Duration::from_secs(5), &mut rng).await;
    assert!(primary.seen(back, Duration::from_secs(5)) > 400);
    let heard = heard.lock().unwrap();
    assert!(
        heard[0].contains("suspect this host's own network, DNS or credentials"),
        "{heard:?}"
    );
    assert!(
        heard.last().unwrap().contains("some endpoint looks good again"),
        "{heard:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_primary_dead_from_the_start_costs_only_the_first_calls() {
    for (mood, limit_ms) in [(Mood::Broken, 20), (Mood::Hanging, 150)] {
        let (primary, standby) = (Store::new(2), Store::new(12));
        primary.be(mood);
        let client = pair(&primary, Endpoint::new("standby", standby.clone()), 5);
        let mut rng = fastrand::Rng::with_seed(5);
        let began = Instant::now();
        let went = load(&client, 500.0, Duration::from_secs(1), &mut rng).await;
        assert!(went.failed.len() <= 60, "{mood:?}: {} of 500 failed", went.failed.len());
        let went = load(&client, 500.0, Duration::from_secs(10), &mut rng).await;
        assert!(went.failed.is_empty(), "{mood:?}: {:?}", went.failed);
        assert!(
            went.slowest <= Duration::from_millis(limit_ms),
            "{mood:?}: {:?}",
            went.slowest
        );
        let touched = primary.seen(began + Duration::from_secs(1), Duration::from_secs(10));
        assert!(touched <= 30, "{mood:?}: {touched} attempts at the dead one in 10 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_third_endpoint_takes_over_after_the_second() {
    let stores = [Store::new(2), Store::new(12), Store::new(15)];
    let client = Failover::builder()
        .endpoints(
            ["primary", "standby", "third"]
                .iter()
                .zip(&stores)
                .map(|(name, store)| Endpoint::new(*name, store.clone())),
        )
        .seed(9)
        .build()
        .unwrap();
    let mut rng = fastrand::Rng::with_seed(9);
    load(&client, 200.0, Duration::from_secs(5), &mut rng).await;
    stores[0].be(Mood::Hanging);
    let first = load(&client, 200.0, Duration::from_secs(5), &mut rng).await;
    stores[1].be(Mood::Broken);
    let second = load(&client, 200.0, Duration::from_secs(5), &mut rng).await;
    assert!(
        first.failed.is_empty() && second.failed.is_empty(),
        "{first:?} {second:?}"
    );
    stores.iter().for_each(|store| store.be(Mood::Well));
    load(&client, 200.0, Duration::from_secs(3), &mut rng).await;
    let back = Instant::now();
    load(&client, 200.0, Duration::from_secs(5), &mut rng).await;
    assert!(stores[0].seen(back, Duration::from_secs(5)) > 900);
}
