//! Every numeric setting of every builder, with numbers that make no sense.
//!
//! A client refuses them when it is built. What cannot refuse (a layer used alone, a budget, a keeper) takes the nearest number
//! that makes sense. No call ever panics for one.

mod alone;

use crate::promise::{self, Promise};
use evenkeel::{
    Endpoint, Failover, KvClient, ObjectClient, Replication,
    backfill::Backfill,
    credentials::{self, Keeper, Lease},
    ops::probe,
    provider::{Memory, MemoryTable},
    stack::{
        breaker,
        retry::{self, Budget},
    },
};
use fastrand::Rng;
use libtest_mimic::Trial;
use std::{collections::BTreeSet, io, time::Duration};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Promise::BadInput.paused("settings::nonsensical_client_settings_are_refused_at_build", || async {
            nonsense_is_refused_when_a_client_is_built();
        }),
        Promise::BadInput.paused("settings::extreme_values_are_accepted_where_sensible", || async {
            the_ends_are_borne_where_they_make_sense();
        }),
        Promise::BadInput.plain("settings::every_setting_is_covered", every_setting_there_is_was_tried),
        Promise::BadInput.paused(
            "settings::no_accepted_setting_panics_in_a_call",
            what_a_client_is_built_with_panics_in_no_call,
        ),
        Promise::BadInput.paused(
            "settings::nonsensical_call_options_are_refused_unsent",
            nonsense_of_a_call_is_refused_at_its_door,
        ),
        Promise::BadInput.paused(
            "settings::nonsensical_backfill_settings_are_refused_unsent",
            nonsense_of_a_backfill_is_refused_before_a_request,
        ),
    ];
    trials.extend(alone::trials());
    trials
}

#[expect(clippy::disallowed_methods, reason = "the time is paused here")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// A number of a setting that is to be set.
#[derive(Clone, Copy, Debug)]
enum Number {
    Share(f64),
    Time(Duration),
    Count(u32),
}

