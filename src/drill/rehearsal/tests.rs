//! Prediction and play over random configurations, and mistakes that are seeded into the prediction.
//!
//! `EVENKEEL_SEED=<seed>` plays one configuration alone, and prints it.

use super::{Kind, Played, Rehearsal, differences};
use crate::{
    Endpoint, Replication,
    credentials::{Keeper, Lease},
    drill::Timeline,
    endpoint::{Constraints, Profile, Role},
    ops::impact::{Analysis, Effect, Loss, Operation, flaws::Flaw},
};
use fastrand::Rng;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

const CONFIGURATIONS: u64 = 200;
const DAY: Duration = Duration::from_secs(86_400);

/// The keepers of one configuration, which endpoints share: of credentials that expire, that never do, and of none.
struct Keepers([Keeper<&'static str>; 3]);

impl Keepers {
    async fn new(rng: &mut Rng) -> Self {
        let life = DAY * rng.u32(1..9);
        let keeper = |life: Option<Duration>| {
            Keeper::new("a role", move || async move {
                Ok::<_, io::Error>(match life {
                    Some(life) => Lease::lasting("a token", life),
                    None => Lease::without_end("a key"),
                })
            })
        };
        let never = Keeper::new("nobody", || async {
            Err::<Lease<&'static str>, _>(io::Error::other("no"))
        });
        let keepers = [
            keeper(Some(life)).asks("login.example"),
            keeper(None).asks("sts.example"),
            never.asks("login.example"),
        ];
        for keeper in &keepers[..2] {
            keeper.current().await.unwrap();
        }
        Self(keepers)
    }
}

fn some<T: Copy>(rng: &mut Rng, share: f64, of: &[T]) -> Option<T> {
    (rng.f64() < share).then(|| of[rng.usize(..of.len())])
}

fn endpoint(index: usize, rng: &mut Rng, keepers: &Keepers, provider: Option<&'static str>) -> Profile {
    let mut one = Endpoint::new(format!("e{index}"), ());
    if let Some(provider) = provider.filter(|_| rng.f64() < 0.85) {
        one = one.provider(provider);
    }
    if let Some(region) = some(rng, 0.8, &["r1", "r2", "r3"]) {
        one = one.region(region);
    }
    if let Some(location) = some(rng, 0.8, &["DE", "IE", "US"]) {
        one = one.location(location);
    }
    if rng.f64() < 0.8 {
        one = one.jurisdictions(["DE", "EU", "US"].into_iter().filter(|_| rng.f64() < 0.4));
    }
    if let Some(tier) = some(rng, 0.5, &[0, 1, 2]) {
        one = one.tier(tier);
    }
    if rng.f64() < 0.3 {
        one = one.read_only();
    }
    if let Some(host) = some(rng, 0.75, &["a.example", "b.example", "shared-*.example"]) {
        one = one.depends_on(host, Role::Data);
    }
    if rng.f64() < 0.15 {
        one = one.depends_on("kms.example", Role::Keys);
    }
    if let Some(region) = some(rng, 0.2, &["r1", "r2", "r4"]) {
        one = one.depends_on_at("control.example", Role::ControlPlane, region);
    }
    match rng.u8(..10) {
        0..=1 => one = one.depends_on("login.example", Role::Credentials),
        2 => one = one.depends_on_at("global.example", Role::Credentials, "r1"),
        3..=4 => one = one.credentials(&keepers.0[0]),
        5 => one = one.credentials(&keepers.0[1]),
        6 => one = one.credentials(&keepers.0[2]),
        _ => {}
    }
    one.into_parts().0
}

fn client(rng: &mut Rng, keepers: &Keepers) -> Rehearsal {
    let kind = [Kind::Objects, Kind::Objects, Kind::Tables, Kind::Tables, Kind::Calls][rng.usize(..5)];
    let is_strong = kind == Kind::Tables && rng.bool();
    let providers = ["aws", "azure", "stackit"];
    let one_provider = providers[rng.usize(..3)];
    let count = rng.usize(1..=6).min(rng.usize(2..=6));
    let mut profiles: Vec<_> = (0..count)
        .map(|index| {
            let own = providers[rng.usize(..3)];
            endpoint(index, rng, keepers, Some(if is_strong { one_provider } else { own }))
        })
        .collect();
    if rng.u8(..12) == 0 {
        let only_read = |profile| Endpoint::of(profile, ()).read_only().into_parts().0;
        profiles = profiles.into_iter().map(only_read).collect();
    }
    let mut constraints = Constraints::new();
    match rng.u8(..8) {
        0 => constraints = constraints.only_locations(["DE", "IE"]),
        1 => constraints = constraints.not_under_jurisdiction_of("US"),
        _ => {}
    }
    let names: Vec<_> = profiles.iter().map(|profile| profile.shared_name().clone()).collect();
    let mut rehearsal = Rehearsal::of(kind, profiles).constraints(constraints).seed(rng.u64(..));
    let replication = match rng.u8(..2) {
        _ if kind == Kind::Calls => None,
        _ if is_strong => Some(Replication::strong()),
        0 => Some(Replication::write_once()),
        _ if rng.bool() => Some(Replication::provider_managed().home(names[rng.usize(..count)].clone())),
        _ => Some(Replication::provider_managed()),
    };
    if let Some(replication) = replication {
        rehearsal = rehearsal.replication(replication);
    }
    rehearsal
}

/// What was predicted and played for one client.
struct Checked {
    seed: u64,
    rehearsal: Rehearsal,
    analysis: Analysis,
    played: Vec<Played>,
}

/// The clients of one configuration: mostly one, sometimes two. A client that cannot be built is drawn anew.
async fn checked(seed: u64) -> Vec<Checked> {
    let mut rng = Rng::with_seed(seed);
    let keepers = Keepers::new(&mut rng).await;
    let wanted = if rng.u8(..4) == 0 { 2 } else { 1 };
    let mut clients = Vec::new();
    while clients.len() < wanted {
        let rehearsal = client(&mut rng, &keepers);
        let Ok(stage) = rehearsal.setup.stage(&Timeline::idle(), &[]).await else {
            continue;
        };
        let analysis = stage.analysis().over(&rehearsal.setup.profiles);
        let played = rehearsal.play(&analysis.losses()).await.unwrap();
        clients.push(Checked {
            seed,
            rehearsal,
            analysis,
            played,
        });
    }
    clients
}

/// Plays these seeds, each in a paused time of its own.
fn play(seeds: Vec<u64>) -> Vec<Checked> {
    let half = seeds.len() / 2;
    let (first, second) = seeds.split_at(half);
    let run = |seeds: &[u64]| {
        let each = seeds.iter().flat_map(|seed| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().start_paused(true).build().unwrap();
            runtime.block_on(checked(*seed))
        });
        each.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| run(second));
        let mut all = run(first);
        all.extend(other.join().unwrap());
        all
    })
}

