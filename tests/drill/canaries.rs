//! Canaries: a lost write is found, and nothing stays behind.

use crate::cohort_world::{SEC, World, scenario};
use evenkeel::{
    Replication,
    drill::{
        Guard, Scenario,
        cohort::{CANARY_PREFIX, Canary, Cohort, GameDay, Split},
        report::{Criteria, Outcome, Verdict},
    },
    provider::ObjectProvider,
    request::{
        Key,
        object::{Delete, Put},
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};

const NOTHING: [&str; 0] = [];

/// A minute of one late answer among a thousand: as good as no trouble.
fn calm() -> Scenario {
    let mut calm = scenario(r#"{ "delay": { "by": "1ms" } }"#, true, "1m");
    calm.phases[0].rules[0].probability = 0.001;
    calm
}

fn day() -> GameDay {
    let guard = Guard::lasting(Duration::from_secs(600));
    GameDay::new(calm(), Cohort::new(0.01, 7).unwrap(), guard)
}

#[tokio::test(start_paused = true)]
async fn a_write_that_a_store_forgets_is_reported_as_lost() {
    let world = World::default();
    world.virginia.forgets.store(7, Relaxed);
    let photos = world.split();
    let findings = photos
        .drill(&day().criteria(Criteria::new().lost_writes(0)))
        .await
        .unwrap();
    let canary = findings.canary.unwrap();
    assert!(canary.acknowledged > 100, "{canary:?}");
    assert_eq!(canary.lost, canary.acknowledged / 7, "{canary:?}");
    assert_eq!(canary.read_back, canary.acknowledged);
    assert!(canary.reads_wrong > 0, "seen during the drill already");
    let report = findings.bundle.report;
    assert_eq!(
        (report.verdict, report.judgements[0].outcome),
        (Verdict::Failed, Outcome::Missed)
    );
    assert_eq!(report.client.writes.unwrap().lost, canary.lost);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_canary_whose_old_version_stays_is_reported_as_stale() {
    let world = World::default();
    let photos = Split::build(world.builder().replication(Replication::provider_managed())).unwrap();
    world.virginia.keeps_old.store(true, Relaxed);
    let canary = photos.drill(&day()).await.unwrap().canary.unwrap();
    assert!(canary.stale > 10 && canary.lost == 0, "{canary:?}");
    assert!(canary.reads_wrong > 10, "{canary:?}");

    world.virginia.keeps_old.store(false, Relaxed);
    let canary = photos.drill(&day()).await.unwrap().canary.unwrap();
    assert!(canary.read_back > 50, "{canary:?}");
    assert_eq!((canary.lost, canary.stale, canary.reads_wrong), (0, 0, 0), "{canary:?}");
    assert_eq!(world.virginia.stored(CANARY_PREFIX).await, NOTHING);
}

#[tokio::test(start_paused = true)]
async fn canaries_touch_nothing_outside_of_their_prefix_and_keep_to_their_numbers() {
    let world = World::default();
    let photos = world.split();
    photos.production().put("a", "body").await.unwrap();
    let canary = Canary::default().every(Duration::from_millis(500)).most(20).bytes(300);
    let started = Instant::now();
    let findings = photos.drill(&day().canary(canary)).await.unwrap();
    let found = findings.canary.unwrap();
    assert_eq!((found.writes, found.acknowledged, found.read_back), (20, 20, 20));
    assert!(found.reads <= 2 * started.elapsed().as_secs() + 2, "{found:?}");
    assert!(found.prefix.starts_with(CANARY_PREFIX));
    for store in [&world.virginia, &world.ireland] {
        let probe = |key: &String| key == Key::PROBE;
        let strangers = |key: &String| !key.starts_with(&found.prefix) && !probe(key) && key != "a";
        assert_eq!(store.all().into_iter().find(strangers), None);
        assert_eq!(
            store
                .asked("delete")
                .iter()
                .filter(|key| !key.starts_with(&found.prefix))
                .count(),
            0
        );
    }
    assert_eq!(world.virginia.stored("").await, ["a"]);
    // No caller sees them, or can write among them.
    let error = photos
        .production()
        .put(format!("{}000001", found.prefix), "x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), evenkeel::ErrorKind::InvalidInput);
    let none = photos.drill(&day().without_canary()).await.unwrap();
    assert_eq!(none.canary, None);
    assert!(
        none.bundle
            .report
            .not_measured()
            .any(|gap| gap.what == "acknowledged writes")
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_endpoint_keeps_is_told_and_swept_when_it_is_back() {
    let now = Arc::new(AtomicU64::new(1_800_000_000));
    let wall = now.clone();
    let world = World::default();
    let builder = world
        .builder()
        .replication(Replication::write_once())
        .wall_clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(wall.load(Relaxed)));
    let photos = Split::build(builder).unwrap();
    let dies = async {
        sleep(20 * SEC).await;
        world.virginia.dead.store(true, Relaxed);
    };
    let day = day().criteria(Criteria::new().lost_writes(0));
    let (findings, ()) = futures_util::join!(photos.drill(&day), dies);
    let findings = findings.unwrap();
    let report = findings.bundle.report;
    assert_eq!(report.judgements[0].outcome, Outcome::NotMeasured);
    let canary = findings.canary.unwrap();
    assert_eq!(report.client.writes.unwrap().unread, canary.unread);
    assert!(canary.unread > 0, "{canary:?}");
    assert_eq!(
        (canary.lost, canary.stale),
        (0, 0),
        "what cannot be asked has lost nothing"
    );
    let [left] = &canary.left[..] else { panic!("{canary:?}") };
    assert_eq!(&*left.endpoint, "virginia");
    assert!(
        left.objects >= 20 && left.why.contains("connection refused"),
        "{left:?}"
    );
    assert_eq!(world.ireland.stored(".evenkeel/").await, NOTHING);
    let kept = world.virginia.stored(CANARY_PREFIX).await;
    assert!(!kept.is_empty());

    // Dead still: it cannot be swept. Back, but too young: nothing is removed.
    now.fetch_add(86_400, Relaxed);
    let swept = Canary::sweep(photos.production(), Duration::from_secs(3600)).await;
    assert_eq!(
        (swept.removed, swept.failed.len(), swept.failed[0].endpoint()),
        (0, 1, "virginia")
    );
    world.virginia.dead.store(false, Relaxed);
    let swept = Canary::sweep(photos.production(), Duration::from_secs(2 * 86_400)).await;
    assert_eq!((swept.removed, swept.kept), (0, kept.len() as u64));

    // Others' objects stay, also those that are named as a canary is.
    let foreign = kept[0].replace("000", "900");
    for key in [&foreign, ".evenkeel/drill/readme", ".evenkeel/drills/a", "a"] {
        world
            .virginia
            .memory
            .put(Put::new(Key::new(key).unwrap(), "mine"))
            .await
            .unwrap();
    }
    let swept = Canary::sweep(photos.production(), Duration::from_secs(3600)).await;
    assert_eq!((swept.removed, swept.kept), (kept.len() as u64, 2), "{swept:?}");
    assert!(swept.failed.is_empty());
    let stay = world.virginia.stored("").await;
    assert_eq!(stay.len(), 4, "{stay:?}");
    let again = Canary::sweep(photos.production(), Duration::ZERO).await;
    assert_eq!((again.removed, again.kept), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_a_drill_under_way_alone() {
    let world = World::default();
    let photos = world.split();
    let sweeps = async {
        for _ in 0..10 {
            sleep(10 * SEC).await;
            let swept = Canary::sweep(photos.production(), Duration::ZERO).await;
            assert_eq!(swept.removed, 0);
        }
    };
    let day = day();
    let (findings, ()) = futures_util::join!(photos.drill(&day), sweeps);
    assert_eq!(findings.unwrap().canary.unwrap().lost, 0);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_drill_removes_its_canaries() {
    let world = World::default();
    let photos = world.split();
    let stops = async {
        sleep(45 * SEC).await;
        assert!(!world.virginia.stored(CANARY_PREFIX).await.is_empty());
        photos.stop_drill();
    };
    let guard = Guard::lasting(Duration::from_secs(600));
    let dark = GameDay::new(scenario(r#""hang""#, true, "5m"), Cohort::new(0.5, 7).unwrap(), guard);
    let (findings, ()) = futures_util::join!(photos.drill(&dark), stops);
    let canary = findings.unwrap().canary.unwrap();
    assert!(canary.acknowledged > 20, "{canary:?}");
    assert_eq!((canary.lost, canary.left.len()), (0, 0));
    for store in [&world.virginia, &world.ireland] {
        assert_eq!(store.stored(".evenkeel/").await, NOTHING);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_listed_is_not_called_clean() {
    let world = World::default();
    world.ireland.unlisted.store(true, Relaxed);
    for replication in [Replication::write_once(), Replication::provider_managed()] {
        let photos = Split::build(world.builder().replication(replication)).unwrap();
        let canary = photos.drill(&day()).await.unwrap().canary.unwrap();
        let [left] = &canary.left[..] else { panic!("{canary:?}") };
        assert_eq!(&*left.endpoint, "ireland");
        assert!(
            left.objects > 50 && left.why.contains("could not be listed: "),
            "{left:?}"
        );
    }
}

/// A provider that copies each write and each removal within seconds.
#[tokio::test(start_paused = true)]
async fn a_copy_that_follows_late_has_nothing_left_and_is_never_written_to() {
    let world = World::default();
    let photos = Split::build(world.builder().replication(Replication::provider_managed())).unwrap();
    let follows = async {
        for _ in 0..80 {
            sleep(3 * SEC).await;
            let (home, copy) = (
                world.virginia.stored(CANARY_PREFIX).await,
                world.ireland.stored(CANARY_PREFIX).await,
            );
            for key in home.iter().filter(|key| !copy.contains(key)) {
                let put = Put::new(Key::new(key.as_str()).unwrap(), "a copy");
                world.ireland.memory.put(put).await.unwrap();
            }
            for key in copy.iter().filter(|key| !home.contains(key)) {
                let delete = Delete::new(Key::new(key.as_str()).unwrap());
                world.ireland.memory.delete(delete).await.unwrap();
            }
        }
    };
    let day = day();
    let (findings, ()) = futures_util::join!(photos.drill(&day), follows);
    assert_eq!(findings.unwrap().canary.unwrap().left, []);
    let _ = Canary::sweep(photos.production(), Duration::ZERO).await;
    assert_eq!(world.ireland.asked("delete"), NOTHING);
}