/// One setting by its name, and how it is set. A number of another kind changes nothing.
type Setting = (&'static str, fn(&mut All, Number));

/// Everything that a client's builder can be given.
#[derive(Clone, Debug, Default)]
struct All {
    retry: retry::RetrySettings,
    breaker: breaker::BreakerSettings,
    probes: probe::ProbeSettings,
    keeper: credentials::KeeperSettings,
    budget: Option<[f64; 2]>,
    capacity: Option<f64>,
    deadline: Option<Duration>,
    attempt_limit: Option<Duration>,
}

macro_rules! settings {
    ($($kind:ident $part:ident . $field:ident),* $(,)?) => {
        [$((concat!(stringify!($part), ".", stringify!($field)), (|all: &mut All, number: Number| {
            if let Number::$kind(number) = number {
                all.$part.$field = number.into();
            }
        }) as fn(&mut All, Number)),)*]
    };
}

fn of_structs() -> Vec<Setting> {
    settings![
        Count retry.max_attempts, Time retry.backoff, Time retry.max_backoff,
        Count breaker.consecutive, Count breaker.faults_at_low_rate, Share breaker.ratio, Count breaker.min_count,
        Time breaker.window, Time breaker.open_min, Time breaker.open_max,
        Count breaker.open_calls, Share breaker.open_share_of_outage, Count breaker.successes, Time breaker.stable_after,
        Time breaker.hold_down, Share breaker.jitter,
        Time probes.idle,
        Share keeper.early, Share keeper.jitter, Time keeper.margin, Time keeper.limit, Time keeper.patience,
        Time keeper.first_patience, Time keeper.backoff, Time keeper.max_backoff, Count keeper.banked, Time keeper.refill,
    ]
    .into()
}

fn every() -> Vec<Setting> {
    let share: fn(&mut All, Number) = |all, number| {
        if let Number::Share(share) = number {
            all.budget = Some([share, 1.0]);
        }
    };
    let per_second: fn(&mut All, Number) = |all, number| {
        if let Number::Share(per_second) = number {
            all.budget = Some([0.1, per_second]);
        }
    };
    let capacity: fn(&mut All, Number) = |all, number| {
        if let Number::Share(capacity) = number {
            all.capacity = Some(capacity);
        }
    };
    let deadline: fn(&mut All, Number) = |all, number| {
        if let Number::Time(deadline) = number {
            all.deadline = Some(deadline);
        }
    };
    let attempt_limit: fn(&mut All, Number) = |all, number| {
        if let Number::Time(limit) = number {
            all.attempt_limit = Some(limit);
        }
    };
    let others = [
        ("budget.share", share),
        ("budget.per_second", per_second),
        ("capacity", capacity),
        ("deadline", deadline),
        ("attempt_limit", attempt_limit),
    ];
    of_structs().into_iter().chain(others).collect()
}

/// Which no setting bears.
const NONSENSE: [Number; 6] = [
    Number::Share(f64::NAN),
    Number::Share(f64::INFINITY),
    Number::Share(f64::NEG_INFINITY),
    Number::Share(-0.1),
    Number::Share(1e308),
    Number::Time(Duration::MAX),
];

/// No wait, no chance, no budget, the first fault: each of these says something. (A longest time below the shortest wins.)
const BEAR_AN_END: [&str; 21] = [
    "breaker.hold_down = Time(0ns)",
    "breaker.jitter = Share(0.0)",
    "breaker.open_calls = Count(0)",
    "breaker.open_calls = Count(4294967295)",
    "breaker.open_max = Time(0ns)",
    "breaker.open_min = Time(0ns)",
    "breaker.open_share_of_outage = Share(0.0)",
    "breaker.ratio = Share(0.0)",
    "breaker.stable_after = Time(0ns)",
    "budget.per_second = Share(0.0)",
    "budget.share = Share(0.0)",
    "keeper.backoff = Time(0ns)",
    "keeper.banked = Count(4294967295)",
    "keeper.early = Share(0.0)",
    "keeper.first_patience = Time(0ns)",
    "keeper.jitter = Share(0.0)",
    "keeper.margin = Time(0ns)",
    "keeper.max_backoff = Time(0ns)",
    "keeper.patience = Time(0ns)",
    "retry.backoff = Time(0ns)",
    "retry.max_backoff = Time(0ns)",
];

macro_rules! given {
    ($builder:expr, $all:expr) => {{
        let all = $all;
        let mut builder = $builder
            .retry(all.retry.clone())
            .breaker(all.breaker.clone())
            .probes(all.probes.clone())
            .seed(7);
        if let Some([share, per_second]) = all.budget {
            builder = builder.budget(Budget::new(share, per_second));
        }
        if let Some(deadline) = all.deadline {
            builder = builder.deadline(deadline);
        }
        if let Some(limit) = all.attempt_limit {
            builder = builder.attempt_limit(limit);
        }
        builder
    }};
}

impl All {
    fn keeper(&self) -> Keeper<u32> {
        Keeper::with_settings("token", self.keeper.clone(), || async {
            Ok::<_, io::Error>(Lease::lasting(1, Duration::from_secs(60)))
        })
    }

    fn endpoint<C>(&self, name: &'static str, client: C) -> Endpoint<C> {
        let endpoint = Endpoint::new(name, client).credentials(&self.keeper());
        match self.capacity {
            Some(capacity) => endpoint.capacity(capacity),
            None => endpoint,
        }
    }

    fn objects(&self) -> Result<ObjectClient, evenkeel::BuildError> {
        let store = |seed| Memory::new().with_latency(Duration::from_millis(1)..Duration::from_secs(3), seed);
        let builder = ObjectClient::builder()
            .endpoint(self.endpoint("a", store(1)))
            .endpoint(self.endpoint("b", store(2)))
            .replication(Replication::write_once());
        given!(builder, self).build()
    }

    fn values(&self) -> Result<KvClient, evenkeel::BuildError> {
        let builder = KvClient::builder().endpoint(self.endpoint("a", MemoryTable::new()));
        given!(builder, self).build()
    }

    fn closures(&self) -> Result<Failover<u32>, evenkeel::BuildError> {
        let builder = Failover::builder()
            .endpoint(self.endpoint("a", 0))
            .endpoint(self.endpoint("b", 1));
        given!(builder, self).build()
    }
}

fn nonsense_is_refused_when_a_client_is_built() {
    let accepted = accepted(&NONSENSE);
    assert!(accepted.is_empty(), "accepted: {accepted:#?}");
}

/// Nothing, and as many as there are: some settings bear it, and which ones is written down.
fn the_ends_are_borne_where_they_make_sense() {
    let ends = [
        Number::Count(0),
        Number::Count(u32::MAX),
        Number::Share(0.0),
        Number::Time(Duration::ZERO),
    ];
    let accepted: Vec<_> = accepted(&ends).into_iter().collect();
    assert_eq!(accepted, BEAR_AN_END);
}

/// Those of these numbers that a setting was built with.
fn accepted(numbers: &[Number]) -> BTreeSet<String> {
    let sensible = All::default();
    assert!(sensible.objects().is_ok() && sensible.values().is_ok() && sensible.closures().is_ok());
    let mut accepted = BTreeSet::new();
    for (name, set) in every() {
        for &nonsense in numbers {
            let mut all = All::default();
            set(&mut all, nonsense);
            if format!("{all:?}") == format!("{sensible:?}") {
                continue;
            }
            Promise::BadInput.tried();
            let results = [
                all.objects().map(drop).err(),
                all.values().map(drop).err(),
                all.closures().map(drop).err(),
            ];
            for result in results {
                match result {
                    None => drop(accepted.insert(format!("{name} = {nonsense:?}"))),
                    Some(error) => assert!(error.to_string().contains("must"), "{name}: {error}"),
                }
            }
        }
    }
    accepted
}

/// Whoever adds a setting adds it above.
fn every_setting_there_is_was_tried() {
    let All {
        retry,
        breaker,
        probes,
        keeper,
        ..
    } = All::default();
    let shown = [
        ("retry", format!("{retry:?}")),
        ("breaker", format!("{breaker:?}")),
        ("probes", format!("{probes:?}")),
        ("keeper", format!("{keeper:?}")),
    ];
    let tried: BTreeSet<_> = of_structs().into_iter().map(|(name, _)| name.to_owned()).collect();
    // Two are switches, one is a function, and a seed may be any number.
    let others = ["probes.open", "probes.writes", "retry.when", "keeper.seed"];
    for (part, shown) in shown {
        let fields = shown
            .split([' ', ',', '{', '}'])
            .filter_map(|word| word.strip_suffix(':'));
        for field in fields {
            let name = format!("{part}.{field}");
            assert!(
                tried.contains(&name) || others.contains(&&*name),
                "{name} was not tried"
            );
        }
    }
}

/// What chance may bring: sensible and not.
fn drawn(rng: &mut Rng) -> [Number; 3] {
    let shares = [
        f64::NAN,
        f64::INFINITY,
        -1.0,
        0.0,
        f64::MIN_POSITIVE,
        1e-9,
        0.3,
        1.0,
        7.0,
        1e9,
        1e308,
    ];
    let times = [0, 1, 1_000_000, 1_000_000_000, 3_600_000_000_000, u64::MAX].map(Duration::from_nanos);
    let time = match rng.u8(..8) {
        0 => Duration::MAX,
        1 => Duration::from_secs(24 * 3_600),
        _ => times[rng.usize(..times.len())],
    };
    let counts = [0, 1, 2, 3, 100, u32::MAX];
    [
        Number::Share(shares[rng.usize(..shares.len())]),
        Number::Time(time),
        Number::Count(counts[rng.usize(..counts.len())]),
    ]
}

/// Printed when it panics.
struct Case(String);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.0);
        }
    }
}

