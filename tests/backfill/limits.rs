//! Pace, concurrency, memory, and what is refused at the door.

use crate::support::{Hooked, between, filled, key, ms, secs, write};
use evenkeel::{
    Endpoint,
    backfill::{Backfill, StopReason},
    endpoint::{Constraints, EU},
    provider::Memory,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_at_each_endpoint() {
    let (from, to) = (Hooked::watched(filled(500).await), Hooked::watched(Memory::new()));
    let start = Instant::now();
    let report = between(from.clone(), to.clone()).rate(100.0).run().await.unwrap();
    // Two requests a key to each, and a page.
    assert_eq!((report.source_requests, report.target_requests), (1_001, 1_000));
    assert!((secs(9)..secs(11)).contains(&start.elapsed()), "{:?}", start.elapsed());
    for log in [from.log(), to.log()] {
        for asked in &log {
            let within = log
                .iter()
                .filter(|other| (asked.at..asked.at + secs(1)).contains(&other.at))
                .count();
            assert!(within <= 102, "{within} in a second");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_and_bytes_under_way_are_bounded() {
    for (concurrency, bytes, most) in [(5, u64::MAX, 5), (50, 250, 2), (50, 1, 1)] {
        let from = Memory::new();
        (0..40).for_each(|number| write(&from, &key(number), &"x".repeat(100)));
        let (begun, ended, peak) = (
            AtomicU64::new(0),
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicU64::new(0)),
        );
        let (done, highest) = (ended.clone(), peak.clone());
        let source = Hooked::new(from.with_latency(ms(5)..ms(50), 1), move |asked| {
            if asked.what == "get" {
                let now = begun.fetch_add(1, SeqCst) + 1 - done.load(SeqCst);
                highest.fetch_max(now, SeqCst);
            }
            None
        });
        let backfill = between(source, Memory::new())
            .concurrency(concurrency)
            .bytes_under_way(bytes);
        let report = backfill.on_event(move |event, _| {
            if matches!(event, evenkeel::backfill::Event::Key { .. }) {
                ended.fetch_add(1, SeqCst);
            }
        });
        assert!(report.run().await.unwrap().is_clean());
        assert_eq!(peak.load(SeqCst), most, "{concurrency} {bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_listing_stays_one_page_ahead() {
    let from = filled(20_000).await;
    let listed_ahead = Arc::new(Mutex::new(Vec::new()));
    let (ahead, counts) = (listed_ahead.clone(), Mutex::new((0_u64, 0_u64)));
    let source = Hooked::new(from, move |asked| {
        let mut counts = counts.lock().unwrap();
        match asked.what {
            "list" => {
                ahead.lock().unwrap().push(counts.0 * 1_000 - counts.1);
                counts.0 += 1;
            }
            "get" => counts.1 += 1,
            _ => {}
        }
        None
    });
    let report = between(source, Memory::new()).rate(f64::INFINITY).run().await.unwrap();
    assert_eq!(report.counts.copied, 20_000);
    let most = *listed_ahead.lock().unwrap().iter().max().unwrap();
    assert!(
        most <= 32,
        "{most} keys were listed and not begun when the next page was asked for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_key_delays_no_other_within_the_bounded_window() {
    let from = filled(3_000).await;
    let source = Hooked::new(from, |asked| {
        let slow = asked.what == "get" && asked.key == key(0);
        slow.then(|| evenkeel::provider::ProviderError::faulty("HTTP 500"))
    });
    let passed = Arc::new(AtomicU64::new(0));
    let most = passed.clone();
    let report = between(source, Memory::new())
        .rate(f64::INFINITY)
        .on_event(move |_, progress| {
            if progress.position.is_none() {
                most.fetch_max(progress.counts.keys(), SeqCst);
            }
        })
        .run()
        .await
        .unwrap();
    assert_eq!((report.counts.copied, report.counts.failed), (2_999, 1));
    assert_eq!(passed.load(SeqCst), 999, "the window is full of them and the slow one");
}

#[tokio::test]
async fn nonsensical_settings_are_refused_before_any_request() {
    let from = Hooked::watched(Memory::new());
    let backfill = || between(from.clone(), Memory::new());
    let nonsense = [
        backfill().rate(0.0),
        backfill().rate(f64::NAN),
        backfill().concurrency(0),
        backfill().attempts(0),
        backfill().failures_in_a_row(0),
        backfill().bytes_under_way(0),
        backfill().attempt_limit(ms(0)),
        Backfill::objects(Endpoint::new("one", from.clone()), Endpoint::new("one", Memory::new())),
        Backfill::objects(
            Endpoint::new("virginia", from.clone()),
            Endpoint::new("ireland", Memory::new()).read_only(),
        ),
    ];
    for backfill in nonsense {
        let stopped = backfill.run().await.unwrap_err();
        assert!(matches!(stopped.reason(), StopReason::Settings(_)), "{stopped}");
    }
    let constrained = backfill().constraints(Constraints::new().only_locations(EU));
    let stopped = constrained.run().await.unwrap_err();
    assert!(matches!(stopped.reason(), StopReason::Constraint { .. }), "{stopped}");
    assert!(
        stopped.to_string().contains("its location was not declared"),
        "{stopped}"
    );
    assert!(from.log().is_empty(), "nothing was sent");
}
