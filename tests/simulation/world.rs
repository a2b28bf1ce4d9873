//! One run: the world, the traffic, and what must hold.

use crate::{extra, store::Store};
use evenkeel::{
    Endpoint, Error, ErrorKind, ObjectClient,
    drill::{FaultLayer, Scenario, Timeline},
    provider::{Memory, ObjectProvider},
    request::{Key, object::Get},
    telemetry::Event,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::IntoFuture,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    WriteOnce,
    ProviderManaged,
}

pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) mode: Mode,
    pub(crate) seed: u64,
    pub(crate) calls_per_second: f64,
    /// Everyday faults at the endpoints that the scenario spares.
    pub(crate) background: bool,
}

/// What is always going on somewhere: a few per cent of slow, lost and broken calls.
const BACKGROUND: &str = r#"{ "name": "background", "phases": [{ "name": "always", "duration": "100h", "rules": [
    { "fault": { "delay": { "by": "300ms" } }, "probability": 0.02 },
    { "fault": "reset_after_request", "probability": 0.01 },
    { "fault": "reset_before_request", "probability": 0.005 },
    { "fault": "refuse", "probability": 0.005 },
    { "fault": "hang", "probability": 0.002 },
    { "fault": { "status": { "code": 503, "s3_code": "SlowDown" } }, "probability": 0.01 },
    { "fault": { "truncate": { "share": 0.5 } }, "probability": 0.005 }
] }] }"#;

/// The timers resolve to 1 ms, and a call can wait for two of them in a row.
const SLACK: Duration = Duration::from_millis(2);
/// So many keys share a prefix, so that listings stay small.
const PER_PREFIX: u64 = 40;
const SERVICE_TIME: Range<Duration> = Duration::from_millis(5)..Duration::from_millis(25);

struct World {
    client: ObjectClient,
    /// Without latency and faults: what is really there.
    truth: Vec<Memory>,
    barred: Store,
    /// The scenario's home denies what it holds. Without copies nobody can know better, until it is over.
    denies: bool,
    /// At most so many probes were made, as far as the events tell.
    probes: Arc<AtomicU64>,
    model: Mutex<Model>,
}

/// What this process may rely on.
#[derive(Default)]
struct Model {
    /// Acknowledged, and no delete of it was begun.
    there: BTreeSet<u64>,
    /// Acknowledged once; a delete was begun.
    going: BTreeSet<u64>,
    /// The delete was acknowledged.
    gone: BTreeSet<u64>,
    /// The put failed with an error that says that it was not applied.
    never: BTreeSet<u64>,
    acknowledged: u64,
    calls: u64,
    dropped: u64,
    failures: BTreeMap<&'static str, u64>,
    violations: Vec<String>,
}

fn key(n: u64) -> String {
    format!("p{:05}/k{n:07}", n / PER_PREFIX)
}

fn body(n: u64) -> String {
    format!("the body of object {n}, and its square is {}", n * n)
}

impl Run {
    pub(crate) async fn play(self) {
        extra::start();
        let start = Instant::now();
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let timeline = Timeline::new(self.scenario.clone(), self.seed).unwrap();
        let background = Timeline::new(Scenario::from_json(BACKGROUND).unwrap(), !self.seed).unwrap();
        if self.background {
            background.start_now();
        }
        let world = Arc::new(World::new(&self, &timeline, &background));
        let length = self.scenario.duration();
        // A minute of health before, so that something was learnt, and a while after.
        timeline.start(start + Duration::from_secs(60));
        let end = start + length + Duration::from_secs(120);
        let mut calls = JoinSet::new();
        let mut n = 0;
        while Instant::now() < end {
            let gap = 2.0 * rng.f64() / self.calls_per_second;
            sleep(Duration::from_secs_f64(gap)).await;
            n += 1;
            calls.spawn(world.clone().call(n, rng.fork()));
            while let Some(ended) = calls.try_join_next() {
                ended.unwrap();
            }
        }
        while let Some(ended) = calls.join_next().await {
            ended.unwrap();
        }
        let elapsed = start.elapsed();
        world.check_leaks_and_budget(elapsed);
        background.stop();
        sleep(Duration::from_secs(120)).await;
        world.check_what_is_there(&mut rng).await;
        let model = world.model();
        if std::env::var_os("EVENKEEL_VERBOSE").is_some() {
            eprintln!(
                "{} {:?} seed {}: {} calls, {} dropped, {} acknowledged writes, {} extra attempts, failures {:?}",
                self.scenario.name,
                self.mode,
                self.seed,
                model.calls,
                model.dropped,
                model.acknowledged,
                extra::attempts(),
                model.failures,
            );
        }
        assert!(model.acknowledged > model.calls / 10, "hardly anything was written");
        assert!(
            model.violations.is_empty(),
            "{} violations in {} under {:?} with seed {seed}, the first: {:#?}\nreplay: EVENKEEL_SEED={seed} cargo test \
             --features drill --test simulation",
            model.violations.len(),
            self.scenario.name,
            self.mode,
            model.violations.iter().take(5).collect::<Vec<_>>(),
            seed = self.seed,
        );
    }
}