#[test]
fn prediction_and_play_differ_nowhere_and_every_seeded_mistake_is_found() {
    let alone = std::env::var("EVENKEEL_SEED")
        .ok()
        .map(|seed| seed.parse().expect("EVENKEEL_SEED is a number"));
    let seeds = alone.map_or((0..CONFIGURATIONS).collect(), |seed| vec![seed]);
    let all = play(seeds);
    let mut wrong = Vec::new();
    for one in &all {
        let report = one.analysis.report();
        if alone.is_some() {
            println!("{:#?}\n{report}", one.rehearsal.setup);
            differences(&report, &one.played)
                .iter()
                .for_each(|one| println!("{one}"));
        }
        for difference in differences(&report, &one.played) {
            wrong.push(format!(
                "{difference} ({:?})\n  replay: EVENKEEL_SEED={} cargo test --features drill --lib drill::rehearsal -- --nocapture",
                one.rehearsal.setup.kind, one.seed
            ));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    if alone.is_some() {
        return;
    }

    // The play is not of one kind: every word occurs often, at once and later.
    for effect in [
        Effect::GoesOn,
        Effect::GoesOnStale,
        Effect::KeysHeldOnlyThereEnd,
        Effect::Ends,
        Effect::Unknown,
        Effect::NotServed,
    ] {
        let count = |of: fn(&Played) -> Effect| {
            let played = all.iter().flat_map(|one| &one.played);
            played.filter(|one| of(one) == effect).count()
        };
        let (now, later) = (count(|one| one.now), count(|one| one.later));
        assert!(now >= 50 && later >= 50, "{effect}: {now} and {later}");
    }

    let undetected: Vec<_> = Flaw::ALL
        .into_iter()
        .filter(|flaw| {
            all.iter()
                .all(|one| differences(&one.analysis.flawed_report(*flaw), &one.played).is_empty())
        })
        .collect();
    assert!(undetected.is_empty(), "nothing shows these mistakes: {undetected:?}");
}

#[tokio::test(start_paused = true)]
async fn one_login_takes_two_providers_down_once_their_tokens_expire() {
    let at = |name: &'static str| {
        let one = Endpoint::new(name, ())
            .provider(name)
            .depends_on(format!("{name}.example"), Role::Data);
        one.depends_on("login.example", Role::Credentials).into_parts().0
    };
    let rehearsed = Rehearsal::of_objects([at("aws"), at("stackit")])
        .replication(Replication::write_once())
        .run()
        .await
        .unwrap();
    assert_eq!(rehearsed.differences, []);
    let login = Loss::host("login.example");
    let played = rehearsed
        .played
        .iter()
        .find(|one| one.loss == login && one.operation == Operation::Write);
    assert_eq!(
        played.map(|one| (one.now, one.later)),
        Some((Effect::GoesOn, Effect::Ends))
    );
    assert!(rehearsed.to_string().ends_with("Prediction and play differ nowhere.\n"));
}

#[tokio::test(start_paused = true)]
async fn a_difference_is_told() {
    let here = Endpoint::new("here", ()).provider("aws").into_parts().0;
    let mut rehearsed = Rehearsal::of_calls([here]).run().await.unwrap();
    rehearsed.predicted.losses[0].operations[0].now.effect = Effect::GoesOn;
    rehearsed.differences = differences(&rehearsed.predicted, &rehearsed.played);
    let said = "- provider aws, reads, now: predicted was \"go on\", played \"end\"\n";
    assert!(rehearsed.to_string().ends_with(said), "{rehearsed}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_built_cannot_be_rehearsed() {
    assert!(Rehearsal::of_objects([]).run().await.is_err());
    let two = ["a", "b"].map(Profile::new);
    assert!(Rehearsal::of_objects(two).run().await.is_err(), "no replication");
}

/// The profiles are production's, with its keepers.
#[tokio::test(start_paused = true)]
async fn a_rehearsal_makes_no_keeper_fetch() {
    let fetches = Arc::new(AtomicU32::new(0));
    let counts = fetches.clone();
    let keeper = Keeper::new("a role", move || {
        counts.fetch_add(1, Relaxed);
        async { Ok::<_, io::Error>(Lease::lasting("a token", 100 * DAY)) }
    })
    .asks("login.example");
    keeper.current().await.unwrap();
    let at = |name: &'static str| {
        let one = Endpoint::new(name, ()).provider(name).credentials(&keeper);
        one.into_parts().0
    };
    for rehearsal in [Rehearsal::of_objects, Rehearsal::of_tables].map(|of| of([at("aws"), at("stackit")])) {
        let rehearsed = rehearsal.replication(Replication::write_once()).run().await.unwrap();
        assert_eq!(rehearsed.differences, []);
        let login = |one: &&Played| one.loss == Loss::host("login.example") && one.later == Effect::Ends;
        assert!(rehearsed.played.iter().any(|one| login(&one)), "refusals were played");
    }
    let rehearsed = Rehearsal::of_calls([at("aws"), at("stackit")]).run().await.unwrap();
    assert_eq!(rehearsed.differences, []);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(fetches.load(Relaxed), 1, "the first one, for production");
}
