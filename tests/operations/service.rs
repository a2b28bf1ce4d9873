//! A service over three stores in virtual time, and what Prometheus scrapes of it every half minute.

use crate::recorder::{Scrapes, Values};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    credentials::{Keeper, Lease},
    drill::{FaultLayer, Scenario, Timeline},
    provider::{Capabilities, Capability, Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key, WriteId,
        object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode},
    },
    verdict::table,
};
use metrics::Recorder;
use std::{collections::BTreeMap, future::IntoFuture, ops::Range, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Prometheus' interval here.
pub(crate) const SCRAPE: Duration = Duration::from_secs(30);
/// Objects that lie at all places before the start.
const SEEDED: u64 = 50;
const CONTENT: [u8; 100] = [0; 100];
const SERVICE_TIME: Range<Duration> = Duration::from_millis(5)..Duration::from_millis(25);

/// One run of one process.
pub(crate) struct Service {
    pub(crate) scenario: Scenario,
    /// Healthy time before and after the scenario.
    pub(crate) before: Duration,
    pub(crate) after: Duration,
    pub(crate) calls_per_second: f64,
    /// Of a thousand calls so many ask for what never was.
    pub(crate) misses: u16,
    pub(crate) replication: Replication,
    /// Whether the service publishes the gauges where it is scraped.
    pub(crate) publishes: bool,
    /// When the token service of the home is down. Tokens live for an hour.
    pub(crate) no_tokens: Option<Range<Duration>>,
    /// Whether the home takes a create of what it has.
    pub(crate) ignores_conditions: bool,
    /// When the home is full.
    pub(crate) full: Range<Duration>,
    /// When the home gives wrong bytes.
    pub(crate) rots: Range<Duration>,
    pub(crate) seed: u64,
}

impl Service {
    /// The scenario after half an hour of health and before an hour and a half of it, with a call every four seconds; in the
    /// longest incidents one every twenty, so that a run takes seconds.
    pub(crate) fn meets(scenario: Scenario) -> Self {
        let length = scenario.duration().as_secs_f64();
        Self {
            calls_per_second: (5_000.0 / length).clamp(0.05, 0.25),
            scenario,
            before: Duration::from_secs(1_800),
            after: Duration::from_secs(5_400),
            misses: 1,
            replication: Replication::write_once(),
            publishes: true,
            no_tokens: None,
            ignores_conditions: false,
            full: Duration::ZERO..Duration::ZERO,
            rots: Duration::ZERO..Duration::ZERO,
            seed: 1,
        }
    }

    pub(crate) fn length(&self) -> Duration {
        self.before + self.scenario.duration() + self.after
    }

    /// Plays the run on this thread, and returns the series.
    pub(crate) fn play(&self) -> BTreeMap<String, Values> {
        let scrapes = Scrapes::default();
        self.play_before(&scrapes, || scrapes.scrape());
        scrapes.series()
    }

    /// Plays the run before a recorder of somebody else.
    pub(crate) fn play_on(&self, recorder: &impl Recorder) {
        self.play_before(recorder, || {});
    }

    fn play_before(&self, recorder: &impl Recorder, scraped: impl Fn()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        metrics::with_local_recorder(recorder, || runtime.block_on(self.run(scraped)));
    }

    async fn run(&self, scraped: impl Fn()) {
        let start = Instant::now();
        let timeline = Timeline::new(self.scenario.clone(), self.seed).unwrap();
        timeline.start(start + self.before);
        let keeper = self.keeper(start);
        let client = self.client(start, &timeline, &keeper).await;
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut calls = JoinSet::new();
        let (mut next_call, mut next_scrape) = (start, start);
        let mut n = 0;
        while next_scrape < start + self.length() {
            if next_call < next_scrape {
                sleep_until(next_call).await;
                n += 1;
                calls.spawn(call(client.clone(), n, self.misses, rng.fork()));
                next_call += Duration::from_secs_f64(2.0 * rng.f64() / self.calls_per_second);
                while calls.try_join_next().is_some() {}
            } else {
                sleep_until(next_scrape).await;
                let _ = keeper.current().await;
                if self.publishes {
                    client.snapshot().publish();
                }
                scraped();
                next_scrape += SCRAPE;
            }
        }
        client.close();
        while calls.join_next().await.is_some() {}
    }

    /// The home's credentials.
    fn keeper(&self, start: Instant) -> Keeper<()> {
        let down = self.no_tokens.clone();
        Keeper::new("home-token", move || {
            let is_down = down.as_ref().is_some_and(|down| down.contains(&start.elapsed()));
            async move {
                if is_down {
                    return Err("the token service does not answer");
                }
                Ok(Lease::lasting((), Duration::from_secs(3_600)))
            }
        })
    }

    async fn client(&self, start: Instant, timeline: &Timeline, keeper: &Keeper<()>) -> ObjectClient {
        let stores: Vec<_> = (0..3)
            .map(|index| Memory::new().with_latency(SERVICE_TIME, self.seed + index))
            .collect();
        for n in 0..SEEDED {
            // Where nothing rots, nobody needs a checksum.
            let id = match self.rots.is_empty() {
                true => None,
                false => id_of_a_put(&seeded(n)).await,
            };
            for store in &stores {
                let mut put = Put::new(Key::new(seeded(n)).unwrap(), CONTENT.to_vec());
                put.write_id = id.clone();
                store.put(put).await.unwrap();
            }
        }
        let struck = self.scenario.struck().cloned().unwrap_or_default();
        let place = |of: Option<String>, or: &str| of.unwrap_or_else(|| or.to_owned());
        let [home, ireland, stackit] = <[Memory; 3]>::try_from(stores).unwrap();
        let home = Home {
            memory: home,
            ignores_conditions: self.ignores_conditions,
            full: start + self.full.start..start + self.full.end,
            rots: start + self.rots.start..start + self.rots.end,
        };
        let timeline = timeline.clone();
        ObjectClient::builder()
            .client_name("photos")
            .endpoint(
                // The place that the incident strikes.
                Endpoint::new("home", home)
                    .provider(place(struck.provider, "aws"))
                    .region(place(struck.region, "us-east-1"))
                    .credentials(keeper),
            )
            .endpoint(Endpoint::new("ireland", ireland).provider("aws").region("eu-west-1"))
            .endpoint(Endpoint::new("stackit", stackit).provider("stackit").region("eu01"))
            .replication(self.replication.clone())
            .endpoint_layer(move |profile| FaultLayer::new(timeline.clone(), profile.clone()))
            .seed(self.seed)
            .build()
            .unwrap()
    }
}

/// The home's store.
#[derive(Clone)]
struct Home {
    memory: Memory,
    ignores_conditions: bool,
    full: Range<Instant>,
    rots: Range<Instant>,
}

impl ObjectProvider for Home {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        if self.full.contains(&Instant::now()) {
            let outcome = table::for_code("XMinioStorageFull").unwrap();
            return Err(ProviderError::new(ProviderErrorKind::Full, outcome));
        }
        if self.ignores_conditions {
            put.mode = PutMode::Overwrite;
        }
        self.memory.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        let mut object = self.memory.get(get).await?;
        if self.rots.contains(&Instant::now()) {
            object.body = vec![9; object.body.len()].into();
        }
        Ok(object)
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.memory.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.memory.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.memory.list(list).await
    }

    fn capabilities(&self) -> Capabilities {
        match self.ignores_conditions {
            true => Capabilities::all(Capability::Unknown),
            false => self.memory.capabilities(),
        }
    }
}

/// What a client writes beside the content: the stamp, with the checksum.
async fn id_of_a_put(key: &str) -> Option<WriteId> {
    let store = Memory::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("here", store.clone()))
        .build()
        .unwrap();
    client.put(key, CONTENT.to_vec()).await.unwrap();
    store.head(Head::new(Key::new(key).unwrap())).await.unwrap().write_id
}

fn seeded(n: u64) -> String {
    format!("seeded/{n:04}")
}

/// What a photo service does: mostly reads.
async fn call(client: ObjectClient, n: u64, misses: u16, mut rng: fastrand::Rng) {
    let some = seeded(rng.u64(..SEEDED));
    match rng.u16(..1_000) {
        number if number < misses => drop(client.get("never").into_future().await),
        ..600 => drop(client.get(some).into_future().await),
        600..700 => drop(client.head(some).into_future().await),
        700..950 => drop(client.put(format!("written/{n:07}"), vec![1; 100]).into_future().await),
        _ => drop(client.list("seeded/").collect_all().await),
    }
}