impl World {
    fn new(run: &Run, timeline: &Timeline, background: &Timeline) -> Self {
        let truth: Vec<_> = (0..4).map(|_| Memory::new()).collect();
        let slow = |index: usize| Store::on(truth[index].clone().with_latency(SERVICE_TIME, run.seed + index as u64));
        let barred = slow(3);
        let probes = Arc::<AtomicU64>::default();
        let counted = probes.clone();
        let count = move |event: &Event| {
            let probes = match event {
                Event::BreakerHalfOpened { .. } | Event::BreakerOpened { .. } => 1,
                // What it takes to close, many relapses included.
                Event::BreakerClosed { .. } => 8,
                _ => 0,
            };
            counted.fetch_add(probes, Relaxed);
        };
        let (timeline, background) = (timeline.clone(), background.clone());
        let struck = run.scenario.struck().expect("built-in incidents strike one place");
        let client = ObjectClient::builder()
            .endpoint(
                // The place that the incident strikes.
                Endpoint::new("home", slow(0))
                    .provider(struck.provider.as_deref().unwrap())
                    .region(struck.region.as_deref().unwrap())
                    .jurisdictions(["US"]),
            )
            // Second in preference and always well: everything tempts to use it.
            .endpoint(Endpoint::new("barred", barred.clone()).jurisdictions(["XX", "US"]))
            .endpoint(
                Endpoint::new("ireland", slow(1))
                    .provider("aws")
                    .region("eu-west-1")
                    .jurisdictions(["US", "IE"]),
            )
            .endpoint(
                Endpoint::new("stackit", slow(2))
                    .provider("stackit")
                    .region("eu01")
                    .jurisdictions(["DE"]),
            )
            .not_under_jurisdiction_of("XX")
            .replication(run.mode.replication())
            .endpoint_layer(move |profile| FaultLayer::new(timeline.clone(), profile.clone()))
            .endpoint_layer(move |profile| FaultLayer::new(background.clone(), profile.clone()))
            .on_event(count)
            .seed(run.seed)
            .build()
            .unwrap();
        Self {
            client,
            truth,
            barred,
            denies: run.scenario.name == "gcve-deletion-2024",
            probes,
            model: Mutex::default(),
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    fn violated(&self, what: String) {
        self.model().violations.push(what);
    }

    /// One call of a random kind, some with a short deadline, some left by their caller.
    async fn call(self: Arc<Self>, n: u64, mut rng: fastrand::Rng) {
        let limit = match rng.u8(..10) {
            0 => Duration::from_millis(rng.u64(1..300)),
            1 => Duration::from_millis(rng.u64(300..3_000)),
            _ => Duration::from_secs(10),
        };
        let leaves = (rng.u8(..20) == 0).then(|| Duration::from_millis(rng.u64(0..200)));
        self.model().calls += 1;
        let start = Instant::now();
        let call = async {
            match rng.u8(..100) {
                0..40 => self.put(n, limit, &mut rng).await,
                40..70 => self.get(n, limit, &mut rng).await,
                70..85 => self.head(n, limit, &mut rng).await,
                85..92 => self.delete(limit, &mut rng).await,
                _ => self.list(n, limit, &mut rng).await,
            }
        };
        let patience = leaves.unwrap_or(Duration::from_secs(3_600));
        match timeout(patience, call).await {
            Ok(()) => {}
            Err(_) if leaves.is_some() => self.model().dropped += 1,
            Err(_) => self.violated(format!("call {n} was not over after {:?}", start.elapsed())),
        }
    }

    fn ended<T>(&self, what: &str, n: u64, start: Instant, limit: Duration, result: &Result<T, Error>) {
        let took = start.elapsed();
        if took > limit + SLACK {
            self.violated(format!("{what} {n} took {took:?} of {limit:?}"));
        }
        if let Err(error) = result {
            *self.model().failures.entry(error.kind().as_str()).or_default() += 1;
        }
    }

    async fn put(&self, n: u64, limit: Duration, rng: &mut fastrand::Rng) {
        let start = Instant::now();
        let mut result = self.client.put(key(n), body(n)).deadline(limit).await;
        self.ended("put", n, start, limit, &result);
        if let Err(error) = &result
            && error.is_retryable()
            && rng.bool()
        {
            // A caller that repeats it, under its id.
            let id = error.write_id().unwrap().clone();
            let maybe = error.may_have_been_applied();
            let start = Instant::now();
            let again = self.client.put(key(n), body(n)).write_id(id).deadline(limit).await;
            self.ended("put again", n, start, limit, &again);
            if again.is_ok() || !maybe {
                result = again;
            }
        }
        let mut model = self.model();
        match result {
            Ok(_) => {
                model.acknowledged += 1;
                model.there.insert(n);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                model
                    .violations
                    .push(format!("put {n}, the only one of its key, met a conflict: {error}"));
            }
            Err(error) if !error.may_have_been_applied() => {
                model.never.insert(n);
            }
            Err(_) => {}
        }
    }

    /// An object of the recent or the distant past, and what is known of it.
    fn some_object(&self, n: u64, rng: &mut fastrand::Rng) -> (u64, Known) {
        let oldest = if rng.bool() { n.saturating_sub(100) } else { 0 };
        let object = rng.u64(oldest..=n);
        let model = self.model();
        let known = match object {
            _ if model.there.contains(&object) => Known::There,
            _ if model.gone.contains(&object) => Known::Gone,
            _ => Known::Perhaps,
        };
        (object, known)
    }

    fn read(&self, what: &str, object: u64, known: Known, result: Result<bool, &Error>) {
        // A delete that was begun in the meantime makes everything possible.
        let still_there = self.model().there.contains(&object);
        match (known, result) {
            (_, Ok(false)) => self.violated(format!("{what} of {object} gave wrong bytes")),
            (Known::Gone, Ok(true)) => self.violated(format!("{what} of {object} found what was deleted")),
            (Known::There, Err(error)) if error.kind() == ErrorKind::NotFound && still_there && !self.denies => {
                self.violated(format!("{what} of {object}, which was acknowledged: {error}"));
            }
            _ => {}
        }
    }

    async fn get(&self, n: u64, limit: Duration, rng: &mut fastrand::Rng) {
        let (object, known) = self.some_object(n, rng);
        let start = Instant::now();
        let suffix = (rng.u8(..4) == 0).then(|| rng.u64(1..20));
        let mut call = self.client.get(key(object)).deadline(limit);
        if let Some(bytes) = suffix {
            call = call.suffix(bytes);
        }
        let result = call.await;
        self.ended("get", object, start, limit, &result);
        let whole = body(object);
        let wanted = suffix.map_or(&*whole, |bytes| &whole[whole.len() - bytes as usize..]);
        let right = result.as_ref().map(|fetched| fetched.body() == wanted.as_bytes());
        self.read("a get", object, known, right);
    }

    async fn head(&self, n: u64, limit: Duration, rng: &mut fastrand::Rng) {
        let (object, known) = self.some_object(n, rng);
        let start = Instant::now();
        let result = self.client.head(key(object)).deadline(limit).await;
        self.ended("head", object, start, limit, &result);
        let size = body(object).len() as u64;
        self.read(
            "a head",
            object,
            known,
            result.as_ref().map(|head| head.meta().size == size),
        );
    }

    async fn delete(&self, limit: Duration, rng: &mut fastrand::Rng) {
        let object = {
            let mut model = self.model();
            let Some(last) = model.there.last().copied() else {
                return;
            };
            let from = rng.u64(..=last);
            let object = *model.there.range(from..).next().unwrap_or(&last);
            model.there.remove(&object);
            model.going.insert(object);
            object
        };
        let start = Instant::now();
        let result = self.client.delete(key(object)).deadline(limit).await;
        self.ended("delete", object, start, limit, &result);
        if result.is_ok() {
            self.model().gone.insert(object);
        }
    }

    async fn list(&self, n: u64, limit: Duration, rng: &mut fastrand::Rng) {
        let prefix = rng.u64(n.saturating_sub(10 * PER_PREFIX)..=n) / PER_PREFIX;
        let objects = prefix * PER_PREFIX..(prefix + 1) * PER_PREFIX;
        let within = |set: &BTreeSet<u64>| set.range(objects.clone()).copied().collect::<BTreeSet<_>>();
        let (there, gone) = {
            let model = self.model();
            (within(&model.there), within(&model.gone))
        };
        let start = Instant::now();
        let result = self
            .client
            .list(format!("p{prefix:05}/"))
            .deadline(limit)
            .collect_all()
            .await;
        self.ended("list", prefix, start, limit, &result);
        let Ok(listed) = result else { return };
        let names: Vec<_> = listed.entries.iter().map(|entry| entry.name().to_owned()).collect();
        if !names.is_sorted() || names.windows(2).any(|pair| pair[0] == pair[1]) {
            self.violated(format!("listing {prefix} is not sorted, or has a key twice: {names:?}"));
        }
        if let Some(object) = gone.iter().find(|object| names.contains(&key(**object))) {
            self.violated(format!("listing {prefix} has {object}, which was deleted"));
        }
        let still_there = within(&self.model().there);
        let complete = listed.missing.is_empty() && !listed.possibly_stale;
        let missing = there
            .intersection(&still_there)
            .find(|object| !names.contains(&key(**object)));
        if let (true, Some(object)) = (complete, missing) {
            self.violated(format!("listing {prefix} says it is complete and lacks {object}"));
        }
    }

    /// Nothing under way, nothing barred asked, and extra attempts within the budget.
    fn check_leaks_and_budget(&self, elapsed: Duration) {
        for endpoint in &self.client.snapshot().endpoints {
            let probes = endpoint.probes.iter().filter(|probe| probe.under_way).count();
            if endpoint.in_flight as usize != probes {
                self.violated(format!(
                    "{} still in flight at {}",
                    endpoint.in_flight,
                    endpoint.profile.name()
                ));
            }
        }
        if self.barred.asked() != 0 {
            self.violated(format!("the barred endpoint was asked: {:?}", self.barred.log()));
        }
        // A delete and a listing are several calls of the stack; each has a share in the budget.
        let calls = self.model().calls.max(extra::others());
        // Who serves as a probe gets its second and third attempt for nothing.
        let of_probes = 2 * self.probes.load(Relaxed);
        let allowed = calls as f64 * 0.1 + elapsed.as_secs_f64() + 10.0 + of_probes as f64;
        if extra::attempts() as f64 > allowed {
            self.violated(format!("{} extra attempts, {allowed:.0} allowed", extra::attempts()));
        }
    }

    async fn holders(&self, n: u64) -> usize {
        let mut holders = 0;
        for memory in &self.truth {
            let held = memory.get(Get::new(Key::new(key(n)).unwrap())).await;
            if let Ok(object) = held {
                holders += 1;
                if object.body != body(n).as_bytes() {
                    self.violated(format!("object {n} is stored with wrong bytes"));
                }
            }
        }
        holders
    }

    /// Every acknowledged write is there, and can be read; what was deleted or never applied is not.
    async fn check_what_is_there(&self, rng: &mut fastrand::Rng) {
        let (there, gone, never) = {
            let model = self.model();
            (model.there.clone(), model.gone.clone(), model.never.clone())
        };
        for n in &there {
            if self.holders(*n).await == 0 {
                self.violated(format!("object {n} was acknowledged and is lost"));
            }
        }
        for n in &gone {
            if self.holders(*n).await != 0 {
                self.violated(format!("object {n} was deleted and is still there"));
            }
        }
        for n in &never {
            if self.holders(*n).await != 0 {
                self.violated(format!("the put of {n} said that it was not applied, and it was"));
            }
        }
        for n in there.iter().filter(|_| rng.u8(..10) == 0) {
            match self.client.get(key(*n)).into_future().await {
                Ok(object) if object.body() == body(*n).as_bytes() => {}
                Ok(_) => self.violated(format!("object {n} has wrong bytes at the end")),
                Err(error) => self.violated(format!("object {n} cannot be read though all is well: {error}")),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    There,
    Gone,
    Perhaps,
}
