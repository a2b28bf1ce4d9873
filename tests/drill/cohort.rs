//! A drill in production for a cohort: production notices nothing, and the cohort leaves and returns.

use crate::cohort_world::{SEC, Store, World, is_closed, name, put, scenario, virginia};
use evenkeel::{
    Endpoint, ErrorKind, ObjectClient, Replication,
    credentials::{Keeper, Lease},
    drill::{
        Ended, Guard,
        cohort::{Canary, Cohort, GameDay, NotStarted, Split},
        report::{Criteria, Verdict},
    },
    endpoint::Role,
    ops::{impact::Loss, operator::Selector, snapshot::EndpointSnapshot},
    provider::ObjectProvider,
    request::{Key, object::Put},
    stack::{breaker::Registry, retry::Budget},
};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

const HOUR: Duration = Duration::from_secs(3600);

/// A third of the callers, for an hour at most.
fn day(fault: &str, at_virginia: bool, lasting: &str) -> GameDay {
    GameDay::new(
        scenario(fault, at_virginia, lasting),
        Cohort::new(0.3, 7).unwrap(),
        Guard::lasting(HOUR),
    )
}

fn cohort() -> Cohort {
    Cohort::new(0.3, 7).unwrap()
}

fn tenants() -> impl Iterator<Item = String> {
    (0..30).map(|n| format!("tenant-{n}"))
}

fn in_cohort() -> String {
    tenants().find(|tenant| cohort().contains(tenant)).unwrap()
}

