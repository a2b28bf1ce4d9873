//! Probes from the background: what they find, and what they leave alone.

use crate::{
    scripted::{Does, Heard, Mishap, Table, Tables, Verdicts, breaker, builder, ms, secs},
    store::{Store, Trouble},
};
use evenkeel::{
    Endpoint, ErrorKind, Failover, ObjectClient, Replication,
    ops::{operator::Selector, probe},
    request::OpClass,
    telemetry::Event,
};
use std::{future::IntoFuture, time::Duration};
use tokio::{
    runtime::Handle,
    task::yield_now,
    time::{Instant, sleep},
};

/// Two endpoints that are probed, virginia preferred.
fn probed(seed: u64) -> (Tables, Table, Table, Heard) {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let heard = Heard::default();
    let tables = builder([&virginia, &ireland])
        .on_event(heard.listener())
        .seed(seed)
        .probe(Table::query)
        .build()
        .unwrap();
    (tables, virginia, ireland, heard)
}

/// Tasks of this test's runtime, beside the test itself.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

fn stores() -> [Store; 2] {
    [Store::new(), Store::new()]
}

fn objects(stores: &[Store; 2], settings: probe::ProbeSettings) -> ObjectClient {
    ObjectClient::builder()
        .endpoint(
            Endpoint::new("virginia", stores[0].clone())
                .provider("aws")
                .jurisdictions(["US"]),
        )
        .endpoint(
            Endpoint::new("stackit", stores[1].clone())
                .provider("stackit")
                .jurisdictions(["DE"]),
        )
        .replication(Replication::write_once())
        .probes(settings)
        .seed(7)
        .build()
        .unwrap()
}

fn state(client: &ObjectClient, endpoint: usize, class: OpClass) -> &'static str {
    client.snapshot().endpoints[endpoint].classes[class.index()]
        .breaker
        .as_str()
}