async fn what_a_client_is_built_with_panics_in_no_call() {
    let settings = every();
    let mut built = 0;
    for round in 0..promise::rounds(100) as u64 {
        let rng = &mut Rng::with_seed(promise::seed().wrapping_add(round));
        let mut all = All::default();
        for _ in 0..rng.usize(1..4) {
            let (_, set) = settings[rng.usize(..settings.len())];
            drawn(rng).into_iter().for_each(|number| set(&mut all, number));
        }
        let _case = Case(format!("case {round}: {all:?}"));
        let (Ok(objects), Ok(closures)) = (all.objects(), all.closures()) else {
            continue;
        };
        Promise::BadInput.tried();
        built += 1;
        // In turns all is well and the first endpoint is down.
        for step in 0..60_u64 {
            let down = (step / 20) % 2 == 1;
            let ask = |number: u32| async move {
                match number == 0 && down {
                    true => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                    false => Ok(number),
                }
            };
            let _ = closures.read(ask).await;
            let _ = closures.idempotent_write(ask).await;
            let _ = objects.get(format!("{}", step % 4)).await;
            let _ = objects.put(format!("{step}"), "body").await;
            tokio::time::sleep(Duration::from_millis(rng.u64(..3_000))).await;
        }
        let _ = (objects.snapshot(), closures.snapshot(), all.keeper().current().await);
    }
    assert!(built > 10, "{built} were built");
}