fn outside() -> String {
    tenants().find(|tenant| !cohort().contains(tenant)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn production_notices_nothing_while_the_cohort_leaves_and_returns() {
    let world = World::default();
    let photos = world.split();
    let criteria = Criteria::new().availability(0.999).lost_writes(0);
    let day = day(r#""refuse""#, true, "2m").criteria(criteria);
    let full = photos.production().snapshot().budget;

    let mut left = None;
    let mut returned = None;
    let load = async {
        // 30 s before, two minutes of trouble, 60 s after.
        for second in 0..205 {
            for tenant in tenants() {
                let client = photos.of(&tenant);
                assert_eq!(put(&client, format!("{tenant}/{second}")).await, None, "{second}");
                let found = client.get(format!("{tenant}/{second}")).await.unwrap();
                assert_eq!(found.body(), "body");
            }
            assert!(is_closed(photos.production()), "{second}");
            assert!(photos.production().snapshot().budget >= full, "{second}");
            if let Some(client) = photos.cohort() {
                match is_closed(&client) {
                    false => left = left.or(Some(second)),
                    true if left.is_some() => returned = returned.or(Some(second)),
                    true => {}
                }
            }
            sleep(SEC).await;
        }
    };
    let (findings, ()) = futures_util::join!(photos.drill(&day), load);
    let findings = findings.unwrap();
    assert_eq!(findings.ended, None);
    // Left within seconds of the first fault, and back before the end.
    assert!((30..35).contains(&left.unwrap()), "{left:?}");
    assert!((150..205).contains(&returned.unwrap()), "{returned:?}");

    // Production: no event, and every call at Virginia.
    assert_eq!(world.events("photos"), [] as [&str; 0]);
    assert!(findings.production.is_empty());
    let puts = (world.virginia.asked("put"), world.ireland.asked("put"));
    for tenant in tenants() {
        let of = |keys: &[String]| keys.iter().filter(|key| key.starts_with(&format!("{tenant}/"))).count();
        match cohort().contains(&tenant) {
            false => assert_eq!((of(&puts.0), of(&puts.1)), (205, 0), "{tenant}"),
            true => assert!((of(&puts.1)) > 100, "{tenant}"),
        }
    }
    let events = world.events("photos-cohort");
    assert!(
        events.contains(&"breaker-opened") && events.contains(&"breaker-closed"),
        "{events:?}"
    );

    // What the cohort wrote elsewhere, production finds.
    for tenant in tenants() {
        for second in [0, 100, 204] {
            photos.production().get(format!("{tenant}/{second}")).await.unwrap();
        }
    }

    let canary = findings.canary.unwrap();
    assert!(
        canary.acknowledged > 150 && canary.acknowledged == canary.read_back,
        "{canary:?}"
    );
    assert_eq!(
        (canary.lost, canary.stale, canary.unread, canary.reads_wrong),
        (0, 0, 0, 0)
    );
    assert_eq!(canary.left, []);
    for store in [&world.virginia, &world.ireland] {
        assert_eq!(store.stored(".evenkeel/").await, [] as [&str; 0]);
    }

    // What the cohort sent is in the findings, since no view has it any more.
    let traffic = findings.traffic.report();
    assert_eq!(
        (&traffic.clients[..], traffic.gone),
        (&["photos-cohort".to_owned(), "photos-audit".to_owned()][..], 0)
    );
    let attempts = |client: &str| {
        let all = traffic.endpoints.iter().filter(|one| one.client == client);
        all.map(|one| one.foreground.attempts).sum::<u64>()
    };
    assert!(
        attempts("photos-cohort") > 1_000 && attempts("photos-audit") >= canary.read_back,
        "{traffic}"
    );

    let report = &findings.bundle.report;
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.judgements);
    assert_eq!(report.plan.scope.share, Some(0.3));
    let writes = report
        .client
        .classes
        .iter()
        .find(|class| class.class.as_str() == "write")
        .unwrap();
    assert!(writes.calls > 1_000 && writes.left_ms.unwrap() < 5_000, "{writes:?}");
    assert!(writes.returned_ms.unwrap() < 55_000, "{writes:?}");
    let gaps: Vec<_> = report.gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert!(report.client.faults_met.unwrap() > 0);
    let traffic = report.gaps.iter().find(|gap| gap.what == "when traffic left").unwrap();
    assert!(traffic.why.starts_with("Nobody counted"), "{traffic:?}");
    assert!(
        gaps.contains(&"the plain client") && gaps.contains(&"the load of all callers"),
        "{gaps:?}"
    );
}

/// A drill can be a task of its own.
#[tokio::test(start_paused = true)]
async fn a_drill_runs_in_a_task() {
    let photos = World::default().split();
    let (drilled, day) = (photos.clone(), day(r#""refuse""#, true, "1m"));
    let task = tokio::spawn(async move { drilled.drill(&day).await });
    sleep(50 * SEC).await;
    assert_eq!(name(&photos.of(in_cohort())), "photos-cohort");
    photos.stop_drill();
    assert_eq!(task.await.unwrap().unwrap().ended, Some(Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn without_a_drill_all_callers_are_productions() {
    let world = World::default();
    let photos = world.split();
    for tenant in tenants() {
        assert_eq!(name(&photos.of(tenant)), "photos");
    }
    assert!(photos.cohort().is_none());
    photos.stop_drill(); // there is none
}

#[tokio::test(start_paused = true)]
async fn the_guard_ends_the_drill_and_production_serves_the_cohort_at_once() {
    let world = World::default();
    let photos = world.split();
    let ended = Arc::new(Mutex::new(vec![]));
    let hear = ended.clone();
    let guard = Guard::lasting(HOUR).on_end(move |why| hear.lock().unwrap().push(*why));
    // Nobody noticed that the scenario strikes everything.
    let trouble = scenario(r#""refuse""#, false, "1h");
    let day = GameDay::new(trouble, cohort(), guard).lead(Duration::ZERO);

    let tenant = in_cohort();
    let load = async {
        let mut failed = 0;
        for n in 0..200 {
            sleep(SEC / 10).await;
            failed += u32::from(put(&photos.of(&tenant), format!("c/{n}")).await.is_some());
            // A hundred healthy calls of others do not hide the failures.
            for other in 0..5 {
                assert_eq!(put(&photos.of(outside()), format!("p/{n}/{other}")).await, None);
            }
        }
        failed
    };
    let (findings, failed) = futures_util::join!(photos.drill(&day), load);
    let findings = findings.unwrap();
    assert!(
        matches!(findings.ended, Some(Ended::BelowFloor { calls: 20, .. })),
        "{:?}",
        findings.ended
    );
    assert_eq!(ended.lock().unwrap().len(), 1);
    assert_eq!(failed, 20, "the fewest that prove anything");
    assert_eq!(world.events("photos"), [] as [&str; 0]);
    assert_eq!(findings.bundle.report.verdict, Verdict::Aborted);
    assert_eq!(findings.bundle.report.client.calls(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_expires_or_is_stopped_sends_everybody_back() {
    let world = World::default();
    let photos = world.split();
    for stopped in [true, false] {
        let guard = Guard::lasting(100 * SEC);
        let day = GameDay::new(scenario(r#""hang""#, true, "1h"), cohort(), guard);
        let tenant = in_cohort();
        let watch = async {
            sleep(60 * SEC).await;
            assert_eq!(name(&photos.of(&tenant)), "photos-cohort");
            assert_eq!(name(&photos.of(outside())), "photos");
            if stopped {
                photos.stop_drill();
            } else {
                sleep(39 * SEC).await;
                assert_eq!(name(&photos.of(&tenant)), "photos-cohort");
                sleep(SEC).await;
            }
            assert_eq!(name(&photos.of(&tenant)), "photos");
            assert!(photos.cohort().is_none());
        };
        let (findings, ()) = futures_util::join!(photos.drill(&day), watch);
        let ended = findings.unwrap().ended;
        assert_eq!(ended.is_some_and(|why| why == Ended::Stopped), stopped, "{ended:?}");
    }
    // Nothing begins by itself.
    sleep(HOUR).await;
    assert_eq!(name(&photos.of(in_cohort())), "photos");
}

#[tokio::test(start_paused = true)]
async fn each_drill_begins_with_a_client_that_knows_nothing() {
    let world = World::default();
    let photos = world.split();
    let day = day(r#""refuse""#, true, "1m").lead(Duration::ZERO);
    for round in 0..2 {
        let watch = async {
            sleep(SEC / 100).await;
            let client = photos.cohort().unwrap();
            assert!(is_closed(&client), "{round}");
            for n in 0..50 {
                put(&client, format!("{round}/{n}")).await;
            }
            assert!(!is_closed(&client), "{round}");
            photos.stop_drill();
        };
        let (findings, ()) = futures_util::join!(photos.drill(&day), watch);
        assert_eq!(findings.unwrap().ended, Some(Ended::Stopped));
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_in_production_ends_the_drill() {
    let world = World::default();
    let photos = world.split();
    let watch = async {
        sleep(40 * SEC).await;
        world.ireland.dead.store(false, Relaxed);
        world.virginia.dead.store(true, Relaxed);
        for n in 0..20 {
            assert_eq!(put(&photos.of(outside()), format!("p/{n}")).await, None);
        }
        assert!(!is_closed(photos.production()));
        assert_eq!(name(&photos.of(in_cohort())), "photos");
        world.virginia.dead.store(false, Relaxed);
    };
    let day = day(r#""hang""#, true, "10m");
    let (findings, ()) = futures_util::join!(photos.drill(&day), watch);
    let findings = findings.unwrap();
    let event = "breaker-opened";
    assert_eq!(findings.ended, Some(Ended::Production { event }));
    assert_eq!(findings.production[0].event.kind(), event);
    // Out as it is, production is not drilled again.
    let refused = photos.drill(&day).await.unwrap_err();
    assert!(matches!(&refused, NotStarted::Production(_)), "{refused}");
    assert_eq!(
        refused.to_string(),
        "production is not as it should be: virginia is out for writes"
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_to_production_ends_the_drill_and_keeps_the_next_from_beginning() {
    let world = World::default();
    let photos = world.split();
    let day = day(r#""hang""#, true, "10m");
    let watch = async {
        sleep(40 * SEC).await;
        let operator = photos.production().operator();
        operator
            .drain(Selector::endpoint("ireland"), "change 4711", HOUR)
            .apply()
            .unwrap();
        assert_eq!(name(&photos.of(in_cohort())), "photos");
    };
    let (findings, ()) = futures_util::join!(photos.drill(&day), watch);
    assert_eq!(
        findings.unwrap().ended,
        Some(Ended::Production { event: "order-given" })
    );
    assert!(matches!(photos.drill(&day).await, Err(NotStarted::Production(_))));
}

#[tokio::test(start_paused = true)]
async fn a_second_drill_at_the_same_time_is_refused_and_another_client_drills_by_itself() {
    let world = World::default();
    let photos = world.split();
    let films = World::default().split();
    let day = day(r#""refuse""#, true, "1m");
    let second = async {
        sleep(SEC).await;
        let refused = photos.clone().drill(&day).await.unwrap_err();
        assert!(matches!(refused, NotStarted::UnderWay), "{refused}");
        assert_eq!(name(&photos.of(in_cohort())), "photos-cohort", "the first goes on");
    };
    let (one, other, ()) = futures_util::join!(photos.drill(&day), films.drill(&day), second);
    assert_eq!((one.unwrap().ended, other.unwrap().ended), (None, None));
    // When it is over, there is room for the next.
    assert_eq!(photos.drill(&day).await.unwrap().ended, None);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_drill_ends_it_and_removes_its_canaries() {
    let world = World::default();
    let photos = world.split();
    let day = day(r#""hang""#, true, "10m");
    let dropped = tokio::time::timeout(60 * SEC, photos.drill(&day)).await;
    assert!(dropped.is_err());
    assert_eq!(name(&photos.of(in_cohort())), "photos");
    assert!(world.virginia.asked("put").len() > 20);
    sleep(SEC).await;
    for store in [&world.virginia, &world.ireland] {
        assert_eq!(store.stored(".evenkeel/").await, [] as [&str; 0]);
    }
    // Room for the next.
    let (findings, ()) = futures_util::join!(photos.drill(&day), async {
        sleep(SEC).await;
        photos.stop_drill();
    });
    assert_eq!(findings.unwrap().ended, Some(Ended::Stopped));
}

/// Three things that clients share if they are told to: where they tell of trouble, what they pay retries from, and who
/// fetches their credentials.
#[tokio::test(start_paused = true)]
async fn a_shared_registry_budget_and_keeper_notice_nothing() {
    let world = World::default();
    let fetches = Arc::new(AtomicU32::new(0));
    let counts = fetches.clone();
    let keeper = Keeper::new("role", move || {
        counts.fetch_add(1, Relaxed);
        async { Ok::<_, io::Error>(Lease::lasting("token".to_owned(), 100 * HOUR)) }
    });
    keeper.current().await.unwrap();
    let (registry, budget) = (Registry::new(), Budget::default());
    let shared = |name: &str| {
        let virginia = virginia(world.virginia.clone())
            .depends_on("s3.us-east-1.example", Role::Data)
            .credentials(&keeper);
        ObjectClient::builder()
            .client_name(name)
            .endpoint(virginia)
            .endpoint(Endpoint::new("ireland", world.ireland.clone()))
            .replication(Replication::write_once())
            .registry(registry.clone())
            .budget(budget.clone())
    };
    let films = shared("films").build().unwrap();
    let photos = Split::build(shared("photos")).unwrap();
    films.put("film", "body").await.unwrap();
    let full = budget.available(Instant::now());

    let before = photos.production().snapshot();
    // Each alone, and one after the other.
    let authentication = r#"{ "authentication": {} }"#;
    let mut both = scenario(authentication, true, "30s");
    both.phases.extend(scenario(r#""hang""#, true, "30s").phases);
    both.phases[1].name = "silence".to_owned();
    let alone = [r#""refuse""#, authentication].map(|fault| scenario(fault, true, "1m"));
    for (drill, played) in alone.into_iter().chain([both]).enumerate() {
        let guard = Guard::lasting(HOUR).success_floor(0.0);
        let day = GameDay::new(played, cohort(), guard);
        let load = async {
            let mut left = false;
            for n in 0..100 {
                sleep(SEC).await;
                put(&photos.of(in_cohort()), format!("{drill}/{n}")).await;
                left |= photos.cohort().is_some_and(|client| !is_closed(&client));
                assert!(is_closed(&films) && is_closed(photos.production()), "{n}");
                assert!(budget.available(Instant::now()) >= full);
            }
            assert!(left, "{drill}");
        };
        let (findings, ()) = futures_util::join!(photos.drill(&day), load);
        let findings = findings.unwrap();
        assert_eq!(findings.ended, None);
        assert!(findings.production.is_empty());
        assert_eq!(findings.canary.unwrap().left, []);
    }
    keeper.current().await.unwrap();
    let after = photos.production().snapshot();
    assert!(after.budget >= before.budget && after.all_bad.is_empty() && after.orders.is_empty());
    for (before, after) in before.endpoints.iter().zip(&after.endpoints) {
        let held = |one: &EndpointSnapshot| one.credentials.as_ref().map(|held| (held.valid, held.failures));
        assert_eq!(held(before), held(after), "{}", after.profile.name());
    }
    for store in [&world.virginia, &world.ireland] {
        assert_eq!(store.stored(".evenkeel/").await, [] as [&str; 0]);
    }
    tokio::task::yield_now().await;
    assert_eq!(
        fetches.load(Relaxed),
        1,
        "the drill's refusals are not the token's fault"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cohort_escapes_no_constraint() {
    let world = World::default();
    let barred = Store::default();
    let place = |name: &'static str, store: &Store, location: &'static str| {
        Endpoint::new(name, store.clone()).region(name).location(location)
    };
    let builder = ObjectClient::builder()
        .endpoint(place("us-east-1", &world.virginia, "IE"))
        .endpoint(place("ohio", &barred, "US"))
        .endpoint(place("paris", &world.ireland, "FR"))
        .only_locations(["IE", "FR"])
        .replication(Replication::write_once());
    let photos = Split::build(builder).unwrap();
    // Lookups of what is nowhere fail while Virginia cannot be asked.
    let guard = Guard::lasting(HOUR).success_floor(0.0);
    let day = GameDay::new(scenario(r#""refuse""#, true, "2m"), cohort(), guard);
    let load = async {
        for n in 0..200 {
            sleep(SEC).await;
            assert_eq!(put(&photos.of(in_cohort()), format!("{n}")).await, None);
            let _ = photos.of(in_cohort()).get("nowhere").await.unwrap_err();
        }
    };
    let (findings, ()) = futures_util::join!(photos.drill(&day), load);
    let findings = findings.unwrap();
    assert_eq!(findings.canary.unwrap().left, []);
    let _ = Canary::sweep(photos.production(), Duration::ZERO).await;
    assert_eq!(barred.all(), [] as [&str; 0], "not even a look");
    let report = &findings.bundle.report;
    let constraints = report
        .plan
        .configuration
        .lines()
        .find(|(what, _)| *what == "constraints");
    assert_eq!(constraints.unwrap().1, "only in FR, IE");
    assert!(report.not_measured().any(|gap| gap.what == "constraints"));
    // What strikes nothing but a barred endpoint would show nothing.
    let mut ohio = scenario(r#""refuse""#, true, "1m");
    ohio.phases[0].rules[0].target.region = Some("ohio".into());
    let day = GameDay::new(ohio, cohort(), Guard::lasting(HOUR));
    assert!(matches!(photos.drill(&day).await, Err(NotStarted::StrikesNothing(_))));
}

/// Under `provider_managed` the cohort without its home fails to write, as all would, and says what may be stale.
#[tokio::test(start_paused = true)]
async fn a_cohort_without_its_home_says_so() {
    let world = World::default();
    let photos = Split::build(world.builder().replication(Replication::provider_managed())).unwrap();
    photos.production().put("k", "body").await.unwrap();
    let copy = Put::new(Key::new("k").unwrap(), "body");
    world.ireland.memory.put(copy).await.unwrap();
    let guard = Guard::lasting(HOUR).success_floor(0.0);
    let day = GameDay::new(scenario(r#""refuse""#, true, "1m"), cohort(), guard);
    let watch = async {
        sleep(45 * SEC).await;
        let client = photos.of(in_cohort());
        let failed = client.put("c", "body").await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::HomeUnavailable);
        assert!(client.get("k").await.unwrap().is_possibly_stale());
        let production = photos.of(outside());
        production.put("p", "body").await.unwrap();
        assert!(!production.get("k").await.unwrap().is_possibly_stale());
    };
    let (findings, ()) = futures_util::join!(photos.drill(&day), watch);
    let canary = findings.unwrap().canary.unwrap();
    assert!(canary.acknowledged < canary.writes, "{canary:?}");
    assert_eq!((canary.lost, canary.stale, canary.reads_wrong), (0, 0, 0), "{canary:?}");
}

/// A keeper of a token of an hour, which a login gives out.
async fn role() -> Keeper<&'static str> {
    let keeper = Keeper::new("role", || async { Ok::<_, io::Error>(Lease::lasting("token", HOUR)) });
    let keeper = keeper.asks("login.example");
    keeper.current().await.unwrap();
    keeper
}

/// The rule of the loss of this host, for so long.
fn without_host(host: &str, lasting: &str) -> GameDay {
    let mut lost = scenario(r#""hang""#, false, lasting);
    lost.phases[0].rules[0].target.host = Some(host.to_owned());
    let guard = Guard::lasting(3 * HOUR).success_floor(0.0);
    GameDay::new(lost, cohort(), guard).without_canary()
}

/// The cohort's client has no keeper; production's knows when the token expires.
#[tokio::test(start_paused = true)]
async fn a_lost_login_strikes_the_cohort_once_its_token_has_expired() {
    let world = World::default();
    let keeper = role().await;
    let builder = ObjectClient::builder()
        .client_name("photos")
        .endpoint(virginia(world.virginia.clone()).credentials(&keeper))
        .endpoint(Endpoint::new("ireland", world.ireland.clone()))
        .replication(Replication::write_once());
    let photos = Split::build(builder).unwrap();
    let day = without_host("login.example", "90m");
    let load = async {
        let mut first = None;
        for n in 0..530 {
            put(&photos.of(in_cohort()), format!("{n}")).await;
            if first.is_none() && !world.ireland.asked("put").is_empty() {
                first = Some(n);
            }
            assert!(is_closed(photos.production()), "{n}");
            sleep(10 * SEC).await;
        }
        assert!(first.unwrap() > 300, "{first:?}");
    };
    let (findings, ()) = futures_util::join!(photos.drill(&day), load);
    let findings = findings.unwrap();
    assert!(findings.bundle.report.client.faults_met.unwrap() > 0);
    assert!(findings.production.is_empty(), "{:?}", findings.production);
}

#[tokio::test(start_paused = true)]
async fn a_drill_in_which_no_request_meets_a_fault_does_not_pass() {
    let world = World::default();
    let builder = ObjectClient::builder()
        .endpoint(virginia(world.virginia.clone()).depends_on("control.example", Role::ControlPlane))
        .endpoint(Endpoint::new("ireland", world.ireland.clone()))
        .replication(Replication::write_once());
    let photos = Split::build(builder).unwrap();
    let day = without_host("control.example", "1m").criteria(Criteria::new().availability(0.999));
    let load = async {
        for n in 0..100 {
            assert_eq!(put(&photos.of(in_cohort()), format!("{n}")).await, None);
            sleep(SEC).await;
        }
    };
    let (findings, ()) = futures_util::join!(photos.drill(&day), load);
    let report = findings.unwrap().bundle.report;
    assert_eq!(
        (report.verdict, report.client.faults_met),
        (Verdict::Inconclusive, Some(0))
    );
    assert!(report.not_tested().any(|gap| gap.what == "the scenario"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_must_survive_the_loss_of_a_login_can_be_drilled() {
    let world = World::default();
    let keeper = role().await;
    let builder = ObjectClient::builder()
        .endpoint(virginia(world.virginia.clone()).depends_on("s3.us-east-1.example", Role::Data))
        .endpoint(
            Endpoint::new("ireland", world.ireland.clone())
                .depends_on("s3.eu-west-1.example", Role::Data)
                .credentials(&keeper),
        )
        .replication(Replication::provider_managed())
        .survives(Loss::host("login.example"));
    let photos = Split::build(builder).unwrap();
    let _ = photos.drill(&day(r#""refuse""#, true, "1m")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_drill_begins_without_credentials_or_budget() {
    let world = World::default();
    let nobody = Keeper::new("role", || async {
        Err::<Lease<&'static str>, _>(io::Error::other("no"))
    });
    nobody.current().await.unwrap_err();
    let without = ObjectClient::builder()
        .endpoint(virginia(world.virginia.clone()).credentials(&nobody))
        .endpoint(Endpoint::new("ireland", world.ireland.clone()))
        .replication(Replication::write_once());
    let poor = world
        .builder()
        .replication(Replication::write_once())
        .budget(Budget::new(0.0, 0.0));
    for (builder, why) in [
        (
            without,
            "production is not as it should be: virginia has no valid credentials: ",
        ),
        (
            poor,
            "production is not as it should be: its budget grants no further attempt",
        ),
    ] {
        let photos = Split::build(builder).unwrap();
        let refused = photos.drill(&day(r#""refuse""#, true, "1m")).await.unwrap_err();
        assert!(
            matches!(refused, NotStarted::Production(_)) && refused.to_string().starts_with(why),
            "{refused}"
        );
        assert!(photos.cohort().is_none());
    }
}