#[tokio::test(start_paused = true)]
async fn probes_find_a_silently_dead_standby_within_70_seconds() {
    for does in [Does::Fail(Duration::ZERO, Mishap::Refused), Does::Hang] {
        for seed in 0..20 {
            let (tables, virginia, ireland, heard) = probed(seed);
            ireland.usually(does);
            sleep(secs(70)).await;
            assert_eq!(breaker(&tables, 0), "closed");
            assert_ne!(breaker(&tables, 1), "closed", "{does:?}, seed {seed}");
            assert_eq!(virginia.asked(), 1, "one cheap read for the one that is well");
            let told = heard
                .count(|event| matches!(event, Event::IdleProbeFailed { endpoint, .. } if &**endpoint == "ireland"));
            assert_eq!(told, 1, "once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_open_endpoint_recovers_without_calls() {
    let (tables, _, ireland, heard) = probed(7);
    ireland.fails(Mishap::Refused);
    sleep(secs(600)).await;
    assert_eq!(breaker(&tables, 1), "open");
    let asked = ireland.asked();
    sleep(secs(600)).await;
    assert!(
        (20..200).contains(&(ireland.asked() - asked)),
        "at the breaker's own pace"
    );
    ireland.answers_after(ms(5));
    // At most an open time of 30 s with its jitter, and three probes a second apart.
    sleep(secs(33)).await;
    assert_eq!(breaker(&tables, 1), "closed");
    assert_eq!(heard.count(|event| matches!(event, Event::BreakerClosed { .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn endpoints_with_traffic_are_not_probed() {
    let (tables, virginia, ireland, _) = probed(7);
    for _ in 0..60 {
        sleep(secs(10)).await;
        tables.read(Table::query).await.unwrap();
    }
    assert_eq!(virginia.asked(), 60, "calls and nothing else");
    assert!(
        (9..=11).contains(&ireland.asked()),
        "{} in ten minutes",
        ireland.asked()
    );
    let snapshot = tables.snapshot();
    assert_eq!(snapshot.endpoints[0].probes[0].sent, 0);
    let probes = &snapshot.endpoints[1].probes[0];
    assert_eq!(
        (probes.class, probes.last, probes.sent),
        (OpClass::Read, Some("success"), ireland.asked() as u64)
    );
    assert!(snapshot.to_string().contains("read probe success"), "{snapshot}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_teaches_no_latency_and_costs_no_budget() {
    let (tables, _, ireland, _) = probed(7);
    ireland.answers_after(ms(3));
    let budget = tables.snapshot().budget;
    sleep(secs(3_600)).await;
    assert!(ireland.asked() > 50);
    let snapshot = tables.snapshot();
    let reads = &snapshot.endpoints[1].classes[0];
    assert_eq!(
        (reads.p50, reads.p99),
        (None, None),
        "a cheap read's time is no limit for others"
    );
    assert!(reads.last_success.unwrap() < secs(70));
    assert_eq!(snapshot.budget, budget);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_probe_times_out_and_is_the_only_one() {
    let (tables, _, ireland, _) = probed(7);
    ireland.usually(Does::Hang);
    for _ in 0..1_200 {
        sleep(ms(500)).await;
        assert!(ireland.under_way() <= 1);
    }
    assert_eq!(ireland.most_under_way(), 1);
    assert!(ireland.asked() > 20);
    // The other's are not held up by it.
    assert!(tables.snapshot().endpoints[0].probes[0].sent >= 9);
}

#[tokio::test(start_paused = true)]
async fn the_probe_task_ends_with_the_last_clone_of_the_client() {
    let (tables, virginia, ireland, _) = probed(7);
    let clone = tables.clone();
    ireland.usually(Does::Hang);
    assert_eq!(tasks(), 1);
    sleep(secs(66)).await;
    drop(tables);
    yield_now().await;
    assert_eq!(
        (tasks(), ireland.under_way()),
        (1, 1),
        "a clone is left, and a probe is under way"
    );
    drop(clone);
    yield_now().await;
    assert_eq!((tasks(), ireland.under_way()), (0, 0));
    let asked = virginia.asked();
    sleep(secs(600)).await;
    assert_eq!(virginia.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn close_ends_the_probe_task() {
    let (tables, virginia, ..) = probed(7);
    tables.close();
    yield_now().await;
    assert_eq!(tasks(), 0);
    tables.read(Table::query).await.unwrap_err();
    sleep(secs(600)).await;
    assert_eq!((tasks(), virginia.asked()), (0, 0));

    let stores = stores();
    let client = objects(&stores, probe::ProbeSettings::default());
    assert_eq!(tasks(), 1);
    client.close();
    yield_now().await;
    assert_eq!(tasks(), 0);
}

#[test]
fn without_a_runtime_at_build_probes_start_with_the_first_call() {
    let (tables, _, ireland, _) = probed(7);
    // The second runtime's clock starts again before what was seen under the first.
    for (round, seconds) in [(1, 66), (2, 140)] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            assert_eq!(tasks(), 0);
            for _ in 0..3 {
                tables.read(Table::query).await.unwrap();
            }
            assert_eq!(tasks(), 1, "one, however many calls");
            sleep(secs(seconds)).await;
        });
        assert_eq!(ireland.asked(), round);
    }
}

#[tokio::test(start_paused = true)]
async fn disabled_probes_never_run() {
    let table = Table::new("virginia");
    let tables = builder([&table])
        .probes(probe::ProbeSettings::off())
        .probe(Table::query)
        .build();
    let client = objects(&stores(), probe::ProbeSettings::off());
    assert_eq!(tasks(), 0);
    sleep(secs(600)).await;
    assert_eq!(table.asked(), 0);
    drop((tables, client));
    // Idle ones only: an open endpoint is then tried out with calls.
    let mut settings = probe::ProbeSettings::default();
    settings.open = false;
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = builder([&virginia, &ireland])
        .probes(settings)
        .probe(Table::query)
        .build()
        .unwrap();
    ireland.fails(Mishap::Refused);
    sleep(secs(70)).await;
    let asked = ireland.asked();
    assert_eq!((breaker(&tables, 1), asked), ("open", 3));
    sleep(secs(60)).await;
    assert_eq!(ireland.asked(), asked);
    // It is looked at again once it is back.
    ireland.answers_after(ms(1));
    for _ in 0..3 {
        tables.read(Table::query).await.unwrap();
    }
    assert_eq!(breaker(&tables, 1), "closed");
    sleep(secs(120)).await;
    assert!(tables.snapshot().endpoints[1].probes[0].sent >= 4);
}

#[tokio::test(start_paused = true)]
async fn drained_and_barred_endpoints_are_not_probed() {
    let stores = stores();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", stores[0].clone()).jurisdictions(["US"]))
        .endpoint(Endpoint::new("stackit", stores[1].clone()).jurisdictions(["DE"]))
        .not_under_jurisdiction_of("US")
        .replication(Replication::write_once())
        .build()
        .unwrap();
    let order = client
        .operator()
        .drain(Selector::endpoint("stackit"), "its disks are replaced", secs(1_200))
        .apply_regardless()
        .unwrap();
    sleep(secs(600)).await;
    assert_eq!((stores[0].asked(), stores[1].asked()), (0, 0));
    let snapshot = client.snapshot();
    assert_eq!(snapshot.endpoints[1].probes[0].last, Some("not sent"));
    assert!(snapshot.endpoints[0].probes.is_empty());
    // And the snapshot says why.
    let told = &snapshot.orders[0];
    assert_eq!(
        (told.number, told.action.as_str(), told.selector.as_str()),
        (order, "drain", "stackit")
    );
    assert_eq!(
        (told.reason.as_str(), told.expires_in),
        ("its disks are replaced", secs(600))
    );
    assert_eq!(told.endpoints, ["stackit"]);
    assert!(
        snapshot
            .to_string()
            .contains("drain stackit for 10 min more (its disks are replaced)"),
        "{snapshot}"
    );
    sleep(secs(700)).await;
    assert!(stores[1].asked() > 0, "the order has expired");
    assert_eq!((stores[0].asked(), client.snapshot().orders.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn calls_do_not_wait_for_a_dead_region() {
    // Whether the background probes it or calls are lent: nobody notices.
    for background in [true, false] {
        let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
        let tables = builder([&virginia, &ireland]);
        let tables = match background {
            true => tables.probe(Table::query).build().unwrap(),
            false => tables.build().unwrap(),
        };
        virginia.answers_after(ms(2));
        ireland.answers_after(ms(10));
        for _ in 0..50 {
            tables.read(Table::query).await.unwrap();
            sleep(ms(200)).await;
        }
        for _ in 0..30 {
            // So that something is known of ireland, too.
            tables.read(Table::query).pin("ireland").await.unwrap();
        }
        virginia.usually(Does::Hang);
        for _ in 0..5 {
            tables.read(Table::query).await.unwrap();
            sleep(ms(200)).await;
        }
        assert_eq!(breaker(&tables, 0), "open");
        let before = virginia.asked();
        for _ in 0..600 {
            let began = Instant::now();
            tables.read(Table::query).await.unwrap();
            // A lent call waits until its attempt is late by what virginia did before (its p99 has seen the first hangs),
            // not for ireland as well.
            let limit = if background { 11 } else { 20 };
            assert!(
                began.elapsed() <= ms(limit),
                "{:?}, background {background}",
                began.elapsed()
            );
            sleep(ms(200)).await;
        }
        assert!(virginia.asked() > before + 3, "it is looked at all the same");
        // And it is back soon after it is well.
        virginia.answers_after(ms(2));
        let healed = Instant::now();
        while breaker(&tables, 0) != "closed" {
            tables.read(Table::query).await.unwrap();
            sleep(ms(200)).await;
        }
        assert!(healed.elapsed() < secs(17), "{:?}", healed.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cheap_read_alone_does_not_bring_traffic_back() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    // The cheap read succeeds though every real one fails.
    let tables = builder([&virginia, &ireland])
        .probe(|_| async { Ok::<_, Mishap>(()) })
        .build()
        .unwrap();
    virginia.fails(Mishap::Reset);
    for _ in 0..3_000 {
        tables.read(Table::query).await.unwrap();
        sleep(ms(100)).await;
        assert!(virginia.asked() <= 3 || breaker(&tables, 0) != "closed");
    }
    // One call for each time that it was found alive, and no relapses of a ramp.
    assert!(virginia.asked() < 60, "{} of 3,000 calls met it", virginia.asked());
}

#[tokio::test(start_paused = true)]
async fn no_write_is_lent_to_a_region_that_probes_find_dead() {
    let stores = stores();
    let client = objects(&stores, probe::ProbeSettings::default());
    let mut n = 0;
    let mut put = async || {
        n += 1;
        client.put(format!("k{n}"), "v").into_future().await.unwrap();
        sleep(ms(200)).await;
    };
    put().await;
    stores[0].always(Trouble::Refused);
    for _ in 0..10 {
        put().await;
        client.head("k1").into_future().await.unwrap_err();
    }
    assert_eq!(
        (state(&client, 0, OpClass::Read), state(&client, 0, OpClass::Write)),
        ("open", "open")
    );
    stores[0].forget();
    for _ in 0..600 {
        put().await;
    }
    let puts = stores[0].log().iter().filter(|what| **what == "put").count();
    assert_eq!(puts, 0, "of 600 writes in two minutes");
    assert!(stores[0].log().contains(&"head"));
    stores[0].heal();
    for _ in 0..150 {
        put().await;
    }
    assert_eq!(
        (state(&client, 0, OpClass::Read), state(&client, 0, OpClass::Write)),
        ("closed", "closed")
    );
}

#[tokio::test(start_paused = true)]
async fn a_denied_probe_proves_nothing_and_calls_are_still_lent() {
    let stores = stores();
    let client = objects(&stores, probe::ProbeSettings::default());
    client.put("k", "v").await.unwrap();
    stores[0].always(Trouble::Refused);
    for _ in 0..5 {
        let _ = client.get("k").await;
        sleep(ms(200)).await;
    }
    assert_eq!(state(&client, 0, OpClass::Read), "open");
    // Its gets work again; the HEAD of a key that is not there is answered with 403, as on S3 without permission to list.
    stores[0].heal();
    stores[0].heads_meet(Trouble::Code("AccessDenied"));
    for _ in 0..150 {
        let _ = client.get("k").await;
        sleep(ms(200)).await;
    }
    assert_eq!(state(&client, 0, OpClass::Read), "closed");
    sleep(secs(600)).await;
    assert_eq!(state(&client, 0, OpClass::Read), "closed");
}

#[tokio::test(start_paused = true)]
async fn write_probes_are_opt_in_and_leave_listings_clean() {
    let stores = stores();
    let mut settings = probe::ProbeSettings::default();
    settings.writes = true;
    let client = objects(&stores, settings);
    client.put("before", "v").await.unwrap();
    // Writes fail, reads go on.
    stores[0].writes_meet(Trouble::Code("InternalError"));
    for n in 0..5 {
        client.put(format!("k{n}"), "v").await.unwrap();
    }
    assert_eq!(
        (state(&client, 0, OpClass::Read), state(&client, 0, OpClass::Write)),
        ("closed", "open")
    );
    sleep(secs(60)).await;
    stores[0].heal();
    sleep(secs(60)).await;
    assert_eq!(state(&client, 0, OpClass::Write), "closed", "without any call");
    assert!(client.snapshot().endpoints[0].probes[1].sent > 3);
    // The sentinel lies there, and only there; no caller sees or touches it.
    let own = ".evenkeel/probe";
    let there = |store: &Store| store.memory.clone();
    for (store, expected) in stores.iter().zip([true, false]) {
        let head = evenkeel::request::object::Head::new(evenkeel::request::Key::new(own).unwrap());
        let found = evenkeel::provider::ObjectProvider::head(&there(store), head)
            .await
            .is_ok();
        assert_eq!(found, expected);
    }
    for delimiter in [None, Some("/")] {
        let mut list = client.list("");
        if let Some(delimiter) = delimiter {
            list = list.delimiter(delimiter);
        }
        let listed = list.collect_all().await.unwrap();
        let names: Vec<_> = listed.entries.iter().map(|entry| entry.name().to_owned()).collect();
        assert_eq!(names, ["before", "k0", "k1", "k2", "k3", "k4"]);
    }
    for error in [
        client.get(own).await.unwrap_err(),
        client.put(own, "mine").await.unwrap_err(),
        client.delete(own).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_probes_never_write() {
    let stores = stores();
    let client = objects(&stores, probe::ProbeSettings::default());
    stores[0].writes_meet(Trouble::Code("InternalError"));
    for n in 0..5 {
        client.put(format!("k{n}"), "v").await.unwrap();
    }
    let puts = |store: &Store| store.log().iter().filter(|what| **what == "put").count();
    let before = puts(&stores[0]);
    sleep(secs(3_600)).await;
    assert_eq!(puts(&stores[0]), before);
    assert!(stores[0].log().iter().filter(|what| **what == "head").count() > 50);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_probe_harms_no_call() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = builder([&virginia, &ireland])
        .probe(|table: Table| async move {
            let name = table.query().await?;
            assert_eq!(name, "ireland", "a mistake in the user's probe");
            Ok::<_, Mishap>(())
        })
        .build()
        .unwrap();
    sleep(secs(600)).await;
    assert_eq!(tasks(), 1);
    assert_eq!((breaker(&tables, 0), breaker(&tables, 1)), ("closed", "closed"));
    let probes = |endpoint: usize| tables.snapshot().endpoints[endpoint].probes[0].clone();
    assert_eq!((probes(0).last, probes(1).last), (Some("panicked"), Some("success")));
}

/// The order of the builder's setters says nothing.
#[tokio::test(start_paused = true)]
async fn the_builder_takes_classify_after_probe() {
    let (table, other) = (Table::new("virginia"), Table::new("ireland"));
    let tables = Failover::builder()
        .endpoint(Endpoint::new("virginia", table.clone()))
        .endpoint(Endpoint::new("ireland", other.clone()))
        .probe(Table::query)
        .classify(Verdicts)
        .build()
        .unwrap();
    sleep(secs(300)).await;
    assert!(table.asked() > 1 && other.asked() > 1);
    let last = tables.snapshot().endpoints[1].probes[0].last;
    assert_eq!(last, Some("success"));
}