async fn nonsense_of_a_call_is_refused_at_its_door() {
    let all = All::default();
    let (objects, values, closures) = (all.objects().unwrap(), all.values().unwrap(), all.closures().unwrap());
    for limit in [Duration::ZERO, Duration::MAX, Duration::from_secs(u64::MAX)] {
        let kinds = [
            objects.get("a").deadline(limit).await.unwrap_err().kind(),
            objects
                .list("a")
                .deadline(limit)
                .collect_all()
                .await
                .unwrap_err()
                .kind(),
            values.put("a", "value").deadline(limit).await.unwrap_err().kind(),
            values.put("a", "value").attempt_limit(limit).await.unwrap_err().kind(),
            values.scan("a").deadline(limit).collect_all().await.unwrap_err().kind(),
            closures
                .read(|_| async { Ok::<_, io::Error>(()) })
                .deadline(limit)
                .await
                .unwrap_err()
                .kind(),
            values.put("a", "value").time_to_live(limit).await.unwrap_err().kind(),
            values
                .put_if_absent("a", "value")
                .time_to_live(limit)
                .await
                .unwrap_err()
                .kind(),
            values
                .put_many([("a", "value")])
                .time_to_live(limit)
                .await
                .unwrap_err()
                .kind(),
        ];
        assert_eq!(kinds, [evenkeel::ErrorKind::InvalidInput; 9], "{limit:?}");
    }
}

async fn nonsense_of_a_backfill_is_refused_before_a_request() {
    let backfill = || {
        let slow = Memory::new().with_latency(Duration::from_secs(900)..Duration::MAX, 1);
        Backfill::objects(Endpoint::new("from", slow.clone()), Endpoint::new("to", slow))
    };
    let nonsense = [
        backfill().rate(f64::NAN),
        backfill().rate(0.0),
        backfill().rate(-1.0),
        backfill().rate(f64::NEG_INFINITY),
        backfill().rate(f64::MIN_POSITIVE),
        backfill().rate(1e-12),
        backfill().concurrency(0),
        backfill().bytes_under_way(0),
        backfill().attempts(0),
        backfill().attempt_limit(Duration::ZERO),
        backfill().attempt_limit(Duration::MAX),
        backfill().patience(Duration::MAX),
        backfill().failures_in_a_row(0),
    ];
    for (number, backfill) in nonsense.into_iter().enumerate() {
        let stopped = tokio::time::timeout(Duration::from_secs(1), backfill.run()).await;
        let stopped = stopped
            .unwrap_or_else(|_| panic!("setting {number} was not refused"))
            .unwrap_err();
        assert!(stopped.to_string().contains("make no sense"), "{number}: {stopped}");
    }
    // What is as good as without a limit is one.
    let (from, to) = (Memory::new(), Memory::new());
    let copy = Backfill::objects(Endpoint::new("from", from), Endpoint::new("to", to))
        .rate(f64::INFINITY)
        .concurrency(usize::MAX)
        .bytes_under_way(u64::MAX)
        .attempts(u32::MAX)
        .failures_in_a_row(u32::MAX);
    assert!(copy.run().await.unwrap().is_clean());
}
