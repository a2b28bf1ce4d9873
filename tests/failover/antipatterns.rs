//! Each line of "mistakes others made": each cost somebody's users an incident.

use crate::scripted::{Does, Heard, Mishap, Table, Tables, breaker, builder, ms, nothing_in_flight, reads, secs, two};
use evenkeel::{
    Endpoint, Failover,
    stack::retry::{Budget, RetrySettings},
    telemetry::Event,
};
use futures_util::future::join_all;
use std::{
    sync::{Arc, OnceLock, atomic::AtomicUsize, atomic::Ordering::SeqCst},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};

/// Virginia is out, and the next probe is due.
async fn virginia_out_and_a_probe_due(tables: &Tables, virginia: &Table) {
    reads(tables, 20, ms(20)).await;
    virginia.fails(Mishap::Reset);
    reads(tables, 10, ms(20)).await;
    assert_eq!(breaker(tables, 0), "open");
    // Longer than any breaker stays open.
    sleep(secs(31)).await;
    virginia.most_under_way();
}

#[tokio::test(start_paused = true)]
async fn a_half_open_breaker_admits_one_probe_of_100_calls() {
    let (tables, virginia, ireland) = two();
    virginia_out_and_a_probe_due(&tables, &virginia).await;
    // Given a probe that takes a second, when 100 callers come at once,
    virginia.answers_after(secs(1));
    ireland.answers_after(ms(50));
    let callers = (0..100).map(|_| async { tables.read(Table::query).await });
    let answers = join_all(callers).await;
    // then one of them is the probe, and nobody has to wait for it.
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(virginia.most_under_way(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_frees_the_slot() {
    let (tables, virginia, _) = two();
    // Younger than what virginia usually needs, so that leaving says nothing about it.
    virginia.answers_after(ms(50));
    virginia_out_and_a_probe_due(&tables, &virginia).await;
    virginia.usually(Does::Hang);
    for _ in 0..5 {
        let before = virginia.asked();
        // Given a caller who leaves while its call is the probe,
        assert!(timeout(ms(5), tables.read(Table::query)).await.is_err());
        // then the next caller's is a probe again: nothing is stuck.
        assert_eq!(virginia.asked(), before + 1);
    }
    virginia.answers_after(Duration::ZERO);
    reads(&tables, 20, ms(50)).await;
    assert_eq!(breaker(&tables, 0), "closed");
}

#[tokio::test(start_paused = true)]
async fn the_last_viable_endpoint_is_never_ejected() {
    let virginia = Table::new("virginia");
    let heard = Heard::default();
    let tables = builder([&virginia]).on_event(heard.listener()).build().unwrap();
    virginia.fails(Mishap::Reset);
    // Given the only endpoint, failing 100 %, each call still tries it,
    for call in 1..=50 {
        let before = virginia.asked();
        tables.read(Table::query).await.unwrap_err();
        assert!(virginia.asked() > before, "call {call} was not even tried");
        sleep(ms(200)).await;
    }
    // and somebody is told, once.
    let all_bad = |event: &Event| matches!(event, Event::AllBad { .. });
    assert_eq!(heard.count(all_bad), 1);
    // When it heals, the very next call succeeds,
    virginia.answers_after(Duration::ZERO);
    assert_eq!(reads(&tables, 10, ms(50)).await, 10);
    assert_eq!(heard.count(|event| matches!(event, Event::NoLongerAllBad { .. })), 1);
    assert_eq!(heard.count(all_bad), 1);
}

#[tokio::test(start_paused = true)]
async fn with_every_endpoint_bad_each_call_still_tries_one() {
    let all = ["a", "b", "c"].map(Table::new);
    let heard = Heard::default();
    let tables = builder(&all).on_event(heard.listener()).build().unwrap();
    all.iter().for_each(|table| table.fails(Mishap::Refused));
    for call in 1..=60 {
        let asked = || all.iter().map(Table::asked).sum::<usize>();
        let before = asked();
        tables.read(Table::query).await.unwrap_err();
        assert!(asked() > before, "call {call} was not even tried");
        sleep(ms(100)).await;
    }
    assert_eq!(heard.count(|event| matches!(event, Event::AllBad { .. })), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_fast_attracts_no_traffic() {
    // Given two of one tier: one fails within no time, too seldom to be left for it, the other takes its 20 ms,
    let (quick, sound) = (Table::new("quick"), Table::new("sound"));
    let endpoints = [("quick", &quick), ("sound", &sound)];
    let endpoints = endpoints.map(|(name, table)| Endpoint::new(name, table.clone()).tier(0));
    let tables = Failover::builder().endpoints(endpoints).seed(7);
    let tables = tables.classify(crate::scripted::Verdicts).build().unwrap();
    sound.answers_after(ms(20));
    for _ in 0..80 {
        quick.then([Does::Answer(Duration::ZERO); 6]);
        quick.then([Does::Fail(Duration::ZERO, Mishap::Reset)]);
    }
    // when 500 calls are made,
    assert_eq!(reads(&tables, 500, ms(5)).await, 500);
    // then nearly all go to the one that works, though the other is so much faster.
    assert_eq!(breaker(&tables, 0), "closed");
    assert!(quick.asked() < 50, "the failing one attracted {} of 500", quick.asked());
}

#[tokio::test(start_paused = true)]
async fn hedges_stay_within_the_budget() {
    let (tables, virginia, ireland) = two();
    virginia.answers_after(ms(10));
    ireland.answers_after(ms(10));
    reads(&tables, 100, ms(10)).await;
    let (calls, before, start) = (600, virginia.asked() + ireland.asked(), Instant::now());
    // Given that every single read is late everywhere, by a factor that does not open the breakers at once,
    virginia.answers_after(ms(60));
    ireland.answers_after(ms(60));
    assert_eq!(reads(&tables, calls, ms(10)).await, calls);
    // then extra attempts are a tenth of the calls, one a second, and what was banked in 10 s; not one per call.
    let extra = virginia.asked() + ireland.asked() - before - calls;
    let allowed = calls as f64 * 0.1 + start.elapsed().as_secs_f64() + 10.0 + 100.0 * 0.1;
    assert!(extra > 0, "nothing was hedged at all");
    assert!(extra as f64 <= allowed, "{extra} extra attempts, {allowed} allowed");
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_allows_no_hedge_and_no_retry() {
    for (virginia_does, served) in [
        (Does::Fail(Duration::ZERO, Mishap::Reset), false),
        (Does::Answer(ms(700)), true),
    ] {
        let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
        let empty = Budget::new(0.0, 0.0);
        let tables = builder([&virginia, &ireland]).budget(empty).build().unwrap();
        virginia.usually(virginia_does);
        assert_eq!(tables.read(Table::query).await.is_ok(), served);
        assert_eq!((virginia.asked(), ireland.asked()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn writes_are_never_hedged() {
    let (tables, virginia, ireland) = two();
    // Given writes that are late beyond any p99, though not so late as to time out,
    virginia.answers_after(ms(10));
    for _ in 0..50 {
        tables.write(Table::query).await.unwrap();
    }
    virginia.answers_after(ms(200));
    for _ in 0..50 {
        tables.idempotent_write(Table::query).await.unwrap();
        tables.write(Table::query).await.unwrap();
    }
    // then each is one attempt; a read in the same place is hedged.
    assert_eq!((virginia.asked(), ireland.asked()), (150, 0));
    virginia.answers_after(ms(1_200));
    assert_eq!(tables.read(Table::query).await.unwrap(), "ireland");
}

#[tokio::test(start_paused = true)]
async fn retries_do_not_multiply() {
    // Given three endpoints that all fail,
    let all = ["a", "b", "c"].map(Table::new);
    let tables = builder(&all).budget(Budget::new(1.0, 1_000.0)).build().unwrap();
    for mishap in [Mishap::Refused, Mishap::Reset, Mishap::Code("SlowDown")] {
        all.iter().for_each(|table| table.fails(mishap));
        for _ in 0..40 {
            let before: usize = all.iter().map(Table::asked).sum();
            let error = tables.read(Table::query).await.unwrap_err();
            let made = all.iter().map(Table::asked).sum::<usize>() - before;
            // then a call is at most three attempts, not three times three,
            assert!((1..=3).contains(&made), "{made} attempts");
            // and the error says so.
            assert_eq!(error.attempts_made(), made);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_endpoint_gets_at_most_three_attempts() {
    let virginia = Table::new("virginia");
    let tables = builder([&virginia]).budget(Budget::new(1.0, 1_000.0)).build().unwrap();
    virginia.fails(Mishap::Reset);
    tables.read(Table::query).await.unwrap_err();
    assert_eq!(virginia.asked(), 3);
    // A write that must not happen twice is not repeated, as it may have been applied.
    tables.write(Table::query).await.unwrap_err();
    assert_eq!(virginia.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn backoff_never_exceeds_its_cap() {
    // Given one endpoint, so that every retry must return and wait,
    let settings = RetrySettings::default();
    for seed in 0..100 {
        let virginia = Table::new("virginia");
        let roomy = Budget::new(1.0, 1_000.0);
        let tables = builder([&virginia]).budget(roomy).seed(seed).build().unwrap();
        virginia.fails(Mishap::Reset);
        tables.read(Table::query).await.unwrap_err();
        // then each gap is at most its cap, which doubles, and the millisecond to which timers resolve.
        let at = virginia.instants();
        for (round, pair) in at.windows(2).enumerate() {
            let cap = (settings.backoff * (1 << round)).min(settings.max_backoff);
            assert!(
                pair[1] - pair[0] <= cap + ms(1),
                "seed {seed}, round {round}: {:?}",
                pair[1] - pair[0]
            );
        }
    }
}

#[test]
fn the_budget_loses_no_update() {
    // Given 100 tokens and eight threads that all want more than there is,
    let budget = Budget::new(0.0, 10.0);
    let now = Instant::now();
    let granted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    granted.fetch_add(usize::from(budget.withdraw(now)), SeqCst);
                }
            });
        }
    });
    // then exactly 100 are granted.
    assert_eq!(granted.load(SeqCst), 100);
}

#[tokio::test(start_paused = true)]
async fn a_primary_dead_at_construction_is_left_like_any_other() {
    // Dead in each way, from before the first call on: nothing was ever learnt about it.
    for (how, first_call) in [
        (Does::Fail(Duration::ZERO, Mishap::Refused), ms(1)),
        (Does::Fail(ms(900), Mishap::Refused), ms(1_000)),
        (Does::Hang, ms(1_100)),
    ] {
        let (tables, virginia, _) = two();
        virginia.usually(how);
        let warmed = tables.warm_up(Table::query).await;
        assert_eq!(
            warmed.endpoints().iter().map(|one| one.is_ready()).collect::<Vec<_>>(),
            [false, true]
        );
        // Reads and writes that may be repeated succeed at the first call,
        for call in 0..10 {
            let start = Instant::now();
            assert_eq!(tables.read(Table::query).await.unwrap(), "ireland", "{how:?}");
            assert!(start.elapsed() <= first_call, "{how:?}: {:?}", start.elapsed());
            let start = Instant::now();
            assert_eq!(tables.idempotent_write(Table::query).await.unwrap(), "ireland");
            // and after a few writes nobody waits for it any more.
            assert!(call < 4 || start.elapsed() <= ms(1), "{how:?}: {:?}", start.elapsed());
        }
        assert!(nothing_in_flight(&tables));
    }
}

#[tokio::test(start_paused = true)]
async fn a_primary_silent_from_the_start_is_left_though_hedges_win() {
    // Given a primary that never answered anything, so that its p99 is unknown, and one read a second,
    let (tables, virginia, _) = two();
    virginia.usually(Does::Hang);
    reads(&tables, 30, secs(1)).await;
    // then it is left, like one that fell silent later: the thirtieth read does not wait for it.
    let start = Instant::now();
    tables.read(Table::query).await.unwrap();
    assert!(start.elapsed() <= ms(5), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn events_are_emitted_outside_the_lock() {
    // Given a listener that looks at the client that told it,
    let virginia = Table::new("virginia");
    let client: Arc<OnceLock<Tables>> = Arc::default();
    let looks = Arc::new(AtomicUsize::new(0));
    let (seen, count) = (client.clone(), looks.clone());
    let tables = builder([&virginia, &Table::new("ireland")])
        .on_event(move |_| {
            let snapshot = seen.get().unwrap().snapshot().to_string();
            count.fetch_add(usize::from(snapshot.contains("virginia")), SeqCst);
        })
        .build()
        .unwrap();
    client.set(tables.clone()).map_err(|_| ()).unwrap();
    // when things happen, then nothing deadlocks.
    virginia.fails(Mishap::Reset);
    reads(&tables, 20, ms(50)).await;
    assert!(looks.load(SeqCst) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_lent_as_a_probe_is_retried_beyond_an_empty_budget() {
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let scarce = Budget::new(0.0, 1.0);
    let tables = builder([&virginia, &ireland]).budget(scarce.clone()).build().unwrap();
    virginia_out_and_a_probe_due(&tables, &virginia).await;
    virginia.fails(Mishap::Reset);
    // Given that the budget is used up, when the router sends a call to an endpoint that it knows to be sick,
    while scarce.withdraw(Instant::now()) {}
    // then the caller gets the answer that the healthy one has, as all others do.
    assert_eq!(tables.read(Table::query).await.unwrap(), "ireland");
}
